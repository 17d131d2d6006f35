"""The world outside: who we are, files, commands, the clock. Every other part asks here."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from wizard.core.errors import UsageError, WizardError
from wizard.core.files import copy_attributes, file_error, find_program, flush_directory, write_all

SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Searched after PATH: a user's PATH on Debian lacks them."""

TEMPORARY = ".pomcert-"
"""How the name of a file begins that is not whole yet."""

COMMAND_SECONDS = 120.0
PRIVATE = 0o600


class Command(NamedTuple):
    """A program to run: its argv, and what it needs.

    `as_root` asks for privilege; `stdin` is fed to it; `note` is what a person should know before
    pasting it; `env` is added to the environment, but not through `elevated`; `split` keeps stderr
    apart from stdout. A secret never stands in `argv`.
    """

    argv: tuple[str, ...]
    as_root: bool = False
    stdin: bytes = b""
    note: str = ""
    env: tuple[tuple[str, str], ...] = ()
    split: bool = False

    def shell(self) -> str:
        """The command as a line to paste into a shell, without the prefix that grants privilege."""
        import shlex  # noqa: PLC0415

        return shlex.join(self.argv)


class Result(NamedTuple):
    """What a command answered: its exit status, stdout and stderr as one text unless `split`."""

    status: int
    output: str
    errors: str = ""

    @property
    def ok(self) -> bool:
        """Whether the exit status is zero."""
        return self.status == 0


class Elevated(Protocol):
    """A way to run commands as root; see `core.elevation`."""

    @property
    def prefix(self) -> str:
        """The program that grants it: sudo, doas or run0."""

    def run(self, command: Command, timeout: float) -> Result:
        """Runs one command as root."""


class Person(NamedTuple):
    """Whose browsers these are: under sudo or doas the invoking user, else the current one."""

    name: str
    uid: int
    gid: int
    home: Path


class Kept(NamedTuple):
    """A file as it was: its bytes, mode and owner."""

    content: bytes
    mode: int
    uid: int
    gid: int


class System:
    """This machine. Tests give it another environment and another `/` for store layouts.

    `root` stands in front of every absolute path of the operating system that a part looks up by
    name (`system.at("/etc/ssl")`); paths a person gives are taken as they are.
    """

    def __init__(
        self,
        env: Mapping[str, str] | None = None,
        root: Path = Path("/"),
        platform: str = sys.platform,
        elevated: Elevated | None = None,
    ) -> None:
        """`env` is this process's environment unless another is given."""
        self.env = dict(os.environ) if env is None else env
        self.root = root
        self.platform = platform
        self.elevated = elevated

    # ── who ────────────────────────────────────────────────────────────────────────────────────

    @property
    def uid(self) -> int:
        """The effective user id; on Windows 0 stands for everybody."""
        return os.geteuid() if hasattr(os, "geteuid") else 0

    @property
    def is_root(self) -> bool:
        """Whether privileged commands run as they are."""
        return self.uid == 0

    @property
    def person(self) -> Person:
        """The person at the keyboard.

        Raises:
            UsageError: `no-home` when neither HOME nor the user database knows a home directory.
        """
        if not hasattr(os, "geteuid"):
            return Person(self.env.get("USERNAME", ""), 0, 0, Path.home())
        import pwd  # noqa: PLC0415  POSIX only

        invoker = self.env.get("SUDO_UID", "")
        by_name = self.env.get("DOAS_USER", "")
        try:
            if self.is_root and invoker.isdecimal() and invoker != "0":
                entry = pwd.getpwuid(int(invoker))
            elif self.is_root and by_name not in {"", "root"}:
                entry = pwd.getpwnam(by_name)
            else:
                return self._current()
        except KeyError:
            return self._current()
        return Person(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))

    def _current(self) -> Person:
        import pwd  # noqa: PLC0415  POSIX only

        home = self.env.get("HOME", "")
        try:
            entry = pwd.getpwuid(self.uid)
        except KeyError:
            if home:
                return Person(str(self.uid), self.uid, os.getegid(), Path(home))
            raise UsageError(
                "no-home",
                f"User id {self.uid} has no HOME and no entry in the user database.",
                "Set HOME, or name the places yourself with --state-dir and output.directory.",
            ) from None
        return Person(entry.pw_name, self.uid, entry.pw_gid, Path(home or entry.pw_dir))

    @property
    def invoked_by_other(self) -> bool:
        """Whether root runs for somebody else (sudo, doas)."""
        return self.is_root and self.person.uid != self.uid

    @property
    def is_wsl(self) -> bool:
        """Whether this Linux runs inside Windows and can start Windows programs."""
        return self.platform == "linux" and "WSL_INTEROP" in self.env

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    # ── files ──────────────────────────────────────────────────────────────────────────────────

    def at(self, path: str) -> Path:
        """An absolute path of the operating system, below `root`."""
        return self.root / path.lstrip("/")

    def xdg(self, variable: str, fallback: str) -> Path:
        """The person's XDG base directory, such as `xdg("XDG_DATA_HOME", ".local/share")`.

        Under sudo the variables are root's, so only the fallback below the person's home counts.
        """
        value = "" if self.invoked_by_other else self.env.get(variable, "")
        return Path(value) if value.startswith("/") else self.person.home / fallback

    def keep(self, path: Path) -> Kept | None:
        """A file with its mode and owner, or None where there is none.

        Raises:
            WizardError: the file is there and cannot be read.
        """
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                content = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise file_error(error, "read", path) from None
        return Kept(content, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)

    def write(
        self,
        path: Path,
        content: bytes,
        mode: int = PRIVATE,
        owner: tuple[int, int] | None = None,
    ) -> None:
        """Writes a file whole or not at all: a new file beside it, flushed, renamed into place.

        The mode and the owner are set while the new file is still empty, so that no moment exists
        in which others can read a key; the access list of a file that stood there stays. A symbolic
        link is followed to the file it names.

        Raises:
            WizardError: `disk-full`, `read-only`, `permission-denied` or `cannot-write`.
        """
        path = path.resolve()
        temporary = path.with_name(f"{TEMPORARY}{token(12)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
            try:
                with os.fdopen(descriptor, "wb"):
                    made = os.fstat(descriptor)
                    if owner is not None and owner != (made.st_uid, made.st_gid):
                        os.fchown(descriptor, *owner)
                    if mode != PRIVATE:
                        os.fchmod(descriptor, mode)
                    copy_attributes(path, descriptor)
                    write_all(descriptor, content)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            flush_directory(path.parent)
        except OSError as error:
            raise file_error(error, "write", path) from None

    def sweep(self, directory: Path) -> None:
        """Removes what `write` left in a directory when it was killed.

        Only for whoever has the journal's lock: what is there may still be being written.
        """
        for temporary in directory.glob(TEMPORARY + "[0-9a-f]" * 24):
            self.remove(temporary)

    def remove(self, path: Path) -> None:
        """Removes a file; one that is gone already is fine."""
        try:
            path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise file_error(error, "remove", path) from None
        flush_directory(path.parent)

    def make_directory(
        self, path: Path, mode: int = 0o755, owner: tuple[int, int] | None = None
    ) -> None:
        """Makes one directory; one that exists already is left as it is.

        It belongs to `owner`, who could else not enter it where the umask is strict.
        """
        try:
            path.mkdir(mode)
            if owner is not None and owner[0] != self.uid:
                os.chown(path, *owner)
            flush_directory(path.parent)
        except FileExistsError:
            if path.is_dir():
                return
            raise WizardError(
                "not-a-directory",
                f"{path} is not a directory.",
                "Move it out of the way or choose another directory.",
            ) from None
        except OSError as error:
            raise file_error(error, "make", path) from None

    def remove_directory(self, path: Path) -> None:
        """Removes a directory if it is empty; one that is in use stays."""
        with contextlib.suppress(OSError):
            path.rmdir()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private directory that is gone afterwards."""
        import tempfile  # noqa: PLC0415  like the imports below: slow, and not every run needs it

        with tempfile.TemporaryDirectory(prefix="pomcert-") as name:
            yield Path(name)

    def is_open(self, path: Path) -> bool:
        """Whether a process that we may look into has the file open; on Linux only, else False."""
        try:
            status = path.stat()
        except OSError:
            return False
        return any(_has_open(process, status) for process in Path("/proc").glob("[0-9]*"))

    # ── commands ───────────────────────────────────────────────────────────────────────────────

    def which(self, name: str) -> str | None:
        """Where a program is: on PATH, then in the system's own directories."""
        folders = (*self.env.get("PATH", os.defpath).split(os.pathsep), *SBIN)
        if self.platform != "win32":
            return find_program(name, folders)
        import shutil  # noqa: PLC0415  its search for endings is for Windows alone

        return shutil.which(name, path=os.pathsep.join(folders))

    def run(self, command: Command, timeout: float = COMMAND_SECONDS) -> Result:
        """Runs a command and waits; a failure is an answer, not an exception.

        A command `as_root` goes through `elevated` unless we are root. A command that is not
        `as_root` runs as the person, with the person's HOME, also under sudo.

        Raises:
            WizardError: `privilege-needed`, `command-not-found` or `command-timeout`.
        """
        if command.as_root and not self.is_root:
            if self.elevated is None:
                raise WizardError(
                    "privilege-needed", f"Only root may run: {command.shell()}", "Run it as root."
                )
            return self.elevated.run(command, timeout)
        import subprocess  # noqa: PLC0415

        program = self.which(command.argv[0])
        if program is None:
            raise WizardError(
                "command-not-found",
                f"The program {command.argv[0]} is not on this machine.",
                f"Install {command.argv[0]} and run again.",
            )
        env = dict(self.env)
        user: int | None = None
        group: int | None = None
        if not command.as_root and self.invoked_by_other:
            person = self.person
            user, group = person.uid, person.gid
            env = {name: value for name, value in env.items() if not name.startswith("XDG_")}
            env |= {"HOME": str(person.home), "USER": person.name, "LOGNAME": person.name}
        env |= dict(command.env)
        try:
            with subprocess.Popen(
                [program, *command.argv[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if command.split else subprocess.STDOUT,
                env=env,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                start_new_session=True,
            ) as process:
                try:
                    output, errors = process.communicate(command.stdin, timeout)
                except BaseException:
                    _kill_all(process.pid)
                    raise
        except subprocess.TimeoutExpired:
            raise WizardError(
                "command-timeout",
                f"No answer within {timeout:.0f} s: {command.shell()}",
                "Run it by hand to see what it waits for.",
            ) from None
        except OSError as error:
            raise file_error(error, "run", Path(program)) from None
        texts = (text.decode(errors="replace") for text in (output, errors or b""))
        return Result(process.returncode, *texts)


def _has_open(process: Path, status: os.stat_result) -> bool:
    # It may be another person's, or end while it is looked at.
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                if os.path.samestat(link.stat(), status):
                    return True
    return False


def _kill_all(leader: int) -> None:
    """Ends a process and what it started: a browser is many, and a script's child outlives it."""
    import signal  # noqa: PLC0415  slow, and rarely needed

    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(leader, signal.SIGKILL)
        else:
            os.kill(leader, signal.SIGTERM)


def token(size: int) -> str:
    """Random bytes that nobody can guess, in hexadecimal; the module `secrets` loads slowly."""
    return os.urandom(size).hex()
