"""A run, live: every action with its state. Used to apply a plan and to take an old run back."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Mount
from textual.message import Message
from textual.widgets import ProgressBar, Static

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
    readable,
)
from wizard.tui.bridge import EngineEnded, EngineEvent, PrivilegeAsked, drive, elevate
from wizard.tui.screens.base import Body, Help, Place, WizardScreen
from wizard.tui.screens.done import is_kept
from wizard.tui.screens.modals import Confirm
from wizard.tui.widgets.challenge import ABOUT_RECORDS, Challenge
from wizard.tui.widgets.records import KEYS, Copy
from wizard.tui.widgets.rows import Row
from wizard.tui.words import (
    DONE,
    FAILED,
    HALTS,
    LEFT_OUT,
    ORDER,
    SERVED,
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
    now: Callable[[], datetime]


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
        Binding("f5", "check_now", "Check now"),
        Binding("c", "check_now", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("n", "copy_part('name')", show=False),
        Binding("h", "copy_part('host')", show=False),
        *(Binding(str(n), f"copy_value({n})", show=False) for n in range(1, KEYS + 1)),
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
        self._last: Row | None = None
        self._panel: Challenge | None = None

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
        if action in {"check_now", "copy", "copy_part", "copy_value"}:
            return self._panel is not None
        return super().check_action(action, parameters)

    def action_move(self, by: int) -> None:
        """Moves among the records, or scrolls the page."""
        if self._panel is not None:
            self._panel.move(by)
        else:
            self.action_scroll(by)

    def action_scroll(self, by: int) -> None:
        """Scrolls the page."""
        if self._panel is not None:
            self._panel.scroll_by(by)
        else:
            self.query_one("#actions", Body).scroll_relative(y=by, animate=False)

    async def action_check_now(self) -> None:
        """Looks at the name servers without waiting any longer."""
        self.control.check_now()
        if self._panel is not None:
            await self._panel.looking()

    def action_copy_value(self, number: int) -> None:
        """Copies the value of a record."""
        if self._panel is not None:
            self._panel.records.copy_value(number)

    def action_copy_part(self, part: str) -> None:
        """Copies the name or the host of the record at the cursor."""
        if self._panel is not None:
            self._panel.records.copy(part)

    def action_copy(self) -> None:
        """Copies what was marked with the mouse, else the value at the cursor."""
        marked = self.get_selected_text()
        if marked:
            self._copied(Copy(marked, "what you marked"))
        else:
            self.action_copy_part("value")

    @on(Copy)
    def _copied(self, copy: Copy) -> None:
        self.app.copy_to_clipboard(copy.text)
        self.tell(f"Sent {copy.what} to the clipboard of your terminal.")

    def action_cancel(self) -> None:
        """Stops after the action that is being done; the engine then takes all of it back."""
        if not self.control.stopped:
            self.control.stop()
            self.tell(
                "Stopping; the order and its records are kept …"
                if is_kept(self._events)
                else "Stopping; what was done is taken back …"
            )
        if isinstance(self.app.screen, Confirm):
            self.app.screen.action_refuse()

    def help(self) -> Help:
        """What the run does; while records are waited for, what all of that means."""
        return super().help() if self._panel is None else ABOUT_RECORDS

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
            case ActionFailed(id=name, title=title, code=code, summary=summary):
                await self._state(name, title, HALTS.get(code, FAILED), summary, done=True)
            case ActionUndone(id=name, title=title):
                await self._state(name, title, TAKEN_BACK)
            case Proof(client=client, verdict=verdict, detail=detail):
                await self._state(f"proof:{client}:{detail}", client, VERDICTS[verdict], detail)
            case _:
                await self._proved(event)

    async def _proved(self, event: Event) -> None:
        """Shows how far it is proved that the names are ours."""
        match event:
            case DnsRecords():
                await self._open(event)
            case DnsChecked(ready=True) if self._panel is not None:
                about = f"{self._panel.asked.authority}: records"
                await self._inner(about, "records", SERVED, "on every name server that answers")
                await self._close()
            case DnsChecked() if self._panel is not None:
                await self._panel.show(event)
            case OrderChanged():
                await self._order(event)
            case _:
                pass

    async def _open(self, asked: DnsRecords) -> None:
        """Gives the page to the records; whoever presses Enter there copies, and stops nothing."""
        await self._close()
        self._panel = Challenge(asked, self._job.now)
        await self.mount(self._panel, before="#actions")
        self.add_class("-challenge")
        self._head(self._panel.heading, self._panel.reason)
        self._panel.records.focus(scroll_visible=False)
        self.tell("The sign at the left copies what stands beside it.")
        self.refresh_bindings()

    async def _close(self) -> None:
        """Shows the actions again; no button has the focus, for no key is meant for one."""
        if self._panel is None:
            return
        panel, self._panel = self._panel, None
        self.set_focus(None)
        await panel.remove()
        self.remove_class("-challenge")
        self._head(self._job.heading, self._job.reason)
        self.tell("")
        self.refresh_bindings()

    def _head(self, heading: str, reason: str) -> None:
        self.query_one("#heading", Static).update(Content(heading))
        self.query_one("#reason", Static).update(Content(reason))

    async def _order(self, event: OrderChanged) -> None:
        """Says how far an account, an order, a name or a certificate is."""
        sign = ORDER.get(event.status, Sign("…", event.status, "$warning"))
        await self._inner(f"{event.authority}: {event.what}", event.what, sign, event.detail)

    async def _inner(self, about: str, title: str, sign: Sign, more: str) -> None:
        """A line below the action that it belongs to."""
        is_new = about not in self._rows
        await self._state(about, title, sign, readable(more), after=self._last)
        if is_new:
            self._last = self._rows[about]
            self._last.add_class("-inner")

    async def _state(
        self,
        name: str,
        title: str,
        sign: Sign,
        more: str = "",
        *,
        done: bool = False,
        after: Row | None = None,
    ) -> None:
        text = Content.assemble(title, (f"\n{more}" if more else "", "$foreground-muted"))
        mark = Content.assemble((sign.glyph, f"bold {sign.style}"), (f" {sign.word}", sign.style))
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = Row(mark, text)
            await self.query_one("#actions", Body).mount(row, after=after)
        else:
            row.mark(mark)
            row.say(text)
        if sign is WORKING:
            self._last = row
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
