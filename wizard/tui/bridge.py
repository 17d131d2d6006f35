"""Between the engine and the screens: events become messages, and a person's yes comes back."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator

from textual.app import App, SuspendNotSupported
from textual.message import Message

from wizard.core.elevation import Elevation
from wizard.core.errors import WizardError
from wizard.core.events import Event, PrivilegeNeeded


class EngineEvent(Message):
    """Something happened in a run."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class EngineEnded(Message):
    """A run has come to its end; `error` is why it could not begin or go on."""

    def __init__(self, error: WizardError | None) -> None:
        super().__init__()
        self.error = error


class PrivilegeAsked(Message):
    """A run waits for privilege. The screen says `go_on`, whether it was given or not."""

    def __init__(self, need: PrivilegeNeeded) -> None:
        super().__init__()
        self.need = need
        self._answered = threading.Event()

    def go_on(self) -> None:
        """Lets the run go on, with what privilege there is now."""
        self._answered.set()

    def wait(self) -> None:
        """Waits, in the run's thread, until the screen says `go_on`."""
        self._answered.wait()


def drive(events: Iterator[Event], post: Callable[[Message], object]) -> None:
    """Drains a run in a thread of its own; each event is posted in order, and then the end."""
    try:
        for event in events:
            if isinstance(event, PrivilegeNeeded):
                asked = PrivilegeAsked(event)
                post(asked)
                asked.wait()
            else:
                post(EngineEvent(event))
    except WizardError as error:
        post(EngineEnded(error))
    else:
        post(EngineEnded(None))


def elevate(app: App[int], elevation: Elevation, commands: tuple[str, ...]) -> str:
    """Gives the terminal to sudo, doas or run0, and takes it back; returns why it failed, if so."""
    problem = ""
    try:
        with app.suspend():
            # Nothing may be raised in here: Textual would never take the terminal back.
            problem = _start(elevation, commands)
    except SuspendNotSupported:
        problem = "This terminal cannot be handed over to type a password."
    return problem


def _start(elevation: Elevation, commands: tuple[str, ...]) -> str:
    # Ctrl-C at the password prompt is for the program that asks; here it would end the wizard.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        lines = "\n".join(f"  {command}" for command in commands)
        sys.stderr.write(f"\npomcert-wizard: these commands need root:\n{lines}\n\n")
        sys.stderr.flush()
        elevation.start()
    except WizardError as error:
        return error.summary
    except OSError as error:
        return f"{elevation.prefix} cannot be started: {error.strerror}."
    finally:
        signal.signal(signal.SIGINT, before)
    return ""
