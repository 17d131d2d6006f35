"""Events and plans as lines for people, on stderr; stdout stays free for data."""

import sys
from typing import TextIO

from wizard.core.actions import Change, ChangeKind
from wizard.core.errors import WizardError
from wizard.core.events import (
    ActionDone,
    ActionFailed,
    ActionSkipped,
    ActionStarted,
    ActionUndone,
    Event,
    Finished,
    PrivilegeNeeded,
    Proof,
    RunStarted,
)
from wizard.core.plan import Plan

SIGNS = {
    ChangeKind.CREATE: "+ write",
    ChangeKind.UPDATE: "~ edit ",
    ChangeKind.DELETE: "- delete",
    ChangeKind.RUN: "» run  ",
}
OUTCOMES = {
    "done": "Done.",
    "nothing-to-do": "Nothing to do: everything is as the answers ask for.",
    "rolled-back": "Everything was taken back; the machine is as it was.",
    "undone": "Undone; everything is as it was before that run.",
    "needs-cleanup": "Something could not be taken back; see above.",
}


class Text:
    """Writes each event as a line when it happens."""

    def __init__(self, stream: TextIO | None = None, *, verbose: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._verbose = verbose

    def say(self, line: str = "") -> None:
        """Writes one line."""
        print(line, file=self._stream, flush=True)

    def event(self, event: Event) -> None:
        """Writes what happened."""
        match event:
            case RunStarted(run=run) if self._verbose:
                self.say(f"  run {run}")
            case ActionStarted(title=title) if self._verbose:
                self.say(f"… {title}")
            case ActionDone(title=title):
                self.say(f"✓ {title}")
            case ActionUndone(title=title):
                self.say(f"↶ taken back: {title}")
            case ActionSkipped(title=title, reason=reason):
                self.say(f"! left out: {title}: {reason}")
                self._paste(event.commands)
            case ActionFailed(title=title, code=code, summary=summary, hint=hint):
                self.say(f"✗ {title}: {summary} [{code}]")
                self.say(f"  {hint}")
            case PrivilegeNeeded(commands=commands):
                self.say("» these need root:")
                for command in commands:
                    self.say(f"    {command}")
            case Proof(client=client, verdict=verdict, detail=detail, fix=fix):
                sign = {"accepted": "✓", "refused": "✗"}.get(verdict, "–")
                self.say(f"{sign} {client}: {verdict}{f', {detail}' if detail else ''}")
                if fix:
                    self.say(f"    {fix}")
            case Finished(outcome=outcome, run=run):
                self.say(OUTCOMES[outcome])
                if outcome == "done":
                    self.say(f"To take it back: pomcert-wizard undo {run}")
            case _:
                pass

    def _paste(self, commands: tuple[str, ...]) -> None:
        self.say("  To do it, paste into a root shell:")
        for command in commands:
            self.say(f"    {command}")

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
        self.say(f"✗ {error.summary} [{error.code}]")
        self.say(f"  {error.hint}")
