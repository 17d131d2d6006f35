"""Certificates of this state directory, known by their issuer or their order, and other tools'."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import Certificate

from wizard.acme import challenges
from wizard.acme.authorities import AUTHORITIES
from wizard.acme.order import Order
from wizard.acme.shelf import CHAIN
from wizard.adopt.base import Ground, Note, Part
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.questions import Value
from wizard.pki import chain, fitness, keys
from wizard.pki.authority import ORGANIZATION
from wizard.pki.authority_files import load
from wizard.strategies.dns01_questions import CUSTOM
from wizard.strategies.dns01_wanted import Wanted
from wizard.strategies.existing_tools import renewer
from wizard.strategies.local_ca import STORES
from wizard.trust.base import Trust
from wizard.upkeep import trust_status

UNITS: Final = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def local_ca(ground: Ground, leaf: Certificate) -> Part | None:
    """The answers for a certificate that the local authority issued; None for any other.

    Which other forms were exported is not read.
    """
    authority = None
    with suppress(WizardError):
        authority = load(ground.system, ground.state)
    if authority is None or not _issued(leaf, authority.issuer):
        return None
    trusting: set[str] = set()
    # A machine may have no trust store at all.
    with suppress(WizardError):
        rows = trust_status(ground.system, ground.state, ["auto"])
        known = (row for row in rows if not row.is_lost)
        trusting = {row.store for row in known if row.status.trust is Trust.FULL}
    values: dict[str, Value] = {
        "strategy": "local-ca",
        "names": fitness.usable_names(leaf),
        "local_ca.key_type": keys.type_of(authority.issuer_key),
        "local_ca.lifetime": _span(chain.lifetime(leaf)),
        "local_ca.constrain_names": authority.permitted is not None,
        "local_ca.stores": tuple(word for word, _, kinds in STORES if trusting & {*kinds}),
    }
    why = f"{authority.name}, the local CA in {ground.state / 'ca'}, issued it."
    return Part(values, (Note("strategy", why),))


def dns01(ground: Ground, path: Path, leaf: Certificate) -> Part | None:
    """The answers for a certificate that was ordered from here; None for any other."""
    kept = ground.system.keep(path)
    for found in sorted((ground.state / "orders").glob(f"*/*/{CHAIN}"), reverse=True):
        one = ground.system.keep(found)
        if kept is None or one is None or one.content != kept.content:
            continue
        order = Order.load(ground.system, found.parent)
        values = _ordered(order, found.parent.parent, leaf, ground.state)
        notes = [
            Note("strategy", f"This wizard ordered it, see {found.parent}."),
            Note("strategy", "Who publishes its DNS records is not kept: see dns_01.provider."),
        ]
        if values["dns_01.authority"] == CUSTOM:
            text = "Nor is the address of its authority: write it as dns_01.directory_url."
            notes.append(Note("strategy", text))
        return Part(values, tuple(notes))
    return None


def _ordered(
    order: Order | None, directory: Path, leaf: Certificate, state: Path
) -> dict[str, Value]:
    """What an order was asked for: the answers that would keep it in its directory.

    Of an authority that is not known by name only the person knows the address.
    """
    values: dict[str, Value] = {
        "strategy": "dns-01",
        "names": order.names if order else fitness.usable_names(leaf),
        "dns_01.accept_terms": True,
        "dns_01.challenge": order.challenge if order else challenges.DNS_01,
        "dns_01.key_type": _key_type(leaf),
    }
    for name in AUTHORITIES:
        # A profile may have been chosen because the authority offers it, or not at all.
        for profile in dict.fromkeys(("", order.profile if order else "")):
            tried = {**values, "dns_01.authority": name, "dns_01.profile": profile}
            if Wanted.of(Answers(tried)).directory(state) == directory:
                return tried
    return {**values, "dns_01.authority": CUSTOM}


def _key_type(leaf: Certificate) -> str:
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    return f"ecdsa-p{key.key_size}" if isinstance(key, ec.EllipticCurvePublicKey) else ""


def whose(ground: Ground, path: Path, leaf: Certificate) -> str:
    """Who issued a certificate that is not of this state directory, and who renews it."""
    tool = renewer(path, leaf)
    if tool is not None:
        verb = "issued" if tool.id == "mkcert" else "keeps"
        return f"{tool.id} {verb} {path}."
    if ORGANIZATION in leaf.issuer.rfc4514_string():
        return (
            f"A local CA of this wizard issued {path}, but it is not in {ground.state}. Name its "
            "state directory with --state-dir to have it renewed."
        )
    return f"{path} was issued by {fitness.issuer(leaf)}; nothing here says who renews it."


def _issued(leaf: Certificate, issuer: Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _span(lifetime: timedelta) -> str:
    """A time span as answers spell it."""
    unit = next(name for name, one in UNITS.items() if not lifetime % one or name == "m")
    return f"{lifetime // UNITS[unit]}{unit}"
