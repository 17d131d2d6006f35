"""The local certificate authority: a root that can vouch for these names and for nothing else.

Two levels, because Java ignores constraints that stand in a root and obeys those of an issuer. The
root signs the issuer once and its key is dropped: nothing that is trusted can sign anything new.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import NamedTuple

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wizard.pki.keys import PrivateKey, digest, generate
from wizard.pki.names import bases

ORGANIZATION = "pomcert dev CA"
LIFETIME = timedelta(days=3650)
BACKDATED = timedelta(days=1)
"""Clocks of virtual machines run late; a certificate of tomorrow is no certificate."""

PURPOSES = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
"""clientAuth too: OpenSSL else refuses client certificates of this authority."""


class Authority(NamedTuple):
    """A root, the issuer it signed, and the issuer's key. The root has no key any more."""

    root: x509.Certificate
    issuer: x509.Certificate
    issuer_key: PrivateKey

    @property
    def name(self) -> str:
        """The root's common name, `pomcert 1a2b3c4d`."""
        return common_name(self.root)

    @property
    def permitted(self) -> tuple[str, ...] | None:
        """The domains it can vouch for; None when it is not constrained."""
        try:
            constraints = self.issuer.extensions.get_extension_for_class(x509.NameConstraints)
        except x509.ExtensionNotFound:
            return None
        subtrees = constraints.value.permitted_subtrees or ()
        return tuple(str(name.value) for name in subtrees)

    def permits(self, names: Sequence[str]) -> bool:
        """Whether every name lies inside the constraints."""
        permitted = self.permitted
        return permitted is None or bases((*names, *permitted)) == bases(permitted)


def create(
    names: Sequence[str],
    *,
    now: datetime,
    key_type: str = "ecdsa-p256",
    constrain: bool = True,
) -> Authority:
    """Makes a root and an issuer for the domains of `names`, valid for ten years.

    Args:
        names: host names and wildcards, normalised.
        now: the time, aware.
        key_type: of both keys; see `keys.generate`.
        constrain: critical name constraints (RFC 5280, 4.2.1.10) on both certificates: the
            domains permitted, every IP address excluded. Never a leading dot, which everybody
            reads differently.
    """
    constraints = (
        x509.NameConstraints(
            [x509.DNSName(base) for base in bases(names)],
            [x509.IPAddress(ip_network(every)) for every in ("0.0.0.0/0", "::/0")],
        )
        if constrain
        else None
    )
    root_key, issuer_key = generate(key_type), generate(key_type)
    mark = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()).digest[:4].hex()
    root_name = _subject(f"pomcert {mark}")

    def sign(subject: x509.Name, key: PrivateKey, path_length: int) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
            .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(PURPOSES), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
                critical=False,
            )
        )
        if constraints is not None:
            builder = builder.add_extension(constraints, critical=True)
        return builder.sign(root_key, digest(root_key))

    root = sign(root_name, root_key, 1)
    issuer = sign(_subject(f"pomcert {mark} issuer"), issuer_key, 0)
    return Authority(root, issuer, issuer_key)


def common_name(certificate: x509.Certificate) -> str:
    """The common name of a certificate's subject, or nothing."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _subject(common: str) -> x509.Name:
    """No user, no host: a certificate is shown to everybody. iOS lists roots by common name."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def key_usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """A KeyUsage extension with only the named bits."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )
