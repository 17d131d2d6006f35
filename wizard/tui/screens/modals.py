"""Small windows over a screen: a question, an explanation."""

from pathlib import Path
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.tui.screens.base import Body, Help, Nav
from wizard.tui.widgets.entry import Entry
from wizard.tui.widgets.rows import Line

Result = TypeVar("Result")


class Modal(ModalScreen[Result]):
    """A window: a title, a body that scrolls, buttons of which the last is the primary one."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "refuse", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
    ]
    heading = ""
    refuse = ""
    agree = "OK"

    def compose(self) -> ComposeResult:
        """Title, body, buttons."""
        with Vertical(id="window") as window:
            window.border_title = self.heading
            with Body():
                yield from self.body()
            with Nav(id="nav"):
                if self.refuse:
                    yield Button(self.refuse, id="refuse", compact=True)
                yield Button(self.agree, id="agree", variant="primary", compact=True)

    def body(self) -> ComposeResult:
        """What it says."""
        yield from ()

    def on_mount(self) -> None:
        """Puts the cursor where it belongs."""
        self.start()

    def start(self) -> None:
        """Starts on the primary button, unless a window starts elsewhere."""
        self.query_one("#agree", Button).focus()

    def action_scroll(self, by: int) -> None:
        """Scrolls the body."""
        self.query_one(Body).scroll_relative(y=by, animate=False)

    def close(self, result: Result | None = None) -> None:
        """Closes it; a handler of its own may not wait for that."""
        _ = self.dismiss(result)

    def action_refuse(self) -> None:
        """Closes it without a yes."""
        self.close()

    @on(Button.Pressed, "#refuse")
    def _refused(self) -> None:
        self.action_refuse()


class HelpModal(Modal[None]):
    """Explains."""

    agree = "Close"

    def __init__(self, text: Help) -> None:
        super().__init__()
        self.heading = text.title
        self._paragraphs = text.paragraphs

    def body(self) -> ComposeResult:
        """The paragraphs."""
        for paragraph in self._paragraphs:
            if paragraph:
                yield Static(paragraph, classes="paragraph", markup=False)

    @on(Button.Pressed, "#agree")
    def _close(self) -> None:
        self.close()


class Details(Modal[None]):
    """Shows a text that may be long."""

    agree = "Close"

    def __init__(self, heading: str, text: Content) -> None:
        super().__init__()
        self.heading = heading
        self._text = text

    def body(self) -> ComposeResult:
        """The text."""
        yield Static(self._text, classes="paragraph")

    @on(Button.Pressed, "#agree")
    def _close(self) -> None:
        self.close()


class Confirm(Modal[bool]):
    """Asks for a yes; closing it is a no."""

    def __init__(
        self,
        heading: str,
        paragraphs: tuple[str, ...],
        agree: str,
        refuse: str,
        lines: tuple[str, ...] = (),
    ) -> None:
        """`lines` are what it is about, such as commands."""
        super().__init__()
        self.heading, self.agree, self.refuse = heading, agree, refuse
        self._paragraphs, self._lines = paragraphs, lines

    def body(self) -> ComposeResult:
        """What is asked, and the lines it is about."""
        yield Static(self._paragraphs[0], classes="paragraph", markup=False)
        if self._lines:
            with Vertical(classes="lines"):
                yield from (Line(line) for line in self._lines)
        for paragraph in self._paragraphs[1:]:
            yield Static(paragraph, classes="paragraph", markup=False)

    def action_refuse(self) -> None:
        """No."""
        self.close(result=False)

    @on(Button.Pressed, "#agree")
    def _agree(self) -> None:
        self.close(result=True)


class Quit(Confirm):
    """Asks whether to leave."""

    def __init__(self) -> None:
        super().__init__(
            "Quit the wizard?",
            ("Nothing was changed. Answers that were not saved are lost.",),
            "Quit",
            "Stay",
        )


class SaveModal(Modal[Path]):
    """Saves the answers to a file; one that is there is replaced only after a second yes."""

    heading = "Save answers"
    refuse = "Cancel"
    agree = "Save"

    def __init__(self, system: System, text: str) -> None:
        """`text` is what is to be saved."""
        super().__init__()
        self._system, self._text = system, text
        self._replace: Path | None = None

    def body(self) -> ComposeResult:
        """Where to."""
        yield Static(
            "pomcert-wizard --answers FILE repeats these answers without asking. "
            "Secrets are not in the file, only where they are.",
            classes="paragraph",
            markup=False,
        )
        yield Entry(str(Path("pomcert-answers.toml").absolute()))
        yield Static(classes="problem")

    def start(self) -> None:
        """Starts in the path."""
        self.query_one(Entry).focus()

    @on(Entry.Submitted)
    @on(Button.Pressed, "#agree")
    def _save(self) -> None:
        text = self.query_one(Entry).text.strip()
        if not text:
            self._complain("There is no path.", "Write where the file should be.")
            return
        home = str(self._system.person.home)
        path = Path(home + text[1:] if text == "~" or text.startswith("~/") else text).absolute()
        try:
            if self._system.keep(path) is not None and self._replace != path:
                self._replace = path
                self._complain("This file is there already.", "Press Enter again to replace it.")
                self.query_one("#agree", Button).label = "Replace"
                return
            self._system.write(path, self._text.encode())
        except WizardError as error:
            self._complain(error.summary, error.hint)
            return
        self.close(path)

    def _complain(self, summary: str, hint: str) -> None:
        self.query_one("#window").add_class("-wrong")
        self.query_one(".problem", Static).update(
            Content.assemble(("✗ ", "bold $error"), (summary, "$error"), f"\n  {hint}")
        )
