"""A text that grows as it is typed, so that no value is ever cut."""

from textual import events
from textual.message import Message
from textual.widgets import TextArea


class Entry(TextArea):
    """One value. Enter hands it on, Ctrl-U empties it; Up and Down leave it at its ends."""

    class Submitted(Message):
        """Enter was pressed."""

    def __init__(self, text: str, *, lines: bool = False, placeholder: str = "") -> None:
        """`lines` keeps line breaks that are pasted; where they have no meaning they go."""
        super().__init__(text, compact=True, highlight_cursor_line=False, placeholder=placeholder)
        self._lines = lines
        self.cursor_blink = False
        self.move_cursor(self.document.end)

    # Textual calls the handlers of the base class after these.

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Submitted())
        elif event.key == "ctrl+u":
            # A binding would wait until after the keys that a slow line brings at the same time.
            event.stop()
            event.prevent_default()
            self.clear()

    async def _on_paste(self, event: events.Paste) -> None:
        if not self._lines:
            event.text = " ".join(event.text.split("\n")).strip()

    def action_cursor_up(self, select: bool = False) -> None:  # noqa: FBT001, FBT002  as the base
        """Moves up, or to the field before."""
        at = self.cursor_location
        if self.navigator.is_first_wrapped_line(at):
            self.screen.focus_previous()
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:  # noqa: FBT001, FBT002  as the base
        """Moves down, or to the field behind."""
        at = self.cursor_location
        if self.navigator.is_last_wrapped_line(at):
            self.screen.focus_next()
        else:
            super().action_cursor_down(select)
