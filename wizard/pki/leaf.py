"""Leaves: the certificates that Pomerium serves, issued by the local authority."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wizard.pki.authority import BACKDATED, Authority, key_usage
from wizard.pki.chain import verify
from wizard.pki.keys import PrivateKey, digest, generate

LONGEST = timedelta(days=825)
"""Apple refuses server certificates that live longer, also those of private roots."""


class Leaf(NamedTuple):
    """An issued certificate with its key and the issuers a server sends along."""

    certificate: x509.Certificate
    key: PrivateKey
    issuers: tuple[x509.Certificate, ...]


def granted(lifetime: timedelta) -> timedelta:
    """How long a leaf lives from now on: Apple counts the day that it begins early, too."""
    return min(lifetime, LONGEST - BACKDATED)


def issue(
    authority: Authority,
    names: Sequence[str],
    *,
    now: datetime,
    lifetime: timedelta,
    key_type: str = "ecdsa-p256",
) -> Leaf:
    """Issues a server certificate and verifies its chain before anybody sees it.

    Args:
        authority: signs it.
        names: the SANs, normalised host names and wildcards.
        now: the time, aware; the certificate begins a day earlier.
        lifetime: from now on, as far as `granted`; never longer than the issuer has left.
        key_type: of the new key.

    Raises:
        WizardError: `chain-invalid` when the authority cannot vouch for a name.
    """
    key = generate(key_type)
    issuer_public = authority.issuer_key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "pomcert dev certificate")])
        )
        .issuer_name(authority.issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now + granted(lifetime), authority.issuer.not_valid_after_utc))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            key_usage(digital_signature=True, key_encipherment=isinstance(key, rsa.RSAPrivateKey)),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False
        )
        .sign(authority.issuer_key, digest(authority.issuer_key))
    )
    verify(certificate, (authority.issuer,), authority.root, names, now)
    return Leaf(certificate, key, (authority.issuer,))
