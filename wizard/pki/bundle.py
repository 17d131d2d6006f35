"""A certificate that is there already: its leaf, key and chain, wherever and however they lie."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from wizard.core.errors import UsageError
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.pki import chain, fitness
from wizard.pki.hoard import Hoard, Source, gather
from wizard.pki.path import Route, build, is_ca, is_valid

REFUSED: Final = {
    "keystore-java": (
        "{where} is a keystore of Java's own kind.",
        (
            "Convert it, and name the new file: keytool -importkeystore -srckeystore {where} "
            "-destkeystore bundle.p12 -deststoretype PKCS12"
        ),
    ),
    "key-cipher": (
        "The key in {where} is encrypted with a cipher that is not supported here.",
        (
            "Encrypt it anew, and name the new file: openssl pkey -provider legacy "
            "-provider default -in {where} -aes256 -out key.pem"
        ),
    ),
    "key-in-hardware": (
        "{where} only refers to a key in hardware, which Pomerium cannot use.",
        "Have a certificate issued for a key that lies in a file.",
    ),
    "certificate-request": (
        "{where} holds a certificate request: nobody has signed it yet.",
        "Send it to your authority, and name the certificate that it sends back.",
    ),
    "revocation-list": (
        "{where} holds a revocation list, no certificate.",
        "Name the file with the certificate.",
    ),
    "public-key": (
        "{where} holds a public key, no certificate.",
        "Name the file with the certificate.",
    ),
}
"""What cannot be used, by its code: what it is, and the way out."""


class Bundle(NamedTuple):
    """A leaf with its key and the issuers to serve along; `notices` are what to know of it."""

    leaf: x509.Certificate
    key: PrivateKeyTypes | None
    route: Route
    notices: tuple[str, ...]

    def chain_pem(self) -> bytes:
        """The leaf and what issued it, without the root, which clients have or do not trust."""
        return chain.to_pem([self.leaf, *self.route.issuers])

    def key_pem(self) -> Secret:
        """The key as PKCS #8 PEM without a passphrase: what Pomerium reads."""
        if self.key is None:
            raise ValueError("no key")
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return Secret(self.key.private_bytes(*form))


def open_bundle(
    system: System, source: Source, wanted: Sequence[str], *, is_whole: bool = True
) -> Bundle:
    """The certificate for the names, fit to be served.

    Args:
        system: the machine.
        source: where it lies.
        wanted: the names that it has to cover; none where it says itself what it is for.
        is_whole: whether everything has been named; else what is missing is not yet an error.

    Raises:
        UsageError: it cannot be served, with a code of `fitness.problems`, of `REFUSED`, or
            `certificate-missing`, `key-missing`, `key-mismatch`, `password-wrong`.
        WizardError: a file cannot be read.
    """
    hoard, now = gather(system, source), system.now()
    where = str(source.certificate)
    every = tuple(dict.fromkeys(hoard.main.certificates))
    keys = hoard.keys.keys if source.key else (*hoard.main.keys, *hoard.keys.keys)
    leaves = [one for one in every if not is_ca(one)] or list(every)
    if not leaves:
        raise _nothing(source, hoard)
    ranked = sorted(leaves, key=lambda one: _rank(one, keys, wanted, now), reverse=True)
    leaf = ranked[0]
    key = next((one for one in keys if belongs(leaf, one)), None)
    pool = (*every, *hoard.issuers.certificates)
    route = build(leaf, pool, now)
    for problem in fitness.problems(fitness.Served(leaf, route, where), wanted, now):
        if is_whole or problem.code != "chain-incomplete":
            raise UsageError(*problem)
    if key is None and is_whole:
        raise _keyless(source, hoard, keys)
    return Bundle(leaf, key, route, _notices(ranked, keys, wanted, route, where))


def _rank(
    leaf: x509.Certificate, keys: Sequence[PrivateKeyTypes], wanted: Sequence[str], now: datetime
) -> tuple[bool, bool, bool, bool, datetime]:
    return (
        not fitness.uncovered(leaf, wanted),
        any(belongs(leaf, key) for key in keys),
        not is_ca(leaf),
        is_valid(leaf, now),
        leaf.not_valid_after_utc,
    )


def _notices(
    ranked: Sequence[x509.Certificate],
    keys: Sequence[PrivateKeyTypes],
    wanted: Sequence[str],
    route: Route,
    where: str,
) -> tuple[str, ...]:
    """Which of several was taken and why, and what may be missing."""
    leaf, *rest = ranked
    notices = []
    others = [
        one
        for one in rest
        if not fitness.uncovered(one, wanted) and any(belongs(one, key) for key in keys)
    ]
    if others:
        notices.append(
            f"{where} holds {len(others) + 1} certificates that would do. The one for "
            f"{', '.join(chain.names_of(leaf)[:3])} is taken: it lasts longest, until "
            f"{leaf.not_valid_after_utc:%Y-%m-%d}. Name the file of another to have that one."
        )
    if not route.issuers and route.root is None:
        notices.append(
            f"{where} has no certificate of the issuer, {fitness.issuer(leaf)}. That is right if "
            "it is a root that your clients trust; else name its certificate in existing.chain."
        )
    return tuple(notices)


def _nothing(source: Source, hoard: Hoard) -> UsageError:
    where = source.certificate
    if hoard.main.is_locked:
        return _locked(source)
    for code in hoard.main.others:
        return refused(code, where)
    hint = "It may be PEM, DER, PKCS #7 or PKCS #12, or a directory of such files."
    if hoard.main.keys:
        hint = (
            "It holds a private key only: name the certificate here, and the key in existing.key."
        )
    return UsageError("certificate-missing", f"There is no certificate in {where}.", hint)


def _keyless(source: Source, hoard: Hoard, keys: Sequence[PrivateKeyTypes]) -> UsageError:
    where = source.key or source.certificate
    if hoard.is_locked:
        return _locked(source)
    for code in (*hoard.keys.others, *(() if source.key else hoard.main.others)):
        if code.startswith("key-"):
            return refused(code, where)
    if keys:
        return UsageError(
            "key-mismatch",
            f"The private key in {where} does not belong to the certificate in "
            f"{source.certificate}.",
            "Name the key that the certificate was requested with in existing.key, or have the "
            "certificate issued again for this one.",
        )
    return UsageError(
        "key-missing",
        f"There is no private key in {where}, and none beside it.",
        "Name the key's file in existing.key. It lies where the certificate was requested.",
    )


def _locked(source: Source) -> UsageError:
    where = source.key or source.certificate
    if source.password is None:
        return UsageError(
            "password-missing",
            f"{where} is encrypted, and no password was given.",
            "Say in existing.password where it is: env:NAME or file:/PATH.",
        )
    return UsageError(
        "password-wrong",
        f"The password does not open {where}.",
        "Look at existing.password; one line end at the end of a file does not count.",
    )


def refused(code: str, where: Path) -> UsageError:
    """The error for what cannot be used."""
    summary, hint = REFUSED[code]
    return UsageError(code, summary.format(where=where), hint.format(where=where))


def belongs(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    """Whether a key of any kind is the certificate's."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        own = certificate.public_key().public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return own == key.public_key().public_bytes(*form)
