"""A person, with the web form of whoever hosts the domain's DNS."""

from collections.abc import Sequence
from typing import ClassVar

from wizard.core.answers import Answers
from wizard.core.questions import Question
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.dns.providers.base import Keep, Txt, forgotten


class Manual:
    """Nothing is done here: the records are shown, and watched until they are there."""

    info: ClassVar[Info] = Info(
        "manual", "By hand", "You paste the records into a web form; the wizard watches them."
    )
    is_manual: ClassVar[bool] = True
    settles: ClassVar[bool] = False

    def __init__(self, answers: Answers, system: System) -> None:
        """There is nothing to read."""

    @classmethod
    def questions(cls) -> Sequence[Question]:
        """None."""
        return ()

    def publish(self, records: Sequence[Txt], _keep: Keep = forgotten) -> None:
        """A person does it."""

    def remove(self, records: Sequence[Txt]) -> None:
        """A person does it."""
