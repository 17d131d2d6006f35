"""The journal: what every run changed, written before it is changed, so that nothing is lost.

STATE/lock                  held by the one run that may change things
STATE/runs/ID/journal.jsonl one JSON object a line, flushed to disk before the next step
STATE/runs/ID/kept/HASH     files as they were, each named by the SHA-256 of its bytes
"""

import contextlib
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core import ourselves
from wizard.core.errors import ExitCode, WizardError
from wizard.core.events import Json
from wizard.core.files import file_error, flush_directory, write_all
from wizard.core.system import System

Entry = Mapping[str, Json]
FILE: Final = "journal.jsonl"


class Run(NamedTuple):
    """The record of one run."""

    system: System
    directory: Path

    @property
    def id(self) -> str:
        """The run's name: its number and when it began. Clocks jump; numbers only grow."""
        return self.directory.name

    def record(self, entry: Entry) -> None:
        """Appends one entry whole or not at all; it is on disk when this returns.

        A line that a crash cut off is cut away first: it never counted, and what follows it would
        become part of it.

        Raises:
            WizardError: the disk is full or read-only.
        """
        path = self.directory / FILE
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "rb") as file:
                end = file.read().rfind(b"\n") + 1
                if end < file.tell():
                    os.ftruncate(descriptor, end)
                try:
                    write_all(descriptor, line)
                except OSError:
                    os.ftruncate(descriptor, end)
                    raise
        except OSError as error:
            raise file_error(error, "write", path) from None

    def entries(self) -> list[Entry]:
        """All entries; a last line that a crash cut off does not count.

        Raises:
            WizardError: `journal-damaged` when a whole line is no entry.
        """
        kept = self.system.keep(self.directory / FILE)
        lines = kept.content.split(b"\n")[:-1] if kept else []
        try:
            entries = [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            entries = [None]
        if not all(isinstance(entry, dict) for entry in entries):
            raise damaged(self, "has a line that cannot be read")
        return entries

    def keep(self, content: bytes) -> str:
        """Puts the bytes of a file aside, 0600, and returns the name to find them by."""
        directory = self.directory / "kept"
        self.system.make_directory(directory, 0o700)
        name = sha256(content).hexdigest()
        if not (directory / name).exists():
            self.system.write(directory / name, content)
        return name

    def kept(self, name: str) -> bytes:
        """The bytes that `keep` put aside.

        Raises:
            WizardError: `journal-damaged` when they are lost.
        """
        kept = self.system.keep(self.directory / "kept" / name)
        if kept is None or sha256(kept.content).hexdigest() != name:
            raise damaged(self, f"lost the file it kept as {name}")
        return kept.content

    def sweep(self) -> None:
        """Removes what a crash left of a file that was about to be kept."""
        self.system.sweep(self.directory / "kept")

    def first(self) -> Entry:
        """How the run began: version, time, answers."""
        entries = self.entries()
        return entries[0] if entries else {}

    def outcome(self) -> str:
        """`applied`, `rolled-back`, `undone` or, for a run that was cut off, nothing."""
        outcomes = [str(entry["outcome"]) for entry in self.entries() if "outcome" in entry]
        return outcomes[-1] if outcomes else ""


class Journal(NamedTuple):
    """All runs of one state directory."""

    system: System
    directory: Path

    def open(self) -> None:
        """Makes the state directory, 0700, or checks the one that is there.

        Raises:
            WizardError: `state-owner` or `state-mode`: it belongs to somebody else, or others may
                look inside.
        """
        for path in reversed((self.directory, *self.directory.parents)):
            if not path.exists():
                self.system.make_directory(path, 0o700)
        self.check()

    def check(self) -> None:
        """Refuses a state directory that others own or can read; reads only."""
        try:
            status = self.directory.stat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_error(error, "read", self.directory) from None
        if not stat.S_ISDIR(status.st_mode):
            raise WizardError(
                "not-a-directory",
                f"The state directory {self.directory} is not a directory.",
                "Choose another with --state-dir.",
            )
        if status.st_uid != self.system.uid:
            raise WizardError(
                "state-owner",
                f"The state directory {self.directory} belongs to user id {status.st_uid}, "
                f"and this is user id {self.system.uid}.",
                "Run as that user, or choose another directory with --state-dir.",
            )
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise WizardError(
                "state-mode",
                f"Others can look into the state directory {self.directory}, which holds keys.",
                "Choose another with --state-dir, or, if it is the wizard's alone: "
                f"chmod 0700 {self.directory}",
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the one lock of this state directory; it falls when the process ends, however.

        Raises:
            WizardError: `locked` when another run holds it.
        """
        self.open()
        path = self.directory / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise file_error(error, "write", path) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WizardError(
                    "locked",
                    f"Another run of pomcert-wizard is working in {self.directory}.",
                    "Wait until it has finished and run again.",
                    exit_code=ExitCode.LOCKED,
                ) from None
            yield
        finally:
            os.close(descriptor)

    def begin(self, entry: Entry) -> Run:
        """Starts the record of a new run."""
        runs = self.directory / "runs"
        self.system.make_directory(runs, 0o700)
        number = max((int(name.partition("-")[0]) for name in self._names()), default=0) + 1
        run = Run(self.system, runs / f"{number:04}-{self.system.now():%Y%m%dT%H%M%S}")
        self.system.make_directory(run.directory, 0o700)
        run.record(entry)
        flush_directory(run.directory)
        return run

    def _names(self) -> list[str]:
        """The names of all runs, in the order in which they began."""
        try:
            names = [path.name for path in (self.directory / "runs").iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise file_error(error, "read", self.directory) from None
        numbered = [name for name in names if name.partition("-")[0].isdecimal()]
        return sorted(numbered, key=lambda name: int(name.partition("-")[0]))

    def latest(self) -> str:
        """The newest run and how it ended, as one word that changes whenever a run does anything.

        One that is at work has not ended; empty where there is none.
        """
        name = next(reversed(self._names()), "")
        return f"{name} {Run(self.system, self.directory / 'runs' / name).outcome()}".strip()

    def runs(self) -> list[Run]:
        """Every run that recorded anything, oldest first."""
        runs = [Run(self.system, self.directory / "runs" / name) for name in self._names()]
        return [run for run in runs if run.entries()]

    def applied(self) -> list[Run]:
        """The runs whose changes stand, oldest first."""
        return [run for run in self.runs() if run.outcome() == "applied"]

    def cut_off(self) -> list[Run]:
        """The runs that a crash ended after they began to change something. Oldest first.

        A run that kept a file may have left a part of it, and was about to change the file.
        """
        return [
            run
            for run in self.runs()
            if not run.outcome()
            and (
                (run.directory / "kept").is_dir() or any("undo" in entry for entry in run.entries())
            )
        ]

    def refuse_cut_off(self) -> None:
        """Refuses to look at, or to go on from, a machine where a run stopped halfway.

        Raises:
            WizardError: `run-cut-off`.
        """
        for run in self.cut_off():
            raise WizardError(
                "run-cut-off",
                f"Run {run.id} was cut off in the middle, or is still at work.",
                "Run again with your answers, which takes it back first, or only take it back: "
                + ourselves.line(self.system, self.directory, "undo"),
            )


def damaged(run: Run, problem: str) -> WizardError:
    """The error for a record that cannot be followed: nothing is guessed from it."""
    return WizardError(
        "journal-damaged",
        f"The journal of run {run.id} {problem}.",
        f"Use the version of pomcert-wizard that made the run, or look in {run.directory}.",
        exit_code=ExitCode.NEEDS_CLEANUP,
    )
