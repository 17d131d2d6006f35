"""What a DNS provider is: questions, and a way to set TXT records and to remove them again."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

from wizard.core.answers import Answers
from wizard.core.questions import Question
from wizard.core.registry import Info
from wizard.core.system import System


class Txt(NamedTuple):
    """TXT records of one name, without a dot at its end, in the zone that holds it.

    `asked` is the name before CNAMEs were followed, `primary` the address of the zone's primary
    server, `identifiers` what the values prove, each at the place of its value; `notes` are there
    too, where the provider had something kept when it set them.
    """

    name: str
    zone: str
    values: tuple[str, ...]
    asked: str
    primary: str
    identifiers: tuple[str, ...]
    notes: tuple[str, ...] = ()


Keep: TypeAlias = Callable[[str, str, str], None]
"""Has a note kept for the removal: the record's name, its value, and what is to be told then."""


def forgotten(_name: str, _value: str, _note: str) -> None:
    """Where nobody removes anything there is nothing to keep."""


class Provider(Protocol):
    """A way to publish. Publishing or removing twice is the same as once."""

    info: ClassVar[Info]
    is_manual: ClassVar[bool]
    """Whether a person does it."""
    settles: ClassVar[bool]
    """Whether its servers may disagree for a while after all of them have answered well."""

    def __init__(self, answers: Answers, system: System) -> None:
        """Reads the answers.

        Raises:
            UsageError: a secret is missing.
        """

    @classmethod
    def questions(cls) -> Sequence[Question]:
        """What it must know; each is asked only when this provider is chosen."""

    def publish(self, records: Sequence[Txt], keep: Keep = forgotten, /) -> None:
        """Sets the records beside others of the same name.

        Notes are kept as soon as there are any: the run may be killed before it is through.

        Raises:
            WizardError: it was refused, or cannot be reached.
        """

    def remove(self, records: Sequence[Txt]) -> None:
        """Removes exactly these values, perhaps in a later run; their notes are those kept.

        Raises:
            WizardError: as `publish`.
        """
