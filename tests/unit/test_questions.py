"""Every question there is: what front ends, the answers file and its schema are made from."""

from pathlib import Path

import pytest

from wizard.core.answers import Answers
from wizard.core.questions import Choice, Kind, Question
from wizard.core.system import System
from wizard.engine import Session
from wizard.parts import known_questions

KNOWN = known_questions(System())


@pytest.mark.parametrize("question", KNOWN.values(), ids=KNOWN)
def test_a_question_says_what_why_and_more(question: Question) -> None:
    assert question.prompt.endswith("?")
    assert question.why.endswith(".")
    assert len(question.why) <= 100
    assert question.key in KNOWN
    assert question.variable == f"POMCERT_{question.key.replace('.', '_').upper()}"
    if len(question.offered()) != 1:
        assert question.help.endswith(".")


@pytest.mark.parametrize(
    "question",
    [one for one in KNOWN.values() if one.kind in {Kind.CHOICE, Kind.MANY}],
    ids=lambda one: one.key,
)
def test_a_choice_offers_something_and_its_default(question: Question) -> None:
    values = [choice.value for choice in question.offered()]
    assert values
    assert len(set(values)) == len(values)
    assert all(choice.title for choice in question.offered())
    default = question.constant()
    if isinstance(default, str):
        assert default in values


def test_no_two_questions_share_a_variable() -> None:
    variables = [question.variable for question in KNOWN.values()]
    assert len(set(variables)) == len(variables)


def test_a_default_that_is_looked_up_is_no_constant() -> None:
    looked_up = Question("a", Kind.TEXT, "A?", "B.", "C.", default=lambda _: "x")
    assert looked_up.constant() is None
    assert looked_up._replace(default="x").constant() == "x"
    assert looked_up._replace(default=None).constant() is None


def test_choices_may_be_looked_up() -> None:
    offered = (Choice("x", "X"),)
    fixed = Question("a", Kind.CHOICE, "A?", "B.", "C.", choices=offered)
    assert fixed.offered() == offered
    assert fixed._replace(choices=lambda: offered).offered() == offered


def test_what_the_wizard_proposes_is_good(tmp_path: Path) -> None:
    answers = Session(System(), tmp_path).answers()
    assert isinstance(answers, Answers)
    assert set(answers.values) <= set(KNOWN)
