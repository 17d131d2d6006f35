"""The end: what was done, the proof, and what to do next."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from wizard.core.events import (
    ActionFailed,
    ActionSkipped,
    Event,
    Finished,
    NextStep,
    Proof,
    RecordsLeft,
    still_to_do,
)
from wizard.tui.screens.base import Body, Help, Place, WizardScreen
from wizard.tui.screens.review import Save
from wizard.tui.widgets.rows import Line, Row
from wizard.tui.words import FAILED, LEFT_OUT, OUTCOMES, PARTLY, VERDICTS, Sign


def end_of(events: Iterable[Event]) -> Finished:
    """How a run ended."""
    return next(event for event in events if isinstance(event, Finished))


class DoneScreen(WizardScreen):
    """Tells how a run ended, and what comes next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "backward", show=False),
        Binding("f4", "save", "Save answers"),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]
    forward = "Finish"
    backward = ""
    hint = "↑ ↓ scroll"

    def __init__(self, place: Place, events: tuple[Event, ...], repeat: str) -> None:
        """`repeat` is the command that does the same without a person."""
        super().__init__(place)
        self.events, self._repeat = events, repeat
        self._end = end_of(events)
        self.heading, self.reason = OUTCOMES[self._end.outcome]
        if self._end.outcome == "done" and self._end.exit_code:
            self.heading, self.reason = PARTLY

    def body(self) -> ComposeResult:
        """What went wrong or was left, the proof, what comes next."""
        with Body():
            for event in self.events:
                yield from _row(event)
            for what, line in self._next_steps():
                yield Static(what, classes="label", markup=False)
                yield Line(line, sign="")

    def _next_steps(self) -> tuple[NextStep, ...]:
        if self._end.outcome != "done":
            return ()
        return (*self._end.next_steps, NextStep("Do the same without a person", self._repeat))

    def repeat_with(self, command: str) -> None:
        """Shows a shorter command, once the answers are in a file."""
        before, self._repeat = self._repeat, command
        for line in self.query(Line):
            if line.line == before:
                line.show(command)

    def action_scroll(self, by: int) -> None:
        """Scrolls the page."""
        self.query_one(Body).scroll_relative(y=by, animate=False)

    def action_backward(self) -> None:
        """What is done is not gone back from; undo takes it back."""

    def action_save(self) -> None:
        """Saves the answers."""
        self.post_message(Save())

    def help(self) -> Help:
        """What the proof is."""
        return Help(
            "The proof",
            (
                (
                    "The new certificate was served on a port of this machine. The handshake is a "
                    "client that was given the root; the others are the clients found here, with "
                    "the trust they have. The line below a refusal makes that client accept it."
                ),
                "Pomerium reads the files again whenever they change.",
            ),
        )

    def copied(self) -> str:
        """Every line there is to type, and what it is for."""
        return "".join(f"{line}\n" for line in self.told())

    def told(self) -> Iterator[str]:
        """The page as lines of text, without what just went well."""
        yield self.reason
        for event in self.events:
            yield from _lines(event)
        for what, line in self._next_steps():
            yield f"{what}:"
            yield from (f"    {part}" for part in line.splitlines())


def _lines(event: Event) -> Iterator[str]:
    match event:
        case Proof(client=client, detail=detail, fix=fix) if fix:
            yield f"✗ {client}: {detail}"
            yield f"    {fix}"
        case ActionSkipped() | ActionFailed():
            yield from still_to_do(event)
        case _:
            pass


def _row(event: Event) -> Iterator[Row]:
    match event:
        case Proof(client=client, verdict=verdict, detail=detail, fix=fix):
            yield _told(VERDICTS[verdict], client, f" · {detail}" if detail else "")
            if fix:
                yield Line(fix)
        case ActionSkipped(title=title, reason=reason, commands=commands):
            yield _told(LEFT_OUT, title, f"\n{reason}. In a root shell:")
            yield from (Line(command) for command in commands)
        case ActionFailed(title=title, code=code, summary=summary, hint=hint):
            yield _told(FAILED, title, f"\n{summary} [{code}]\n{hint}")
        case RecordsLeft(records=records, by_hand=True):
            names = "".join(f"\n{one.name}  {one.type}  {one.value}" for one in records)
            yield _told(LEFT_OUT, "DNS records that may be removed now", names)
        case _:
            pass


def _told(sign: Sign, what: str, more: str) -> Row:
    return Row(
        Content.assemble((sign.glyph, f"bold {sign.style}")),
        Content.assemble(
            (f"{what} ", "bold"),
            (sign.word, sign.style),
            (more, "$foreground-muted"),
        ),
    )
