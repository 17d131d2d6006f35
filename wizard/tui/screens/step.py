"""A step: any questions of any kind. The engine says what is wrong; the screen shows it."""

import asyncio
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from wizard.core.errors import WizardError
from wizard.tui.screens.base import Backward, Body, Failed, Forward, Help, Place, WizardScreen
from wizard.tui.walk import Page, Walk
from wizard.tui.widgets.entry import Entry
from wizard.tui.widgets.field import Field


class Deeper(Message):
    """Ask more questions, or fewer again."""


class StepScreen(WizardScreen):
    """Asks the questions of one step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "deeper", "All questions"),
        Binding("f3", "shallower", "Fewer questions"),
        # Before the key that follows is handed to anyone: a slow line brings many at a time.
        Binding("enter", "submit", show=False, priority=True),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, place: Place, page: Page, walk: Walk) -> None:
        super().__init__(place)
        self.step = page
        self._walk = walk
        self._turn = asyncio.Lock()
        first = page.asked[0].question
        alone = len(page.asked) == 1
        self.heading = first.prompt if alone else page.step.title
        self.reason = first.why if alone else ""
        many = "questions" if page.hidden != 1 else "question"
        if page.hidden:
            self.hint = f"F3 asks {page.hidden} more {many}"

    def body(self) -> ComposeResult:
        """One field a question."""
        yield Body(*self._fields())

    def start(self) -> None:
        """Starts in the first field."""
        self.fields[0].enter()

    @property
    def fields(self) -> list[Field]:
        """The fields, in order."""
        return list(self.query(Field))

    def _fields(self) -> list[Field]:
        # The page keeps its heading when an answer brings up more questions, or fewer.
        return [Field(one, alone=one.question.prompt == self.heading) for one in self.step.asked]

    def help(self) -> Help:
        """What there is to know about the question at the cursor."""
        focused = self.focused
        at = next(
            (f for f in self.fields if focused is not None and focused in f.walk_children()), None
        )
        question = (at or self.fields[0]).asked.question
        key = f"In an answers file it is {question.key}; in the environment {question.variable}."
        return Help(question.prompt, (question.why, question.help, key))

    def copied(self) -> str:
        """The value of the field at the cursor."""
        return self.focused.text if isinstance(self.focused, Entry) else ""

    def action_forward(self) -> None:
        """Hands all answers to the engine; the next step comes when all are good."""
        self._take(self.fields, leave=True)

    def action_backward(self) -> None:
        """Goes back; what was typed is kept."""
        self.put_aside()
        self.post_message(Backward(self))

    def action_deeper(self) -> None:
        """Asks what only experts are asked, too."""
        self.put_aside()
        self.post_message(Deeper())

    def action_shallower(self) -> None:
        """Asks that no longer."""
        self.action_deeper()

    def action_submit(self) -> None:
        """Goes to the next field; what was typed is handed on behind the keys that typed it."""
        entry = self.focused
        controls = [field.control for field in self.fields]
        if entry in controls[:-1]:
            self.set_focus(controls[controls.index(entry) + 1])
        if isinstance(entry, Entry):
            entry.post_message(Entry.Submitted())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers what has a meaning now."""
        if action == "submit":
            return isinstance(self.focused, Entry)
        if action in {"deeper", "shallower"}:
            return self._walk.expert == (action == "shallower")
        return super().check_action(action, parameters)

    def put_aside(self) -> None:
        """Keeps what was typed and not taken."""
        for field in self.fields:
            if field.edited:
                self._walk.keep(field.asked, field.value)

    @on(Field.Submitted)
    def _submitted(self, event: Field.Submitted) -> None:
        *others, last = self.fields
        if event.field is last:
            self.action_forward()
        elif event.field in others:
            if event.field.control.has_focus:
                self.fields[others.index(event.field) + 1].enter()
            self._take([event.field])

    @on(events.DescendantBlur)
    def _left(self, event: events.DescendantBlur) -> None:
        for field in self.fields:
            if event.widget is field.control and field.edited and self.is_current:
                self._take([field], quiet=True)

    @work(group="walk")
    async def _take(
        self,
        fields: list[Field],
        *,
        leave: bool = False,
        quiet: bool = False,
    ) -> None:
        """Hands answers to the engine, in a thread: it may look at the whole machine.

        Args:
            fields: whose answers.
            leave: go on to the next step when all are good.
            quiet: leave the cursor where it is.
        """
        keys = [field.asked.question.key for field in fields]
        async with self._turn:
            if not self.is_current:
                return
            try:
                # Whoever had the turn before may have put new fields in the place of these.
                for field in [one for one in self.fields if one.asked.question.key in keys]:
                    problem = await asyncio.to_thread(self._walk.take, field.asked, field.value)
                    if problem is not None:
                        field.complain(problem)
                        if not quiet:
                            field.enter()
                        return
                    field.taken()
                page = await asyncio.to_thread(self._walk.refreshed, self.step.step.id)
            except WizardError as error:
                self.post_message(Failed(error))
                return
            if await self._renew(page, leave=leave) or not leave:
                return
            self.post_message(Forward(self))

    def _where(self) -> int:
        """The place of the field that has the cursor."""
        focused = (n for n, field in enumerate(self.fields) if field.control.has_focus)
        return next(focused, -1)

    async def _renew(self, page: Page, *, leave: bool) -> bool:
        """Shows what an answer changed on this page, and says whether a question is new.

        The cursor goes to the new question, else it stays where it is.
        """
        where = self._where()
        known = {field.asked.question.key: field for field in self.fields}
        fresh = [asked for asked in page.asked if asked.question.key not in known]
        if leave and not fresh:
            return False
        if self._differs(page):
            self.put_aside()
            self.step = self._walk.refreshed(page.step.id)
            body = self.query_one(Body)
            async with self.batch():
                await body.remove_children()
                await body.mount_all(self._fields())
        if fresh:
            where = next(n for n, asked in enumerate(page.asked) if asked in fresh)
        if where >= 0:
            field = self.fields[min(where, len(self.fields) - 1)]
            field.enter()
            # A field that is new has no place yet to scroll to.
            self.call_after_refresh(field.scroll_visible, animate=False)
        return bool(fresh)

    def _differs(self, page: Page) -> bool:
        """Whether the page is to show other questions, or other values where nobody typed."""
        fields = self.fields
        if [field.asked.question.key for field in fields] != [a.question.key for a in page.asked]:
            return True
        return any(
            not field.edited and field.value != asked.standing.value
            for field, asked in zip(fields, page.asked, strict=True)
        )
