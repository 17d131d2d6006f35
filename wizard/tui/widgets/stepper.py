"""Where one is: the steps done, the current one, and those to come."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static


class Stepper(Static):
    """The titles of all steps, one a line, with a sign for done, current and to come."""

    def __init__(self, titles: Sequence[str], current: int) -> None:
        """`current` is the place of the current title."""
        lines = []
        for place, title in enumerate(titles):
            if place < current:
                line = Content.assemble(("✓ ", "$success"), (title, "$foreground-muted"))
            elif place == current:
                line = Content.assemble(("▸ " + title, "bold $accent"))
            else:
                line = Content.assemble(("· " + title, "$foreground-faint"))
            lines.append(line)
        super().__init__(Content("\n").join(lines), id="stepper")
