"""Private keys: the types that Pomerium serves, made, written and read."""

from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from wizard.core.errors import WizardError
from wizard.core.secrets import Secret

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CURVES: Final = {"ecdsa-p256": ec.SECP256R1, "ecdsa-p384": ec.SECP384R1}
RSA_BITS: Final = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}


def generate(key_type: str) -> PrivateKey:
    """A new private key of a type of `CURVES` or `RSA_BITS`."""
    if key_type in CURVES:
        return ec.generate_private_key(CURVES[key_type]())
    return rsa.generate_private_key(65537, RSA_BITS[key_type])


def type_of(key: PrivateKey) -> str:
    """The name of a key's type, as answers spell it."""
    if isinstance(key, rsa.RSAPrivateKey):
        return f"rsa-{key.key_size}"
    return f"ecdsa-p{key.curve.key_size}"


def digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """What the key signs: a digest as strong as its curve, which is what P-384 is chosen for."""
    return hashes.SHA384() if type_of(key) == "ecdsa-p384" else hashes.SHA256()


def to_pem(key: PrivateKey) -> Secret:
    """The key as PKCS #8 PEM without a passphrase: what Pomerium reads."""
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def from_pem(pem: bytes, where: str) -> PrivateKey:
    """Reads an unencrypted EC or RSA key.

    Raises:
        WizardError: `key-unreadable`; nothing of the key is in the message.
    """
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        return key
    raise WizardError(
        "key-unreadable",
        f"{where} does not hold an unencrypted EC or RSA private key.",
        "Move the file away to have a new key made.",
    )
