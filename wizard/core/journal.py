"""The journal: what every run changed, written before it is changed, so that nothing is lost.

STATE/lock                  held by the one run that may change things
STATE/runs/ID/journal.jsonl one JSON object a line, flushed to disk before the next step
STATE/runs/ID/kept/N        files as they were
"""

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from wizard.core.errors import ExitCode, WizardError
from wizard.core.events import Json
from wizard.core.system import System, file_error, flush_directory

Entry = Mapping[str, Json]


class Run(NamedTuple):
    """The record of one run."""

    system: System
    directory: Path

    @property
    def id(self) -> str:
        """The run's name: when it began, and a few characters that make it the only one."""
        return self.directory.name

    def record(self, entry: Entry) -> None:
        """Appends one entry; it is on disk when this returns.

        Raises:
            WizardError: the disk is full or read-only.
        """
        path = self.directory / "journal.jsonl"
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise file_error(error, "write", path) from None

    def entries(self) -> list[Entry]:
        """All entries; a last line that a crash cut off does not count."""
        try:
            text = (self.directory / "journal.jsonl").read_text("utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def keep(self, content: bytes) -> str:
        """Puts the bytes of a file aside, 0600, and returns the name to find them by."""
        directory = self.directory / "kept"
        self.system.make_directory(directory, 0o700)
        name = secrets.token_hex(8)
        self.system.write(directory / name, content)
        return name

    def kept(self, name: str) -> bytes:
        """The bytes that `keep` put aside."""
        kept = self.system.keep(self.directory / "kept" / name)
        if kept is None:
            raise WizardError(
                "journal-damaged",
                f"Run {self.id} lost the file it kept as {name}.",
                f"Look in {self.directory}.",
                exit_code=ExitCode.NEEDS_CLEANUP,
            )
        return kept.content

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
        name = f"{self.system.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self.system.make_directory(runs / name, 0o700)
        run = Run(self.system, runs / name)
        run.record(entry)
        flush_directory(run.directory)
        return run

    def runs(self) -> list[Run]:
        """Every run that recorded anything, oldest first."""
        try:
            names = sorted(path.name for path in (self.directory / "runs").iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise file_error(error, "read", self.directory) from None
        runs = [Run(self.system, self.directory / "runs" / name) for name in names]
        return [run for run in runs if run.entries()]

    def applied(self) -> list[Run]:
        """The runs whose changes stand, oldest first."""
        return [run for run in self.runs() if run.outcome() == "applied"]

    def cut_off(self) -> list[Run]:
        """The runs that a crash ended: their changes are half made. Oldest first."""
        return [run for run in self.runs() if not run.outcome()]
