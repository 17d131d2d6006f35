"""The way through the questions: which come next, what stands in them, what was typed so far."""

from typing import Final, NamedTuple

from wizard.core.answers import Answers
from wizard.core.flow import Step
from wizard.core.questions import Choice, Detected, Problem, Question, Value
from wizard.engine import Session

WELCOME: Final = ""
REVIEW: Final = "review"


class Asked(NamedTuple):
    """A question as it is shown: what stands in it, what was typed, what can be chosen."""

    question: Question
    standing: Detected
    draft: Value | None
    choices: tuple[Choice, ...]


class Page(NamedTuple):
    """A step as it is shown; `hidden` counts the questions that only experts are asked."""

    step: Step
    asked: tuple[Asked, ...]
    hidden: int


class Walk:
    """Walks a session's steps both ways and loses nothing.

    An answer that was taken as it was offered is offered anew when its step is shown again, so
    that it follows the answers it was derived from. What was typed and not taken is kept aside.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.expert = False
        self._accepted: set[str] = set()
        self._drafts: dict[str, Value] = {}

    def standing(self) -> Answers:
        """Every visible question with what stands as its answer now, right or wrong."""
        complete = Answers()
        for question in self.session.flow.questions():
            if question.when(complete):
                value = self.session.value(question, complete).value
                complete = complete.having(question.key, value)
        return complete

    def steps(self) -> tuple[Step, ...]:
        """The steps that ask something."""
        standing = self.standing()
        return tuple(step for step in self.session.flow.steps if self._asks(step, standing))

    def after(self, step: str) -> str:
        """The step that follows; after the last one comes the review."""
        ids = (WELCOME, *(step.id for step in self.steps()), REVIEW)
        return ids[ids.index(step) + 1] if step in ids else ids[1]

    def before(self, step: str) -> str:
        """The step that comes first; before the first one is the welcome."""
        ids = (WELCOME, *(step.id for step in self.steps()), REVIEW)
        return ids[ids.index(step) - 1] if step in ids else ids[-2]

    def page(self, wanted: str) -> Page:
        """A step as it is shown when somebody comes to it.

        Raises:
            WizardError: the machine holds something that cannot be read.
        """
        for question in self._step(wanted).questions:
            if question.key in self._accepted:
                self._accepted.discard(question.key)
                self.session.given = self.session.given.without(question.key)
        return self.refreshed(wanted)

    def refreshed(self, wanted: str) -> Page:
        """The same step after an answer; looking up what can be chosen may take a moment.

        Raises:
            WizardError: as `page`.
        """
        step, standing = self._step(wanted), self.standing()
        asked = tuple(
            Asked(
                question,
                self.session.value(question, standing),
                self._drafts.get(question.key),
                question.offered(),
            )
            for question in self._asks(step, standing)
        )
        every = [q for step in self.session.flow.steps for q in step.visible(standing)]
        return Page(step, asked, 0 if self.expert else sum(q.advanced for q in every))

    def take(self, asked: Asked, value: Value) -> Problem | None:
        """Hands an answer to the engine; what is wrong with it comes back, and it is kept aside.

        Raises:
            WizardError: it cannot be looked at on this machine.
        """
        key = asked.question.key
        as_offered = key in self._accepted or key not in self.session.given.values
        problem = self.session.answer(asked.question, value)
        if problem is not None:
            self.keep(asked, value)
            return problem
        self._drafts.pop(key, None)
        if as_offered and value == asked.standing.value:
            self._accepted.add(key)
        else:
            self._accepted.discard(key)
        return None

    def keep(self, asked: Asked, value: Value) -> None:
        """Keeps aside what was typed and not taken."""
        self._drafts[asked.question.key] = value

    def _step(self, wanted: str) -> Step:
        return next(step for step in self.session.flow.steps if step.id == wanted)

    def _asks(self, step: Step, standing: Answers) -> tuple[Question, ...]:
        return tuple(q for q in step.visible(standing) if self.expert or not q.advanced)
