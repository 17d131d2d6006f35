"""PKCS #12: the form in which browsers import keys and Java reads roots."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
    serialize_key_and_certificates,
)

from wizard.core.secrets import Secret
from wizard.pki.leaf import Leaf

TRUSTSTORE_PASSWORD = "changeit"  # noqa: S105  Java's custom; a trust store holds nothing secret


def bundle(leaf: Leaf, root: x509.Certificate, name: str, password: Secret) -> bytes:
    """A leaf, its key and its whole chain, encrypted under the password."""
    return serialize_key_and_certificates(
        name.encode(),
        leaf.key,
        leaf.certificate,
        [*leaf.issuers, root],
        BestAvailableEncryption(password.reveal()),
    )


def truststore(root: x509.Certificate, name: str) -> bytes:
    """A Java trust store that holds one root; Java wants a password on it and gets its own."""
    return serialize_java_truststore(
        [PKCS12Certificate(root, name.encode())],
        BestAvailableEncryption(TRUSTSTORE_PASSWORD.encode()),
    )
