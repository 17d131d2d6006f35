"""What a file of certificates and keys holds, whichever of their many forms it has.

PEM (RFC 7468) with any text around it, DER, PKCS #7 (RFC 2315), PKCS #12 (RFC 7292), PKCS #8 and
the older forms of keys, encrypted or not, and all of these as base64 or as UTF-16.
"""

import re
import warnings
from base64 import b64decode
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_ssh_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

BLOCK: Final = re.compile(rb"-----BEGIN ([^-\n]+)-----\n(.*?)-----END \1-----", re.DOTALL)
BASE64: Final = re.compile(rb"[A-Za-z0-9+/\s]{64,}={0,2}\s*")
JAVA: Final = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""How Java's own keystores begin, JKS and JCEKS; newer ones are PKCS #12."""
BOMS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
PFX_VERSION: Final = b"\x02\x01\x03"
"""A PKCS #12 begins with version 3; every form of a key begins with 0 or 1."""
UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm)
"""What the loaders raise for what they cannot read."""


class Contents(NamedTuple):
    """What a file holds.

    `is_locked` says that a part is encrypted under a password that was not given or is not this
    one. `others` are codes for what is in it and cannot be used, see `bundle.REFUSED`.
    """

    certificates: tuple[x509.Certificate, ...] = ()
    keys: tuple[PrivateKeyTypes, ...] = ()
    is_locked: bool = False
    others: tuple[str, ...] = ()

    @classmethod
    def joined(cls, parts: "Iterable[Contents]") -> "Contents":
        """All of it as one."""
        every = tuple(parts)
        return cls(
            tuple(one for part in every for one in part.certificates),
            tuple(one for part in every for one in part.keys),
            any(part.is_locked for part in every),
            tuple(one for part in every for one in part.others),
        )


# Wizards ask about the same file many times over, and a password takes long to try on purpose.
@lru_cache(maxsize=64)
def contents(data: bytes, password: bytes | None = None) -> Contents:
    """What the bytes of a file hold; nothing where they are none of the forms.

    Args:
        data: the file.
        password: for what is encrypted in it.
    """
    with warnings.catch_warnings():
        # They tell programmers of forms that are old; whoever has such a file cannot help it.
        warnings.simplefilter("ignore")
        return _contents(data, password)


def _contents(data: bytes, password: bytes | None) -> Contents:
    for mark, encoding in BOMS.items():
        if data.startswith(mark):
            data = data.decode(encoding, errors="replace").encode()
    if data.startswith(JAVA):
        return Contents(others=("keystore-java",))
    if data[:1] == b"\x30":
        found = _der(data, password)
        if found != Contents():
            return found
    # Line ends of any system, and those that JSON and variables spell out.
    text = re.sub(rb"\r\n?|\\r\\n|\\n", b"\n", data)
    text = re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", text)
    blocks = BLOCK.findall(text)
    if blocks:
        return Contents.joined(_block(label, body, password) for label, body in blocks)
    if BASE64.fullmatch(text):
        decoded = _decoded(text)
        return _contents(decoded, password) if decoded else Contents()
    return Contents()


def _block(label: bytes, body: bytes, password: bytes | None) -> Contents:
    """One block of PEM."""
    if label.endswith(b"PRIVATE KEY"):
        whole = b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label, body, label)
        load = load_ssh_private_key if label.startswith(b"OPENSSH") else load_pem_private_key
        if label.startswith((b"TSS2", b"PKCS11")):
            return Contents(others=("key-in-hardware",))
        return _key(lambda word: load(whole, word), password)
    return _der(_decoded(body), password)


def _decoded(text: bytes) -> bytes:
    try:
        return b64decode(text)
    except ValueError:
        return b""


def _der(data: bytes, password: bytes | None) -> Contents:
    """One DER object; what follows it, as OpenSSL's trust settings do, is left aside."""
    start, end = _extent(data)
    if data[start:].startswith(PFX_VERSION):
        return _pkcs12(data, password)
    data = data[:end]
    try:
        return Contents((x509.load_der_x509_certificate(data),))
    except UNREADABLE:
        pass
    try:
        return Contents(tuple(load_der_pkcs7_certificates(data)))
    except UNREADABLE:
        pass
    for code, load in OTHERS.items():
        try:
            load(data)
        except UNREADABLE:
            continue
        return Contents(others=(code,))
    return _key(lambda word: load_der_private_key(data, word), password)


OTHERS: Final[dict[str, Callable[[bytes], object]]] = {
    "certificate-request": x509.load_der_x509_csr,
    "revocation-list": x509.load_der_x509_crl,
    "public-key": load_der_public_key,
}
"""What is no certificate and no key, and often taken for one."""


def _extent(data: bytes) -> tuple[int, int]:
    """Where the content of a DER object begins and where it ends (X.690, 8.1.3)."""
    if len(data) < 2:  # noqa: PLR2004  a tag and a length
        return 0, 0
    first = data[1]
    if first < 0x80:  # noqa: PLR2004  the length itself, in one byte
        return 2, 2 + first
    start = 2 + (first & 0x7F)
    return start, start + int.from_bytes(data[2:start]) if start > 2 else len(data)  # noqa: PLR2004


def _key(load: Callable[[bytes | None], PrivateKeyTypes], password: bytes | None) -> Contents:
    """A private key, which says by a TypeError that it is encrypted."""
    try:
        return Contents(keys=(load(None),))
    except TypeError:
        pass
    except (ValueError, UnsupportedAlgorithm):
        return Contents()
    if not password:
        return Contents(is_locked=True)
    try:
        return Contents(keys=(load(password),))
    except (ValueError, UnsupportedAlgorithm) as error:
        is_other = isinstance(error, UnsupportedAlgorithm) or "nknown" in str(error)
        return Contents(others=("key-cipher",)) if is_other else Contents(is_locked=True)


def _pkcs12(data: bytes, password: bytes | None) -> Contents:
    """Key and certificates of a PKCS #12: without a password, with the empty one, with this one."""
    for word in (None, b"", password or b""):
        try:
            found = load_pkcs12(data, word)
        except UNREADABLE:
            continue
        every = [*([found.cert] if found.cert else []), *found.additional_certs]
        certificates = tuple(one.certificate for one in every)
        return Contents(certificates, (found.key,) if found.key else ())
    return Contents(is_locked=True)
