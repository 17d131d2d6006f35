"""What a strategy is: questions, and the work that their answers make."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from wizard.core.actions import Action, Lasting
from wizard.core.answers import Answers
from wizard.core.events import Event, NextStep
from wizard.core.flow import Step
from wizard.core.questions import Detected, Problem, Question, Value
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.pki.material import Material, Settings, Task

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class Work(NamedTuple):
    """What a strategy does before and after the target installs what it brings.

    That is `material`, a certificate; or `settings`, where Pomerium gets its certificates itself.
    """

    before: tuple[Action | Lasting, ...] = ()
    material: Material | None = None
    after: tuple[Action, ...] = ()
    notices: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    settings: Settings = MappingProxyType({})


class Strategy(Protocol):
    """A way to get a certificate; what has a value here holds for most of them."""

    info: ClassVar[Info]
    names: ClassVar[tuple[str, ...]] = ()
    """What the certificate is for when nobody says; none where somebody has to."""
    asks_names_last: ClassVar[bool] = False
    """Whether its own answers tell the names, which are then asked after them."""
    example: ClassVar[Mapping[str, Value]]
    """What an example of its answers says where there is no default."""

    def names_told(self, _answers: Answers, _system: System) -> Detected | None:
        """The names that its own answers tell, before any that are found on the machine."""
        return None

    @abstractmethod
    def check_names(self, names: Sequence[str], answers: Answers, system: System) -> Problem | None:
        """What keeps these names, each well formed, from being certified in this way."""

    @abstractmethod
    def steps(self, system: System, given: Answers) -> Sequence[Step]:
        """What it must know, for the answers so far."""

    def more(self, _name: str) -> Mapping[str, Question]:
        """What else it may ask, by key, where a key or a variable may mean one of these."""
        return {}

    @abstractmethod
    def work(self, task: Task) -> Work:
        """What is to be done. Reads only; for `Renewal.DUE` others may be asked when it is time.

        Raises:
            WizardError: it cannot be done here.
        """

    @abstractmethod
    def renew_after(self, certificate: "Certificate", task: Task) -> datetime | None:
        """When `renew` makes the next one after this certificate; None: never. Reads only."""

    @abstractmethod
    def prove(self, task: Task, *, with_clients: bool) -> Iterator[Event]:
        """Shows that what is installed works, and `with_clients` who on this machine accepts it.

        Raises:
            WizardError: the certificate does not work.
        """
