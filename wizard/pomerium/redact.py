"""A configuration as people may see it: every secret replaced, every line where it was."""

import base64
import re
from collections.abc import Iterable, Iterator

from wizard.pomerium.document import follow, parse, walk
from wizard.pomerium.settings import OTHER_SECRETS, SETTINGS
from wizard.pomerium.syntax import Node

MASK = "<redacted>"

_NAMES = frozenset({*OTHER_SECRETS, *(setting.name for setting in SETTINGS if setting.secret)})
_SUFFIXES = (
    "_key",
    "_keys",
    "_mac",
    "_pass",
    "apikey",
    "authorization",
    "connection_string",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "private_key",
    "pwd",
    "secret",
    "secrets",
    "token",
    "tokens",
)
_HUMP = re.compile("(?<=[a-z0-9])(?=[A-Z])")
_TEXT = re.compile(r"[^\r\n]*")
_COMMENT = re.compile(r"(?<![^\s,\[\]{}])#[# \t]*([^\r\n]*)")
_ASSIGNED = re.compile(r"""(?<![\w.-])([\w.-]++)["']?(?:[ \t]*=[ \t]*|[ \t]*:\s+)(?=\S)""")
_SETTING = re.compile(r"""(?<![\w.-])["']?([\w.-]++)["']?[ \t]*[:=][ \t]*(?=(.*))""")
_LOOSE_VALUE = re.compile(r"\S{15,}[^\s:]")
_PASSWORD_IN_URL = re.compile(r"://[^/\s@]*:")
_TOKEN_IN_URL = re.compile(r"://[^/\s@]{16,}@")
_KEY_LINE_END = "PRIVATE KEY-----"
_BASE64 = re.compile("[A-Za-z0-9+/_-]*")
_LONG_ENOUGH_TO_BE_UNIQUE = 16


def redacted(text: bytes) -> str:
    """`text` with the value of each secret replaced by `<redacted>`, line for line.

    A secret is what a setting known or named as one holds, wherever it stands, comments included; a
    private key; a URL with a password. Longer secrets are replaced wherever else they occur.

    Raises:
        WizardError: what `parse` raises; a text that does not parse cannot be shown safely.

    """
    document = parse(text, "the configuration")
    nodes = list(walk(document.root)) if document.root is not None else []
    held = [(key, value) for node in nodes for key, value in node.pairs if _is_named_secret(key)]
    secrets = {*_scalars(value for _, value in held), *filter(_is_telling, nodes)}
    spans = [span for node in secrets for span in _spans(document.text, node)]
    spans += _comment_spans(document.text, nodes, sorted(_regions(held)))
    shown = _masked(document.text, spans)
    values = {document.text[start:end].strip("'\"") for start, end in spans}
    values |= {node.value for node in secrets}
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _LONG_ENOUGH_TO_BE_UNIQUE:
            shown = shown.replace(value, MASK)
    return shown


def is_secret(key: str) -> bool:
    """Whether a setting of this name holds a secret itself, rather than the path of one."""
    name = _HUMP.sub("_", key).lower().replace("-", "_")
    return key.lower() in _NAMES or name in _NAMES or name.endswith(_SUFFIXES)


def _is_named_secret(key: Node) -> bool:
    return is_secret(follow(key).value)


def _is_telling(node: Node) -> bool:
    return node.kind == "scalar" and _tells(node.value)


def _tells(value: str) -> bool:
    """Whether a text gives itself away as a secret, or as holding one."""
    if _KEY_LINE_END in value or _TOKEN_IN_URL.search(value):
        return True
    if any(_PASSWORD_IN_URL.search(word.rpartition("@")[0]) for word in value.split()):
        return True
    if any(map(is_secret, _ASSIGNED.findall(value))):
        return True
    packed = _BASE64.match("".join(value.split()))
    encoded = packed[0] if packed else ""
    return b"PRIVATE KEY" in base64.urlsafe_b64decode(encoded[: len(encoded) // 4 * 4])


def _scalars(values: Iterable[Node]) -> Iterator[Node]:
    """What is written below these nodes, aliases followed, each once."""
    seen: set[Node] = set()
    left = list(values)
    while left:
        node = follow(left.pop())
        if node in seen:
            continue
        seen.add(node)
        if node.kind == "scalar" and not node.empty:
            yield node
        left += (*node.items, *(value for _, value in node.pairs))


def _regions(held: Iterable[tuple[Node, Node]]) -> Iterator[tuple[int, int]]:
    """From the name of each secret to its last word: a comment there may tell an older one."""
    for key, value in held:
        yield key.end, _last_end(value)
        yield follow(value).start, _last_end(follow(value))


def _last_end(node: Node) -> int:
    *_, last = walk(node)
    return last.end


def _spans(text: str, node: Node) -> Iterator[tuple[int, int]]:
    """The parts of each line that a scalar fills; the header of a block scalar is no part of it."""
    start, end = node.start, node.end
    if node.style in {"|", ">"}:
        header = _TEXT.match(text, start)
        start = header.end() if header else start
    for found in re.finditer(r"[^\s](?:[^\r\n]*[^\s])?", text[start:end]):
        yield start + found.start(), start + found.end()


def _comments(text: str, nodes: Iterable[Node]) -> Iterator[tuple[int, int]]:
    """Where the words of each comment start and end."""
    taken = sorted((node.start, node.end) for node in nodes if node.kind == "scalar")
    at = 0
    for start, end in [*taken, (len(text), len(text))]:
        for found in _COMMENT.finditer(text[at:start]):
            yield at + found.start(1), at + found.end(1)
        at = max(at, end)


def _comment_spans(
    text: str, nodes: Iterable[Node], regions: list[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """What comments say that is secret: a setting commented out may go on in the comments below."""
    inside = seen = 0
    below: int | None = None
    in_key = False
    for start, end in _comments(text, nodes):
        while regions and regions[0][0] <= start:
            inside = max(inside, regions.pop(0)[1])
        if text[seen:start].strip("# \t\r\n"):
            below, in_key = None, False
        seen = end
        words = text[start:end]
        if not words:
            continue
        column = start - max(text.rfind(newline, 0, start) for newline in "\r\n")
        if below is not None and not _is_below(words, column - below):
            below = None
        in_key = in_key or ("-----BEGIN" in words and _KEY_LINE_END in words)
        secret = next((one for one in _SETTING.finditer(words) if is_secret(one[1])), None)
        if start < inside or in_key or below is not None or any(map(_tells, words.split())):
            yield start, end
        elif secret is not None:
            if secret[2]:
                yield start + secret.start(2), end
            below = column + secret.start()
        in_key = in_key and "-----END" not in words


def _is_below(words: str, deeper: int) -> bool:
    """Whether a line `deeper` than a name may belong to its value."""
    dashed = deeper == 0 and words.startswith("-")
    return deeper > 0 or dashed or _LOOSE_VALUE.fullmatch(words) is not None


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start >= at:
            parts += text[at:start], MASK
        at = max(at, end)
    return "".join([*parts, text[at:]])
