"""Values to YAML text, always through ruamel's round-trip emitter."""

import io
from typing import NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    PlainScalarString,
    SingleQuotedScalarString,
)

Value: TypeAlias = "str | bool | list[Value] | dict[str, Value]"
_NEVER_WRAP = 10**9


class Quotes(NamedTuple):
    """The quotes (" or ' or None) new keys and values are written in."""

    keys: str | None = None
    values: str | None = None


def flow_text(value: Value, quotes: Quotes, anchor: str | None = None) -> str:
    """`value` on one line, as it may stand at any place of a YAML text."""
    made = _styled(value, quotes, flow=True, anchor=anchor)
    if isinstance(made, CommentedSeq):
        return dump(made).removesuffix("\n")
    wrapped = CommentedSeq([made])
    wrapped.fa.set_flow_style()
    # Inside a flow the emitter quotes what a flow would misread; in a block that is right as well.
    return dump(wrapped).removesuffix("\n")[1:-1]


def block_lines(
    value: Value, quotes: Quotes, *, offset: int = 0, width: int = 2, flow_items: bool = False
) -> list[str]:
    """`value` as block lines: dashes `offset` behind their key, items `width` behind their dash."""
    node = _styled(value, quotes, flow=False, flow_items=flow_items)
    return dump(node, sequence=offset + width, offset=offset).splitlines()


def dump(value: object, *, sequence: int = 4, offset: int = 2) -> str:
    """The text ruamel's round-trip emitter writes for `value`, never wrapped."""
    writer = YAML()
    writer.width = _NEVER_WRAP
    writer.brace_single_entry_mapping_in_flow_sequence = True
    writer.indent(mapping=2, sequence=sequence, offset=offset)
    stream = io.StringIO()
    writer.dump(value, stream)
    return stream.getvalue()


def commented(values: dict[str, object], start: str, comments: dict[str, str]) -> object:
    """`values` for `dump`, with a comment on top and, behind a blank line, above the given keys."""
    made = CommentedMap(values)
    made.yaml_set_start_comment(start + "\n\n")
    for key, comment in comments.items():
        if key in values:
            made.yaml_set_comment_before_after_key(key, "\n" + comment)
    return made


def _styled(
    value: Value, quotes: Quotes, *, flow: bool, flow_items: bool = False, anchor: str | None = None
) -> object:
    if isinstance(value, bool):
        return ScalarBoolean(value, anchor=anchor)
    if isinstance(value, str):
        # Go's parser takes no plain `:80` inside a flow, which ruamel would write.
        needed = "'" if flow and value.startswith((":", "?")) else None
        return _quoted(value, quotes.values or needed, anchor)
    made: CommentedSeq | CommentedMap
    inner = flow or flow_items
    if isinstance(value, list):
        made = CommentedSeq([_styled(item, quotes, flow=inner) for item in value])
    else:
        made = CommentedMap(
            (_quoted(key, quotes.keys), _styled(item, quotes, flow=inner))
            for key, item in value.items()
        )
    if anchor is not None:
        made.yaml_set_anchor(anchor, always_dump=True)
    if flow:
        made.fa.set_flow_style()
    return made


def _quoted(value: str, quote: str | None, anchor: str | None = None) -> object:
    if quote == '"':
        return DoubleQuotedScalarString(value, anchor=anchor)
    if quote == "'":
        return SingleQuotedScalarString(value, anchor=anchor)
    return value if anchor is None else PlainScalarString(value, anchor=anchor)
