"""What a target is: where the files go and what else Pomerium needs there."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from wizard.core.actions import Action
from wizard.core.answers import Answers
from wizard.core.events import NextStep
from wizard.core.flow import Step
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.pki.material import Installed, Material, Settings


class Delivery(NamedTuple):
    """The actions that put a certificate or settings where Pomerium finds them."""

    actions: tuple[Action, ...]
    notices: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()


class Target(Protocol):
    """A way in which Pomerium runs."""

    info: ClassVar[Info]

    def steps(self, system: System) -> Sequence[Step]:
        """What it must know."""

    def installed(self, answers: Answers, system: System) -> Installed:
        """The files that are there now; reads only."""

    def deliver(
        self, answers: Answers, system: System, material: Material | None, settings: Settings
    ) -> Delivery:
        """What is to be done. Reads only.

        Raises:
            WizardError: it cannot be done here.
        """
