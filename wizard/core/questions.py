"""Questions as data: every front end, the answers file and its schema are made from them."""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from wizard.core.answers import Answers

Value: TypeAlias = str | bool | tuple[str, ...]


class Kind(Enum):
    """What an answer is."""

    TEXT = "text"
    PATH = "path"
    NAMES = "names"
    """Host names."""
    LIST = "list"
    """Texts of any other kind, each taken as it stands."""
    FLAG = "flag"
    CHOICE = "choice"
    MANY = "many"


class Problem(NamedTuple):
    """What is wrong with an answer, and what would be right."""

    code: str
    summary: str
    hint: str


class Choice(NamedTuple):
    """One thing to choose; `unavailable` says why it cannot be chosen here."""

    value: str
    title: str
    summary: str = ""
    unavailable: str = ""


class Detected(NamedTuple):
    """An answer that was found on this machine, and where."""

    value: Value
    source: str


def always(_answers: "Answers") -> bool:
    """A question that everybody is asked."""
    return True


def fine(_value: Value, _answers: "Answers") -> Problem | None:
    """An answer that cannot be wrong."""
    return None


class Question(NamedTuple):
    """One question.

    `key` is its dotted name in answers; `prompt` is the question, `why` one line of reason, `help`
    what else there is to know. `default` is used when nobody answers; it may be found out from the
    machine and the earlier answers. None means that an answer is required, unless the question is
    optional.
    """

    key: str
    kind: Kind
    prompt: str
    why: str
    help: str
    default: Value | Callable[["Answers"], Value | Detected | None] | None = None
    choices: tuple[Choice, ...] | Callable[[], tuple[Choice, ...]] = ()
    optional: bool = False
    advanced: bool = False
    when: Callable[["Answers"], bool] = always
    check: Callable[[Value, "Answers"], Problem | None] = fine

    def constant(self) -> Value | None:
        """The default, where it is the same on every machine."""
        return self.default if isinstance(self.default, (str, bool, tuple)) else None

    def offered(self) -> tuple[Choice, ...]:
        """What can be chosen; looking it up may take a moment."""
        return self.choices() if callable(self.choices) else self.choices

    @property
    def variable(self) -> str:
        """The environment variable that answers it: `POMCERT_LOCAL_CA_KEY_TYPE`."""
        return "POMCERT_" + self.key.replace(".", "_").upper()


class Known(Mapping[str, Question]):
    """Questions by key, and more of them as soon as a name is asked for that may be one's.

    What a library asks is learned in this way, and only by runs that need the library.
    """

    def __init__(
        self, questions: Mapping[str, Question], more: Callable[[str], Mapping[str, Question]]
    ) -> None:
        """`more` gives what else there is to know where a key or a variable may mean it."""
        self._questions = dict(questions)
        self._more = more

    def __getitem__(self, key: str) -> Question:
        if key not in self._questions:
            self._learn(key)
        return self._questions[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._questions)

    def __len__(self) -> int:
        return len(self._questions)

    def every(self) -> Mapping[str, Question]:
        """All of them, those that libraries ask as well, by key or by a pattern of keys.

        A library that is not there can only say how its keys may look. This may take seconds.
        """
        tables = dict.fromkeys(key.rpartition(".")[0] for key in self._questions)
        more = [self._more(f"{table}.") for table in tables]
        return self._questions | {key: one for found in more for key, one in found.items()}

    def variables(self, wanted: str) -> Mapping[str, str]:
        """The key that each variable of the environment answers, `wanted` among them if any has."""
        if all(question.variable != wanted for question in self._questions.values()):
            self._learn(wanted)
        return {question.variable: key for key, question in self._questions.items()}

    def _learn(self, name: str) -> None:
        found = self._more(name).items()
        self._questions |= {key: one for key, one in found if key not in self._questions}
