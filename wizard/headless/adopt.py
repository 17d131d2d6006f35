"""The command `adopt`: answers for what is there already."""

import argparse
import sys
from pathlib import Path

from wizard import export
from wizard.adopt import Adopted, adopt
from wizard.core import ourselves
from wizard.core.answers import document
from wizard.core.errors import ExitCode, UsageError
from wizard.core.system import System
from wizard.headless.jsonl import JsonLines
from wizard.headless.text import Text


def run(options: argparse.Namespace, system: System, state: Path) -> int:
    """Writes the answers file to stdout or to a new file, and returns the exit code."""
    config = Path(options.config).absolute() if options.config else None
    found = adopt(system, state, config)
    text = export.annotated(found.answers, found.order, found.notes)
    output = Path(options.output).absolute() if options.output else None
    if output is not None:
        _write(output, text, system, force=options.force)
    if options.json:
        JsonLines().row(
            {
                "event": "adopted",
                "config": str(found.path),
                "answers": document(found.answers, found.order),
                "notes": [{"key": note.key, "text": note.text} for note in found.notes],
            }
        )
    else:
        if output is None:
            sys.stdout.write(text)
        _tell(found, output, Text(), system, state)
    return int(ExitCode.DONE)


def _tell(found: Adopted, output: Path | None, front: Text, system: System, state: Path) -> None:
    name = str(output) if output else "FILE"
    plan = ourselves.line(system, state, "plan", "--answers", name)
    front.say(f"These answers are for {found.path}; their comments say what they cannot.")
    front.say(f"What they would change: {plan}")


def _write(path: Path, text: str, system: System, *, force: bool) -> None:
    """Writes the answers file.

    Raises:
        UsageError: `file-exists`.
        WizardError: it cannot be written.
    """
    if not force and (path.exists() or path.is_symlink()):
        raise UsageError(
            "file-exists",
            f"{path} is there already.",
            "Name another file, or replace it with --force.",
        )
    system.write(path, text.encode())
