"""A question as a field: the prompt, the reason, a control for its kind, and what is wrong."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from wizard.core.answers import AUTO, read_word
from wizard.core.questions import Choice, Kind, Problem, Value
from wizard.core.tables import shape
from wizard.tui.walk import Asked
from wizard.tui.widgets.choices import ManyOf, OneOf
from wizard.tui.widgets.entry import Entry
from wizard.tui.widgets.rows import Rows

YES_NO = (Choice("yes", "Yes"), Choice("no", "No"))
EVERYTHING = Choice(AUTO[0], "Everything found here", "each of those below, and what else is found")
TYPED_LISTS = frozenset({Kind.NAMES, Kind.LIST, Kind.TABLES})
NOTES = {
    Kind.MANY: "Space takes one in or out; none at all is fine too.",
    Kind.NAMES: "Separate names by a comma or a blank.",
    Kind.LIST: "Separate them by a comma or a blank; none at all is fine too.",
}


class Field(Vertical):
    """One question. It shows and hands on; whether an answer is good the engine says."""

    class Submitted(Message):
        """Enter was pressed in the field."""

        def __init__(self, field: "Field") -> None:
            super().__init__()
            self.field = field

    def __init__(self, asked: Asked, *, alone: bool) -> None:
        """A field that is `alone` on its page leaves prompt and reason to the page."""
        super().__init__(classes="-alone" if alone else "")
        self.asked = asked
        self._alone = alone
        standing = asked.standing.value if asked.draft is None else asked.draft
        self._taken: Value | None = standing if asked.draft is None else None
        self.control = _control(asked, standing)
        # Held, not looked up: an answer may come when the field has left the page.
        self._problem = Static(classes="problem")

    def compose(self) -> ComposeResult:
        """Prompt, reason, control, note, problem."""
        question = self.asked.question
        if not self._alone:
            yield Static(question.prompt, classes="prompt", markup=False)
            yield Static(question.why, classes="why", markup=False)
        yield self.control
        yield Static(self._note(), classes="note", markup=False)
        yield self._problem

    @property
    def value(self) -> Value:
        """What stands in the field, as the engine takes it."""
        question, control = self.asked.question, self.control
        if isinstance(control, ManyOf):
            return control.value
        if isinstance(control, OneOf):
            return control.value == "yes" if question.kind is Kind.FLAG else control.value
        if isinstance(control, Entry) and question.kind in TYPED_LISTS:
            return read_word(control.text, question, question.key)
        return control.text.strip() if isinstance(control, Entry) else ""

    @property
    def edited(self) -> bool:
        """Whether something else stands here than what was offered or taken last."""
        return self.value != self._taken

    def taken(self) -> None:
        """What stands here now was taken."""
        self._taken = self.value
        self.complain(None)

    def complain(self, problem: Problem | None) -> None:
        """Shows what is wrong, with the fix, or that nothing is."""
        self.set_class(problem is not None, "-wrong")
        if problem is None:
            self._problem.update("")
            return
        self._problem.update(
            Content.assemble(
                ("✗ ", "bold $error"),
                (problem.summary, "$error"),
                (f"\n  {problem.hint}" if problem.hint else "", "$foreground"),
            )
        )

    def enter(self) -> None:
        """Puts the cursor into the field."""
        self.control.focus()

    def _note(self) -> str:
        value, source = self.asked.standing
        shown = f"{source[:1].upper()}{source[1:]}." if value != "" else ""
        optional = "May be left empty." if self.asked.question.optional else ""
        note = NOTES.get(self.asked.question.kind, "")
        if self.asked.question.kind is Kind.TABLES:
            note = f"Each as {shape(self.asked.question.fields)}, one behind the other."
        return " ".join(part for part in (shown, optional, note) if part)

    @on(Entry.Submitted)
    @on(Rows.Submitted)
    def _submitted(self, event: Message) -> None:
        event.stop()
        self.post_message(self.Submitted(self))

    @on(Entry.Changed)
    @on(Rows.Moved)
    def _changed(self) -> None:
        if self.has_class("-wrong") and self.edited:
            self.complain(None)


def _control(asked: Asked, standing: Value) -> Widget:
    match asked.question.kind:
        case Kind.CHOICE:
            return OneOf(asked.choices, str(standing))
        case Kind.FLAG:
            return OneOf(YES_NO, "yes" if standing is True else "no")
        case Kind.MANY:
            chosen = standing if isinstance(standing, tuple) else ()
            every = (EVERYTHING,) if AUTO in {asked.question.default, standing} else ()
            return ManyOf((*every, *asked.choices), chosen, AUTO)
        case Kind.NAMES | Kind.LIST:
            text = ", ".join(standing) if isinstance(standing, tuple) else str(standing)
            return Entry(text, lines=True)
        case Kind.TABLES:
            return Entry("\n".join(standing) if isinstance(standing, tuple) else "", lines=True)
        case Kind.TEXT | Kind.PATH:
            return Entry(str(standing))
