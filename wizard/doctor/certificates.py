"""The certificates that a configuration lists: whether Pomerium, Envoy and browsers take each.

Pomerium itself looks at little (Go's tls.X509KeyPair): the first certificate of the file, and
whether the key is its own. The order is its own too: `certificate`, `certificates`, then
`certificate_file` (v0.33 config/options.go).
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from wizard.core.errors import WizardError
from wizard.core.questions import Problem
from wizard.doctor.grade import Finding, Level
from wizard.doctor.readers import closed_to, open_to_all, reader
from wizard.pki import fitness
from wizard.pki.bundle import REFUSED, belongs
from wizard.pki.chain import names_of
from wizard.pki.names import normalise
from wizard.pki.path import Route, build
from wizard.pki.pem import Contents, contents
from wizard.pomerium.document import lookup
from wizard.pomerium.setup import Pair, Said, Setup

SHOWN: Final = 3
PEM: Final = b"-----BEGIN CERTIFICATE-----"
PEM_KEY: Final = b"PRIVATE KEY-----"
SOON: Final = timedelta(days=21)
"""When the end of a long life is near; of a short one it is its last fifth."""
WARNINGS: Final = frozenset({"issuer-order", "certificate-expires-soon"})
SIGNED_TWICE: Final = {"certificate-self-signed", "certificate-is-ca"}


class Listed(NamedTuple):
    """A pair and what it holds; `names` are those that clients and Envoy go by.

    `findings` say what is wrong with it, or that nothing is; without a leaf it cannot be served.
    """

    pair: Pair
    findings: tuple[Finding, ...]
    leaf: x509.Certificate | None = None
    names: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The certificate as a sentence names it."""
        return self.pair.cert.where


def findings(setup: Setup, listed: Sequence[Listed]) -> Iterator[Finding]:
    """`certificates` that is no list, and what is wrong with each certificate."""
    node = lookup(setup.document.root, "certificates")
    if node is not None and node.kind != "sequence" and not node.is_null:
        yield Finding(
            "error",
            "config-certificates-not-a-list",
            "`certificates` is no list; Pomerium does not start with it.",
            "Write a list of `cert` and `key`, each a path.",
            setup.document.name,
            node.line,
        )
    for one in listed:
        yield from one.findings


def listed(setup: Setup) -> tuple[Listed, ...]:
    """Every certificate that the configuration lists, looked at."""
    return tuple(_looked_at(setup, pair) for pair in setup.pairs())


def _looked_at(setup: Setup, pair: Pair) -> Listed:
    place = pair.place
    try:
        certificates = _certificates(setup, pair)
    except WizardError as error:
        return Listed(pair, (Finding.of(error, place.file, place.line),))
    leaf, now = certificates[0], setup.system.now()
    found = [*unfit(certificates, pair.cert.where, now), *_key(setup, pair, certificates)]
    findings = [
        one if isinstance(one, Finding) else Finding(level_of(one), *one, place.file, place.line)
        for one in found
    ]
    names = _names(leaf)
    if all(one.level != "error" for one in findings):
        findings.append(
            Finding(
                "good",
                "certificate-good",
                f"{pair.cert.where} is for {some(names)}, until "
                f"{leaf.not_valid_after_utc:%Y-%m-%d} "
                f"({_span(leaf.not_valid_after_utc - now)}), and its key fits.",
                file=place.file,
                line=place.line,
            )
        )
    return Listed(pair, tuple(findings), leaf, names)


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    """Every name that Envoy serves it for; what no browser takes is told apart."""
    with suppress(ValueError):
        return tuple(dict.fromkeys(map(normalise, names_of(leaf))))
    return ()


def level_of(problem: Problem) -> Level:
    """How grave it is: what some clients mind, or what is still to come, is a warning."""
    return "warning" if problem.code in WARNINGS else "error"


def _require_both(pair: Pair) -> None:
    missing = [one.setting for one in pair if not one.said.text]
    if missing:
        raise WizardError(
            "certificate-half",
            f"`{missing[0]}` is missing; Pomerium does not start without it.",
            "Add it, or take the other one of the two out.",
        )


def _certificates(setup: Setup, pair: Pair) -> tuple[x509.Certificate, ...]:
    """The certificates of a file, in its order.

    Raises:
        WizardError: Pomerium cannot read one from it.
    """
    _require_both(pair)
    data, where = pair.cert.content(setup), pair.cert.where
    found = contents(data)
    if found.certificates and PEM in data:
        return found.certificates
    if found.certificates or found.is_locked:
        raise WizardError(
            "certificate-not-pem",
            f"{where} is not in PEM form; Pomerium does not start with it.",
            "Convert it: pomcert-wizard does so with the strategy existing.",
        )
    if found.keys:
        raise WizardError(
            "certificate-is-key",
            f"{where} holds a private key and no certificate; Pomerium does not start with it.",
            "Look whether the certificate and the key were swapped.",
        )
    raise _unusable(found, where) or WizardError(
        "certificate-missing",
        f"There is no certificate in {where}; Pomerium does not start with it.",
        "Name the file with the certificate, in PEM form.",
    )


def _unusable(found: Contents, where: str) -> WizardError | None:
    for code in found.others:
        summary, hint = REFUSED[code]
        return WizardError(code, summary.format(where=where), hint.format(where=where))
    return None


def unfit(
    certificates: tuple[x509.Certificate, ...], where: str, now: datetime
) -> Iterator[Problem]:
    """What keeps a chain, in the order it is served, from being taken, and that it ends soon."""
    leaf, *rest = certificates
    route = build(leaf, rest, now)
    found = list(fitness.problems(fitness.Served(leaf, route, where), (), now))
    if {one.code for one in found} >= SIGNED_TWICE:
        # OpenSSL makes a self-signed certificate an authority's by default; its names tell.
        twin = "certificate-is-ca" if fitness.usable_names(leaf) else "certificate-self-signed"
        found = [one for one in found if one.code != twin]
    if "certificate-is-ca" in {one.code for one in found}:
        found = [one for one in found if one.code != "certificate-without-names"]
    for one in found:
        if one.code == "chain-incomplete":
            hint = f"Get it from {fitness.source_of_issuer(leaf)} and add it to the file, last."
            yield one._replace(hint=hint)
        else:
            yield one
    yield from _order(rest, route, where, is_told=any("chain" in one.code for one in found))
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    left = leaf.not_valid_after_utc - now
    if timedelta(0) <= left < min(life / 5, SOON):
        yield Problem(
            "certificate-expires-soon",
            f"The certificate in {where} ends on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, "
            f"in {_span(left)}.",
            "Have it renewed. If something should do so by itself, look why it did not.",
        )


def _order(
    rest: list[x509.Certificate], route: Route, where: str, *, is_told: bool
) -> Iterator[Problem]:
    """Whether each certificate is followed by its issuer (RFC 5246, 7.4.2)."""
    if rest and not route.issuers and route.root is None and not is_told:
        yield Problem(
            "issuer-foreign",
            f"None of the further certificates in {where} issued the first one.",
            f"Put the certificate of its issuer there, {fitness.issuer(rest[0])} is another.",
        )
    elif list(route.issuers) != rest[: len(route.issuers)]:
        yield Problem(
            "issuer-order",
            f"The certificates in {where} are not in order; some clients do not sort them.",
            "Put the site's certificate first, then its issuer, then the issuer of that.",
        )


def _key(
    setup: Setup, pair: Pair, certificates: tuple[x509.Certificate, ...]
) -> Iterator[Problem | Finding]:
    try:
        key = _private(pair.key.content(setup), pair.key.where)
    except WizardError as error:
        yield Finding.of(error, pair.key.said.file, pair.key.said.line)
        return
    if not belongs(certificates[0], key):
        is_behind = any(belongs(one, key) for one in certificates[1:])
        yield Problem(
            "key-mismatch",
            f"The key in {pair.key.where} does not belong to the first certificate in "
            f"{pair.cert.where}; Pomerium does not start with it.",
            "Move the certificate that it belongs to to the front of the file."
            if is_behind
            else "Name the key that the certificate was requested with.",
        )
    if not pair.key.is_inline:
        found = list(_access(setup, pair.key.said))
        yield from found
        if all(one.code != "file-closed" for one in found):
            yield from _access(setup, pair.cert.said, is_key=False)


def _private(data: bytes, where: str) -> PrivateKeyTypes:
    """The first key of a file, as Go finds it.

    Raises:
        WizardError: Pomerium cannot read one from it.
    """
    found = contents(data)
    if found.keys and PEM_KEY in data:
        return found.keys[0]
    if found.keys:
        raise WizardError(
            "key-not-pem",
            f"The key in {where} is not in PEM form; Pomerium does not start with it.",
            f"Convert it: openssl pkey -in {where} -out key.pem",
        )
    if found.is_locked or "key-cipher" in found.others:
        raise WizardError(
            "key-encrypted",
            f"The key in {where} is encrypted; Pomerium does not start with it.",
            f"Write it without a password: openssl pkey -in {where} -out key.pem",
        )
    if found.certificates:
        raise WizardError(
            "key-is-certificate",
            f"{where} holds a certificate and no key; Pomerium does not start with it.",
            "Look whether the certificate and the key were swapped.",
        )
    raise _unusable(found, where) or WizardError(
        "key-missing",
        f"There is no private key in {where}; Pomerium does not start with it.",
        "Name the file with the key, in PEM form.",
    )


def _access(setup: Setup, said: Said, *, is_key: bool = True) -> Iterator[Finding]:
    """Who can read a file: Pomerium's user has to, and everybody must not read a key."""
    if setup.system.platform == "win32":
        return
    with suppress(WizardError):
        path = setup.here(said.text)
        if is_key and open_to_all(path):
            yield Finding(
                "warning",
                "key-open-to-all",
                f"Everybody on this machine can read the private key {said.text}.",
                f"Close it: chmod o= {path}",
                said.file,
                said.line,
            )
        user = reader(setup)
        closed = closed_to(user, path, setup.top(path)) if user else None
        if user and closed:
            is_it = closed == path
            yield Finding(
                "error",
                "file-closed",
                f"The user {user.name}, as whom Pomerium runs, may not read {said.text}: "
                f"{'it' if is_it else closed} is closed to that user.",
                f"As root: chown {user.name} {path}"
                if is_it
                else "Keep the files where that user may look, or let it into the directory.",
                said.file,
                said.line,
            )


def _span(left: timedelta) -> str:
    """A time that is left, in whole days."""
    return {0: "less than a day", 1: "1 day"}.get(left.days, f"{left.days} days")


def some(names: tuple[str, ...] | list[str]) -> str:
    """The first few of many names."""
    shown = ", ".join(names[:SHOWN])
    more = len(names) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "no name"
