"""The first screen: what this is, what was found here, and that nothing changes yet."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from wizard.core import ourselves
from wizard.core.answers import Answers
from wizard.core.elevation import Elevation
from wizard.engine import Session
from wizard.tui.screens.base import Body, Help, Place, WizardScreen

GREETING = (
    "Pomerium needs a TLS certificate before anything works. This wizard makes one, has it "
    "trusted, writes it where Pomerium reads it, and proves that it works."
)
PROMISE = "Nothing on this machine changes before you have seen the plan and said yes."


def findings(session: Session, standing: Answers) -> tuple[tuple[str, str], ...]:
    """What is found on this machine, as a name and a sentence each. Reads only.

    `standing` are the answers as they stand now.

    Raises:
        WizardError: something is there that cannot be read.
    """
    system = session.system
    names = session.value(session.question("names"))
    config, source = session.value(session.question("output.config"), standing)
    if source == "the default":
        config = "none found; a complete one can be made"
    shown = ", ".join(names.value) if isinstance(names.value, tuple) else str(names.value)
    grants = Elevation(system, may_ask=True).prefix
    privilege = f"asked for once through {grants}, only where a step needs it"
    if system.is_root:
        privilege = "you are root"
    elif not grants:
        privilege = "no sudo, doas or run0 here; commands for root are printed"
    applied = session.journal.applied()
    earlier = "none"
    if applied:
        undo = ourselves.line(system, session.state, "undo", applied[-1].id)
        earlier = f"{len(applied)}; this takes the last one back: {undo}"
    return (
        ("names", f"{shown} ({names.source})"),
        ("configuration", str(config)),
        ("privilege", privilege),
        ("earlier runs", earlier),
    )


class WelcomeScreen(WizardScreen):
    """Greets."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "backward", show=False),
        Binding("f2", "copy", show=False),
    ]
    heading = "The certificates Pomerium needs"
    reason = GREETING
    forward = "Start"
    backward = ""
    hint = "Enter continues · Esc goes back"

    def __init__(self, place: Place, found: tuple[tuple[str, str], ...]) -> None:
        super().__init__(place)
        self._found = found

    def body(self) -> ComposeResult:
        """What was found, and the promise."""
        with Body():
            with Vertical(id="found") as found:
                found.border_title = "This machine"
                yield from (Fact(name, text) for name, text in self._found)
            yield Static(PROMISE, id="promise", markup=False)

    def action_backward(self) -> None:
        """There is nothing before."""

    def help(self) -> Help:
        """How the wizard is used."""
        return Help(
            "How this works",
            (
                GREETING,
                (
                    "Enter goes on, Esc goes back and keeps what you typed. The arrow keys and Tab "
                    "move, Space takes an item in or out. F1 explains the question at the cursor, "
                    "F2 copies its value, F3 asks about everything. Ctrl+P lists more commands."
                ),
                PROMISE,
            ),
        )


class Fact(Horizontal):
    """A name and what there is to say about it, in two columns."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(
            Static(name, classes="name", markup=False), Static(text, classes="text", markup=False)
        )
