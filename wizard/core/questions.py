"""Questions as data: every front end, the answers file and its schema are made from them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from enum import Enum
from types import MappingProxyType
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
    TABLES = "tables"
    """Tables of texts, each as a line; see `core.tables`."""


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
    optional; `absent` is the code of the error when there is none. `among` are values that can be
    chosen, where looking the choices up takes longer. `fields` are what a table may hold, each with
    what it means; the first is the one that it must hold.
    """

    key: str
    kind: Kind
    prompt: str
    why: str
    help: str
    default: Value | Callable[["Answers"], Value | Detected | None] | None = None
    choices: tuple[Choice, ...] | Callable[[], tuple[Choice, ...]] = ()
    among: Collection[str] = ()
    optional: bool = False
    absent: str = "answer-missing"
    advanced: bool = False
    when: Callable[["Answers"], bool] = always
    check: Callable[[Value, "Answers"], Problem | None] = fine
    fields: Mapping[str, str] = MappingProxyType({})

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


Source = Callable[[], Mapping[str, Question]]
"""Gives questions by key, when somebody needs them."""


class Known(Mapping[str, Question]):
    """Questions by key, each learned when a name is asked for that may be its own.

    A run thus loads the parts that it uses, and what a library asks only where it is used.
    """

    def __init__(
        self,
        questions: Mapping[str, Question],
        sources: Mapping[str, Source],
        more: Callable[[str], Mapping[str, Question]],
    ) -> None:
        """`sources` by the table of answers that is theirs; `more` where a name may mean more."""
        self._questions = dict(questions)
        self._sources = dict(sources)
        self._more = more

    def __getitem__(self, key: str) -> Question:
        if key not in self._questions:
            self._learn(key.partition(".")[0])
        # A table is no question, and no reason to learn what else there is.
        is_found = any(other == key or other.startswith(f"{key}.") for other in self._questions)
        if not is_found and all(other != key for other in self):
            self._add(self._more(key))
        return self._questions[key]

    def __iter__(self) -> Iterator[str]:
        """Every key, in order of the sources as far as none was learned before."""
        told: set[str] = set()
        while True:
            new = [key for key in self._questions if key not in told]
            yield from new
            told.update(new)
            if not self._sources:
                return
            self._learn(next(iter(self._sources)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def every(self) -> Mapping[str, Question]:
        """All of them, those that libraries ask as well, by key or by a pattern of keys.

        A library that is not there can only say how its keys may look. This may take seconds.
        """
        questions = {key: self[key] for key in self}
        tables = dict.fromkeys(key.rpartition(".")[0] for key in questions)
        more = [self._more(f"{table}.") for table in tables]
        return questions | {key: one for found in more for key, one in found.items()}

    def variables(self, wanted: str) -> Mapping[str, str]:
        """The key that each variable of the environment answers, `wanted` among them if any has."""
        if all(question.variable != wanted for question in self.values()):
            self._add(self._more(wanted))
        return {question.variable: key for key, question in self.items()}

    def _learn(self, table: str) -> None:
        if table in self._sources:
            self._add(self._sources.pop(table)())

    def _add(self, found: Mapping[str, Question]) -> None:
        self._questions |= {key: one for key, one in found.items() if key not in self._questions}
