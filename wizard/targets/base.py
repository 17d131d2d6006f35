"""What a target is: where the files go and what else Pomerium needs there."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Protocol

from wizard.core.actions import Action
from wizard.core.answers import Answers
from wizard.core.events import NextStep, Proof
from wizard.core.flow import Step
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.pki.material import Installed, Material, Settings, Task


class Delivery(NamedTuple):
    """The actions that put a certificate or settings where Pomerium finds them."""

    actions: tuple[Action, ...] = ()
    notices: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()


class Obtained(NamedTuple):
    """Who obtains and renews a certificate where Pomerium runs, so that the wizard does not.

    `unasked` are questions of the strategy, or tables of them, that then mean nothing; `look` is
    the line that shows how far it is.
    """

    by: str
    unasked: frozenset[str]
    look: Callable[[Answers], str]

    def asks(self, key: str) -> bool:
        """Whether a question of the strategy is asked all the same."""
        return not any(key == one or key.startswith(f"{one}.") for one in self.unasked)

    def proof(self, answers: Answers) -> Proof:
        """What stands for a proof that cannot be had from here."""
        detail = "it obtains the certificate there and renews it; this shows how far it is"
        return Proof(self.by, "unknown", detail, self.look(answers))


class Target(Protocol):
    """A way in which Pomerium runs; what has a value here holds for most of them."""

    info: ClassVar[Info]
    obtains: ClassVar[Mapping[str, Obtained]] = MappingProxyType({})
    """By strategy, whose certificates something else obtains there."""

    @abstractmethod
    def steps(self, system: System) -> Sequence[Step]:
        """What it must know."""

    @abstractmethod
    def installed(self, answers: Answers, system: System) -> Installed:
        """The files that are there now; reads only."""

    @abstractmethod
    def deliver(self, task: Task, material: Material | None, settings: Settings) -> Delivery:
        """What is to be done. Reads only.

        Raises:
            WizardError: it cannot be done here.
        """

    def hand_on(self, _answers: Answers, _system: System, _path: Path, _content: bytes) -> Delivery:
        """What else is to be done where a file that `deliver` was told of gets another content."""
        return Delivery()
