"""What a hop is: one of the connections on the way to an application, and how it is secured."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol

from wizard.core.actions import Action
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Json, NextStep
from wizard.core.plan import Renewal
from wizard.core.questions import Question
from wizard.core.system import System
from wizard.pki.material import Installed, Settings


class Secured(NamedTuple):
    """The files and settings that secure a hop.

    `finish` gives what comes behind the target's files, which it is told. `failures` are what a
    renewal could not do; the rest is done all the same.
    """

    actions: tuple[Action, ...] = ()
    settings: Settings = MappingProxyType({})
    notices: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    finish: "Callable[[Sequence[Action]], Secured] | None" = None
    failures: tuple[WizardError, ...] = ()


class Expiry(NamedTuple):
    """When something that secures a hop ends, and who sees to it: `then` says so in words."""

    what: str
    path: Path
    expires: datetime
    then: str

    def to_json(self) -> dict[str, Json]:
        """The same as data; the time is ISO 8601 in UTC."""
        return {
            "what": self.what,
            "path": str(self.path),
            "expires": self.expires.isoformat(),
            "then": self.then,
        }


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

    def expiries(self, answers: Answers, system: System, state: Path) -> Iterator[Expiry]:
        """What of it ends when. Reads only.

        Raises:
            WizardError: a file of it cannot be read.
        """
