"""What Pomerium itself shows an application, and whom it believes there: files of others, checked.

Pomerium looks only at whether a client certificate and its key load; whom an application lets in
shows when the first request comes.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from wizard.core.errors import UsageError
from wizard.core.questions import Problem
from wizard.core.system import System
from wizard.pki import chain
from wizard.pki.bundle import Bundle, belongs, refused
from wizard.pki.fitness import LEAST_BITS, extension, subject
from wizard.pki.hoard import Source, gather, look
from wizard.pki.path import build, is_ca, is_self_signed, is_valid

CLIENTS: Final = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
TEMPLATE: Final = "Have it issued for clients (extended key usage clientAuth)."


def authorities(system: System, path: Path) -> bytes:
    """The authorities in a file, as PEM: whom a connection is to believe.

    Raises:
        UsageError: there are none, or all of them have ended.
        WizardError: it cannot be read.
    """
    found = look(system, path)
    every = tuple(dict.fromkeys(found.certificates))
    if not every:
        raise _none(path, found.others)
    able = [one for one in every if is_ca(one) or is_self_signed(one)]
    if not able:
        raise UsageError(
            "not-an-authority",
            f"The certificate in {path} is that of {subject(every[0])}, and no authority's.",
            "Name the certificate of the authority that issued it.",
        )
    now = system.now()
    if not any(is_valid(one, now) for one in able):
        ends = max(one.not_valid_after_utc for one in able)
        raise UsageError(
            "authority-expired",
            f"The authority in {path} is not valid now; it ends on {ends:%Y-%m-%d %H:%M} UTC.",
            "Get the one that is used now from whoever runs the application.",
        )
    return chain.to_pem(able)


def identity(system: System, certificate: Path, key: Path) -> Bundle:
    """A client certificate with its key and issuers.

    Raises:
        UsageError: it cannot be shown, or is good for nothing.
        WizardError: a file cannot be read.
    """
    hoard, now = gather(system, Source(certificate, key)), system.now()
    leaves = [one for one in dict.fromkeys(hoard.main.certificates) if not is_ca(one)]
    if not leaves:
        if hoard.main.certificates:
            who = subject(hoard.main.certificates[0])
            raise UsageError(
                "certificate-is-ca",
                f"The certificate in {certificate} is that of an authority ({who}).",
                "Name the client certificate that it issued for Pomerium.",
            )
        raise _none(certificate, hoard.main.others)
    if hoard.keys.is_locked:
        raise UsageError(
            "key-encrypted",
            f"The private key in {key} is encrypted, and nobody is there to open it for Pomerium.",
            f"Name one without a passphrase: openssl pkey -in {key} -out NEW.pem",
        )
    keys = hoard.keys.keys
    if not keys:
        raise UsageError(
            "key-missing",
            f"There is no private key in {key}.",
            "Name the key that the client certificate was requested with.",
        )
    fitting = [(one, own) for one in leaves for own in keys if belongs(one, own)]
    if not fitting:
        raise UsageError(
            "key-mismatch",
            f"The private key in {key} does not belong to the certificate in {certificate}.",
            "Name the key that this certificate was requested with.",
        )
    leaf, own = max(fitting, key=lambda pair: pair[0].not_valid_after_utc)
    for problem in _problems(leaf, str(certificate), now):
        raise UsageError(*problem)
    pool = (*hoard.main.certificates, *hoard.issuers.certificates)
    return Bundle(leaf, own, build(leaf, pool, now), ())


def _none(path: Path, others: tuple[str, ...]) -> UsageError:
    for code in others:
        return refused(code, path)
    return UsageError(
        "certificate-missing",
        f"There is no certificate in {path}.",
        "It may be PEM, DER or PKCS #7. Name the file with the certificate.",
    )


def _problems(leaf: x509.Certificate, where: str, now: datetime) -> Iterator[Problem]:
    """What makes an application refuse a client certificate, or Envoy not show it."""
    if leaf.not_valid_after_utc < now:
        yield Problem(
            "certificate-expired",
            f"The certificate in {where} ended on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC.",
            "Have it renewed, and run again.",
        )
    if leaf.not_valid_before_utc > now:
        begins = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        yield Problem(
            "certificate-not-yet-valid",
            f"The certificate in {where} begins on {begins}; the clock says {now:%Y-%m-%d %H:%M}.",
            "Wait until then, or set the clock right.",
        )
    usage = extension(leaf, x509.ExtendedKeyUsage)
    if usage is not None and not CLIENTS & set(usage):
        yield Problem(
            "certificate-not-for-clients",
            f"The certificate in {where} is not for clients: its extended key usage lacks "
            "clientAuth, so the application refuses it.",
            TEMPLATE,
        )
    bits = extension(leaf, x509.KeyUsage)
    if bits is not None and not bits.digital_signature:
        yield Problem(
            "certificate-not-for-clients",
            f"The key of the certificate in {where} may not sign: its key usage lacks "
            "digitalSignature.",
            TEMPLATE,
        )
    key = leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_BITS:
        yield Problem(
            "key-type",
            f"The certificate in {where} has an RSA key of {key.key_size} bits, which Envoy "
            "refuses to show.",
            "Have one issued for a key of the kind ECDSA P-256, or RSA with 2048 bits or more.",
        )
