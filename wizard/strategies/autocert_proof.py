"""After autocert was switched on: which hosts have their certificate, and why others have none."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography import x509

from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Proof
from wizard.core.system import Command, System
from wizard.dns.ask import at_once
from wizard.doctor import reach
from wizard.doctor.handshake import presented
from wizard.pki import chain
from wizard.pki.names import covers
from wizard.pomerium.store import certificate_file
from wizard.pomerium.surroundings import variables
from wizard.strategies.autocert_checks import HTTP, Ground
from wizard.strategies.autocert_questions import is_bucket

if TYPE_CHECKING:
    from wizard.pomerium.document import Document

LOCAL: Final = frozenset({"", "0.0.0.0", "[::]", "*"})  # noqa: S104  addresses that mean every one
STAGING_ONLY: Final = "browsers refuse it, until you run again with autocert.staging = false"


class Seen(NamedTuple):
    """What a host has: the certificate that Pomerium shows, and the one that it keeps."""

    host: str
    shown: bytes | None
    kept: x509.Certificate | None


def prove(answers: Answers, system: System, document: "Document | None") -> Iterator[Proof]:
    """One verdict on each name. A Pomerium that does not run yet is no failure."""
    around = variables(system, Path(answers.text("output.config") or "/"))
    ground = Ground(answers, system, document, around, {})
    host, _, port = ground.address.rpartition(":")
    ip = "127.0.0.1" if host in LOCAL else host.strip("[]")
    place = around["AUTOCERT_DIR"].value if "AUTOCERT_DIR" in around else None
    folder = place or answers.text("autocert.directory")

    def look(name: str) -> Seen:
        kept = None if is_bucket(folder) else _kept(system, Path(folder), answers, name)
        return Seen(name, presented(ip, int(port), name), kept)

    found = at_once(look, answers.texts("names"))
    if all(one.shown is None for one in found):
        start = Command(("pomerium", "-config", answers.text("output.config"))).shell()
        why = f"nothing listens on {ground.address} yet; run again once it does"
        yield Proof("Pomerium", "unknown", why, start)
        found = [one for one in found if one.kept is not None]
    leads = _leads([one.host for one in found if one.kept is None], ground)
    yield from (_verdict(one, ground, leads.get(one.host, "")) for one in found)


def _kept(system: System, folder: Path, answers: Answers, host: str) -> x509.Certificate | None:
    """The certificate of the chosen authority that lies in the store, if it can be looked at."""
    authority, staging = answers.text("autocert.authority_url"), answers.flag("autocert.staging")
    path = certificate_file(folder, host, authority, staging=staging)
    try:
        kept = system.keep(path)
        return chain.read(kept.content, str(path))[0] if kept else None
    except WizardError:
        return None


def _verdict(seen: Seen, ground: Ground, why: str) -> Proof:
    """The verdict on a host; `why` is the likeliest reason for having no certificate."""
    shown = x509.load_der_x509_certificate(seen.shown) if seen.shown else None
    has = seen.kept or (shown if shown is not None and _is_for(shown, seen.host) else None)
    if has is None:
        return _refused(seen.host, f"has none yet: {why}", ground)
    said = f"from {_issuer(has)}, until {has.not_valid_after_utc:%Y-%m-%d}"
    if has.not_valid_after_utc <= ground.system.now():
        return _refused(seen.host, f"{said}: it has ended", ground)
    if shown not in {None, has}:
        return _refused(seen.host, f"{said}, but Pomerium shows another one", ground)
    if ground.answers.flag("autocert.staging"):
        said += f"; {STAGING_ONLY}"
    return Proof(seen.host, "accepted", said, "")


def _refused(host: str, why: str, ground: Ground) -> Proof:
    """Pomerium tries a host again when its configuration is read again, and not before."""
    by_systemd = any(one.by == "systemd" for one in ground.variables.values())
    again = "systemctl kill -s HUP pomerium" if by_systemd else "pkill -HUP -x pomerium"
    return Proof(host, "refused", why, again)


def _is_for(certificate: x509.Certificate, host: str) -> bool:
    """Whether somebody issued it for a host: Pomerium's stand-in for none is issued by itself."""
    own = certificate.issuer == certificate.subject
    return not own and any(covers(name, host) for name in chain.names_of(certificate))


def _issuer(certificate: x509.Certificate) -> str:
    found = certificate.issuer.rfc4514_string()
    return found or "an issuer without a name"


def _leads(hosts: Sequence[str], ground: Ground) -> dict[str, str]:
    """The likeliest reason for each host that has no certificate, as it is seen from here."""
    asked = [host for host in hosts if host in ground.asked]
    why = {host: f"no route of the configuration is from https://{host}" for host in hosts}
    try:
        found = reach.addresses(asked, ground.answers.texts("dns.resolvers")) if asked else {}
    except WizardError as error:
        return why | dict.fromkeys(asked, error.summary.rstrip("."))
    return why | {host: _why(ips, ground) for host, ips in found.items()}


def _why(ips: Sequence[str], ground: Ground) -> str:
    if not ips:
        return "DNS has no address for it"
    if ground.is_public and not any(map(reach.is_public, ips)):
        return f"it leads to {ips[0]}, where no public authority can come to"
    if not any(map(reach.is_ours, ips)):
        return f"it leads to {ips[0]}, which is no address of this machine"
    if reach.listener(ground.system, HTTP) is None:
        return f"nobody answers on port {HTTP}, and the authority may not get through to 443"
    return "Pomerium's log says what the authority answered"
