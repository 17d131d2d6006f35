"""The end: what was done, the proof, and what to do next."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from wizard.core.errors import ExitCode
from wizard.core.events import (
    ActionFailed,
    ActionSkipped,
    DnsRecord,
    DnsRecords,
    Event,
    Finished,
    NextStep,
    OrderChanged,
    Proof,
    RecordsLeft,
    still_to_do,
)
from wizard.tui.screens.base import Body, Help, Place, WizardScreen
from wizard.tui.screens.review import Save
from wizard.tui.widgets.challenge import MANUAL
from wizard.tui.widgets.rows import Line, Row
from wizard.tui.words import (
    FAILED,
    HALTS,
    KEPT,
    LEFT_OUT,
    OUTCOMES,
    PARTLY,
    TO_REMOVE,
    UNPROVED,
    VERDICTS,
    Sign,
)

NO_LONGER: Final = "DNS records that are needed no longer"


def end_of(events: Iterable[Event]) -> Finished:
    """How a run ended."""
    return next(event for event in events if isinstance(event, Finished))


def is_kept(events: Iterable[Event]) -> bool:
    """Whether an order is open that the next run goes on with."""
    changes = [event.what for event in events if isinstance(event, OrderChanged)]
    return "order" in changes and changes[-1] != "certificate"


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
        self._goes_on = self._end.outcome == "waiting" or (
            self._end.exit_code == ExitCode.INTERRUPTED and is_kept(events)
        )
        if self._end.outcome == "done" and self._end.exit_code:
            self.heading, self.reason = PARTLY
        elif self._end.outcome == "done" and not _is_proved(events):
            self.heading, self.reason = UNPROVED
        if self._goes_on:
            self.heading, self.reason = KEPT
            if self._end.outcome == "waiting":
                self.heading = OUTCOMES["waiting"][0]
            self.events = tuple(event for event in events if not _is_stop(event))

    def body(self) -> ComposeResult:
        """What went wrong or was left, the proof, what comes next."""
        with Body():
            for event in self.events:
                yield from _row(event)
            for what, line in self._next_steps():
                yield Static(what, classes="label", markup=False)
                yield Line(line, sign="")

    def _next_steps(self) -> tuple[NextStep, ...]:
        if self._goes_on:
            return tuple(_to_go_on(self.events, self._repeat))
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


def _is_stop(event: Event) -> bool:
    """Whether it only says that a person stopped the run, which the person knows."""
    return isinstance(event, ActionFailed) and event.code == "interrupted"


def _to_go_on(events: Iterable[Event], repeat: str) -> Iterator[NextStep]:
    """The records that are yet to be created by hand, and how the order is gone on with."""
    asked = [event for event in events if isinstance(event, DnsRecords)][-1:]
    for event in asked:
        if event.provider == MANUAL:
            yield NextStep("Create, if they are not there yet", "\n".join(_plain(event.records)))
    until = "".join(f" before {_moment(event.expires)}" for event in asked)
    yield NextStep(f"Go on from here{until}", repeat)


def _plain(records: Iterable[DnsRecord]) -> Iterator[str]:
    return (f"{one.name}  {one.type}  {one.value}" for one in records)


def _moment(at: str) -> str:
    return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M} UTC"


def _lines(event: Event) -> Iterator[str]:
    match event:
        case Proof(client=client, detail=detail, fix=fix) if fix:
            yield f"✗ {client}: {detail}"
            yield f"    {fix}"
        case ActionSkipped() | ActionFailed():
            yield from still_to_do(event)
        case RecordsLeft(records=records, by_hand=True):
            yield f"{NO_LONGER}:"
            yield from (f"    {line}" for line in _plain(records))
        case _:
            pass


def _is_proved(events: tuple[Event, ...]) -> bool:
    """Whether some client accepts a certificate, or none was asked."""
    verdicts = {event.verdict for event in events if isinstance(event, Proof)}
    return not verdicts or "accepted" in verdicts


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
            yield _told(HALTS.get(code, FAILED), title, f"\n{summary} [{code}]\n{hint}")
        case RecordsLeft(records=records, by_hand=True):
            yield _told(TO_REMOVE, NO_LONGER, "")
            yield from (Line(line, sign="") for line in _plain(records))
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
