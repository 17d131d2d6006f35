"""Events and plans as lines for people, on stderr unless they are what was asked for."""

import sys
from collections.abc import Iterator
from typing import TextIO

from wizard.core.actions import Change, ChangeKind
from wizard.core.errors import WizardError
from wizard.core.events import (
    ActionDone,
    ActionFailed,
    ActionSkipped,
    ActionStarted,
    ActionUndone,
    DnsChecked,
    DnsRecords,
    Event,
    Finished,
    OrderChanged,
    PrivilegeNeeded,
    Proof,
    RecordsLeft,
    RunStarted,
    readable,
    still_to_do,
)
from wizard.core.plan import Plan
from wizard.headless.records import Records

SIGNS = {
    ChangeKind.CREATE: "+ write",
    ChangeKind.UPDATE: "~ edit ",
    ChangeKind.DELETE: "- delete",
    ChangeKind.RUN: "» run  ",
    ChangeKind.NONE: "! skip ",
}
VERDICTS = {"accepted": "✓", "refused": "✗", "unknown": "?"}
OUTCOMES = {
    "done": "Done.",
    "nothing-to-do": "Nothing to do: everything is in place.",
    "rolled-back": "Everything was taken back; the machine is as it was.",
    "undone": "Undone; everything is as it was before that run.",
    "waiting": "Nothing is lost: the same command goes on from here.",
    "needs-cleanup": "Something could not be taken back; see above.",
}


class Text:
    """Writes each event as a line when it happens."""

    def __init__(self, stream: TextIO | None = None, *, verbose: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._verbose = verbose
        self._records = Records()

    def say(self, line: str = "") -> None:
        """Writes one line."""
        print(line, file=self._stream, flush=True)

    def event(self, event: Event) -> None:
        """Writes what happened."""
        for line in self._lines(event):
            self.say(line)

    def _lines(self, event: Event) -> Iterator[str]:
        match event:
            case RunStarted(run=run) if self._verbose:
                yield f"  run {run}"
            case ActionStarted(title=title) if self._verbose:
                yield f"… {title}"
            case ActionDone(title=title):
                yield f"✓ {title}"
            case ActionUndone(title=title):
                yield f"↶ taken back: {title}"
            case ActionSkipped() | ActionFailed():
                yield from still_to_do(event)
            case PrivilegeNeeded(commands=commands):
                yield "» these commands need root:"
                yield from (f"    {command}" for command in commands)
            case DnsRecords() | DnsChecked() | OrderChanged() | RecordsLeft():
                yield from self._records.lines(event)
            case Proof() | Finished():
                yield from _ending(event)
            case _:
                pass

    def plan(self, plan: Plan) -> None:
        """Writes what would be done, with the lines that differ."""
        for action in plan.actions:
            self._change(action.preview())
        self.notices(plan)
        if plan.is_empty:
            self.say(OUTCOMES["nothing-to-do"])

    def notices(self, plan: Plan) -> None:
        """Writes what a person should know about a plan."""
        for notice in plan.notices:
            self.say(f"! {notice}")

    def _change(self, change: Change) -> None:
        self.say(f"{SIGNS.get(change.kind, '')} {change.what}  ({change.detail})")
        self.say(f"    {change.why}")
        for command in change.commands:
            self.say(f"    $ {command}")
        for line in change.diff:
            self.say(f"    {line}")

    def error(self, error: WizardError) -> None:
        """Writes an error: what is wrong, and what to do."""
        self.say(f"✗ {readable(error.summary)} [{error.code}]")
        self.say(f"  {error.hint}")


def _ending(event: Proof | Finished) -> Iterator[str]:
    if isinstance(event, Proof):
        detail = f": {event.detail}" if event.detail else ""
        yield f"{VERDICTS[event.verdict]} {event.client} {event.verdict}{detail}"
        yield from [f"    {event.fix}"] if event.fix else []
        return
    is_partial = event.outcome == "done" and event.exit_code
    yield "Done, except for what is told above." if is_partial else OUTCOMES[event.outcome]
    for step in event.next_steps:
        yield f"{step.what}:"
        yield from (f"    {line}" for line in step.line.splitlines())
