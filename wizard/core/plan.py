"""A plan: the actions that lead from this machine to what the answers ask for."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from wizard.core.actions import Action, Lasting
from wizard.core.answers import Answers, document
from wizard.core.errors import WizardError
from wizard.core.events import Json, NextStep


class Renewal(Enum):
    """Why a plan is made."""

    NO = "install"
    """All that the answers ask for."""
    DUE = "due"
    """Only what time made necessary, so that a timer needs no privilege."""
    NOW = "now"
    """The same, and a new certificate in any case."""


class Plan(NamedTuple):
    """What would be done, in order, and what a person should know before saying yes.

    `answers` are complete: what was given, detected and taken by default. `order` is the order of
    their questions. `next_steps` are what to do once it is applied. `after` is `Journal.latest`
    before the machine was looked at: a run that did anything since may have changed all of it.
    `failures` are what a renewal leaves as it is.
    """

    answers: Answers
    order: Sequence[str]
    actions: tuple[Action | Lasting, ...]
    notices: tuple[str, ...] = ()
    next_steps: tuple[NextStep, ...] = ()
    after: str = ""
    failures: tuple[WizardError, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.actions

    def document(self) -> dict[str, Json]:
        """The answers as nested tables."""
        return document(self.answers, self.order)

    def to_json(self) -> dict[str, Json]:
        """The plan as data; equal answers on an equal machine give equal bytes."""
        return {
            "answers": self.document(),
            "changes": [{"id": action.id, **action.preview().to_json()} for action in self.actions],
            "notices": list(self.notices),
        }
