"""The login keychain of macOS: Safari, Chrome, Firefox, curl and Go ask it. No sudo needed.

Not run on a Mac yet: the commands follow `man security` and what .NET's development certificates
do. macOS asks the person for the login password in a window of its own, so commands may take long;
one that nobody answers ends with a timeout.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.trust.base import (
    FULL,
    MARK,
    Anchor,
    ByCommands,
    Place,
    Status,
    Trust,
    certificates,
    is_ours,
    on_disk,
)

KEYCHAIN = "Library/Keychains/login.keychain-db"
NOTE = "macOS asks for your login password in a window."


@dataclass
class _Keychain(ByCommands):
    system: System
    id: str
    title: str
    file: Path

    def check(self, anchor: Anchor) -> Status:
        if anchor.der not in self._named(anchor.name):
            return Status(Trust.NONE, "not installed")
        with on_disk(self.system, anchor) as readable:
            # -l: a CA stands where a leaf is expected; -L: ask no server.
            argv = ("security", "verify-cert", "-c", str(readable.path), "-p", "ssl", "-l", "-L")
            trusted = self.system.run(Command(argv)).ok
        return FULL if trusted else Status(Trust.PARTIAL, "in the keychain, but not trusted")

    def install_commands(self, anchor: Anchor) -> Sequence[Command]:
        # For TLS only: neither code nor mail signed by it is trusted.
        policies = ("-r", "trustRoot", "-p", "basic", "-p", "ssl")
        argv = ("security", "add-trusted-cert", *policies, "-k", str(self.file), str(anchor.path))
        return [Command(argv, note=NOTE)]

    def uninstall_commands(self, anchor: Anchor) -> Sequence[Command]:
        if anchor.der not in self._named(anchor.name):
            return []
        # Removing the trust leaves the certificate; a keychain names certificates by SHA-1.
        thumbprint = hashlib.sha1(anchor.der, usedforsecurity=False).hexdigest().upper()
        delete = Command(("security", "delete-certificate", "-Z", thumbprint, str(self.file)))
        if self.check(anchor).trust is not Trust.FULL:
            return [delete]
        untrust = ("security", "remove-trusted-cert", str(anchor.path))
        return [Command(untrust, note=NOTE), delete]

    def ours(self) -> Sequence[bytes]:
        return [der for der in self._named(MARK) if is_ours(der)]

    def _named(self, name: str) -> list[bytes]:
        """The certificates whose common name holds the text; none is a failure for `security`."""
        argv = ("security", "find-certificate", "-a", "-c", name, "-p", str(self.file))
        return certificates(self.system.run(Command(argv)).output.encode())


class MacosStore:
    """The login keychain of the person at the keyboard."""

    info: ClassVar[Info] = Info(
        "macos", "macOS keychain", "Safari, Chrome, Firefox, curl: your login keychain"
    )

    def available(self, system: System) -> bool:
        """Every Mac has one."""
        return system.platform == "darwin"

    def places(self, system: System) -> Sequence[Place]:
        """One place: the login keychain."""
        file = system.person.home / KEYCHAIN
        return (_Keychain(system, "macos:login", "Login keychain", file),)
