"""What happens while a plan is applied. Front ends draw events; they decide nothing."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from wizard.core.system import Command

if TYPE_CHECKING:
    from wizard.core.elevation import Elevation

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


class RunStarted(NamedTuple):
    """A run has begun; `run` is its name for `undo`."""

    run: str
    actions: int


class ActionStarted(NamedTuple):
    """An action begins."""

    id: str
    title: str


class ActionDone(NamedTuple):
    """An action is done and checked."""

    id: str
    title: str


class ActionSkipped(NamedTuple):
    """An action was left for a person, with the commands that do it."""

    id: str
    title: str
    reason: str
    commands: tuple[str, ...]


class ActionFailed(NamedTuple):
    """An action failed. When it is `fatal` the run rolls back; else the rest goes on."""

    id: str
    title: str
    code: str
    summary: str
    hint: str
    fatal: bool


class PrivilegeNeeded(NamedTuple):
    """The next actions need root, and these are all their commands.

    A front end that may ask calls `elevation.start()` before it goes on with the run; one that may
    not, or a person who refuses, goes on without. The commands are then printed and the rest done.
    """

    commands: tuple[str, ...]
    elevation: "Elevation"


class ActionUndone(NamedTuple):
    """An earlier action was taken back."""

    id: str
    title: str


class Proof(NamedTuple):
    """One client's verdict on the new certificate; `fix` is the line that makes it accept."""

    client: str
    verdict: str
    detail: str
    fix: str


class NextStep(NamedTuple):
    """What to do after a run, in words, and the line to type or the page to open."""

    what: str
    line: str


class Finished(NamedTuple):
    """The end of a run: `outcome` is done, nothing-to-do, rolled-back, undone or needs-cleanup."""

    outcome: str
    exit_code: int
    run: str
    next_steps: tuple[NextStep, ...] = ()


Event: TypeAlias = (
    RunStarted
    | ActionStarted
    | ActionDone
    | ActionSkipped
    | ActionFailed
    | PrivilegeNeeded
    | ActionUndone
    | Proof
    | Finished
)


def to_json(event: Event) -> dict[str, Json]:
    """An event as one JSON object: `{"event": "action-done", …}`."""
    row: dict[str, Json] = {"event": name_of(type(event))}
    for field, value in event._asdict().items():
        if isinstance(value, (str, int)):
            row[field] = value
        elif isinstance(value, tuple):
            row[field] = [
                {**part._asdict()} if isinstance(part, NextStep) else str(part) for part in value
            ]
    return row


def name_of(kind: type) -> str:
    """An event's name for programs: `action-done` for `ActionDone`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


def lines(commands: tuple[Command, ...]) -> tuple[str, ...]:
    """Commands as lines to show and to paste."""
    return tuple(command.shell() for command in commands)


def still_to_do(event: ActionSkipped | ActionFailed) -> Iterator[str]:
    """What is left to a person, as lines to read and to paste."""
    if isinstance(event, ActionSkipped):
        yield f"! left out: {event.title}, because {event.reason}. In a root shell:"
        yield from (f"    {command}" for command in event.commands)
    else:
        yield f"✗ {event.title}: {readable(event.summary)} [{event.code}]"
        yield f"  {event.hint}"


def readable(summary: str) -> str:
    """A sentence that may quote anything: what steers a terminal is spelt out, the endless cut."""
    spelt = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in summary
    )
    return re.sub(r"(\S{300})\S{300,}(\S{100})", r"\1…\2", spelt)
