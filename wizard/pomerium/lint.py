"""What is wrong with the names of a configuration's settings: removed, replaced or misspelt."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from wizard.pomerium.document import Document, elements, lookup
from wizard.pomerium.settings import (
    CERTIFICATES,
    MTLS,
    OTHER_NAMES,
    REMOVED,
    REMOVED_FROM_ROUTES,
    ROUTES,
    SETTINGS,
    Removed,
    Setting,
)
from wizard.pomerium.syntax import Node


@dataclass(frozen=True, slots=True)
class Problem:
    """A setting that does not do what its author meant; an `error` keeps Pomerium from starting.

    `text` says what and where, `fix` what to do where that is a sentence of its own.
    """

    level: Literal["error", "notice"]
    key: str
    line: int
    text: str
    code: str = ""
    fix: str = ""

    @property
    def told(self) -> str:
        """All of it, for people."""
        return f"{self.text} {self.fix}".rstrip()


_KNOWN = {one.name: one for one in (*SETTINGS, *CERTIFICATES, *MTLS, *ROUTES)}
_REMOVED = {
    **{one.name: one for one in REMOVED},
    **{f"routes.{one.name}": one for one in REMOVED_FROM_ROUTES},
}
_LIKE_ENOUGH = 0.85
"""`certificate_keyfile` is like a name; `idp_access_token_allowed_audiences` is like none."""


def problems(document: Document) -> tuple[Problem, ...]:
    """Removed and replaced settings, and unknown ones like a known one, in the file's order.

    Other unknown names pass: the whole list moves with Pomerium's versions. What is replaced is
    told once, however many routes have it.
    """
    found: dict[tuple[str, int], Problem] = {}
    for name, key in _names(document):
        told = _problem(name, key)
        if told is not None:
            found.setdefault((name, 0 if name in _KNOWN else key.start), told)
    return tuple(sorted(found.values(), key=lambda problem: problem.line))


def _names(document: Document) -> Iterator[tuple[str, Node]]:
    """Each setting by its full name, and the node of its key."""
    root = document.root
    tables = [("", root), ("downstream_mtls.", lookup(root, "downstream_mtls"))]
    tables += [("certificates.", one) for one in elements(lookup(root, "certificates"))]
    tables += [
        ("routes.", route) for key in ("routes", "policy") for route in elements(lookup(root, key))
    ]
    for prefix, table in tables:
        for key, _ in table.pairs if table is not None else ():
            yield prefix + key.value.lower(), key


def _problem(name: str, key: Node) -> Problem | None:
    removed, known = _REMOVED.get(name), _KNOWN.get(name)
    if removed is not None:
        return _removed(removed, name, key.line)
    if known is not None:
        return _replaced(known, key.line) if known.replaced else None
    near = None if name in OTHER_NAMES else _nearest(name)
    if near is None:
        return None
    return Problem(
        "notice",
        key.value,
        key.line,
        f"Pomerium does not know `{key.value}` (line {key.line}) and ignores it; `{near}` is "
        "meant, it seems.",
    )


def _removed(removed: Removed, name: str, line: int) -> Problem:
    effect = "Pomerium does not start with it" if removed.fatal else "Pomerium ignores it"
    text = f"`{name}` (line {line}) was removed in {removed.gone} and {effect}: {removed.advice}."
    return Problem("error" if removed.fatal else "notice", name, line, text)


def _replaced(known: Setting, line: int) -> Problem:
    text = f"`{known.name}` (line {line}) still works, but is replaced by {known.replaced}."
    return Problem("notice", known.name, line, text)


def _nearest(name: str) -> str | None:
    """The setting of the same table that is meant; a route has too many others to tell."""
    table, dot, leaf = name.rpartition(".")
    beside = {one.rpartition(".")[2] for one in _KNOWN if one.rpartition(".")[0] == table}
    tls = not dot or table != "routes" or leaf.startswith("tls")
    wanted = leaf.replace("-", "_")
    near = difflib.get_close_matches(wanted, beside, n=1, cutoff=_LIKE_ENOUGH) if tls else []
    return near[0] if near else None
