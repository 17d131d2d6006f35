"""What a strategy is: questions, and the work that their answers make."""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import ClassVar, Final, NamedTuple, Protocol

from wizard.core.actions import Action, Lasting
from wizard.core.answers import Answers
from wizard.core.events import Event, NextStep
from wizard.core.flow import Step
from wizard.core.questions import Choice, Detected, Problem, Question, Value
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.pki.material import Installed, Material

KEY_TYPES: Final = (
    Choice("ecdsa-p256", "ECDSA P-256", "the default of Pomerium and of the web"),
    Choice("ecdsa-p384", "ECDSA P-384", "where a policy asks for 192-bit strength"),
    Choice("rsa-2048", "RSA 2048", "for old clients"),
    Choice("rsa-3072", "RSA 3072", "RSA where a policy asks for 128-bit strength"),
    Choice("rsa-4096", "RSA 4096", "RSA where a policy asks for it; slow"),
)
"""The kinds of keys that certificates can have."""


class Renewal(Enum):
    """Why a plan is made."""

    NO = "install"
    """All that the answers ask for."""
    DUE = "due"
    """Only what time made necessary, so that a timer needs no privilege."""
    NOW = "now"
    """The same, and a new certificate in any case."""


class Work(NamedTuple):
    """What a strategy does before and after the target installs its certificate."""

    before: tuple[Action | Lasting, ...]
    material: Material
    after: tuple[Action, ...]
    notices: tuple[str, ...]
    next_steps: tuple[NextStep, ...]


class Strategy(Protocol):
    """A way to get a certificate."""

    info: ClassVar[Info]
    names: ClassVar[tuple[str, ...]]
    """What the certificate is for when nobody says; none where somebody has to."""
    asks_names_last: ClassVar[bool]
    """Whether its own answers tell the names, which are then asked after them."""
    example: ClassVar[Mapping[str, Value]]
    """What an example of its answers says where there is no default."""

    def names_told(self, answers: Answers, system: System) -> Detected | None:
        """The names that its own answers tell, before any that are found on the machine."""

    def check_names(self, names: Sequence[str], answers: Answers, system: System) -> Problem | None:
        """What keeps these names, each well formed, from being certified in this way."""

    def steps(self, system: System, given: Answers) -> Sequence[Step]:
        """What it must know, for the answers so far."""

    def more(self, name: str) -> Mapping[str, Question]:
        """What else it may ask, by key, where a key or a variable may mean one of these."""

    def work(
        self,
        answers: Answers,
        system: System,
        state: Path,
        installed: Installed,
        renewal: Renewal,
    ) -> Work:
        """What is to be done. Reads only.

        Raises:
            WizardError: it cannot be done here.
        """

    def prove(
        self,
        answers: Answers,
        system: System,
        state: Path,
        installed: Installed,
        *,
        with_clients: bool,
    ) -> Iterator[Event]:
        """Shows that what is installed works, and `with_clients` who on this machine accepts it.

        Raises:
            WizardError: the certificate does not work.
        """
