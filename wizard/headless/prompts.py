"""Plain prompts: the wizard on one line after the other, for screen readers and bare terminals."""

import sys

from wizard.core.answers import LISTS
from wizard.core.errors import ExitCode, UsageError
from wizard.core.questions import Kind, Question, Value
from wizard.core.tables import joined
from wizard.engine import Session, settle
from wizard.headless.front import follow
from wizard.headless.text import Text

HELP = "?"
BACK = "<"
NOTHING = "-"


def run(session: Session, text: Text, *, may_ask: bool) -> int:
    """The whole way: asks, shows the plan, applies it on a yes; returns the exit code.

    `may_ask` says whether a person is there to type a password for sudo, doas or run0.
    """
    follow(settle(session.system, session.journal, may_ask=may_ask), text)
    prompts = Prompts(session, text)
    prompts.ask_all()
    plan = session.plan()
    text.plan(plan)
    if plan.is_empty:
        return int(ExitCode.DONE)
    if not prompts.confirm("Apply this plan?"):
        text.say("Nothing was changed.")
        return int(ExitCode.DONE)
    return follow(session.apply(plan, may_ask=may_ask), text)


class Prompts:
    """Asks the questions of a session on stdout and reads the answers from stdin."""

    def __init__(self, session: Session, text: Text) -> None:
        self._session = session
        self._text = text

    def ask_all(self) -> None:
        """Asks every visible question; `<` goes back, `?` explains, `-` answers with nothing.

        Raises:
            UsageError: `input-ended` when stdin ends before the questions do.
        """
        self._text.say("Enter takes the answer in brackets, ? explains, < goes back, - empties.")
        asked: list[str] = []
        while (question := self._next(asked)) is not None:
            if self._ask(question):
                asked.append(question.key)
            elif asked:
                asked.pop()

    def confirm(self, prompt: str) -> bool:
        """A yes or no; anything but yes is no."""
        return self._read(f"{prompt} [y/N] ").lower() in {"y", "yes"}

    def _next(self, asked: list[str]) -> Question | None:
        """The first visible question that was not asked yet."""
        session = self._session
        answers = session.given
        for step in session.flow.steps:
            for question in step.visible(answers):
                if question.key not in asked and not question.advanced:
                    return question
        return None

    def _ask(self, question: Question) -> bool:
        """Asks until the answer is good; False means back."""
        say = self._text.say
        say()
        say(question.prompt)
        say(f"  {question.why}")
        offered = question.offered()
        for number, choice in enumerate(offered, 1):
            say(
                f"  {number}. {choice.value}: {choice.title} "
                f"({choice.unavailable or choice.summary})"
            )
        while True:
            standing = self._session.value(question)
            word = self._read(f"[{shown(standing.value)}] ")
            if word == HELP:
                say(f"  {question.help}")
            elif word == BACK:
                return False
            elif self._take(question, _meant(word, question, standing.value)):
                return True

    def _take(self, question: Question, value: Value) -> bool:
        try:
            if isinstance(value, str) and question.kind not in {Kind.TEXT, Kind.PATH, Kind.CHOICE}:
                self._session.answer_word(question.key, value, question.key)
                return True
        except UsageError as error:
            self._text.error(error)
            return False
        problem = self._session.answer(question, value)
        if problem is not None:
            self._text.say(f"✗ {problem.summary} {problem.hint} [{problem.code}]")
        return problem is None

    def _read(self, prompt: str) -> str:
        print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            self._text.say()
            raise UsageError(
                "input-ended",
                "The input ended before all questions were answered.",
                "Nothing was changed. Answer them in a file: pomcert-wizard --answers FILE",
            )
        return line.strip()


def shown(value: Value) -> str:
    """An answer as a person would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return joined(value, ", ") if isinstance(value, tuple) else value


def _meant(word: str, question: Question, standing: Value) -> Value:
    """What a line stands for: the standing answer, nothing, choices by number, or itself."""
    if word == NOTHING:
        return () if question.kind in LISTS else ""
    offered = {str(number): choice.value for number, choice in enumerate(question.offered(), 1)}
    if not word or not offered:
        return word or standing
    return " ".join(offered.get(part, part) for part in word.replace(",", " ").split())
