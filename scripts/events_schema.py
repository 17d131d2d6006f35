"""Writes docs/events.schema.json: what a line of `--json` may hold, made from the types."""

import inspect
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args

from wizard.adopt.base import Note
from wizard.core import events
from wizard.core.actions import Change, ChangeKind
from wizard.core.events import Json
from wizard.core.registry import Info
from wizard.doctor.grade import LEVELS, Finding, Grade, Level
from wizard.mtls.base import Expiry
from wizard.trust.base import Trust
from wizard.upkeep import Certificate

PAGE = Path(__file__).parent.parent / "docs" / "events.schema.json"
Schema = dict[str, Json]
STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
STRINGS: Schema = {"type": "array", "items": STRING}
ENUMS: Mapping[str, list[Json]] = {
    "outcome": ["done", "nothing-to-do", "rolled-back", "undone", "needs-cleanup", "waiting"],
    "level": ["error", "warning", "info"],
    "verdict": ["accepted", "refused", "unknown"],
    "kind": [kind.value for kind in ChangeKind],
    "trust": [trust.value for trust in Trust],
}
TYPES: Mapping[object, Schema] = {
    str: STRING,
    int: INTEGER,
    bool: {"type": "boolean"},
    Path: STRING,
    ChangeKind: STRING,
    Level: {"type": "string", "enum": [*LEVELS]},
    tuple[str, ...]: STRINGS,
    datetime: {"type": "string", "format": "date-time"},
}


def of(annotation: object) -> Schema | None:
    """A field's schema from its type; None for a field that is not data."""
    (part,) = get_args(annotation)[:1] or (None,)
    if part in {*events.Parts, Expiry} and isinstance(part, type):
        return {"type": "array", "items": record(said(part), fields(part))}
    if isinstance(annotation, UnionType):
        one, none = get_args(annotation)
        assert none is NoneType, annotation
        schema = of(one) or {}
        return {**schema, "type": [schema["type"], "null"]}
    return TYPES.get(annotation)


def fields(kind: type) -> dict[str, Json]:
    """The schemas of a NamedTuple's fields."""
    found = {name: of(annotation) for name, annotation in inspect.get_annotations(kind).items()}
    return {name: schema for name, schema in found.items() if schema is not None}


def record(description: str, properties: Mapping[str, Json]) -> Schema:
    """An object with these properties, all of them, and no others."""
    known = {
        name: {**schema, "enum": schema.get("enum", ENUMS[name])} if name in ENUMS else schema
        for name, schema in properties.items()
        if isinstance(schema, dict)
    }
    return {
        "description": description,
        "type": "object",
        "properties": {**known},
        "required": [*known],
        "additionalProperties": False,
    }


def row(name: str, description: str, properties: Mapping[str, Json]) -> Schema:
    """One line of the output."""
    schema = record(description, properties)
    schema["properties"] = {"event": {"const": name}, **dict(schema["properties"])}  # type: ignore[arg-type]
    schema["required"] = ["event", *list(schema["required"])]  # type: ignore[arg-type]
    return schema


def said(kind: type) -> str:
    """What a class says about itself first; the rest is for whoever programs with it."""
    first, _, _ = (inspect.getdoc(kind) or "").partition("\n\n")
    return " ".join(first.split())


def schema() -> Schema:
    """The whole schema (JSON Schema 2020-12)."""
    rows = {events.name_of(kind): (said(kind), fields(kind)) for kind in get_args(events.Event)}
    rows["notice"] = ("What a person should know about a plan.", {"text": STRING})
    rows["plan"] = (
        "What would be done: the complete answers, and every change in order.",
        {
            "answers": {"type": "object"},
            "changes": {"type": "array", "items": {"$ref": "#/$defs/change"}},
            "notices": STRINGS,
        },
    )
    rows["error"] = (
        "It could not be done: a stable code, what is wrong and where, and what to do next.",
        {"code": STRING, "summary": STRING, "hint": STRING, "exit_code": INTEGER},
    )
    rows["certificate"] = (said(Certificate), fields(Certificate))
    rows["trust"] = (
        "How far one place trusts one root of ours; `files_lost` when only the store has it.",
        {
            **dict.fromkeys(("root", "store", "place", "trust", "reason"), STRING),
            "files_lost": {"type": "boolean"},
        },
    )
    rows["finding"] = (said(Finding), fields(Finding))
    rows["grade"] = (said(Grade), fields(Grade))
    rows["client"] = (
        "A client certificate; `revoked` since then, or null. `fingerprint` is SHA-256 in hex.",
        {
            **dict.fromkeys(("name", "serial", "expires", "fingerprint"), STRING),
            "revoked": {"type": ["string", "null"]},
        },
    )
    rows["part"] = (said(Info), fields(Info))
    rows["schema"] = ("The JSON Schema of an answers file.", {"schema": {"type": "object"}})
    rows["answers"] = (
        "Answers to begin with, as a file holds them.",
        {"answers": {"type": "object"}},
    )
    rows["adopted"] = (
        "Answers for a configuration that is there; a note is about a key, or about all of them.",
        {
            "config": STRING,
            "answers": {"type": "object"},
            "notes": {"type": "array", "items": record(said(Note), fields(Note))},
        },
    )
    change = record(said(Change), {"id": STRING, **fields(Change)})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of pomcert-wizard --json",
        "description": "Each line on stdout is one object; `event` says which.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in rows],
        "$defs": {**{name: row(name, *parts) for name, parts in rows.items()}, "change": change},
    }


def page() -> str:
    """The whole file."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
