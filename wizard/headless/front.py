"""The front ends without a screen, and how either follows a run."""

import contextlib
from collections.abc import Generator, Iterator
from typing import TypeAlias, cast

from wizard.core.errors import WizardError
from wizard.core.events import Event, Finished, PrivilegeNeeded
from wizard.headless.jsonl import JsonLines
from wizard.headless.text import Text

Front: TypeAlias = Text | JsonLines


def follow(events: Iterator[Event], front: Front) -> int:
    """Draws every event and returns how it ended; leaving early rolls the run back.

    Privilege is asked for right away: the engine knows whether somebody may be asked.
    """
    code = 0
    with contextlib.closing(cast("Generator[Event]", events)) as running:
        for event in running:
            front.event(event)
            if isinstance(event, PrivilegeNeeded):
                try:
                    event.elevation.start()
                except WizardError as error:
                    front.error(error)
            elif isinstance(event, Finished):
                code = code or event.exit_code
    return code
