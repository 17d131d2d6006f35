"""The order of the questions, and which of them are open."""

from wizard.core.answers import Answers
from wizard.core.flow import Flow, Step
from wizard.core.questions import Kind, Question


def question(key: str, **fields: object) -> Question:
    made = Question(key, Kind.TEXT, "What?", "Because.", "More.")
    return made._replace(**fields)  # type: ignore[arg-type]


FIRST = question("a")
HIDDEN = question("b", when=lambda answers: answers.text("a") == "x")
FLOW = Flow((Step("one", "One", (FIRST,)), Step("two", "Two", (HIDDEN,))))


def test_a_step_without_an_open_question_is_not_shown() -> None:
    assert [step.id for step in FLOW.visible(Answers())] == ["one"]


def test_an_answer_opens_and_closes_the_questions_after_it() -> None:
    answers = Answers().having("a", "x")
    assert [step.id for step in FLOW.visible(answers)] == ["one", "two"]
    assert [step.id for step in FLOW.visible(answers.having("a", "y"))] == ["one"]


def test_every_question_has_its_place_open_or_not() -> None:
    assert [one.key for one in FLOW.questions()] == ["a", "b"]
