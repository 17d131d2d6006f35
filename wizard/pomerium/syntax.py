"""YAML with positions: text to a tree of nodes.

Reading stops at ruamel's events, because they carry the exact span of every node, aliases included,
which ruamel's loaders give up.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Never

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scanner import Scanner, ScannerError

from wizard.core.errors import WizardError

Kind = Literal["scalar", "alias", "sequence", "mapping"]

STRING = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"
MERGE_KEY = "<<"
_DEEPEST = 100
_ODD_LINE_END = re.compile("[\\x85\\u2028\\u2029\\ufeff]")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """One node of a YAML text.

    `start` and `end` index the text and include an anchor or tag; `line` and `column` count from
    1, for people. `open` is where the content of a collection starts: at the first dash or key of a
    block, behind the bracket of a flow. `value` is a scalar's text or an alias's name; `target` is
    what an alias names.
    """

    kind: Kind
    start: int
    end: int
    open: int
    line: int
    column: int
    tag: str = ""
    value: str = ""
    style: str | None = None
    anchor: str | None = None
    flow: bool = False
    indent: int = 0
    items: tuple["Node", ...] = ()
    pairs: tuple[tuple["Node", "Node"], ...] = ()
    target: "Node | None" = None

    @property
    def empty(self) -> bool:
        """Whether nothing at all is written here, not even `null`."""
        return self.kind == "scalar" and self.start == self.end

    @property
    def is_null(self) -> bool:
        """Whether this is null, written or not."""
        return self.kind == "scalar" and self.tag == NULL


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed text: its root (None for a text without content) and where its content must stop."""

    root: Node | None
    end: int


def compose(text: str, name: str) -> Tree:
    """The tree of `text`; `name` is the file's name for errors.

    Raises:
        WizardError: `config-not-yaml`, `config-duplicate-key` or `config-many-documents`, each with
            line and column.

    """
    odd = _ODD_LINE_END.search(text)
    if odd is not None:
        what = "is a line end to some readers of YAML and not to others"
        _refuse(name, *_place(text, odd.start()), f"the character U+{ord(odd[0]):04X} {what}")
    reader = YAML(typ="safe", pure=True)
    reader.Scanner = _Scanner
    try:
        return _Composer(text, name, iter(reader.parse(text))).tree()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(name, mark.line + 1, mark.column + 1, _sentence(error))
    except ReaderError as error:
        what = f"the character U+{ord(text[int(error.position)]):04X} is not allowed"
        _refuse(name, *_place(text, int(error.position)), what)
    except (YAMLError, AssertionError, ValueError):
        # The latter two are how ruamel answers a version it does not know.
        _refuse(name, 1, 1, "this is not YAML 1.1 or 1.2")


def _place(text: str, at: int) -> tuple[int, int]:
    """Line and column of an index, both from 1."""
    before = text[:at]
    return before.count("\n") + 1, at - before.rfind("\n")


def _sentence(error: MarkedYAMLError) -> str:
    problem = _without_quotes(str(error.problem or "this is not YAML"))
    if "'\\t'" in problem:
        return "a tab stands where YAML allows only spaces"
    context = _without_quotes(str(error.context or ""))
    return f"{context}, {problem}" if context else problem


def _without_quotes(message: str) -> str:
    """The message on one line, without longer quotes from the text: they may be of a secret."""
    shown = re.sub(r"('(?:<[^']*>|.|\\.)')|'[^']*'", lambda m: m[1] or "'…'", message)
    return " ".join(shown.split())


def _refuse(
    name: str,
    line: int,
    column: int,
    what: str,
    *,
    code: str = "config-not-yaml",
    hint: str = "Correct that line and run again; the file was left as it is.",
) -> Never:
    summary = f"{name}, line {line}, column {column}: {what}."
    # Without a cause: ruamel's errors quote the line, which may hold a secret.
    raise WizardError(code, summary, hint) from None


class _Scanner(Scanner):
    """Takes a tab between tokens for white space, as YAML and Pomerium do, but never as indent.

    It also tells where an escape stands that is beyond Unicode, which ruamel's trips over.
    """

    # `typing.override` is newer than the oldest Python we run on.
    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        reader = self.reader
        while reader.peek() == "\t":
            ahead = 0
            while reader.peek(ahead) in " \t":
                ahead += 1
            if self.allow_simple_key and reader.peek(ahead) not in "#\r\n\0":
                return
            reader.forward(ahead)
            super().scan_to_next_token()

    def scan_flow_scalar_non_spaces(self, double: object, start_mark: object) -> object:
        try:
            return super().scan_flow_scalar_non_spaces(double, start_mark)
        except (ValueError, OverflowError) as error:
            problem = "this escape stands for no character"
            raise ScannerError(None, None, problem, self.reader.get_mark()) from error


class _Composer:
    """Builds nodes from events, one document deep."""

    def __init__(self, text: str, name: str, events: Iterator[Event]) -> None:
        self._text = text
        self._name = name
        self._events = events
        self._anchors: dict[str, Node | None] = {}
        self._resolver = VersionedResolver()

    def tree(self) -> Tree:
        """The only document's tree."""
        root: Node | None = None
        end = len(self._text)
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(
                        event,
                        "a second document starts here; Pomerium reads one",
                        code="config-many-documents",
                        hint="Keep one document, without a second `---`; the file was left.",
                    )
                root = self._node(next(self._events), 0)
            elif isinstance(event, DocumentEndEvent) and event.explicit:
                end = event.start_mark.index
        return Tree(None if root is None or root.empty else root, end)

    def _refuse(
        self,
        event: Event,
        what: str,
        *,
        code: str = "config-not-yaml",
        hint: str = "Correct that line and run again; the file was left as it is.",
    ) -> Never:
        mark = event.start_mark
        _refuse(self._name, mark.line + 1, mark.column + 1, what, code=code, hint=hint)

    def _node(self, event: Event, depth: int) -> Node:
        if depth > _DEEPEST:
            self._refuse(event, f"this is nested more than {_DEEPEST} levels deep")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if not isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
            self._refuse(event, "a value is expected here")
        anchor = str(event.anchor) if event.anchor else None
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, anchor)
        elif isinstance(event, SequenceStartEvent):
            node = self._sequence(event, anchor, depth)
        else:
            node = self._mapping(event, anchor, depth)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _alias(self, event: AliasEvent) -> Node:
        name = str(event.anchor)
        if name not in self._anchors:
            self._refuse(event, "this `*` stands for an anchor, and none above has its name")
        target = self._anchors[name]
        if target is None:
            self._refuse(event, "this alias stands inside its own anchor")
        start, end = event.start_mark, event.end_mark
        return Node(
            "alias",
            start.index,
            end.index,
            end.index,
            start.line + 1,
            start.column + 1,
            value=name,
            target=target,
        )

    def _scalar(self, event: ScalarEvent, anchor: str | None) -> Node:
        start, end = event.start_mark, event.end_mark
        value = str(event.value)
        if event.tag is not None:
            tag = str(event.tag)
        elif event.implicit[0]:
            tag = str(self._resolver.resolve(ScalarNode, value, (True, False)))
        else:
            tag = STRING
        return Node(
            "scalar",
            start.index,
            end.index,
            end.index,
            start.line + 1,
            start.column + 1,
            tag=tag,
            value=value,
            style=event.style,
            anchor=anchor,
        )

    def _sequence(self, event: SequenceStartEvent, anchor: str | None, depth: int) -> Node:
        items: list[Node] = []
        inner = next(self._events)
        while not isinstance(inner, SequenceEndEvent):
            items.append(self._node(inner, depth + 1))
            inner = next(self._events)
        start, opened = event.start_mark, event.end_mark
        first = opened.index
        indent = opened.column
        if not event.flow_style and self._text[first : first + 1] != "-":
            # Dashes in their key's own column: ruamel's mark stands behind the first one.
            first, indent = first - 1, indent - 1
        return Node(
            "sequence",
            start.index,
            inner.end_mark.index,
            first,
            start.line + 1,
            start.column + 1,
            tag=str(event.tag or ""),
            anchor=anchor,
            flow=bool(event.flow_style),
            indent=indent,
            items=tuple(items),
        )

    def _mapping(self, event: MappingStartEvent, anchor: str | None, depth: int) -> Node:
        pairs: list[tuple[Node, Node]] = []
        seen: set[str] = set()
        inner = next(self._events)
        while not isinstance(inner, MappingEndEvent):
            key = self._node(inner, depth + 1)
            # Pomerium's settings know no case; of two that differ in it, either may win.
            spelling = key.value if depth else key.value.lower()
            if key.kind == "scalar" and spelling in seen:
                first = next(k for k, _ in pairs if spelling in (k.value, k.value.lower()))
                self._refuse(
                    inner,
                    f"the key {key.value!r} was already given on line {first.line}",
                    code="config-duplicate-key",
                    hint="Keep one of the two lines; the file was left as it is.",
                )
            if key.kind == "scalar":
                seen.add(spelling)
            pairs.append((key, self._node(next(self._events), depth + 1)))
            inner = next(self._events)
        start, opened = event.start_mark, event.end_mark
        return Node(
            "mapping",
            start.index,
            inner.end_mark.index,
            opened.index,
            start.line + 1,
            start.column + 1,
            tag=str(event.tag or ""),
            anchor=anchor,
            flow=bool(event.flow_style),
            indent=opened.column,
            pairs=tuple(pairs),
        )


def merged(mapping: Node) -> list[Node]:
    """The mappings `mapping` takes missing keys from by `<<`, nearest first."""
    found: list[Node] = []
    for key, value in mapping.pairs:
        if key.kind == "scalar" and key.value == MERGE_KEY:
            source = value.target or value
            found += [item.target or item for item in source.items] or [source]
    return [node for node in found if node.kind == "mapping"]
