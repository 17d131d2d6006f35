"""This wizard's own commands, as lines to paste and as other programs run them."""

import sys
from pathlib import Path

from wizard.core.errors import UsageError
from wizard.core.system import System

PROGRAM = "pomcert-wizard"


def line(system: System, state: Path, *words: str) -> str:
    """`pomcert-wizard WORDS`, as it has to be typed here: with sudo, path and state directory."""
    import shlex  # noqa: PLC0415  slow, and only said at the end

    program = [PROGRAM] if system.which(PROGRAM) else _program(system)
    sudo = ["sudo"] if system.invoked_by_other else []
    try:
        usual: tuple[Path, ...] = (
            system.xdg("XDG_STATE_HOME", ".local/state"),
            Path.home() / ".local/state",
        )
    except UsageError:
        # Whoever has no home named the state directory.
        usual = ()
    where = [] if state.parent in usual else ["--state-dir", str(state)]
    return shlex.join([*sudo, *program, *words, *where])


def unattended(system: System, state: Path, *words: str) -> list[str]:
    """`pomcert-wizard WORDS` for a hook: whose PATH and home are not known."""
    found = system.which(PROGRAM)
    program = [str(Path(found).absolute())] if found else _program(system)
    return [*program, *words, "--state-dir", str(state)]


def _program(system: System) -> list[str]:
    # In a virtual environment that is not active it stands beside the interpreter.
    beside = Path(sys.executable).with_name(PROGRAM)
    return [str(beside)] if system.which(str(beside)) else [sys.executable, "-m", "wizard"]
