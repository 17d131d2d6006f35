"""Something cannot be gone on with: what, why, and what to do."""

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Static

from wizard.core.errors import WizardError
from wizard.tui.screens.base import Body, Help, Place, WizardScreen


class ErrorScreen(WizardScreen):
    """Shows an error and leads back."""

    forward = "Try again"
    backward = "Back to the questions"

    def __init__(self, place: Place, error: WizardError, *, first: bool = False) -> None:
        """`first` says that there are no questions to go back to yet."""
        super().__init__(place)
        self.error = error
        self.heading = "This does not work yet"
        if first:
            self.backward = ""

    def body(self) -> ComposeResult:
        """The sentence, the hint, the code."""
        error = self.error
        with Body():
            yield Static(
                Content.assemble(
                    ("✗ ", "bold $error"),
                    (error.summary, "bold"),
                    (f"\n\n{error.hint}", "$foreground"),
                    (f"\n\ncode: {error.code}", "$foreground-muted"),
                ),
                id="error",
            )

    def start(self) -> None:
        """Starts on the button that leads on."""
        self.query_one("#backward" if self.backward else "#forward", Button).focus()

    def help(self) -> Help:
        """The same in full."""
        return Help(f"Error {self.error.code}", (self.error.summary, self.error.hint))

    def copied(self) -> str:
        """The error, to ask somebody about it."""
        return f"{self.error.summary} [{self.error.code}]\n{self.error.hint}\n"
