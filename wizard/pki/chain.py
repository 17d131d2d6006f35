"""Chains: what a certificate says, and whether a root vouches for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from wizard.core.errors import WizardError
from wizard.pki.authority import BACKDATED
from wizard.pki.keys import PrivateKey
from wizard.pki.names import host_of


def verify(
    leaf: x509.Certificate,
    issuers: Sequence[x509.Certificate],
    root: x509.Certificate,
    names: Sequence[str],
    now: datetime,
) -> None:
    """Checks the chain of a server certificate for every name (RFC 5280, 6).

    Raises:
        WizardError: `chain-invalid`, with the name and the reason.
    """
    policy = PolicyBuilder().store(Store([root])).time(now)
    for name in names:
        try:
            policy.build_server_verifier(x509.DNSName(host_of(name))).verify(leaf, list(issuers))
        except VerificationError as error:
            reason = str(error).partition(" (encountered")[0]
            raise WizardError(
                "chain-invalid",
                f"The certificate for {name} does not verify: {reason}.",
                "Nothing was written. Check the names against what the root may vouch for.",
            ) from None


def read(pem: bytes, where: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file, in order.

    Raises:
        WizardError: `certificate-unreadable`.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise WizardError(
            "certificate-unreadable",
            f"{where} does not hold a certificate in PEM form.",
            "Move the file away to have a new one made.",
        ) from None


def to_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """Certificates as PEM, one after the other: the leaf first, then what issued it."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names of a certificate's SAN, in order."""
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(san.value.get_values_for_type(x509.DNSName))


def belongs(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether the key is the certificate's."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)


def lifetime(certificate: x509.Certificate) -> timedelta:
    """How long a certificate of ours was made for, without the day that it begins early."""
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc - BACKDATED


def renew_after(certificate: x509.Certificate) -> datetime:
    """When a third of its life is left: time for the next one."""
    return certificate.not_valid_after_utc - lifetime(certificate) / 3


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether it is time for the next one."""
    return now > renew_after(certificate)
