"""What every screen has: a head, the steps at the left, a page with its buttons, the keys."""

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Footer, Static

from wizard.core.errors import WizardError
from wizard.tui.widgets.stepper import Stepper


class Place(NamedTuple):
    """Where a screen is on the way: the titles of all steps, and its own among them."""

    titles: tuple[str, ...]
    at: int


class Help(NamedTuple):
    """What F1 shows: a title, and paragraphs."""

    title: str
    paragraphs: tuple[str, ...]


class Leave(Message):
    """A screen is to be left; where to depends on what it was."""

    def __init__(self, origin: "WizardScreen") -> None:
        super().__init__()
        self.origin = origin


class Forward(Leave):
    """The screen is done: on to the next."""


class Backward(Leave):
    """Back to the screen before."""


class Failed(Message):
    """Something cannot be gone on with; the error says what to do."""

    def __init__(self, error: WizardError) -> None:
        super().__init__()
        self.error = error


class Body(VerticalScroll, can_focus=False):
    """The part of a page that scrolls when there is more than fits."""


class Nav(Horizontal):
    """A hint and the buttons; the arrow keys move among them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]


class WizardScreen(Screen[None]):
    """A step of the wizard."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "backward", "Back"),
        Binding("f1", "help", "Why?"),
        Binding("f2", "copy", "Copy"),
    ]
    heading = ""
    """What the page is about, and below it why."""
    reason = ""
    forward = "Continue"
    backward = "Back"
    hint = ""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place

    def on_mount(self) -> None:
        """Puts the cursor where it belongs."""
        self.start()

    def start(self) -> None:
        """Starts on the primary button, unless a screen starts elsewhere."""
        self.query_one("#forward", Button).focus()

    def compose(self) -> ComposeResult:
        """Head, steps, page, keys."""
        titles, at = self.place
        crumb = f"step {at + 1} of {len(titles)} · {titles[at]}" if 0 <= at < len(titles) else ""
        with Horizontal(id="head"):
            yield Static("pomcert-wizard", id="brand")
            yield Static(crumb, id="crumb")
        with Horizontal(id="main"):
            yield Stepper(titles, at)
            with Vertical(id="page"):
                yield Static(self.heading, id="heading", markup=False)
                if self.reason:
                    yield Static(self.reason, id="reason", markup=False)
                yield from self.body()
                with Nav(id="nav"):
                    yield Static(self.hint, id="hint", markup=False)
                    yield from self.buttons()
        yield Footer(show_command_palette=False, compact=True)

    def body(self) -> ComposeResult:
        """What the page is about."""
        yield from ()

    def buttons(self) -> Iterable[Button]:
        """The buttons, the primary one last."""
        if self.backward:
            yield Button(self.backward, id="backward", compact=True)
        yield Button(self.forward, id="forward", variant="primary", compact=True)

    def help(self) -> Help:
        """What F1 shows."""
        return Help(self.heading, (self.reason,))

    def copied(self) -> str:
        """What F2 copies."""
        return ""

    def tell(self, text: str) -> None:
        """Says something beside the buttons; a window over them would hide what comes next."""
        self.query_one("#hint", Static).update(Content(text))

    def action_backward(self) -> None:
        """Goes back."""
        self.post_message(Backward(self))

    def action_forward(self) -> None:
        """Goes on."""
        self.post_message(Forward(self))

    async def action_help(self) -> None:
        """Explains."""
        from wizard.tui.screens.modals import HelpModal  # noqa: PLC0415  they are screens too

        await self.app.push_screen(HelpModal(self.help()))

    def action_copy(self) -> None:
        """Sends the page's value to the terminal's clipboard."""
        text = self.copied()
        if not text:
            self.tell("Nothing to copy here.")
            return
        self.app.copy_to_clipboard(text)
        self.tell("Sent to the clipboard of your terminal.")

    @on(Button.Pressed, "#backward")
    def _backward(self) -> None:
        self.action_backward()

    @on(Button.Pressed, "#forward")
    def _forward(self) -> None:
        self.action_forward()
