"""PKCS #12 (RFC 7292): the form in which Windows and Java take keys, and Java reads roots."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    load_pkcs12,
    serialize_java_truststore,
    serialize_key_and_certificates,
)

from wizard.core.errors import UsageError
from wizard.core.secrets import Secret
from wizard.pki.authority import Authority
from wizard.pki.leaf import Leaf
from wizard.pki.material import Export

CUSTOMARY = Secret(b"changeit")
"""Java's password where nobody chose one."""


def bundle(leaf: Leaf, root: x509.Certificate, name: str, password: Secret) -> bytes:
    """A leaf, its key and its whole chain, encrypted under the password."""
    return serialize_key_and_certificates(
        name.encode(),
        leaf.key,
        leaf.certificate,
        [*leaf.issuers, root],
        BestAvailableEncryption(password.reveal()),
    )


def truststore(root: x509.Certificate, name: str, password: Secret) -> bytes:
    """A Java trust store that holds one root; Java wants a password on it."""
    return serialize_java_truststore(
        [PKCS12Certificate(root, name.encode())], BestAvailableEncryption(password.reveal())
    )


def holds(content: bytes, certificate: x509.Certificate, password: Secret) -> bool:
    """Whether a file opens with the password and has the certificate in it."""
    try:
        found = load_pkcs12(content, password.reveal())
    except ValueError:
        return False
    every = [*([found.cert] if found.cert else []), *found.additional_certs]
    return any(one.certificate == certificate for one in every)


def exports(
    chain_path: Path, issued: Callable[[], tuple[Authority, Leaf]], password: Secret
) -> Mapping[str, Export]:
    """Every form there is, by its name in answers; the files lie beside the chain.

    Raises:
        UsageError: `export-password`: Java takes printable ASCII only.
    """
    if not re.fullmatch(rb"[ -~]+", password.reveal()):
        raise UsageError(
            "export-password",
            "The password for exports is more than one line of plain ASCII characters.",
            "Java opens no file with such a password: choose another.",
        )

    def pkcs12() -> bytes:
        authority, leaf = issued()
        return bundle(leaf, authority.root, authority.name, password)

    def java() -> bytes:
        authority, _ = issued()
        return truststore(authority.root, authority.name, password)

    return {
        "pkcs12": Export(
            chain_path.with_suffix(".p12"),
            "PKCS #12 with the private key",
            "For servers that take their certificate in this form. Keep it like the key.",
            pkcs12,
            lambda content: holds(content, issued()[1].certificate, password),
        ),
        "java-truststore": Export(
            chain_path.with_name("truststore.p12"),
            "Java trust store with the root",
            "For Java programs: -Djavax.net.ssl.trustStore and -Djavax.net.ssl.trustStorePassword.",
            java,
            lambda content: holds(content, issued()[0].root, password),
        ),
    }
