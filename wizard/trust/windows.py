"""The root store of Windows, from Windows itself or from Linux inside it (WSL).

Not run on Windows yet: the commands are those of Microsoft's certutil and certificate provider.
Without elevation the person's own store is used, and Windows asks in a window before it adds or
removes a root; elevated, the machine's store is used and nothing is asked. What is in the machine's
store shows in the person's too, so one place stands for both.
"""

import base64
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from wizard.core.errors import WizardError
from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.trust.base import FULL, Anchor, Exact, Place, Status, Trust, is_ours, on_disk

SYSTEM32 = "/mnt/c/Windows/System32"
"""Where WSL sees Windows' programs when its PATH leaves them out."""
CANCELLED = ("0x800704c7", "(WIN32: 1223")
"""ERROR_CANCELLED as certutil prints it: the person said no."""
ANSWER_SECONDS = 300.0
NOTE = "Windows asks for your consent in a window."
LIST = (
    "Get-ChildItem Cert:\\CurrentUser\\Root | Where-Object { $_.Subject -like '*CN=pomcert *' } | "
    "ForEach-Object { [Convert]::ToBase64String($_.RawData) }"
)


@dataclass
class _Root(Exact):
    system: System
    id: str
    title: str
    certutil: str
    powershell: str

    def check(self, anchor: Anchor) -> Status:
        found = self._run(self._certutil("-user", "-store", "Root", _thumbprint(anchor)))
        return FULL if found == "" else Status(Trust.NONE, "not installed")

    def install_commands(self, anchor: Anchor) -> Sequence[Command]:
        path = self._translated(anchor.path)
        if self._elevated():
            return [self._certutil("-f", "-addstore", "Root", path)]
        return [self._certutil("-user", "-addstore", "Root", path, note=NOTE)]

    def uninstall_commands(self, anchor: Anchor) -> Sequence[Command]:
        if self.check(anchor).trust is Trust.NONE:
            return []
        thumbprint = _thumbprint(anchor)
        mine = self._certutil("-user", "-delstore", "Root", thumbprint, note=NOTE)
        return [mine, self._certutil("-delstore", "Root", thumbprint)][: 1 + self._elevated()]

    def install(self, anchor: Anchor) -> Status:
        before = self.check(anchor)
        if before.trust is Trust.FULL:
            return before
        with on_disk(self.system, anchor) as readable:
            failed = [self._run(command) for command in self.install_commands(readable)]
        return self._after(anchor, Trust.FULL, failed)

    def uninstall(self, anchor: Anchor) -> Status:
        failed = [self._run(command) for command in self.uninstall_commands(anchor)]
        return self._after(anchor, Trust.NONE, failed)

    def ours(self) -> Sequence[bytes]:
        argv = (self.powershell, "-NoProfile", "-NonInteractive", "-Command", LIST)
        found = []
        for line in self.system.run(Command(argv)).output.split():
            with contextlib.suppress(ValueError):
                found.append(base64.b64decode(line, validate=True))
        return [der for der in found if is_ours(der)]

    def _after(self, anchor: Anchor, wanted: Trust, failed: Sequence[str]) -> Status:
        status = self.check(anchor)
        reasons = [reason for reason in failed if reason]
        return status if status.trust is wanted or not reasons else Status(status.trust, reasons[0])

    def _run(self, command: Command) -> str:
        """Runs a command; returns why it failed, or nothing."""
        result = self.system.run(command, ANSWER_SECONDS)
        if result.ok:
            return ""
        if any(sign in result.output for sign in CANCELLED):
            return "cancelled in the window that Windows showed"
        return result.output.strip() or f"status {result.status}"

    def _certutil(self, *argv: str, note: str = "") -> Command:
        return Command((self.certutil, *argv), note=note)

    def _elevated(self) -> bool:
        # fltmc answers administrators only; it is on every Windows and changes nothing.
        program = _program(self.system, "fltmc.exe")
        return program is not None and self.system.run(Command((program,))).ok

    def _translated(self, path: Path) -> str:
        """A path as Windows sees it: a file inside WSL is on a network share there."""
        if not self.system.is_wsl or not path.exists():
            return str(path)
        result = self.system.run(Command(("wslpath", "-w", str(path))))
        if not result.ok:
            raise WizardError(
                "wsl-path",
                f"Windows cannot see {path}: {result.output.strip()}.",
                "Keep the state directory on a file system that Windows can read.",
            )
        return result.output.strip()


class WindowsStore:
    """The roots of Windows: Edge, Chrome, Firefox and everything that uses SChannel."""

    info: ClassVar[Info] = Info(
        "windows", "Windows root store", "Edge, Chrome, Firefox on Windows; also from inside WSL"
    )

    def available(self, system: System) -> bool:
        """Windows, or a Linux inside it that can start Windows programs."""
        return (system.platform == "win32" or system.is_wsl) and self._programs(system) is not None

    def places(self, system: System) -> Sequence[Place]:
        """One place: the person's root store, or the machine's when elevated."""
        programs = self._programs(system)
        return (_Root(system, "windows:root", "Windows root store", *programs),) if programs else ()

    def _programs(self, system: System) -> tuple[str, str] | None:
        certutil, powershell = (
            _program(system, "certutil.exe"),
            _program(system, "WindowsPowerShell/v1.0/powershell.exe"),
        )
        return (certutil, powershell) if certutil and powershell else None


def _program(system: System, path: str) -> str | None:
    """A program of Windows, by its path below System32."""
    name = path.rpartition("/")[2]
    return system.which(name) or system.which(str(system.at(f"{SYSTEM32}/{path}")))


def _thumbprint(anchor: Anchor) -> str:
    """What Windows names certificates by."""
    return hashlib.sha1(anchor.der, usedforsecurity=False).hexdigest()
