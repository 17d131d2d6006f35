"""Questions as data: every front end, the answers file and its schema are made from them."""

from collections.abc import Callable
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
