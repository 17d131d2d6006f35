"""What a strategy is: questions, and the work that their answers make."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol

from wizard.core.actions import Action, Lasting
from wizard.core.answers import Answers
from wizard.core.events import Event, NextStep
from wizard.core.flow import Step
from wizard.core.questions import Choice, Problem, Question, Value
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.pki.material import Installed, Material

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

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
    example: ClassVar[Mapping[str, Value]]
    """What an example of its answers says where there is no default."""

    def check_names(self, names: Sequence[str]) -> Problem | None:
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
        """What is to be done. Reads only; for `Renewal.DUE` others may be asked when it is time.

        Raises:
            WizardError: it cannot be done here.
        """

    def renew_after(
        self, certificate: "Certificate", answers: Answers, system: System, state: Path
    ) -> datetime:
        """When `renew` makes the next one after this certificate. Reads only."""

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
