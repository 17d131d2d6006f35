"""Traps in the files that a configuration names: secrets, certificates, revocation lists."""

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wizard.core.errors import WizardError
from wizard.pomerium.document import Document, elements, lookup, string
from wizard.pomerium.lint import Problem
from wizard.pomerium.syntax import Node

if TYPE_CHECKING:
    from cryptography import x509

Read = Callable[[Path], bytes | None]
_SECRET_BYTES: Final = 32
_ROOT_FILE: Final = "rootca.pem"
_MKCERT: Final = "mkcert development CA"
_SOON: Final = timedelta(days=7)
_MAKE: Final = "Make a new one: head -c 32 /dev/urandom | base64"


def nothing(_path: Path) -> bytes | None:
    """Reads no file."""
    return None


def traps(document: Document, read: Read, now: datetime | None) -> Iterator[Problem]:
    """What the files show that can be read."""
    yield from _secrets(document, read)
    yield from _served_authority(document, read)
    yield from _client_authority(document, read)
    yield from _revocations(document, read, now)


def listed(document: Document, read: Read) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each certificate that is listed and can be read: where, and its names."""
    from wizard.pki import chain  # noqa: PLC0415  loads cryptography

    for node in _served(document):
        found = _certificates(read, Path(node.value))
        if found:
            yield f"{node.value} (line {node.line})", chain.names_of(found[0])


def _secrets(document: Document, read: Read) -> Iterator[Problem]:
    for name in ("shared_secret", "cookie_secret"):
        file, node = lookup(document.root, f"{name}_file"), lookup(document.root, name)
        content = read(Path(string(file) or "")) if file is not None and string(file) else None
        if file is not None and content is not None:
            written = content.decode(errors="replace")
            where = f"`{name}_file` (line {file.line}): {file.value}"
            if name == "shared_secret" and written.strip() != written:
                text = (
                    f"{where} begins or ends with a blank or a line end, and Pomerium does not "
                    "start with it."
                )
                fix = "Keep the 44 characters of the secret alone: head -c 44"
                yield Problem("error", f"{name}_file", file.line, text, "secret-line-end", fix)
            elif not _is_secret(written):
                text = f"{where} is not base64 of 32 bytes; Pomerium does not start with it."
                yield Problem("error", f"{name}_file", file.line, text, "secret-length", _MAKE)
        elif node is not None and string(node) and not string(file) and not _is_secret(node.value):
            text = (
                f"`{name}` (line {node.line}) is not base64 of 32 bytes; Pomerium does not start "
                "with it."
            )
            yield Problem("error", name, node.line, text, "secret-length", _MAKE)
    file = lookup(document.root, "idp_client_secret_file")
    content = read(Path(string(file) or "")) if file is not None and string(file) else None
    if file is not None and content is not None and content.strip() != content:
        text = (
            f"`idp_client_secret_file` (line {file.line}): {file.value} ends in a line end, which "
            "Pomerium sends along, and nobody can sign in."
        )
        fix = "Write the file without it; printf puts none."
        yield Problem("notice", "idp_client_secret_file", file.line, text, "secret-line-end", fix)


def _is_secret(text: str) -> bool:
    # Go's base64 passes over line ends, and over nothing else.
    plain = text.replace("\n", "").replace("\r", "")
    try:
        return len(base64.b64decode(plain, validate=True)) == _SECRET_BYTES
    except (binascii.Error, ValueError):
        return False


def _served(document: Document) -> Iterator[Node]:
    """The paths of the certificates that are served."""
    root = document.root
    nodes = [lookup(item, "cert") for item in elements(lookup(root, "certificates"))]
    for node in (*nodes, lookup(root, "certificate_file")):
        if node is not None and string(node):
            yield node


def _served_authority(document: Document, read: Read) -> Iterator[Problem]:
    for node in _served(document):
        found = _certificates(read, Path(node.value))
        if found:
            from wizard.pki import path  # noqa: PLC0415  loads cryptography

            is_authority = path.is_ca(found[0])
        else:
            is_authority = Path(node.value).name.lower() == _ROOT_FILE
        if is_authority:
            text = (
                f"{node.value} (line {node.line}) is listed as a server certificate, but is the "
                "root of a local authority or an issuer; browsers refuse it."
            )
            fix = "Name a certificate for hosts here; roots go into `certificate_authority_file`."
            code = "server-certificate-is-ca"
            yield Problem("notice", "certificates", node.line, text, code, fix)


def _certificates(read: Read, path: Path) -> "Sequence[x509.Certificate]":
    content = read(path)
    return _parsed(content) if content is not None else ()


def _parsed(content: bytes) -> "Sequence[x509.Certificate]":
    from wizard.pki import chain  # noqa: PLC0415  loads cryptography

    try:
        return chain.read(content, "")
    except WizardError:
        return ()


def _held(table: Node | None, name: str, read: Read) -> tuple[Node, bytes] | None:
    """What a setting holds itself, or the file that the one beside it names."""
    inline, file = lookup(table, name), lookup(table, f"{name}_file")
    if inline is not None and string(inline):
        try:
            return inline, base64.b64decode(inline.value)
        except (binascii.Error, ValueError):
            return None
    if file is None or not string(file):
        return None
    content = read(Path(file.value))
    return None if content is None else (file, content)


def _client_authority(document: Document, read: Read) -> Iterator[Problem]:
    table = lookup(document.root, "downstream_mtls")
    held = _held(table if table and table.kind == "mapping" else None, "ca", read)
    if held is None:
        return
    from wizard.pki import authority, path  # noqa: PLC0415  loads cryptography

    node, content = held
    where = f"The authority for clients (line {node.line})"
    found = _parsed(content)

    def trap(code: str, text: str, fix: str) -> Problem:
        return Problem("notice", "downstream_mtls.ca_file", node.line, text, code, fix)

    if not found:
        yield trap(
            "client-ca-not-pem",
            f"{where} holds no certificate in PEM form; Pomerium does not look, and nobody's "
            "certificate is taken.",
            "Convert it: openssl x509 -inform der",
        )
    if any(_MKCERT in one.subject.rfc4514_string() for one in found):
        yield trap(
            "client-ca-mkcert",
            f"{where} is mkcert's root: whoever can issue a certificate for a site on that "
            "machine is let in.",
            "Make one for clients alone: mtls.downstream = true",
        )
    served = [one for place in _served(document) for one in _certificates(read, Path(place.value))]
    shared = [ca for ca in found if any(path.issued(ca, one) for one in served)]
    if shared:
        yield trap(
            "client-ca-shared",
            f"{where}, {authority.common_name(shared[0]) or 'without a name'}, has signed the "
            "server's certificate, too: whoever has one of its certificates is let in.",
            "Use an authority that signs for clients alone.",
        )


def _revocations(document: Document, read: Read, now: datetime | None) -> Iterator[Problem]:
    table = lookup(document.root, "downstream_mtls")
    table = table if table and table.kind == "mapping" else None
    held = _held(table, "crl", read)
    if held is None:
        return
    from cryptography import x509  # noqa: PLC0415  only where there is a list

    node, content = held
    where = f"The revocation list (line {node.line})"
    try:
        ends = x509.load_pem_x509_crl(content).next_update_utc
    except ValueError:
        text = f"{where} is not in PEM form, and Pomerium does not start with it."
        fix = "Convert it: openssl crl -inform der"
        yield Problem("error", "downstream_mtls.crl_file", node.line, text, "crl-unreadable", fix)
        return
    # With the other modes Pomerium reads the list itself, and does not mind its end.
    rejects = string(lookup(table, "enforcement")) == "reject_connection"
    left = None if ends is None else ends - (now or datetime.now(UTC))
    if left is None or ends is None or not rejects or left > _SOON:
        return
    over = left <= timedelta()
    text = (
        f"{where} {'ended' if over else 'ends'} on {ends:%Y-%m-%d}; from then on nobody gets in at "
        "all, with `reject_connection`."
    )
    fix = "Have the authority sign a new one, each time before it ends."
    code = "crl-expired" if over else "crl-ends-soon"
    yield Problem("notice", "downstream_mtls.crl_file", node.line, text, code, fix)
