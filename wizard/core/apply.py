"""Applies a plan and takes runs back. Every undo is on disk before its action begins."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from typing import cast

from wizard import __version__
from wizard.core import ourselves, registry
from wizard.core.actions import Lasting, Undo
from wizard.core.control import Control
from wizard.core.elevation import Elevation
from wizard.core.errors import ExitCode, ResumableError, WizardError
from wizard.core.events import (
    ActionDone,
    ActionFailed,
    ActionSkipped,
    ActionStarted,
    ActionUndone,
    Event,
    Finished,
    Json,
    NextStep,
    PrivilegeNeeded,
    RunStarted,
    lines,
)
from wizard.core.journal import Journal, Run, damaged
from wizard.core.plan import Plan
from wizard.core.system import Command, System


def apply(
    plan: Plan,
    system: System,
    journal: Journal,
    *,
    elevation: Elevation,
    prove: Callable[[], Iterator[Event]],
    control: Control,
) -> Iterator[Event]:
    """Runs the actions of a plan, proves the result, and commits.

    A fatal failure, a cancelled run and an abandoned iterator all roll back. The caller holds the
    journal's lock.

    Args:
        plan: what to do; privileged actions come last, together.
        system: the machine.
        journal: where the run is recorded.
        elevation: how privilege would be had; never started here, see `PrivilegeNeeded`.
        prove: runs after the last action and raises when the result does not work.
        control: how a person steers it.
    """
    answers = plan.document()
    at = system.now().isoformat()
    run = journal.begin({"begin": answers, "version": __version__, "at": at})
    settled = False
    try:
        yield RunStarted(run.id, len(plan.actions))
        code = yield from _act(plan, system, run, elevation, control)
        yield from prove()
        run.record({"outcome": "applied"})
        settled = True
        undo = ourselves.line(system, journal.directory, "undo", run.id)
        back = NextStep("Take all of this back", undo)
        yield Finished("done", int(code), run.id, (*plan.next_steps, back))
    except WizardError as error:
        yield _failed(error, fatal=True)
        try:
            stuck = yield from take_back(run, system, elevation, "rolled-back")
        except WizardError as worse:
            stuck = 1
            yield _failed(worse, fatal=False)
        settled = True
        code = ExitCode.NEEDS_CLEANUP if stuck else error.exit_code
        outcome = "waiting" if isinstance(error, ResumableError) else "rolled-back"
        yield Finished("needs-cleanup" if stuck else outcome, int(code), run.id)
    finally:
        if not settled:
            told = list(take_back(run, system, elevation, "rolled-back"))
            for event in told:
                if isinstance(event, ActionFailed):
                    raise half_done(run, f"{event.summary} {event.hint}")


def _act(
    plan: Plan, system: System, run: Run, elevation: Elevation, control: Control
) -> Generator[Event, None, ExitCode]:
    """Runs the actions one after the other; returns how the run ends when the proof holds."""
    code = ExitCode.DONE
    asked = False
    for action in sorted(plan.actions, key=lambda action: bool(action.privileged(system))):
        _stop_if(control)
        commands = tuple(action.privileged(system))
        if commands and not asked:
            asked = True
            every = tuple(c for other in plan.actions for c in other.privileged(system))
            yield from ask(every, system, elevation)
            _stop_if(control)
        yield ActionStarted(action.id, action.title)
        if commands and not (system.is_root or elevation.active):
            code = ExitCode.PRIVILEGE
            yield ActionSkipped(action.id, action.title, "it needs root", lines(commands))
            continue
        if isinstance(action, Lasting):
            yield from action.carry_on(system, control)
            yield ActionDone(action.id, action.title)
            continue
        try:
            undo = action.undo(system, run)
            run.record({"step": action.id, "title": action.title, "undo": undo.to_json()})
            action.apply(system)
        except WizardError as error:
            if not action.isolated:
                raise
            code = ExitCode.NEEDS_CLEANUP
            yield ActionFailed(
                action.id, action.title, error.code, error.summary, error.hint, fatal=False
            )
            continue
        yield ActionDone(action.id, action.title)
    _stop_if(control)
    return code


def ask(commands: tuple[Command, ...], system: System, elevation: Elevation) -> Iterator[Event]:
    """Asks for privilege once, where it is needed and not there yet."""
    if commands and not system.is_root and not elevation.active:
        yield PrivilegeNeeded(lines(commands), elevation)


def take_back(
    run: Run, system: System, elevation: Elevation, outcome: str
) -> Generator[Event, None, int]:
    """Undoes everything a run recorded, last first; returns how many steps could not be undone.

    When all of it is undone the run records `outcome`. A step that cannot be undone is told and
    stays in the record: the run then counts as cut off, and the next one tries again.
    """
    steps = undos(run)
    commands = tuple(command for _, _, undo in steps for command in undo.privileged(system))
    yield from ask(commands, system, elevation)
    if run.outcome():
        run.record({"outcome": ""})
    run.sweep()
    stuck = 0
    for step, title, undo in steps:
        try:
            undo.apply(system, run)
        except WizardError as error:
            stuck += 1
            by_hand = "; ".join(lines(tuple(undo.privileged(system)))) or error.hint
            yield ActionFailed(step, title, error.code, error.summary, by_hand, fatal=False)
        else:
            yield ActionUndone(step, title)
    if not stuck:
        # On a full disk this may fail. The run then counts as cut off, and undoing it again changes
        # nothing more.
        with contextlib.suppress(WizardError):
            run.record({"outcome": outcome})
    return stuck


def half_done(run: Run, hint: str) -> WizardError:
    """The error for a run that was cut off and cannot be taken back either."""
    return WizardError(
        "run-cut-off",
        f"Run {run.id} was cut off, and not all of it could be taken back.",
        f"{hint} Then run again, or only take it back: "
        + ourselves.line(run.system, run.directory.parents[1], "undo", run.id),
        exit_code=ExitCode.NEEDS_CLEANUP,
    )


def undos(run: Run) -> list[tuple[str, str, Undo]]:
    """Id, title and undo of every step that a run began, the last one first.

    Raises:
        WizardError: `journal-damaged` when this version cannot read one: none is undone then.
    """
    try:
        return [
            (str(entry["step"]), str(entry["title"]), _undo(entry["undo"]))
            for entry in reversed(run.entries())
            if "undo" in entry
        ]
    except (KeyError, TypeError, ValueError):
        raise damaged(run, "has an entry that this version does not know") from None


def _undo(record: Json) -> Undo:
    if not isinstance(record, dict):
        raise TypeError
    kind = cast("type[Undo]", registry.load(registry.UNDO, str(record["kind"])))
    return kind.from_json(record)


def refuse_drift(run: Run, system: System, later: str = "") -> None:
    """Refuses to take a run back where a file was changed since, perhaps by a `later` run.

    Raises:
        WizardError: `changed-since`, naming the files that would lose their changes.
    """
    changed = [drift for _, _, undo in undos(run) if (drift := undo.drift(system))]
    if changed:
        state = run.directory.parents[1]
        first = ourselves.line(system, state, "undo", later) if later else ""
        anyway = ourselves.line(system, state, "undo", run.id, "--force")
        raise WizardError(
            "changed-since",
            f"Undoing run {run.id} would lose what somebody did since: {'; '.join(changed)}.",
            "Nothing was touched. "
            + (f"First undo what came later: {first}. " if later else "")
            + f"To undo in any case: {anyway} "
            f"(the files as they are now are kept in {run.directory}).",
        )


def _failed(error: WizardError, *, fatal: bool) -> ActionFailed:
    return ActionFailed("run", "the run", error.code, error.summary, error.hint, fatal)


def _stop_if(control: Control) -> None:
    if control.stopped:
        raise WizardError(
            "interrupted",
            "You stopped the run.",
            "Run again when you are ready; everything is as it was before.",
            exit_code=ExitCode.INTERRUPTED,
        )
