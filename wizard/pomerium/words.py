"""Command lines that start Pomerium."""

import re
import shlex
from collections.abc import Mapping
from itertools import pairwise


def words(line: str) -> list[str]:
    """A line in words; quotes are nearly the shell's."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def started_with(line: str, environment: Mapping[str, str] | None = None) -> str:
    """The configuration that a command line starts Pomerium with, or nothing.

    A shell's `-c` is looked into, and variables of `environment` are filled in.
    """
    found = words(line)
    if "-c" in found:
        found = words(" ".join(found[found.index("-c") + 1 :]))
    for word, after in pairwise([*found, ""]):
        flag, equals, value = word.partition("=")
        if flag in {"-config", "--config"}:
            return _filled(value if equals else after, environment or {})
    return ""


def _filled(text: str, environment: Mapping[str, str]) -> str:
    def value(one: re.Match[str]) -> str:
        return environment.get(one[1] or one[2], one[0])

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)
