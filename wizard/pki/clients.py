"""Certificates for people and their devices, and the authority that vouches for them alone.

Pomerium takes client certificates that an authority of its own signed directly: `max_verify_depth`
is 1. So this one has no issuer below it, keeps its key, and can do nothing but this.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    KeySerializationEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PBES,
    serialize_key_and_certificates,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wizard.core.errors import UsageError
from wizard.core.secrets import Secret
from wizard.pki.authority import BACKDATED, LIFETIME, common_name, key_usage
from wizard.pki.fitness import extension
from wizard.pki.keys import PrivateKey, digest, generate

LONGEST_NAME: Final = 64
"""What a common name takes (RFC 5280, appendix A, ub-common-name)."""
ATOM: Final = r"[\w!#$%&'*+/=?^`{|}~-]+"
"""A word of a mailbox (RFC 5322, 3.2.3), which needs no quotes."""
EMAIL: Final = re.compile(rf"{ATOM}(\.{ATOM})*@[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII | re.IGNORECASE)
HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII | re.IGNORECASE)
SANS: Final = {"email": x509.RFC822Name, "dns": x509.DNSName}
ROUNDS: Final = 2048
"""What every reader of the old encryption takes."""


class ClientAuthority(NamedTuple):
    """A root that signs client certificates, and its key."""

    certificate: x509.Certificate
    key: PrivateKey


class Client(NamedTuple):
    """A client certificate; `revoked` since then, or None."""

    certificate: x509.Certificate
    revoked: datetime | None

    @property
    def name(self) -> str:
        """Who it is for."""
        return common_name(self.certificate)

    @property
    def sans(self) -> tuple[str, ...]:
        """Of `email` and `dns` what its name is, too."""
        found = extension(self.certificate, x509.SubjectAlternativeName) or ()
        return tuple(kind for one in found for kind, it in SANS.items() if isinstance(one, it))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in hex: `client_certificate: {fingerprint: …}` of a policy."""
        return self.certificate.fingerprint(SHA256()).hex()


def create(now: datetime) -> ClientAuthority:
    """Makes an authority, valid for ten years."""
    key = generate("ecdsa-p256")
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _subject(f"pomcert clients {identifier.digest[:4].hex()}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, digest(key))
    )
    return ClientAuthority(certificate, key)


def issue(
    authority: ClientAuthority, name: str, *, now: datetime, lifetime: timedelta
) -> tuple[x509.Certificate, PrivateKey]:
    """Issues a client certificate (RFC 5280, 4.2.1.12: clientAuth), never longer than its issuer.

    An e-mail address or a host name is a SAN too, for `san_email` and `san_dns` of a policy.

    Raises:
        UsageError: `client-name`.
    """
    if not (name.isprintable() and name.strip() == name and 0 < len(name) <= LONGEST_NAME):
        raise UsageError(
            "client-name",
            f"{name!r} cannot be the name of a client.",
            f"Give an e-mail address or another name of 1 to {LONGEST_NAME} printable characters.",
        )
    key = generate("ecdsa-p256")
    issuer = authority.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now + lifetime, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    san: x509.GeneralName | None = None
    if EMAIL.fullmatch(name):
        san = x509.RFC822Name(name)
    elif HOST.fullmatch(name):
        san = x509.DNSName(name)
    if san is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([san]), critical=False)
    return builder.sign(authority.key, digest(authority.key)), key


def revocations(
    authority: ClientAuthority,
    before: x509.CertificateRevocationList | None,
    revoked: Sequence[x509.Certificate],
    now: datetime,
) -> x509.CertificateRevocationList:
    """The list of what was revoked before, and these too (RFC 5280, 5).

    It is good for as long as the authority: a list that has run out would lock everybody out, and
    this one is a file that Pomerium reads again as soon as it changes.
    """
    number = 1
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
    for entry in before or ():
        builder = builder.add_revoked_certificate(entry)
    for certificate in revoked:
        row = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
        builder = builder.add_revoked_certificate(row.revocation_date(now).build())
    if before is not None:
        found = before.extensions.get_extension_for_class(x509.CRLNumber)
        number = found.value.crl_number + 1
    return (
        builder.last_update(now - BACKDATED)
        .next_update(authority.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, digest(authority.key))
    )


def bundle(
    authority: ClientAuthority,
    certificate: x509.Certificate,
    key: PrivateKey,
    password: Secret,
    *,
    legacy: bool,
) -> bytes:
    """PKCS #12 (RFC 7292) for a browser: the certificate, its key, and who vouches for it.

    Args:
        authority: who issued it.
        certificate: the client's.
        key: its key.
        password: encrypts it.
        legacy: by triple DES and SHA-1, which older systems only know; else by AES-256 and SHA-256.
    """
    encryption: KeySerializationEncryption = BestAvailableEncryption(password.reveal())
    if legacy:
        encryption = (
            PrivateFormat.PKCS12.encryption_builder()
            .kdf_rounds(ROUNDS)
            .key_cert_algorithm(PBES.PBESv1SHA1And3KeyTripleDESCBC)
            .hmac_hash(SHA1())  # noqa: S303  what those readers know
            .build(password.reveal())
        )
    return serialize_key_and_certificates(
        common_name(certificate).encode(), key, certificate, [authority.certificate], encryption
    )


def _subject(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
