"""The wizard's screens as one application. It draws, and hands on what a person answers."""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from rich.segment import Segments
from rich.traceback import Traceback
from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from wizard import export
from wizard.core import ourselves
from wizard.core.control import Control
from wizard.core.errors import ExitCode, WizardError
from wizard.core.events import Event, Finished
from wizard.core.plan import Plan
from wizard.engine import Session, settle
from wizard.tui.screens.base import Backward, Failed, Forward, Place, WizardScreen
from wizard.tui.screens.done import DoneScreen, end_of
from wizard.tui.screens.error import ErrorScreen
from wizard.tui.screens.modals import Confirm, Quit, SaveModal
from wizard.tui.screens.review import ReviewScreen, Save, as_text
from wizard.tui.screens.run import Job, RunEnded, RunScreen
from wizard.tui.screens.step import Deeper, StepScreen
from wizard.tui.screens.welcome import WelcomeScreen, findings
from wizard.tui.theme import POMCERT
from wizard.tui.walk import REVIEW, WELCOME, Walk
from wizard.tui.words import OUTCOMES


def run(session: Session) -> int:
    """Shows the screens until somebody leaves, says what they leave behind; the exit code."""
    app = WizardApp(session)
    code = app.run()
    # Textual itself would break lines to fit the screen, and those cannot be pasted.
    sys.stderr.write(app.farewell)
    sys.stderr.flush()
    return code or int(ExitCode.DONE)


class WizardApp(App[int]):
    """Walks a session from the welcome to the proof."""

    TITLE = "pomcert-wizard"
    # Lists that the base class does not declare as of the class.
    CSS_PATH = ["wizard.tcss", "challenge.tcss"]  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-medium"), (30, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", priority=True),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.walk = Walk(session)
        self.at = WELCOME
        self.farewell = ""
        self.plan: Plan | None = None
        self._target = WELCOME
        self._cut_off: tuple[str, ...] = ()
        self._end: Finished | None = None
        self._way = Place((), -1)
        self.register_theme(POMCERT)
        self.theme = POMCERT.name

    def on_mount(self) -> None:
        """Opens the first screen."""
        self.go(WELCOME)

    # ── from screen to screen ──────────────────────────────────────────────────────────────────

    @work(exclusive=True, group="go")
    async def go(self, target: str, news: str = "") -> None:
        """Shows the welcome, a step or the review; what it needs is looked up in a thread.

        `news` is what to say there.
        """
        self._target = target
        self._tell("Looking at this machine …")
        try:
            screen = await self._screen(target)
        except WizardError as error:
            screen = ErrorScreen(self._way, error, first=self.at == target == WELCOME)
        else:
            self.at = target
        await self._show(screen)
        if news:
            self._tell(news)
        if target == WELCOME and self._cut_off:
            await self._offer_settling(self._cut_off)

    async def _screen(self, target: str) -> WizardScreen:
        if target == WELCOME:
            found = await asyncio.to_thread(self._open)
            self._way = self._place(target)
            return WelcomeScreen(self._way, found)
        if target == REVIEW:
            self.plan = None
            self.plan = await asyncio.to_thread(self.session.plan)
            self._way = self._place(target)
            return ReviewScreen(self._way, self.plan)
        page = await asyncio.to_thread(self.walk.page, target)
        self._way = self._place(target)
        return StepScreen(self._way, page, self.walk)

    async def _show(self, screen: Screen[None]) -> None:
        while isinstance(self.screen, ModalScreen):
            await self.pop_screen()
        if len(self.screen_stack) > 1:
            await self.switch_screen(screen)
        else:
            await self.push_screen(screen)

    def _place(self, target: str) -> Place:
        """Where a screen is among all; the last three are always the same."""
        steps = self.walk.steps()
        ids = [*(step.id for step in steps), REVIEW]
        titles = (*(step.title for step in steps), "Review", "Apply", "Done")
        return Place(titles, ids.index(target) if target in ids else -1)

    @on(Forward)
    def _forward(self, message: Forward) -> None:
        screen = message.origin
        if screen is not self.screen:
            return
        match screen:
            case ErrorScreen():
                self.go(self._target)
            case ReviewScreen(plan=plan) if not plan.is_empty:
                self._apply(plan)
            case ReviewScreen():
                self._finish(ExitCode.DONE, OUTCOMES["nothing-to-do"][1])
            case DoneScreen():
                self._leave()
            case _:
                self.go(self.walk.after(self.at))

    @on(Backward)
    def _backward(self, message: Backward) -> None:
        if message.origin is self.screen:
            failed = isinstance(message.origin, ErrorScreen)
            self.go(self.at if failed else self.walk.before(self.at))

    @on(Failed)
    async def _failed(self, message: Failed) -> None:
        await self._show(ErrorScreen(self._way, message.error))

    @on(Deeper)
    def _deeper(self) -> None:
        self.walk.expert = not self.walk.expert
        shown = {step.id for step in self.walk.steps()}
        self.go(self.at if self.at in shown else self.walk.after(self.at))

    # ── runs ───────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> tuple[tuple[str, str], ...]:
        self.session.journal.check()
        self._cut_off = tuple(run.id for run in self.session.journal.cut_off())
        return findings(self.session, self.walk.standing())

    async def _offer_settling(self, runs: tuple[str, ...]) -> None:
        question = Confirm(
            "An earlier run was cut off",
            (
                f"Run {', '.join(runs)} ended before it had finished: its changes are half made.",
                (
                    "Taking it back restores every file as it was before that run. Nothing else "
                    "can be done before that."
                ),
            ),
            "Take it back",
            "Quit",
        )
        await self.push_screen(question, self._settle)

    async def _settle(self, agreed: bool | None) -> None:  # noqa: FBT001  the modal gives it
        if not agreed:
            self._finish(ExitCode.INTERRUPTED, "The earlier run is still half made.")
            return
        session = self.session
        job = Job(
            "Taking an earlier run back",
            "Every file is restored as it was before that run.",
            lambda _: settle(session.system, session.journal, may_ask=True),
            (),
            session.system.now,
        )
        await self._show(RunScreen(self._place(WELCOME), job))

    @work
    async def _apply(self, plan: Plan) -> None:
        def start(control: Control) -> Iterator[Event]:
            return self.session.apply(plan, may_ask=True, control=control)

        actions = [(action.id, action.title) for action in plan.actions]
        reason, now = "Each change is recorded first.", self.session.system.now
        job = Job("Applying the plan", reason, start, actions, now)
        await self._show(RunScreen(self._way._replace(at=len(self._way.titles) - 2), job))

    @on(RunEnded)
    async def _ended(self, message: RunEnded) -> None:
        if message.error is not None:
            await self._show(ErrorScreen(self._way, message.error))
        elif self.plan is None:
            self.go(WELCOME, "The earlier run was taken back.")
        else:
            self._end = end_of(message.events)
            await self._show(self._done(self.plan, message.events))

    def _done(self, plan: Plan, events: tuple[Event, ...]) -> DoneScreen:
        order = [key for key in plan.order if key in self.session.given.values]
        repeat = self._command(*export.to_words(plan.answers, order))
        return DoneScreen(self._way._replace(at=len(self._way.titles) - 1), events, repeat)

    def _command(self, *words: str) -> str:
        return ourselves.line(self.session.system, self.session.state, *words)

    def _leave(self) -> None:
        screen = self.screen
        if self._end is None or not isinstance(screen, DoneScreen):
            return
        self._finish(ExitCode(self._end.exit_code), "\n".join(screen.told()))

    def _finish(self, code: ExitCode, message: str) -> None:
        self.farewell = f"{message}\n"
        self.exit(int(code))

    # ── what can be done everywhere ────────────────────────────────────────────────────────────

    async def action_quit(self) -> None:
        """Asks whether to quit; stops a run; asked twice, quits."""
        match self.screen:
            case DoneScreen():
                self._leave()
            case Quit():
                self._quit(agreed=True)
            case _ if running := [s for s in self.screen_stack if isinstance(s, RunScreen)]:
                running[0].action_cancel()
            case _:
                await self.push_screen(Quit(), lambda yes: self._quit(agreed=bool(yes)))

    def _quit(self, *, agreed: bool) -> None:
        if agreed:
            self._finish(ExitCode.INTERRUPTED, "Nothing was changed.")

    def get_system_commands(self, screen: Screen[None]) -> Iterable[SystemCommand]:
        """The palette: what Textual has, and saving and copying."""
        yield from super().get_system_commands(screen)
        yield SystemCommand("Save answers", "Write them to a file", self.action_save)
        yield SystemCommand("Copy plan", "Send it to the clipboard", self.action_copy_plan)

    @on(Save)
    async def action_save(self) -> None:
        """Saves the answers as a file that gives the same plan."""
        try:
            answers = self.plan.answers if self.plan else self.session.answers()
        except WizardError as error:
            self._tell(f"{error.summary} {error.hint}")
            return
        text = export.to_toml(answers, self.session.order())
        await self.push_screen(SaveModal(self.session.system, text), self._was_saved)

    def _was_saved(self, path: Path | None) -> None:
        if path is None:
            return
        self._tell(f"Saved as {path}")
        if isinstance(self.screen, DoneScreen):
            self.screen.repeat_with(self._command("--answers", str(path)))

    def action_copy_plan(self) -> None:
        """Sends the plan to the terminal's clipboard."""
        if self.plan is None:
            self._tell("There is no plan yet.")
            return
        self.copy_to_clipboard(as_text(self.plan))
        self._tell("Sent to the clipboard of your terminal.")

    def _tell(self, text: str) -> None:
        if isinstance(self.screen, WizardScreen):
            self.screen.tell(text)

    def _fatal_error(self) -> None:
        """Textual would print every local variable, secrets among them."""
        self.bell()
        shown = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(shown, self.console.options)))
        self._return_value = int(ExitCode.FAILED)
        self._close_messages_no_wait()
