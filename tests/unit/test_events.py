"""Every line of --json is what docs/events.schema.json says, and the file is what the code says."""

import importlib.util
import json
from types import ModuleType
from typing import Any, get_args

import pytest
from conftest import REPOSITORY
from jsonschema import Draft202012Validator, ValidationError

from wizard.core import events
from wizard.core.elevation import Elevation
from wizard.core.events import Event
from wizard.core.system import Command, System

PAGE = REPOSITORY / "docs/events.schema.json"
RECORD = events.DnsRecord(
    "_acme-challenge.a.example", "TXT", "v", "a.example", "_acme-challenge", "", ("a.example",)
)
SAMPLES: list[Event] = [
    events.RunStarted("0001-20250101T000000", 3),
    events.ActionStarted("write:/a", "write /a"),
    events.ActionDone("write:/a", "write /a"),
    events.ActionSkipped("trust:system", "trust the root", "it needs root", ("update-ca",)),
    events.ActionFailed("run", "the run", "disk-full", "It is full.", "Free space.", fatal=True),
    events.PrivilegeNeeded(("update-ca",), Elevation(System(env={}), may_ask=False)),
    events.DnsRecords("Let's Encrypt", "manual", (RECORD,), "2025-01-08T00:00:00+00:00"),
    events.DnsChecked(
        (
            events.NameserverAnswer(
                "_acme-challenge.a.example", "ns1.a.example", "192.0.2.1", "ok", ("v",), (), 60, ""
            ),
        ),
        (events.Finding("name-doubled", "error", "It is at the wrong name.", "Move it."),),
        ready=False,
        next_check=5,
        at="2025-01-01T00:00:00+00:00",
        expires="2025-01-08T00:00:00+00:00",
    ),
    events.OrderChanged("Let's Encrypt", "a.example", "valid", ""),
    events.RecordsLeft((RECORD,), by_hand=True),
    events.ActionUndone("write:/a", "write /a"),
    events.Proof("curl", "refused", "unknown issuer", "curl --cacert ca.pem"),
    events.Finished("done", 0, "0001", (events.NextStep("Open it", "https://a.example"),)),
]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(PAGE.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def generator() -> ModuleType:
    path = REPOSITORY / "scripts/events_schema.py"
    spec = importlib.util.spec_from_file_location("events_schema", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_schema_is_what_the_types_say() -> None:
    assert PAGE.read_text() == generator().page(), "run: make docs"


def test_every_event_has_a_sample_here() -> None:
    assert {type(event) for event in SAMPLES} == set(get_args(Event))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_is_what_the_schema_says(event: Event, validator: Draft202012Validator) -> None:
    row = json.loads(json.dumps(events.to_json(event)))
    validator.validate(row)
    (schema,) = [one for one in validator.schema["$defs"].values() if _is_of(one, row)]
    assert schema["description"].endswith(".")
    for name in row:
        lacking: dict[str, Any] = {key: value for key, value in row.items() if key != name}
        with pytest.raises(ValidationError):
            validator.validate(lacking)
    with pytest.raises(ValidationError):
        validator.validate({**row, "more": 1})


def _is_of(schema: dict[str, Any], row: dict[str, Any]) -> bool:
    return bool(schema["properties"].get("event", {}).get("const") == row["event"])


def test_a_way_to_become_root_is_no_data() -> None:
    event = events.PrivilegeNeeded(("true",), Elevation(System(env={}), may_ask=True))
    assert events.to_json(event) == {"event": "privilege-needed", "commands": ["true"]}


def test_names_of_events_are_kebab_case() -> None:
    assert events.name_of(events.PrivilegeNeeded) == "privilege-needed"


def test_commands_are_lines_that_a_shell_takes() -> None:
    command = Command(("install", "-m", "0644", "/a b/root.pem"))
    assert events.lines((command,)) == ("install -m 0644 '/a b/root.pem'",)
