"""Rows to move through with the arrow keys. Each row wraps as a whole, so nothing is cut."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static


class Row(Horizontal):
    """A mark and a text beside it; `-at` is the class of the row where the cursor is."""

    class Pressed(Message):
        """The row was clicked."""

        def __init__(self, row: "Row") -> None:
            super().__init__()
            self.row = row

    def __init__(self, mark: Content, text: Content, *, disabled: bool = False) -> None:
        super().__init__(classes="-off" if disabled else "")
        self._mark, self._text = mark, text

    def compose(self) -> ComposeResult:
        """The mark, then the text."""
        yield Static(self._mark, classes="mark")
        yield Static(self._text, classes="text")

    def mark(self, mark: Content) -> None:
        """Changes the mark."""
        self._mark = mark
        for static in self.query(".mark").results(Static):
            static.update(mark)

    def say(self, text: Content) -> None:
        """Changes the text."""
        self._text = text
        for static in self.query(".text").results(Static):
            static.update(text)

    def on_click(self) -> None:
        """Tells the list."""
        self.post_message(self.Pressed(self))


class Line(Row):
    """A line to type; `sign` stands before what goes into a shell."""

    def __init__(self, line: str, sign: str = "$") -> None:
        super().__init__(Content(sign), Content(line))
        self.line = line

    def show(self, line: str) -> None:
        """Changes the line."""
        self.line = line
        self.say(Content(line))


class Rows(Vertical, can_focus=True):
    """A list with a cursor. Up and Down leave it at its ends; a digit jumps to a row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("home", "end(False)", show=False),
        Binding("end", "end(True)", show=False),
        Binding("enter", "submit", show=False),
    ]
    at: reactive[int] = reactive(0)

    class Moved(Message):
        """The cursor is on another row."""

    class Submitted(Message):
        """Enter was pressed."""

    def __init__(self, rows: Sequence[Row], at: int = 0) -> None:
        super().__init__(*rows)
        self.rows = tuple(rows)
        self.set_reactive(Rows.at, at)

    def on_mount(self) -> None:
        """Shows where the cursor is."""
        self._show()

    def watch_at(self) -> None:
        """Shows where the cursor is, and tells."""
        self._show()
        self.post_message(self.Moved())

    def _show(self) -> None:
        for place, row in enumerate(self.rows):
            row.set_class(place == self.at, "-at")
        if self.rows and self.has_focus:
            self.rows[self.at].scroll_visible(animate=False)

    def _open(self) -> list[int]:
        return [place for place, row in enumerate(self.rows) if not row.has_class("-off")]

    def action_move(self, by: int) -> None:
        """Moves the cursor to the next row that can be chosen, or leaves the list."""
        ahead = [place for place in self._open() if (place - self.at) * by > 0]
        if ahead:
            self.at = ahead[0] if by > 0 else ahead[-1]
        elif by > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def action_end(self, last: bool) -> None:  # noqa: FBT001  keys give it
        """Moves the cursor to the first or the last row."""
        places = self._open()
        if places:
            self.at = places[-1 if last else 0]

    def action_submit(self) -> None:
        """Hands on."""
        self.post_message(self.Submitted())

    def on_key(self, event: events.Key) -> None:
        """Jumps to the row that a digit names."""
        if event.key.isdigit() and int(event.key) - 1 in self._open():
            self.at = int(event.key) - 1
            event.stop()

    @on(Row.Pressed)
    def _pressed(self, event: Row.Pressed) -> None:
        event.stop()
        self.focus()
        if not event.row.has_class("-off"):
            self.at = self.rows.index(event.row)
