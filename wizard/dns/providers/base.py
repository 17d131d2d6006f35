"""What a DNS provider is: questions, and a way to set TXT records and to remove them again."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from wizard.core.answers import Answers
from wizard.core.questions import Question
from wizard.core.registry import Info
from wizard.core.system import System


class Txt(NamedTuple):
    """TXT records of one name, without a dot at its end, in the zone that holds it.

    `asked` is the name before CNAMEs were followed, `primary` the address of the zone's primary
    server, `identifiers` what the values prove, each at the place of its value.
    """

    name: str
    zone: str
    values: tuple[str, ...]
    asked: str
    primary: str
    identifiers: tuple[str, ...]


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

    def publish(self, records: Sequence[Txt]) -> None:
        """Sets the records beside others of the same name.

        Raises:
            WizardError: it was refused, or cannot be reached.
        """

    def remove(self, records: Sequence[Txt]) -> None:
        """Removes exactly these values.

        Raises:
            WizardError: as `publish`.
        """
