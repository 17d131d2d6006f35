"""A run, live: every action with its state. Used to apply a plan and to take an old run back."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Mount
from textual.message import Message
from textual.widgets import ProgressBar

from wizard.core.control import Control
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
    OrderChanged,
    PrivilegeNeeded,
    Proof,
)
from wizard.tui.bridge import EngineEnded, EngineEvent, PrivilegeAsked, drive, elevate
from wizard.tui.screens.base import Body, Place, WizardScreen
from wizard.tui.screens.modals import Confirm
from wizard.tui.widgets.challenge import Challenge
from wizard.tui.widgets.rows import Row
from wizard.tui.words import (
    DONE,
    FAILED,
    LEFT_OUT,
    TAKEN_BACK,
    TODO,
    VERDICTS,
    WORKING,
    Sign,
)


class Job(NamedTuple):
    """What to run: how to start it, and the actions that are known beforehand, id and title."""

    heading: str
    reason: str
    start: Callable[[Control], Iterator[Event]]
    actions: Sequence[tuple[str, str]]


class RunEnded(Message):
    """The run is over; these are its events, and why it could not go on, if so."""

    def __init__(self, events: tuple[Event, ...], error: WizardError | None) -> None:
        super().__init__()
        self.events = events
        self.error = error


class RunScreen(WizardScreen):
    """Runs a job and shows what happens."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Stop"),
        Binding("f2", "copy", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("c", "check_now", "Check now"),
        *(Binding(str(n), f"copy_value({n})", show=False) for n in range(1, 10)),
    ]
    forward = "Stop"
    backward = ""

    def __init__(self, place: Place, job: Job) -> None:
        super().__init__(place)
        self._job = job
        self.heading, self.reason = job.heading, job.reason
        self.control = Control(attended=True)
        self._asked: PrivilegeAsked | None = None
        self._events: list[Event] = []
        self._rows: dict[str, Row] = {}

    def body(self) -> ComposeResult:
        """The actions and how far they are."""
        yield Body(id="actions")
        total = len(self._job.actions)
        yield ProgressBar(total=total or None, show_eta=False, show_percentage=False)

    @on(Mount)
    async def _begin(self) -> None:
        for name, title in self._job.actions:
            await self._state(name, title, TODO)
        self._run()

    def on_unmount(self) -> None:
        """A screen that goes away, however, lets no thread wait for it."""
        self.control.stop()
        if self._asked is not None:
            self._asked.go_on()

    @work(thread=True, exclusive=True, group="engine")
    def _run(self) -> None:
        drive(self._job.start(self.control), self.post_message)

    def action_forward(self) -> None:
        """The one button stops."""
        self.action_cancel()

    def action_backward(self) -> None:
        """A run is not gone back from; it is stopped."""
        self.action_cancel()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Records are copied and looked at only where there are some."""
        if action in {"check_now", "copy_value"}:
            return bool(self.query(Challenge))
        return super().check_action(action, parameters)

    def action_scroll(self, by: int) -> None:
        """Scrolls the page."""
        self.query_one(Body).scroll_relative(y=by, animate=False)

    def action_check_now(self) -> None:
        """Looks at the name servers without waiting any longer."""
        self.control.check_now()
        self.tell("Looking …")

    def action_copy_value(self, number: int) -> None:
        """Sends the value of a record to the terminal's clipboard."""
        if value := self.query_one(Challenge).value(number):
            self.app.copy_to_clipboard(value)
            self.tell(f"Sent value {number} to the clipboard of your terminal.")

    def action_cancel(self) -> None:
        """Stops after the action that is being done; the engine then takes all of it back."""
        if not self.control.stopped:
            self.control.stop()
            waits = bool(self.query(Challenge))
            self.tell(
                "Stopping; the order and its values are kept: run again to go on …"
                if waits
                else "Stopping; what was done is taken back …"
            )
        if isinstance(self.app.screen, Confirm):
            self.app.screen.action_refuse()

    @on(EngineEvent)
    async def _happened(self, message: EngineEvent) -> None:
        event = message.event
        self._events.append(event)
        match event:
            case ActionStarted(id=name, title=title):
                await self._state(name, title, WORKING)
            case ActionDone(id=name, title=title):
                await self._state(name, title, DONE, done=True)
            case ActionSkipped(id=name, title=title, reason=reason):
                await self._state(name, title, LEFT_OUT, reason, done=True)
            case ActionFailed(id=name, title=title, summary=summary):
                await self._state(name, title, FAILED, summary, done=True)
            case ActionUndone(id=name, title=title):
                await self._state(name, title, TAKEN_BACK)
            case Proof(client=client, verdict=verdict, detail=detail):
                await self._state(f"proof:{client}:{detail}", client, VERDICTS[verdict], detail)
            case DnsRecords():
                await self.query(Challenge).remove()
                panel = Challenge(event)
                await self.query_one("#actions", Body).mount(panel, before=0)
                panel.scroll_visible(animate=False, top=True)
                self.refresh_bindings()
            case DnsChecked():
                self.query_one(Challenge).show(event)
            case OrderChanged(what=what, status=status, detail=detail):
                await self._state(f"order:{what}", f"{what}: {status}", DONE, detail)
            case _:
                pass

    async def _state(
        self, name: str, title: str, sign: Sign, more: str = "", *, done: bool = False
    ) -> None:
        text = Content.assemble(title, (f"\n{more}" if more else "", "$foreground-muted"))
        mark = Content.assemble((sign.glyph, f"bold {sign.style}"), (f" {sign.word}", sign.style))
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = Row(mark, text)
            await self.query_one("#actions", Body).mount(row)
        else:
            row.mark(mark)
            row.say(text)
        if sign is not TODO:
            row.scroll_visible(animate=False)
        if done:
            self.query_one(ProgressBar).advance(1)

    @on(PrivilegeAsked)
    async def _privilege(self, asked: PrivilegeAsked) -> None:
        self._asked = asked
        need = asked.need
        way = need.elevation.prefix
        if not way:
            asked.go_on()
            return
        question = Confirm(
            "These commands need root",
            (
                (
                    "They put the root where other programs look for it, or take it away again. "
                    f"{way} will ask for your password, once:"
                ),
                "Without it they are left out and shown at the end, to paste into a root shell.",
            ),
            f"Ask {way}",
            "Go on without",
            need.commands,
        )
        await self.app.push_screen(
            question, lambda yes: self._decided(asked, need, agreed=bool(yes))
        )

    def _decided(self, asked: PrivilegeAsked, need: PrivilegeNeeded, *, agreed: bool) -> None:
        problem = elevate(self.app, need.elevation, need.commands) if agreed else ""
        if problem:
            self.tell(problem)
        asked.go_on()

    @on(EngineEnded)
    def _ended(self, message: EngineEnded) -> None:
        self.post_message(RunEnded(tuple(self._events), message.error))
