"""What a hop is: one of the connections on the way to an application, and how it is secured."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol

from wizard.core.actions import Action
from wizard.core.answers import Answers
from wizard.core.events import NextStep
from wizard.core.plan import Renewal
from wizard.core.questions import Question
from wizard.core.system import System
from wizard.pki.material import Installed, Settings


class Secured(NamedTuple):
    """The files and settings that secure a hop.

    `finish` gives what comes behind the target's files, which it is told.
    """

    actions: tuple[Action, ...] = ()
    settings: Settings = MappingProxyType({})
    notices: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    finish: "Callable[[Sequence[Action]], Secured] | None" = None


class Hop(Protocol):
    """A connection that mutual TLS can secure."""

    questions: ClassVar[Sequence[Question]]
    """What it must know; whether it is wanted at all comes first."""

    def work(
        self,
        answers: Answers,
        system: System,
        state: Path,
        installed: Installed,
        renewal: Renewal,
    ) -> Secured:
        """What is to be done. Reads only.

        Raises:
            WizardError: it cannot be done here.
        """
