"""The first line of files that are made whole: it tells whether somebody has changed them since."""

import re
from hashlib import sha256

_MARK = re.compile(rb"# Made by pomcert-wizard \(([0-9a-f]{16})\)")


def marked(text: bytes) -> bytes:
    """A text with a line above it that says who made it and how it was."""
    return b"# Made by pomcert-wizard (%s); once you change it, it is left alone.\n%s" % (
        _digest(text),
        text,
    )


def is_ours(content: bytes) -> bool:
    """Whether a file is as `marked` gave it, whatever is in it."""
    line, _, rest = content.partition(b"\n")
    mark = _MARK.match(line)
    return mark is not None and mark[1] == _digest(rest)


def _digest(text: bytes) -> bytes:
    return sha256(text).hexdigest()[:16].encode()
