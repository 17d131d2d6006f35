"""What a hop is: one of the connections on the way to an application, and how it is secured."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol

from wizard.core.actions import Action
from wizard.core.events import NextStep
from wizard.core.questions import Question
from wizard.pki.material import Settings, Task


def no_more(_delivered: Sequence[Action]) -> "Secured":
    """Nothing comes behind the target's files."""
    return Secured()


class Secured(NamedTuple):
    """The files and settings that secure a hop, or several.

    `finish` gives what comes behind the target's files, which it is told.
    """

    actions: tuple[Action, ...] = ()
    settings: Settings = MappingProxyType({})
    notices: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    finish: "Callable[[Sequence[Action]], Secured]" = no_more


def together(several: Iterable[Secured]) -> Secured:
    """What secures several hops, in order."""
    parts = tuple(several)
    return Secured(
        tuple(action for one in parts for action in one.actions),
        {name: value for one in parts for name, value in one.settings.items()},
        tuple(notice for one in parts for notice in one.notices),
        tuple(step for one in parts for step in one.next_steps),
        lambda delivered: together(one.finish(delivered) for one in parts),
    )


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
