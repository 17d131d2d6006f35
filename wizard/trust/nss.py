"""The NSS databases of Firefox, Chromium and their families on Linux.

A place is a browser with all its profiles, so that its id stays the same when profiles come and go.
Which certificates a database holds is read from its SQLite file (PKCS #11 attributes by number:
a0 class, a3 label, a11 value), by DER and without a process; trust is asked of NSS itself.
NSS since 3.11x writes trust as another object class than before: an older certutil may
report a root that Firefox trusts as untrusted. Trusting it again is harmless and heals that.
"""

import contextlib
import hashlib
import re
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from wizard.core.errors import WizardError
from wizard.core.files import file_error
from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.trust import nss_content
from wizard.trust.base import (
    FULL,
    Anchor,
    Place,
    Status,
    Trust,
    is_directory,
    is_file,
    is_ours,
    on_disk,
    run_all,
)
from wizard.trust.browsers import BROWSERS, Browser, Machine, Profiles

HELPER = Path(__file__).with_name("nss_ctypes.py")
SECONDS = 10.0
START_SECONDS = 60.0
NOTE = "A browser of this kind that is open learns of it when it is started again."
"""Chromium reads its database once; Firefox sees a change at the next page."""
CERTIFICATE = b"\x00\x00\x00\x01"
"""CKO_CERTIFICATE, as NSS writes numbers into its database."""
DATABASES = ("cert9.db", "key4.db", "cert8.db", "key3.db")
"""What a directory may hold of a database, also of one from before NSS 3.12."""


class Tool(Protocol):
    """A program that changes a database; `root` runs it as root."""

    def trusted(self, directory: Path, anchor: Anchor, nickname: str) -> bool:
        """Whether a certificate that is there is trusted."""

    def locked(self, directory: Path, anchor: Anchor) -> bool:
        """Whether a primary password keeps us from changing trust; reads only."""

    def add(self, directory: Path, anchor: Anchor, nickname: str, *, root: bool) -> list[Command]:
        """Trusts the anchor; `nickname` is the one that it has there already, or ""."""

    def remove(self, directory: Path, anchor: Anchor, nickname: str, *, root: bool) -> Command:
        """Removes the anchor that has this nickname."""


@dataclass(frozen=True, slots=True)
class Certutil:
    """NSS's own certutil."""

    system: System

    def trusted(self, directory: Path, anchor: Anchor, nickname: str) -> bool:
        """See `Tool`; the last column of the list is `SSL,S/MIME,code signing`."""
        del anchor
        listed = self.system.run(Command(("certutil", "-L", "-d", f"sql:{directory}"))).output
        row = re.compile(rf"{re.escape(nickname)} +(\w*),\w*,\w*\s*")
        rows = map(row.fullmatch, listed.splitlines())
        return any("C" in found[1] for found in rows if found)

    def locked(self, directory: Path, anchor: Anchor) -> bool:
        """See `Tool`; listing keys with an empty password file asks for none."""
        del anchor
        argv = ("certutil", "-K", "-d", f"sql:{directory}", "-f", "/dev/null")
        return "SEC_ERROR_BAD_PASSWORD" in self.system.run(Command(argv)).output

    def add(self, directory: Path, anchor: Anchor, nickname: str, *, root: bool) -> list[Command]:
        """See `Tool`."""
        database = ("-d", f"sql:{directory}")
        if nickname:
            # Adding it again succeeds and changes nothing: NSS keeps the first nickname and trust.
            return [Command(("certutil", "-M", *database, "-n", nickname, "-t", "C,,"), root)]
        commands = []
        # Where a part of it is left, -N asks for the password of that, and asks again for ever.
        if not any(is_file(directory / name) for name in DATABASES):
            commands.append(Command(("certutil", "-N", *database, "--empty-password"), root))
        name = ("-n", anchor.name, "-t", "C,,", "-i", str(anchor.path))
        return [*commands, Command(("certutil", "-A", *database, *name), root)]

    def remove(self, directory: Path, anchor: Anchor, nickname: str, *, root: bool) -> Command:
        """See `Tool`."""
        del anchor
        return Command(("certutil", "-D", "-d", f"sql:{directory}", "-n", nickname), root)


@dataclass(frozen=True, slots=True)
class Library:
    """libnss3 itself, in a process of its own; see `nss_ctypes`."""

    system: System

    def trusted(self, directory: Path, anchor: Anchor, nickname: str) -> bool:
        """See `Tool`."""
        del nickname
        return " trusted" in self._status(directory, anchor)

    def locked(self, directory: Path, anchor: Anchor) -> bool:
        """See `Tool`."""
        return self._status(directory, anchor).startswith("locked")

    def add(self, directory: Path, anchor: Anchor, nickname: str, *, root: bool) -> list[Command]:
        """See `Tool`."""
        del nickname
        return [self._command("add", directory, anchor, anchor.name, root=root)]

    def remove(self, directory: Path, anchor: Anchor, nickname: str, *, root: bool) -> Command:
        """See `Tool`."""
        del nickname
        return self._command("remove", directory, anchor, root=root)

    def _status(self, directory: Path, anchor: Anchor) -> str:
        with on_disk(self.system, anchor) as readable:
            result = self.system.run(self._command("status", directory, readable))
        if not result.ok:
            raise WizardError(
                "nss-tools-missing" if "libnss3.so" in result.output else "nss-failed",
                f"Cannot read {directory}: {result.output.strip()}.",
                "Mend that and run again.",
            )
        return result.output

    def _command(
        self, verb: str, directory: Path, anchor: Anchor, *more: str, root: bool = False
    ) -> Command:
        file = str(anchor.path)
        return Command((sys.executable, "-I", str(HELPER), verb, str(directory), file, *more), root)


@dataclass
class _Browser:
    """One browser; `directories` are its databases, there or to be made."""

    system: System
    tool: Tool
    id: str
    title: str
    browser: Browser

    def check(self, anchor: Anchor) -> Status:
        directories = self._directories()
        if not directories:
            return Status(
                Trust.NONE, f"{self.title} has no profile yet; installing starts it once, unseen"
            )
        statuses = [(one, self._check(one, anchor)) for one in directories]
        trusts = {status.trust for _, status in statuses}
        if trusts == {Trust.FULL}:
            return FULL
        reasons = [
            status.reason if len(statuses) == 1 else f"{directory.name}: {status.reason}"
            for directory, status in statuses
            if status.trust is not Trust.FULL
        ]
        return Status(Trust.NONE if trusts == {Trust.NONE} else Trust.PARTIAL, "; ".join(reasons))

    def install_commands(self, anchor: Anchor) -> Sequence[Command]:
        directories = self._directories()
        commands = [] if directories else self._start()
        for directory in directories:
            if self._check(directory, anchor).trust is not Trust.FULL:
                commands += self._add(directory, anchor)
        return commands

    def uninstall_commands(self, anchor: Anchor) -> Sequence[Command]:
        return [
            command
            for directory in self._directories()
            for command in self._remove(directory, anchor)
        ]

    def install(self, anchor: Anchor) -> Status:
        failures = []
        with on_disk(self.system, anchor) as readable:
            if not self._directories():
                self._make_profile()
            for directory in self._directories():
                failed = self._install(directory, anchor, readable)
                if failed:
                    failures.append(f"{directory.name}: {failed}")
        status = self.check(anchor)
        return Status(status.trust, "; ".join(failures)) if failures else status

    def uninstall(self, anchor: Anchor) -> Status:
        with on_disk(self.system, anchor) as readable:
            failed = [
                failure
                for command in self.uninstall_commands(readable)
                if (failure := run_all(self.system, [command]))
            ]
        status = self.check(anchor)
        return Status(status.trust, "; ".join(failed)) if failed else status

    def ours(self) -> Sequence[bytes]:
        found = [der for directory in self._directories() for der in _nicknames(directory)]
        return list(dict.fromkeys(der for der in found if is_ours(der)))

    def files(self) -> Sequence[Path]:
        # Root must not write where somebody else may have put a link.
        if self._root or self.system.invoked_by_other:
            return ()
        return [one / name for one in self._directories() for name in nss_content.FILES]

    def alike(self, directory: Path, before: Mapping[str, bytes], anchor: Anchor) -> bool:
        paths = [directory / name for name in nss_content.FILES]
        # A browser that has it open would go on with a file that is gone.
        if any(map(self.system.is_open, paths)):
            return False
        kept = {path.name: self.system.keep(path) for path in paths}
        now = {name: file.content for name, file in kept.items() if file is not None}
        return nss_content.alike(before, now, anchor.der)

    def _check(self, directory: Path, anchor: Anchor) -> Status:
        tool, nickname = self._held(directory, anchor)
        if nickname is not None and tool.trusted(directory, anchor, nickname):
            return FULL
        trust = Trust.NONE if nickname is None else Trust.PARTIAL
        whole = all(is_file(directory / name) for name in ("cert9.db", "key4.db"))
        if whole and tool.locked(directory, anchor):
            by_hand = self._add(directory, anchor)[-1]
            return Status(
                trust,
                "locked by a primary password; import the root in the browser's settings "
                f"(Certificates, Authorities), or run: {by_hand.shell()}",
            )
        return Status(trust, "not installed" if nickname is None else "there, but not trusted")

    def _install(self, directory: Path, anchor: Anchor, readable: Anchor) -> str:
        """Trusts the anchor in one database; returns what went wrong, or nothing."""
        before = self._check(directory, anchor)
        if before.trust is Trust.FULL:
            return ""
        if before.reason.startswith("locked"):
            # certutil would import the certificate, then fail to trust it.
            return before.reason
        failed = run_all(self.system, self._add(directory, readable))
        if failed and before.trust is Trust.NONE:
            run_all(self.system, self._remove(directory, readable))
        return failed

    def _held(self, directory: Path, anchor: Anchor) -> tuple[Tool, str | None]:
        """The tool that can name the anchor there, and its nickname; None where it is not."""
        names = _nicknames(directory)
        nickname = names.get(anchor.der)
        # certutil knows a certificate by its nickname, and takes what stands before a colon for the
        # name of a token.
        told_apart = nickname is None or (
            nickname.isprintable()
            and ":" not in nickname
            and nickname != ""
            and list(names.values()).count(nickname) == 1
        )
        return (self.tool if told_apart else Library(self.system)), nickname

    def _remove(self, directory: Path, anchor: Anchor) -> list[Command]:
        tool, nickname = self._held(directory, anchor)
        if nickname is None:
            return []
        return [tool.remove(directory, anchor, nickname, root=self._root)]

    def _add(self, directory: Path, anchor: Anchor) -> list[Command]:
        tool, nickname = self._held(directory, anchor)
        if nickname is None and anchor.name in _nicknames(directory).values():
            # NSS gives a nickname to one subject only, and this one is taken.
            thumbprint = hashlib.sha256(anchor.der).hexdigest()
            anchor = anchor._replace(name=f"{anchor.name} {thumbprint[:8]}")
        # Each parent is named: `install -d` gives its mode to what is named alone.
        missing = [str(one) for one in (directory, *directory.parents) if not is_directory(one)]
        argv = ("install", "-d", "-m", "0700", *reversed(missing))
        made = [Command(argv, self._root)] if missing else []
        added = tool.add(directory, anchor, nickname or "", root=self._root)
        note = "" if isinstance(self.browser, Profiles) else NOTE
        return made + [command._replace(note=note) for command in added]

    @property
    def _root(self) -> bool:
        return isinstance(self.browser, Machine)

    def _directories(self) -> list[Path]:
        """Each once: many a person has linked the old place to the new one."""
        real: dict[Path, Path] = {}
        for directory in self.browser.directories(self.system):
            real.setdefault(directory.resolve(), directory)
        return list(real.values())

    def _make_profile(self) -> None:
        for command in self._start():
            try:
                self.system.run(command, START_SECONDS)
            except WizardError:
                # It may hang without a screen, but the profile is the first thing that it makes.
                if not self._directories():
                    raise

    def _start(self) -> list[Command]:
        """Starts a browser that was never started, so that it makes its profile itself."""
        found = [name for name in self.browser.programs if self.system.which(name)]
        argv = ("--headless", "--screenshot", "/dev/null", "about:blank")
        return [Command((name, *argv)) for name in found[:1]]


class NssStore:
    """Firefox, Chromium and their families on Linux, which do not read the system's bundle."""

    info: ClassVar[Info] = Info(
        "nss", "Browsers", "Firefox, Chromium and their relatives, of the person at the keyboard"
    )

    def available(self, system: System) -> bool:
        """Linux only: elsewhere these browsers read the operating system's own store."""
        return system.platform == "linux"

    def places(self, system: System) -> Sequence[Place]:
        """Each browser that is installed or has left its data here."""
        tool = _tool(system)
        return [
            _Browser(system, tool, f"nss:{browser.id}", browser.title, browser)
            for browser in BROWSERS
            if browser.here(system)
        ]


def _tool(system: System) -> Tool:
    """NSS's certutil, which a person can read and paste; else its library."""
    # Another program of this name exists, and one may not even start; only NSS's adds with -A.
    with contextlib.suppress(WizardError):
        described = system.run(Command(("certutil", "-H")), SECONDS).output
        if any(line.startswith("-A ") for line in described.splitlines()):
            return Certutil(system)
    return Library(system)


def _nicknames(directory: Path) -> dict[bytes, str]:
    """The certificates of a database by DER, each with its nickname.

    Raises:
        WizardError: `nss-unreadable` when the file is locked, damaged or no database;
            `permission-denied`.
    """
    file = directory / "cert9.db"
    if not is_file(file):
        return {}
    try:
        with file.open("rb") as database:
            if not database.read(1):
                # A start that was cut short leaves an empty file, and NSS fills it.
                return {}
    except OSError as error:
        raise file_error(error, "read", file) from None
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            rows: list[tuple[bytes, bytes | None]] = database.execute(
                "SELECT a11, a3 FROM nssPublic WHERE a0 = ?", (CERTIFICATE,)
            ).fetchall()
    except sqlite3.Error as error:
        raise WizardError(
            "nss-unreadable",
            f"Cannot read the certificates in {file}: {error}.",
            "Close the browser and run again.",
        ) from None
    return {
        bytes(der): bytes(name or b"").decode(errors="replace").strip("\0") for der, name in rows
    }
