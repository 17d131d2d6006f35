"""A configuration as people may see it: every secret replaced, every line where it was."""

import base64
import binascii
import re
from collections.abc import Iterator

from wizard.pomerium.document import Document, parse, walk
from wizard.pomerium.settings import OTHER_SECRETS, SETTINGS
from wizard.pomerium.syntax import Node

MASK = "<redacted>"

_NAMES = frozenset({*OTHER_SECRETS, *(setting.name for setting in SETTINGS if setting.secret)})
_SUFFIXES = (
    "_key",
    "_mac",
    "connection_string",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "secret",
    "secrets",
    "token",
)
_TEXT = re.compile(r"[^\r\n]*")
_SECRET_IN_COMMENT = re.compile(r"""([\w.-]+)["']?[ \t]*[:=][ \t]*(?=(\S.*))""")
_USER_INFO = re.compile(r"://[^/\s@]*:[^/\s]*@")
_BASE64_OF_PEM = "LS0tLS1CRUdJTi"
_LONG_ENOUGH_TO_BE_UNIQUE = 16


def redacted(text: bytes) -> str:
    """`text` with the value of each secret replaced by `<redacted>`, line for line.

    A secret is what a setting known or named as one holds, wherever it stands, comments included; a
    private key; a URL with a password. Longer secrets are replaced wherever else they occur.

    Raises:
        WizardError: what `parse` raises; a text that does not parse cannot be shown safely.

    """
    document = parse(text, "the configuration")
    root = document.root
    secrets = sorted(set(_secrets(root)) if root is not None else (), key=lambda n: n.start)
    spans = [span for node in secrets for span in _spans(document.text, node)]
    spans += _comment_spans(document)
    shown = _masked(document.text, spans)
    for value in sorted(_values(document.text, spans), key=len, reverse=True):
        shown = shown.replace(value, MASK)
    return shown


def is_secret(key: str) -> bool:
    """Whether a setting of this name holds a secret itself, rather than the path of one."""
    name = key.lower().replace("-", "_")
    return name in _NAMES or name.endswith(_SUFFIXES)


def _secrets(root: Node) -> Iterator[Node]:
    """The scalars that are secret, by the name above them or by what they hold."""
    seen: set[Node] = set()
    for node in walk(root):
        for key, value in node.pairs:
            if is_secret(key.value):
                yield from _scalars(value, seen)
        if node.kind == "scalar" and _tells(node.value):
            yield node


def _scalars(node: Node, seen: set[Node]) -> Iterator[Node]:
    """The values below a node, aliases followed, each once."""
    if node in seen:
        return
    seen.add(node)
    if node.target is not None:
        yield from _scalars(node.target, seen)
    elif node.kind == "scalar" and not node.empty:
        yield node
    for inner in (*node.items, *(value for _, value in node.pairs)):
        yield from _scalars(inner, seen)


def _tells(value: str) -> bool:
    if "PRIVATE KEY-----" in value or _USER_INFO.search(value):
        return True
    head = value.strip()[:64]
    if not head.startswith(_BASE64_OF_PEM):
        return False
    try:
        return b"PRIVATE KEY" in base64.b64decode(head[: len(head) // 4 * 4], validate=True)
    except binascii.Error:
        return True


def _spans(text: str, node: Node) -> Iterator[tuple[int, int]]:
    """The parts of each line that a scalar fills; the header of a block scalar is no part of it."""
    start, end = node.start, node.end
    if node.style in {"|", ">"}:
        header = _TEXT.match(text, start)
        start = header.end() if header else start
    for found in re.finditer(r"[^\s](?:[^\r\n]*[^\s])?", text[start:end]):
        yield start + found.start(), start + found.end()


def _comment_spans(document: Document) -> Iterator[tuple[int, int]]:
    """The values of secret settings that are commented out."""
    text = document.text
    scalars = [n for n in walk(document.root) if n.kind == "scalar"] if document.root else []
    taken = sorted((node.start, node.end) for node in scalars)
    at = 0
    for start, end in [*taken, (len(text), len(text))]:
        for comment in re.finditer(r"(?<![^\s,\[\]{}])#[^\r\n]*", text[at:start]):
            for found in _SECRET_IN_COMMENT.finditer(comment[0]):
                if is_secret(found[1]):
                    base = at + comment.start()
                    yield base + found.start(2), base + found.end(2)
        at = max(at, end)


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start >= at:
            parts += text[at:start], MASK
            at = end
    return "".join([*parts, text[at:]])


def _values(text: str, spans: list[tuple[int, int]]) -> set[str]:
    found = {text[start:end].strip("'\"") for start, end in spans}
    return {value for value in found if len(value) >= _LONG_ENOUGH_TO_BE_UNIQUE}
