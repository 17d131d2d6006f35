"""Tables of texts as lines of words, `https://app.example.com ca=/ca.pem`, quoted as in a shell.

A list of them is one answer: a file has it as TOML's array of tables, all else as such lines.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

NAMED = re.compile(r"([A-Za-z_-]+)=(.*)", re.DOTALL)


class Line(str):
    """A table as one line. Its first field stands there without its name."""

    __slots__ = ("names",)
    names: Sequence[str]
    """The fields that it may have, in order."""

    @classmethod
    def of(cls, table: Mapping[str, str], names: Sequence[str]) -> "Line":
        """The line of a table: the fields in order, those that are empty left out."""
        said = [f"{name}={table[name]}" for name in names[1:] if table.get(name)]
        first = table.get(names[0], "")
        return cls.made([first, *said] if first else said, names)

    @classmethod
    def made(cls, words: Sequence[str], names: Sequence[str]) -> "Line":
        """The line of words as somebody typed them, quotes taken off."""
        line = cls(" ".join(map(_quoted, words)))
        line.names = names
        return line

    def pairs(self) -> list[tuple[str, str]]:
        """What it says, field by field, known or not."""
        words = [(NAMED.fullmatch(word), word) for word in _words(self)]
        return [(named[1], named[2]) if named else (self.names[0], word) for named, word in words]

    def table(self) -> dict[str, str]:
        """What it says, by field."""
        return dict(self.pairs())


def lines(text: str, names: Sequence[str]) -> tuple[Line, ...]:
    """Tables typed one behind the other: each begins at a word without a name."""
    found: list[list[str]] = []
    for word in _words(text):
        if not found or not NAMED.fullmatch(word):
            found.append([])
        found[-1].append(word)
    return tuple(Line.made(words, names) for words in found)


def shape(names: Iterable[str]) -> str:
    """How a line looks: `FROM ca=… server_name=…`."""
    first, *others = names
    return " ".join([first.upper(), *(f"{name}=…" for name in others)])


def joined(values: Sequence[str], between: str) -> str:
    """A list as one text that is read back as it was: what is typed between tables is a blank.

    A comma may belong to one of their paths.
    """
    return (" " if any(isinstance(one, Line) for one in values) else between).join(values)


def _words(text: str) -> list[str]:
    """The words of a line; a quote that is never closed is part of its word."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _quoted(word: str) -> str:
    named = NAMED.fullmatch(word)
    return f"{named[1]}={shlex.quote(named[2])}" if named else shlex.quote(word)
