"""The review: every change that would be made, and why. The yes is given here."""

from itertools import accumulate
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from wizard.core.actions import Change, ChangeKind
from wizard.core.plan import Plan
from wizard.tui.screens.base import Body, Help, Place, WizardScreen
from wizard.tui.screens.modals import Details
from wizard.tui.widgets.rows import Row, Rows
from wizard.tui.words import CHANGES

DETAILS = 6
"""How many lines of the screen the details keep, and the list above them gets at least."""


class Save(Message):
    """Save the answers."""


def title(change: Change) -> str:
    """A change in one line: sign, verb, and what it is about."""
    sign = CHANGES[change.kind]
    return f"{sign.glyph} {sign.word} {_about(change)}"


def _about(change: Change) -> str:
    """What a change is about; of a command the name alone would read as what is run."""
    is_run = change.kind is ChangeKind.RUN
    return f"{change.what}: {change.detail}" if is_run else change.what


def details(change: Change) -> Content:
    """Why, and the lines that differ or the commands that are run."""
    parts = [
        Content.assemble((change.detail, "bold")),
        Content.assemble((change.why, "$foreground-muted")),
    ]
    parts += [Content.assemble(("$ ", "$accent"), command) for command in change.commands]
    parts += [_difference(line) for line in change.diff[2:]]
    return Content("\n").join(parts)


def _difference(line: str) -> Content:
    style = {"+": "$success", "-": "$error", "@": "$accent"}.get(line[:1], "$foreground-muted")
    return Content.assemble((line, style))


def as_text(plan: Plan) -> str:
    """The plan as plain text, to copy."""
    lines = [f"! {notice}" for notice in plan.notices]
    for action in plan.actions:
        change = action.preview()
        lines += [
            title(change),
            *(f"    {line}" for line in details(change).plain.split("\n")),
        ]
    return "\n".join(lines) + "\n"


class ReviewScreen(WizardScreen):
    """Shows a plan and asks for the yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f4", "save", "Save answers"),
        Binding("space", "open", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
    ]

    def __init__(self, place: Place, plan: Plan) -> None:
        super().__init__(place)
        self.plan = plan
        self._changes = [action.preview() for action in plan.actions]
        count = len(plan.actions)
        self.heading = f"Review · {count} change{'s' if count != 1 else ''}"
        self.reason = "Nothing has been changed yet. Apply makes these changes in this order."
        self.forward = "Apply"
        if plan.is_empty:
            self.heading = "Nothing to do"
            self.reason = "Everything on this machine is as your answers ask for."
            self.forward = "Finish"
        else:
            self.hint = "Space opens the details"

    def body(self) -> ComposeResult:
        """Notices, the changes, and the details of the one at the cursor."""
        with Body(id="plan"):
            if self.plan.notices:
                with Vertical(id="notices"):
                    for notice in self.plan.notices:
                        yield Row(Content.assemble(("!", "bold $warning")), Content(notice))
            if self._changes:
                with Body(id="changes"):
                    yield Rows([_row(change) for change in self._changes])
                with Body(id="details") as pane:
                    pane.border_title = "Details"
                    yield Static(id="detail")

    def start(self) -> None:
        """Starts at the first change, so that the yes is one more key away."""
        if self._changes:
            # The list is longer than its place: brought into view, its first row may not be.
            self._list.focus(scroll_visible=False)
            self._show()
        else:
            super().start()

    def on_resize(self) -> None:
        """Fits the list to the new size."""
        if self._changes:
            self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Ends the list behind a whole change: a path that goes on below would look cut."""
        changes = self.query_one("#changes", Body)
        left = self.query_one("#plan", Body).size.height - changes.virtual_region.y
        room = max(DETAILS, left - max(DETAILS, left * 4 // 10))
        heights = accumulate(row.outer_size.height for row in self._list.rows)
        whole = max((height for height in heights if height <= room), default=room)
        # On a short terminal all of it scrolls together.
        changes.styles.max_height = None if self.has_class("-short") else whole

    @property
    def _list(self) -> Rows:
        return self.query_one(Rows)

    @on(Rows.Moved)
    def _show(self) -> None:
        at = self._list.at
        pane = self.query_one("#details", Body)
        pane.border_subtitle = f"{at + 1} of {len(self._changes)}"
        self.query_one("#detail", Static).update(details(self._changes[at]))
        pane.scroll_home(animate=False)

    @on(Rows.Submitted)
    def _to_button(self) -> None:
        self.query_one("#forward", Button).focus()

    def action_page(self, by: int) -> None:
        """Scrolls the details."""
        pane = self.query_one("#details", Body)
        pane.scroll_relative(y=by * max(1, pane.size.height - 1), animate=False)

    async def action_open(self) -> None:
        """Shows the details in a window of their own."""
        change = self._changes[self._list.at]
        await self.app.push_screen(Details(title(change), details(change)))

    def action_save(self) -> None:
        """Saves the answers."""
        self.post_message(Save())

    def help(self) -> Help:
        """What the signs mean."""
        signs = ", ".join(f"{sign.glyph} {sign.word}" for sign in CHANGES.values())
        return Help(
            "The plan",
            (
                f"The signs: {signs}.",
                (
                    "Each change is recorded before it is made. If one fails, all are taken back. "
                    "Afterwards pomcert-wizard undo restores every byte."
                ),
                "Keys are made when the plan is applied, and are never shown.",
            ),
        )

    def copied(self) -> str:
        """The plan."""
        return as_text(self.plan)


def _row(change: Change) -> Row:
    sign = CHANGES[change.kind]
    mark = Content.assemble((sign.glyph, f"bold {sign.style}"), (f" {sign.word}", sign.style))
    return Row(mark, Content(_about(change)))
