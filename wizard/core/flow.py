"""The order of the questions. Steps group them; a front end walks the steps both ways."""

from collections.abc import Sequence
from typing import NamedTuple

from wizard.core.answers import Answers
from wizard.core.questions import Question


class Step(NamedTuple):
    """Questions that belong on one screen."""

    id: str
    title: str
    questions: tuple[Question, ...]

    def visible(self, answers: Answers) -> tuple[Question, ...]:
        """The questions that these answers leave open to ask."""
        return tuple(question for question in self.questions if question.when(answers))


class Flow(NamedTuple):
    """The steps of one way through the wizard."""

    steps: Sequence[Step]

    def visible(self, answers: Answers) -> tuple[Step, ...]:
        """The steps that have something to ask."""
        return tuple(step for step in self.steps if step.visible(answers))

    def questions(self) -> tuple[Question, ...]:
        """Every question, in order."""
        return tuple(question for step in self.steps for question in step.questions)
