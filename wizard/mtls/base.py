"""What a hop is: one of the connections on the way to an application, and how it is secured."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol

from wizard.core.actions import Action
from wizard.core.errors import WizardError
from wizard.core.events import Json, NextStep
from wizard.core.questions import Question
from wizard.pki.material import Settings, Task


def no_more(_delivered: Sequence[Action]) -> "Secured":
    """Nothing comes behind the target's files."""
    return Secured()


class Secured(NamedTuple):
    """The files and settings that secure a hop, or several.

    `finish` gives what comes behind the target's files, which it is told. `failures` are what a
    renewal could not do; the rest is done all the same.
    """

    actions: tuple[Action, ...] = ()
    settings: Settings = MappingProxyType({})
    notices: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    finish: "Callable[[Sequence[Action]], Secured]" = no_more
    failures: tuple[WizardError, ...] = ()


def together(several: Iterable[Secured]) -> Secured:
    """What secures several hops, in order."""
    parts = tuple(several)
    return Secured(
        tuple(action for one in parts for action in one.actions),
        {name: value for one in parts for name, value in one.settings.items()},
        tuple(notice for one in parts for notice in one.notices),
        tuple(step for one in parts for step in one.next_steps),
        lambda delivered: together(one.finish(delivered) for one in parts),
        tuple(error for one in parts for error in one.failures),
    )


def tried(make: Callable[[], Secured], task: Task) -> Secured:
    """What is made; a hop that cannot be renewed lets no other certificate expire.

    Raises:
        WizardError: it cannot be done, and this is no renewal.
    """
    try:
        made = make()
    except WizardError as error:
        if not task.is_renewal:
            raise
        return Secured(failures=(error,))
    return made._replace(finish=lambda delivered: tried(lambda: made.finish(delivered), task))


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

    @abstractmethod
    def work(self, task: Task) -> Secured:
        """What is to be done. Reads only.

        Raises:
            WizardError: it cannot be done here.
        """

    @abstractmethod
    def expiries(self, task: Task) -> Iterator[Expiry]:
        """What of it ends when. Reads only.

        Raises:
            WizardError: a file of it cannot be read.
        """
