"""A plan is done in order, told as events, and taken back whenever it does not come to its end."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from wizard.core import apply, events
from wizard.core.actions import Action, Change, RestoreFile, WriteFile
from wizard.core.answers import Answers
from wizard.core.control import Control
from wizard.core.elevation import Elevation
from wizard.core.errors import ExitCode, ResumableError, WizardError
from wizard.core.events import Event
from wizard.core.journal import Journal, Run
from wizard.core.plan import Plan
from wizard.core.system import Command, System
from wizard.engine import settle

BROKEN = WizardError("broken", "It broke.", "Mend it.")


class Plain(System):
    """A machine on which we are not root."""

    is_root = False  # type: ignore[assignment]


@dataclass
class Step:
    """Writes a file, and fails or needs root when it is told to; `meanwhile` looks on."""

    path: Path
    error: WizardError | None = None
    isolated: bool = False
    commands: tuple[Command, ...] = ()
    meanwhile: Callable[[], None] = lambda: None

    @property
    def inner(self) -> WriteFile:
        return WriteFile(self.path, "thing", "So.", lambda: b"new")

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def title(self) -> str:
        return f"write {self.path.name}"

    def preview(self) -> Change:
        return self.inner.preview()

    def privileged(self, _system: System) -> Sequence[Command]:
        return self.commands

    def undo(self, system: System, run: Run) -> RestoreFile:
        return self.inner.undo(system, run)

    def apply(self, system: System) -> None:
        self.meanwhile()
        self.inner.apply(system)
        if self.error is not None:
            raise self.error


@pytest.fixture
def system() -> System:
    return Plain(env={"PATH": "/nowhere"})


@pytest.fixture
def journal(system: System, tmp_path: Path) -> Journal:
    made = Journal(system, tmp_path / "state")
    made.open()
    return made


def running(
    journal: Journal,
    *steps: Step,
    prove: Callable[[], Iterator[Event]] = lambda: iter(()),
    control: Control | None = None,
) -> "Generator[Event]":
    plan = Plan(Answers({"strategy": "local-ca"}), ("strategy",), cast("tuple[Action, ...]", steps))
    found = apply.apply(
        plan,
        journal.system,
        journal,
        elevation=Elevation(journal.system, may_ask=False),
        prove=prove,
        control=control or Control(),
    )
    return cast("Generator[Event]", found)


def told(happened: Sequence[Event]) -> list[str]:
    return [
        " ".join((events.name_of(type(event)), str(getattr(event, "id", "")))).strip()
        for event in happened
    ]


def finished(happened: Sequence[Event]) -> tuple[str, int]:
    last = happened[-1]
    assert isinstance(last, events.Finished)
    return last.outcome, last.exit_code


def test_actions_are_done_in_order_and_then_proven(journal: Journal, tmp_path: Path) -> None:
    proof = events.Proof("curl", "accepted", "", "")
    steps = [Step(tmp_path / "a"), Step(tmp_path / "b")]
    happened = list(running(journal, *steps, prove=lambda: iter((proof,))))
    assert told(happened) == [
        "run-started",
        *("action-started a", "action-done a", "action-started b", "action-done b"),
        *("proof", "finished"),
    ]
    assert finished(happened) == ("done", 0)
    (run,) = journal.applied()
    assert run.first()["begin"] == {"schema_version": 1, "strategy": "local-ca"}
    assert (tmp_path / "b").read_bytes() == b"new"


def test_the_undo_of_a_step_is_on_disk_before_it_is_taken(journal: Journal, tmp_path: Path) -> None:
    recorded = []

    def look() -> None:
        (run,) = journal.runs()
        recorded.append([step for step, _, _ in apply.undos(run)])

    list(running(journal, *(Step(tmp_path / name, meanwhile=look) for name in "ab")))
    assert recorded == [["a"], ["b", "a"]]


@pytest.mark.parametrize("code", [ExitCode.FAILED, ExitCode.REFUSED_BY_AUTHORITY])
def test_a_failure_takes_everything_back_last_first(
    journal: Journal, tmp_path: Path, code: ExitCode
) -> None:
    broken = WizardError("broken", "It broke.", "Mend it.", exit_code=code)
    steps = [Step(tmp_path / "a"), Step(tmp_path / "b", broken), Step(tmp_path / "c")]
    happened = list(running(journal, *steps))
    assert told(happened)[-5:] == [
        *("action-started b", "action-failed run"),
        *("action-undone b", "action-undone a", "finished"),
    ]
    assert finished(happened) == ("rolled-back", code)
    assert not any((tmp_path / name).exists() for name in "abc")
    assert journal.applied() == journal.cut_off() == []


def test_a_run_that_can_be_gone_on_with_says_so_and_leaves_nothing(
    journal: Journal, tmp_path: Path
) -> None:
    waits = ResumableError("waits", "It waits.", "Run again.", exit_code=ExitCode.WAITING)
    *_, end = running(journal, Step(tmp_path / "a"), Step(tmp_path / "b", waits))
    assert isinstance(end, events.Finished)
    assert (end.outcome, end.exit_code) == ("waiting", 3)
    assert {path.name for path in tmp_path.iterdir()} == {"state"}


def test_a_failed_proof_takes_everything_back(journal: Journal, tmp_path: Path) -> None:
    def prove() -> Iterator[Event]:
        yield events.Proof("curl", "refused", "", "")
        raise BROKEN

    happened = list(running(journal, Step(tmp_path / "a"), prove=prove))
    assert finished(happened) == ("rolled-back", 1)
    assert not (tmp_path / "a").exists()


def test_an_isolated_failure_is_told_and_the_rest_goes_on(journal: Journal, tmp_path: Path) -> None:
    steps = [Step(tmp_path / "a", BROKEN, isolated=True), Step(tmp_path / "b")]
    happened = list(running(journal, *steps))
    assert told(happened)[2:5] == ["action-failed a", "action-started b", "action-done b"]
    assert finished(happened) == ("done", ExitCode.NEEDS_CLEANUP)
    (run,) = journal.applied()
    assert [step for step, _, _ in apply.undos(run)] == ["b", "a"]


def test_what_needs_root_comes_last_is_asked_for_once_and_left_out_without(
    journal: Journal, tmp_path: Path
) -> None:
    first, second = (Command((name,), as_root=True) for name in ("first", "second"))
    steps = [
        Step(tmp_path / "a", commands=(first,)),
        Step(tmp_path / "b"),
        Step(tmp_path / "c", commands=(second,)),
    ]
    happened = list(running(journal, *steps))
    assert told(happened)[1:] == [
        *("action-started b", "action-done b", "privilege-needed"),
        *("action-started a", "action-skipped a", "action-started c", "action-skipped c"),
        "finished",
    ]
    (asked,) = [event for event in happened if isinstance(event, events.PrivilegeNeeded)]
    assert asked.commands == ("first", "second")
    assert finished(happened) == ("done", ExitCode.PRIVILEGE)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("moment", ["action-done a", "privilege-needed", "action-done b"])
def test_a_person_who_stops_the_run_gets_everything_back(
    journal: Journal, tmp_path: Path, moment: str
) -> None:
    control = Control()
    as_root = (Command(("true",), as_root=True),)
    steps = [Step(tmp_path / "a"), Step(tmp_path / "b"), Step(tmp_path / "c", commands=as_root)]
    happened = []
    for event in running(journal, *steps[: 2 if moment.endswith("b") else 3], control=control):
        happened.append(event)
        if told([event]) == [moment]:
            control.stop()
    after = told(happened)[told(happened).index(moment) + 1 :]
    assert after[0] == "action-failed run"
    assert not any(line.startswith("action-started") for line in after)
    (failure,) = [event for event in happened if isinstance(event, events.ActionFailed)]
    assert failure.code == "interrupted"
    assert finished(happened) == ("rolled-back", ExitCode.INTERRUPTED)
    assert not any((tmp_path / name).exists() for name in "abc")


@pytest.mark.parametrize("seen", range(1, 9))
def test_whoever_stops_listening_gets_everything_back(
    journal: Journal, tmp_path: Path, seen: int
) -> None:
    """At every event, those of taking back included."""
    steps = [Step(tmp_path / "a"), Step(tmp_path / "b", BROKEN)]
    assert len(list(running(journal, *steps))) == 8
    run = running(journal, *steps)
    for _ in range(seen):
        next(run)
    run.close()
    assert not any((tmp_path / name).exists() for name in "ab")
    assert journal.cut_off() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, OSError])
def test_whatever_is_raised_everything_is_taken_back(
    journal: Journal, tmp_path: Path, error: type[BaseException]
) -> None:
    def raising() -> None:
        raise error

    steps = [Step(tmp_path / "a"), Step(tmp_path / "b", meanwhile=raising)]
    with pytest.raises(error):
        list(running(journal, *steps))
    assert not (tmp_path / "a").exists()
    assert journal.cut_off() == []


def test_a_stopped_run_that_stays_half_done_is_never_called_whole(
    journal: Journal, tmp_path: Path
) -> None:
    def block() -> None:
        (tmp_path / "a").unlink()
        (tmp_path / "a").mkdir()
        raise KeyboardInterrupt

    steps = [Step(tmp_path / "a"), Step(tmp_path / "b", meanwhile=block)]
    with pytest.raises(WizardError) as caught:
        list(running(journal, *steps))
    assert (caught.value.code, caught.value.exit_code) == ("run-cut-off", ExitCode.NEEDS_CLEANUP)
    assert str(tmp_path / "a") in caught.value.hint
    assert len(journal.cut_off()) == 1


def test_a_step_that_cannot_be_taken_back_is_told_and_tried_again(
    journal: Journal, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    blocked = tmp_path / "b/file"

    def block() -> None:
        """Where the file was there is now a directory."""
        blocked.unlink()
        blocked.mkdir()

    steps = [Step(tmp_path / "a"), Step(blocked), Step(tmp_path / "c", BROKEN, meanwhile=block)]
    happened = list(running(journal, *steps))
    assert finished(happened) == ("needs-cleanup", ExitCode.NEEDS_CLEANUP)
    assert "action-failed file" in told(happened)
    assert not (tmp_path / "a").exists()
    (run,) = journal.cut_off()
    with pytest.raises(WizardError):
        list(settle(journal.system, journal, may_ask=False))
    blocked.rmdir()
    assert told(list(settle(journal.system, journal, may_ask=False)))[-1] == "action-undone a"
    assert journal.cut_off() == []
    assert run.outcome() == "rolled-back"


def test_settling_what_is_settled_does_nothing(journal: Journal, tmp_path: Path) -> None:
    list(running(journal, Step(tmp_path / "a")))
    assert list(settle(journal.system, journal, may_ask=False)) == []
    assert (tmp_path / "a").exists()
