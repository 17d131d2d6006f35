"""Choices: one of several, or as many as one likes."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content

from wizard.core.questions import Choice
from wizard.tui.widgets.rows import Row, Rows

CHOSEN, FREE = "▸", " "
TICKED, EMPTY = "[✓]", "[ ]"


def describe(choice: Choice) -> Content:
    """A choice in words: its title, and what speaks for it or against."""
    if choice.unavailable:
        title = (choice.title, "$foreground-faint")
        return Content.assemble(title, (f"\nnot here: {choice.unavailable}", "$foreground-faint"))
    summary = f"\n{choice.summary}" if choice.summary else ""
    return Content.assemble((choice.title, "bold"), (summary, "$foreground-muted"))


class OneOf(Rows):
    """Chooses one: where the cursor is."""

    def __init__(self, choices: Sequence[Choice], chosen: str) -> None:
        values = [choice.value for choice in choices]
        rows = [Row(Content(FREE), describe(c), disabled=bool(c.unavailable)) for c in choices]
        super().__init__(rows, values.index(chosen) if chosen in values else 0)
        self._values = values
        self.add_class("-one")

    @property
    def value(self) -> str:
        """The one that is chosen."""
        return self._values[self.at] if self._values else ""

    def on_mount(self) -> None:
        """Marks the one that is chosen."""
        self._mark()

    @on(Rows.Moved)
    def _mark(self) -> None:
        for place, row in enumerate(self.rows):
            here = place == self.at
            row.mark(Content.assemble((CHOSEN if here else FREE, "bold $accent")))


class ManyOf(Rows):
    """Chooses any number. What stands for all of them excludes every other one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "tick", show=False)]

    def __init__(
        self, choices: Sequence[Choice], chosen: Sequence[str], everything: Sequence[str] = ()
    ) -> None:
        """`everything` are the values of the choices that stand for all."""
        rows = [Row(Content(EMPTY), describe(c), disabled=bool(c.unavailable)) for c in choices]
        super().__init__(rows)
        self._values = [choice.value for choice in choices]
        self._chosen = set(chosen)
        self._everything = set(everything)
        self.add_class("-many")

    @property
    def value(self) -> tuple[str, ...]:
        """Those that are chosen, in the order of the choices."""
        return tuple(value for value in self._values if value in self._chosen)

    def on_mount(self) -> None:
        """Marks those that are chosen."""
        self._mark()

    def action_tick(self) -> None:
        """Takes the row at the cursor in or out."""
        value = self._values[self.at]
        if value in self._chosen:
            self._chosen.discard(value)
        elif value in self._everything:
            self._chosen = {value}
        else:
            self._chosen = (self._chosen - self._everything) | {value}
        self._mark()

    @on(Row.Pressed)
    def _clicked(self) -> None:
        self.call_after_refresh(self.action_tick)

    def _mark(self) -> None:
        for value, row in zip(self._values, self.rows, strict=True):
            ticked = value in self._chosen
            style = "bold $accent" if ticked else "$foreground-faint"
            row.mark(Content.assemble((TICKED if ticked else EMPTY, style)))
