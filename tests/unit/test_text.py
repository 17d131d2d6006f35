"""Events and plans as lines for people."""

import io
from typing import get_args

import pytest

from wizard.core.actions import ChangeKind
from wizard.core.elevation import Elevation
from wizard.core.errors import ExitCode, UsageError
from wizard.core.events import (
    ActionDone,
    ActionFailed,
    ActionSkipped,
    ActionStarted,
    ActionUndone,
    DnsChecked,
    DnsRecord,
    DnsRecords,
    Event,
    Finding,
    Finished,
    NameserverAnswer,
    OrderChanged,
    PrivilegeNeeded,
    Proof,
    RecordsLeft,
    RunStarted,
)
from wizard.core.system import System
from wizard.headless.text import OUTCOMES, SIGNS, Text

ELEVATION = Elevation(System(), may_ask=False)
RECORD = DnsRecord(
    "_acme-challenge.a.example", "TXT", "v1", "a.example", "_acme-challenge", "", ("a.example",)
)
OTHER = RECORD._replace(value="v2")
SHOWN: list[tuple[Event, str]] = [
    (RunStarted("0001", 3), ""),
    (ActionStarted("a", "write x"), ""),
    (ActionDone("a", "write x"), "✓ write x\n"),
    (ActionUndone("a", "write x"), "↶ taken back: write x\n"),
    (
        ActionSkipped("a", "trust y", "it needs root", ("cp a b", "update")),
        "! left out: trust y, because it needs root. In a root shell:\n    cp a b\n    update\n",
    ),
    (
        ActionFailed("a", "write x", "disk-full", "It is full.", "Free some.", fatal=True),
        "✗ write x: It is full. [disk-full]\n  Free some.\n",
    ),
    (
        PrivilegeNeeded(("cp a b",), ELEVATION),
        "» these commands need root:\n    cp a b\n",
    ),
    (
        DnsRecords("Let's Encrypt", "manual", (RECORD, OTHER), "2025-01-08T00:00:00+00:00"),
        (
            "Create these records, before 2025-01-08T00:00:00+00:00:\n"
            "  in the zone a.example:\n"
            "    name   _acme-challenge.a.example\n"
            "    host   _acme-challenge    (where the form adds the zone itself)\n"
            "    type   TXT\n"
            "    value  v1\n"
            "\n"
            "    name   _acme-challenge.a.example\n"
            "    host   _acme-challenge    (where the form adds the zone itself)\n"
            "    type   TXT\n"
            "    value  v2\n"
            "\n"
            "  Records of the same name stand side by side: add each, replace none.\n"
        ),
    ),
    (
        DnsChecked(
            (NameserverAnswer(RECORD.name, "ns1", "192.0.2.1", "partial", (), ("v2",), 60, ""),),
            (Finding("one-of-two", "error", "One is missing.", "Add it."),),
            ready=False,
            next_check=5,
            at="",
            expires="",
        ),
        (
            "… ns1 [192.0.2.1] has only some of it: _acme-challenge.a.example\n"
            "✗ One is missing. [one-of-two]\n    Add it.\n"
        ),
    ),
    (OrderChanged("Let's Encrypt", "a.example", "valid", ""), "· a.example: valid\n"),
    (
        RecordsLeft((RECORD,), by_hand=True),
        "These records may be removed now:\n    _acme-challenge.a.example  TXT  v1\n",
    ),
    (Proof("curl", "accepted", "", ""), "✓ curl accepted\n"),
    (Proof("curl", "refused", "no root", "do this"), "✗ curl refused: no root\n    do this\n"),
    (Proof("curl", "unknown", "timeout", ""), "? curl unknown: timeout\n"),
]


def said(event: Event, *, verbose: bool = False) -> str:
    stream = io.StringIO()
    Text(stream, verbose=verbose).event(event)
    return stream.getvalue()


@pytest.mark.parametrize(("event", "text"), SHOWN, ids=lambda one: type(one).__name__)
def test_an_event_is_told(event: Event, text: str) -> None:
    assert said(event) == text


def test_every_kind_of_event_and_change_is_shown_here() -> None:
    kinds = {type(event) for event, _ in SHOWN} | {Finished}
    assert kinds >= set(get_args(Event)) - {type(None)}
    assert set(SIGNS) == set(ChangeKind)


def test_more_is_said_when_asked_for() -> None:
    assert said(RunStarted("0001", 3), verbose=True) == "  run 0001\n"
    assert said(ActionStarted("a", "write x"), verbose=True) == "… write x\n"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_end_is_told(outcome: str) -> None:
    assert said(Finished(outcome, 0, "0001")).startswith(OUTCOMES[outcome])


@pytest.mark.parametrize("code", [ExitCode.PRIVILEGE, ExitCode.NEEDS_CLEANUP])
def test_an_end_with_something_left_out_does_not_sound_whole(code: ExitCode) -> None:
    assert said(Finished("done", int(code), "0001")).startswith("Done, except")


def test_an_error_has_its_code_and_what_to_do() -> None:
    stream = io.StringIO()
    Text(stream).error(UsageError("usage", "No such thing.", "See there."))
    assert stream.getvalue() == "✗ No such thing. [usage]\n  See there.\n"


def test_whatever_an_error_quotes_it_is_one_line_that_can_be_read() -> None:
    stream = io.StringIO()
    name, path = "a" * 100_000, "/d" * 150
    Text(stream).error(UsageError("x", f"Not \x1b[31m{name}\n in {path}, ü.", f"Look at {name}."))
    problem, hint = stream.getvalue().splitlines()
    assert len(problem) < 1000
    assert problem.startswith(r"✗ Not \x1b[31maaa")
    assert problem.endswith(rf"aaa\n in {path}, ü. [x]")
    assert hint == f"  Look at {name}."
