"""Edits of a YAML text that leave every other byte alone.

An edit is a few splices at the positions of nodes; what is spliced in comes from ruamel's emitter.
A result is handed out only after it was parsed again and found to hold exactly the intended data.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from wizard.core.errors import WizardError
from wizard.pomerium.document import Document, own, parse, walk
from wizard.pomerium.emitter import Quotes, Value, block_lines, flow_text
from wizard.pomerium.syntax import Node

Shape: TypeAlias = "str | tuple[Shape, ...] | None"
"""Data to compare: kinds, tags, anchors, values as nested tuples; no styles, no order of keys."""

_COLON = re.compile(r"\s*:")
_REST_OF_LINE = re.compile(r"[ \t]*(,?)[ \t]*(?:(?<=[ \t,])#[^\r\n]*)?(\r\n|\r|\n)")


@dataclass(slots=True)
class _FlowTail:
    """What joins a flow collection behind its last element."""

    last: Node | None
    end: int
    texts: list[str] = field(default_factory=list)


class Editor:
    """Collects changes to one document; `finish` gives the new bytes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._text = document.text
        self._splices: list[tuple[int, int, int, str]] = []
        self._tails: dict[Node, _FlowTail] = {}
        self._replaced: dict[Node, Shape] = {}
        self._added: dict[Node | None, list[Shape]] = {}

    def set(self, mapping: Node | None, key: str, value: Value) -> None:
        """Gives `key` of `mapping` this value; None is the top level of a document without content.

        Raises:
            WizardError: `config-anchor-shared` when an alias elsewhere uses the present value.

        """
        found = own(mapping, key) if mapping is not None else None
        if mapping is not None and found is not None:
            self._replace(mapping, *found, value)
            return
        if mapping is not None:
            self._refuse_shared(mapping)
        self._added.setdefault(mapping, []).append((_shape_of(key), _shape_of(value)))
        if mapping is not None and mapping.flow:
            last = mapping.pairs[-1] if mapping.pairs else None
            text = flow_text({key: value}, self._quotes())[1:-1]
            if last is None:
                self._tail(mapping, None, mapping.open, text)
            else:
                self._tail(mapping, last[0], self._content_end(last[1], last[0]), text)
            return
        indent = mapping.indent if mapping is not None else 0
        lines = self._pair_lines(key, value)
        if mapping is not None and self._ends_in_open_block(mapping):
            between = self._document.newline + " " * indent
            self._splice(mapping.open, mapping.open, between.join([*lines, ""]))
        elif mapping is not None and mapping is not self._document.root:
            self._add_lines(self._line_end(self._content_end(mapping)), indent, lines)
        else:
            self._add_lines(self._document.end, indent, lines)

    def append(self, sequence: Node, value: Value) -> None:
        """Adds an item behind the last one, written the way the last one is.

        Raises:
            WizardError: `config-anchor-shared` when an alias elsewhere uses the sequence.

        """
        self._refuse_shared(sequence)
        self._added.setdefault(sequence, []).append(_shape_of(value))
        last = sequence.items[-1] if sequence.items else None
        quotes = self._quotes(last)
        if sequence.flow:
            end = sequence.open if last is None else self._content_end(last)
            self._tail(sequence, last, end, flow_text(value, quotes))
            return
        flow_items = last is not None and last.flow
        width = self._dash_width(sequence, last)
        lines = block_lines([value], quotes, width=width, flow_items=flow_items)
        self._add_lines(self._line_end(self._content_end(sequence)), sequence.indent, lines)

    def replace_item(self, sequence: Node, index: int, value: Value) -> None:
        """Gives an item that is an alias a value of its own."""
        item = sequence.items[index]
        self._replaced[item] = _shape_of(value)
        self._splice(item.start, item.end, flow_text(value, Quotes()))

    def finish(self) -> Document:
        """The new document, proven; one with the same text when nothing changed.

        Raises:
            WizardError: `config-edit-unproven` when the text would not hold the intended data.

        """
        for node, tail in self._tails.items():
            self._splice_tail(node, tail)
        parts: list[str] = []
        at = 0
        for start, _, end, new in sorted(self._splices, key=lambda splice: splice[:2]):
            parts += self._text[at:start], new
            at = end
        return self._proven("".join([*parts, self._text[at:]]))

    def _proven(self, text: str) -> Document:
        document = self._document
        try:
            result = parse(document.encode(text), document.name)
        except WizardError as error:
            raise self._unproven() from error
        if _shape(result.root, {}, {}) != _shape(document.root, self._replaced, self._added):
            raise self._unproven()
        return result

    def _unproven(self) -> WizardError:
        return WizardError(
            "config-edit-unproven",
            f"{self._document.name} is written in a way that could not be edited safely.",
            "Add the certificate by hand, or write `certificates:` as a plain list; "
            "the file was left as it is.",
        )

    def _replace(self, mapping: Node, key: Node, node: Node, value: Value) -> None:
        self._refuse_shared(node)
        self._replaced[node] = _shape_of(value, node.anchor)
        if node.empty:
            colon = self._behind_colon(key)
            if isinstance(value, list) and not mapping.flow:
                lines = self._pair_lines(key.value, value)[1:]
                self._add_lines(self._line_end(colon), mapping.indent, lines)
            else:
                self._splice(colon, colon, " " + flow_text(value, self._quotes()))
            return
        written = self._text[node.start : node.end]
        line_ends = written[len(written.rstrip("\r\n")) :]
        text = flow_text(value, self._quotes(node), node.anchor)
        self._splice(node.start, node.end, text + line_ends)

    def _refuse_shared(self, node: Node) -> None:
        """Refuses to change what an alias elsewhere stands for as well."""
        root = self._document.root
        for other in walk(root) if root is not None else ():
            shared = other.target
            if shared and shared.start <= node.start and node.end <= shared.end:
                raise WizardError(
                    "config-anchor-shared",
                    f"{self._document.name}, line {shared.line}: &{shared.anchor} must change, "
                    f"but line {other.line} uses it too.",
                    f"Write the value of *{shared.anchor} out on line {other.line} and run again.",
                )

    def _pair_lines(self, key: str, value: Value) -> list[str]:
        root = self._document.root
        lists = (value for _, value in (root.pairs if root is not None else ()))
        written = (node for node in lists if node.kind == "sequence" and not node.flow)
        like = next(written, None)
        offset = like.indent - root.indent if like is not None and root is not None else 2
        return block_lines({key: value}, Quotes(), offset=offset)

    def _dash_width(self, sequence: Node, item: Node | None) -> int:
        """How far behind its dash an item starts, when it starts on the line of its dash."""
        if item is None:
            return 2
        column = item.indent if item.kind == "mapping" and not item.flow else item.column - 1
        at = item.open if item.kind == "mapping" and not item.flow else item.start
        dash = at - column + sequence.indent
        return max(2, column - sequence.indent) if self._text[dash : dash + 1] == "-" else 2

    def _quotes(self, like: Node | None = None) -> Quotes:
        """The quotes JSON wants, in what may be JSON; else those of `like`."""
        root = self._document.root
        if root is not None and root.flow and all(key.style == '"' for key, _ in root.pairs[:1]):
            return Quotes('"', '"')
        return _quotes_of(like) if like is not None else Quotes()

    def _ends_in_open_block(self, mapping: Node) -> bool:
        """Whether added lines would give the last block scalar a line end it does not have."""
        *_, last = walk(mapping)
        is_last = last.end == len(self._text) and not self._text.endswith(("\r", "\n"))
        return last.style in {"|", ">"} and is_last

    def _tail(self, node: Node, last: Node | None, end: int, text: str) -> None:
        self._tails.setdefault(node, _FlowTail(last, end)).texts.append(text)

    def _splice_tail(self, node: Node, tail: _FlowTail) -> None:
        if tail.last is None:
            self._splice(node.open, node.open, ", ".join(tail.texts))
            return
        before = self._text[self._line_start(tail.last.start) : tail.last.start]
        rest = _REST_OF_LINE.match(self._text, tail.end)
        if before.strip() or rest is None:
            self._splice(tail.end, tail.end, "".join(f", {text}" for text in tail.texts))
            return
        comma, newline = rest[1], rest[2]
        if not comma:
            self._splice(tail.end, tail.end, ",")
        lines = f",{newline}".join(before + text for text in tail.texts)
        self._splice(rest.end(), rest.end(), lines + comma + newline)

    def _add_lines(self, at: int, indent: int, lines: list[str]) -> None:
        newline = self._document.newline
        body = newline.join(" " * indent + line for line in lines)
        open_line = at > 0 and self._text[at - 1] not in "\r\n"
        new = newline + body if open_line else body + newline
        # Where several blocks end, the lines of the inner ones come first.
        self._splice(at, at, new, -indent)

    def _content_end(self, node: Node, key: Node | None = None) -> int:
        """Where what is written of a node ends; ruamel's marks of blocks include what follows."""
        if node.empty and key is not None:
            end = self._behind_colon(key)
            # In a flow, `key:,` would be read as a key that ends in a colon.
            return end + len(self._text[end:]) - len(self._text[end:].lstrip(" \t"))
        if node.kind == "sequence" and not node.flow:
            return self._content_end(node.items[-1])
        if node.kind == "mapping" and not node.flow:
            last_key, last = node.pairs[-1]
            return self._content_end(last, last_key)
        return node.end

    def _behind_colon(self, key: Node) -> int:
        colon = _COLON.match(self._text, key.end)
        return colon.end() if colon else key.end

    def _splice(self, start: int, end: int, new: str, rank: int = 0) -> None:
        self._splices.append((start, rank, end, new))

    def _line_start(self, at: int) -> int:
        return max(self._text.rfind(end, 0, at) for end in "\r\n") + 1

    def _line_end(self, at: int) -> int:
        """The index behind the line that holds `at`; `at` itself at the start of a line."""
        if at > 0 and self._text[at - 1] in "\r\n":
            return at
        found = re.compile(r"\r\n|\r|\n").search(self._text, at)
        return found.end() if found else len(self._text)


def _quotes_of(node: Node) -> Quotes:
    """The quotes a node writes its keys and values in."""
    if node.pairs:
        key, value = node.pairs[0]
        return Quotes(_quotes_of(key).values, _quotes_of(value).values)
    return Quotes(None, node.style if node.style in {"'", '"'} else None)


def _shape_of(value: Value, anchor: str | None = None) -> Shape:
    if isinstance(value, bool):
        return "scalar", anchor, "tag:yaml.org,2002:bool", str(value).lower()
    if isinstance(value, str):
        return "scalar", anchor, "tag:yaml.org,2002:str", value
    if isinstance(value, list):
        return "sequence", anchor, "", *map(_shape_of, value)
    pairs = [(_shape_of(key), _shape_of(item)) for key, item in value.items()]
    return "mapping", anchor, "", *sorted(pairs, key=repr)


def _shape(
    node: Node | None, replaced: dict[Node, Shape], added: dict[Node | None, list[Shape]]
) -> Shape:
    if node is not None and node in replaced:
        return replaced[node]
    more = added.get(node, [])
    if node is None:
        return "mapping", None, "", *sorted(more, key=repr)
    if node.kind == "alias":
        return "alias", node.value
    if node.kind == "scalar":
        return "scalar", node.anchor, node.tag, node.value
    if node.kind == "sequence":
        items = [_shape(item, replaced, added) for item in node.items]
        return "sequence", node.anchor, node.tag, *items, *more
    pairs: list[Shape] = [
        (_shape(key, replaced, added), _shape(value, replaced, added)) for key, value in node.pairs
    ]
    return "mapping", node.anchor, node.tag, *sorted(pairs + more, key=repr)
