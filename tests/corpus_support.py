"""The configurations in tests/golden/pomerium/corpus: YAML and variables as people have them."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "golden/pomerium/corpus"
CORPUS = sorted(FOLDER.glob("*.yaml"))
VARIABLES = sorted(FOLDER.glob("*.env"))
Data = dict[str, Any]

REFUSED = {
    "143-anchored-shared-list": "config-anchor-shared",
    "197-compose-file": "config-of-others",
    "198-k8s-configmap": "config-of-others",
}
"""What the wizard leaves to a person, and its code."""
EDITED = [path for path in CORPUS if path.stem not in REFUSED]

UNREADABLE = {"50-tags", "52-tabs-as-space", "176-tagged", "188-env-placeholders"}
"""What the plain loader of the tests cannot read."""


def load(text: bytes) -> Data:
    """The data of a configuration."""
    # The library's own loader takes no tab behind a token, which YAML and Pomerium do.
    readable = re.sub(r"\t+(?=#|\r?$)", " ", text.decode("utf-8-sig"), flags=re.MULTILINE)
    # It takes `yes` for true below this line, which Pomerium does not.
    readable = readable.replace("%YAML 1.1", "%YAML 1.2")
    return YAML(typ="safe", pure=True).load(readable) or {}


def removed_lines(before: bytes, after: bytes) -> list[str]:
    """The lines of `before` that `after` has no longer, as they were."""
    old, new = (text.decode("utf-8-sig").splitlines() for text in (before, after))
    return [line for lines, _ in _differing(old, new) for line in lines]


def removed(before: bytes, after: bytes) -> set[str]:
    """The words of `before` that are gone from `after`; none where text was only put in."""
    old, new = (text.decode("utf-8-sig").splitlines(keepends=True) for text in (before, after))
    pieces = (
        tuple(re.findall(r"\w+|\W", "".join(lines)) for lines in pair)
        for pair in _differing(old, new)
    )
    return {"".join(gone) for pair in pieces for gone, _ in _differing(*pair)} - {""}


def _differing(old: list[str], new: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Where the two differ: what was there, and what is there instead."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            yield old[start:end], new[new_start:new_end]
