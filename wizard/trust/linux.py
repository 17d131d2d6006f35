"""The trust store of a Linux system: an anchor directory, and the command that bundles it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from wizard.core.errors import WizardError
from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.trust.base import (
    FULL,
    Anchor,
    ByCommands,
    Place,
    Status,
    Trust,
    certificates,
    holds,
    is_directory,
    is_file,
    is_ours,
    matches,
)

DEBIAN_JAVA = "/etc/ssl/certs/java/cacerts"
"""Where Debian's hook imports each anchor for Java, and forgets to remove it again."""
LINKS = "/etc/ssl/certs"
"""Where Debian links each anchor by its name, and that link by the hash of its subject."""
DEBIAN_NAMES = str.maketrans(" (),", "_==_")
"""How update-ca-certificates names its link to an anchor, after which the hook names its entry."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a family of distributions keeps its roots; `sign` is the path that tells it apart."""

    name: str
    sign: str
    anchors: str
    suffix: str
    update: tuple[str, ...]
    bundles: tuple[str, ...]


LAYOUTS = (
    Layout(
        "NixOS",
        sign="/etc/NIXOS",
        anchors="",
        suffix="",
        update=(),
        bundles=("/etc/ssl/certs/ca-certificates.crt",),
    ),
    Layout(
        # First of the writable ones: some images of this family also have Debian's directory.
        "Fedora, RHEL",
        sign="/etc/pki/ca-trust/source/anchors",
        anchors="/etc/pki/ca-trust/source/anchors",
        suffix=".pem",
        update=("update-ca-trust", "extract"),
        bundles=("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",),
    ),
    Layout(
        "Debian, Ubuntu, Alpine, Gentoo",
        sign="/usr/local/share/ca-certificates",
        anchors="/usr/local/share/ca-certificates",
        # Debian's update-ca-certificates silently skips any other suffix.
        suffix=".crt",
        update=("update-ca-certificates",),
        bundles=("/etc/ssl/certs/ca-certificates.crt",),
    ),
    Layout(
        "Arch",
        sign="/etc/ca-certificates/trust-source/anchors",
        anchors="/etc/ca-certificates/trust-source/anchors",
        suffix=".crt",
        update=("trust", "extract-compat"),
        bundles=(
            "/etc/ca-certificates/extracted/tls-ca-bundle.pem",
            "/etc/ssl/certs/ca-certificates.crt",
        ),
    ),
    Layout(
        "SUSE",
        sign="/etc/pki/trust/anchors",
        anchors="/etc/pki/trust/anchors",
        suffix=".pem",
        update=("update-ca-certificates",),
        bundles=("/var/lib/ca-certificates/ca-bundle.pem",),
    ),
    Layout(
        # After /etc: an immutable SUSE cannot write to /usr.
        "SUSE",
        sign="/usr/share/pki/trust/anchors",
        anchors="/usr/share/pki/trust/anchors",
        suffix=".pem",
        update=("update-ca-certificates",),
        bundles=("/var/lib/ca-certificates/ca-bundle.pem",),
    ),
    Layout(
        # Gentoo and slim images: the package is there, the directory is not made yet.
        "Debian, Ubuntu, Alpine, Gentoo",
        sign="/etc/ca-certificates.conf",
        anchors="/usr/local/share/ca-certificates",
        suffix=".crt",
        update=("update-ca-certificates",),
        bundles=("/etc/ssl/certs/ca-certificates.crt",),
    ),
)
UNKNOWN = Layout("unknown", "", "", "", (), ("/etc/ssl/certs/ca-certificates.crt",))


@dataclass
class _System(ByCommands):
    system: System
    id: str
    title: str
    layout: Layout

    def check(self, anchor: Anchor) -> Status:
        bundled = self._bundled(anchor.der)
        if not self.layout.anchors:
            return FULL if bundled else Status(Trust.NONE, self._advice(anchor))
        filed = bool(self._files(anchor))
        if bundled and filed:
            return FULL
        if bundled:
            where = self.system.at(self.layout.anchors)
            return Status(Trust.PARTIAL, f"bundled, but no file in {where} keeps it there")
        update = self.layout.update
        if filed:
            return Status(Trust.PARTIAL, f"the file is there, `{' '.join(update)}` has not run")
        if self.system.which(update[0]) is None:
            return Status(
                Trust.NONE, f"{update[0]} is missing; install the package ca-certificates"
            )
        return Status(Trust.NONE, "not installed")

    def install_commands(self, anchor: Anchor) -> Sequence[Command]:
        if not self.layout.anchors:
            return ()
        directory = self.system.at(self.layout.anchors)
        target = directory / f"{anchor.stem}{self.layout.suffix}"
        # `install -m`, because under umask 077 a plain copy could be read by root alone.
        copy = ("install", "-m", "0644", str(anchor.path), str(target))
        made = () if is_directory(directory) else (("install", "-d", "-m", "0755", str(directory)),)
        return [Command(argv, as_root=True) for argv in (*made, copy, self.layout.update)]

    def uninstall_commands(self, anchor: Anchor) -> Sequence[Command]:
        files = self._files(anchor)
        if not self.layout.anchors or not (files or self._bundled(anchor.der)):
            return ()
        # Debian's own command forgets them where it has nothing else to add or remove.
        links = [link for file in files for link in self._links(file)]
        argvs = [("rm", "-f", *map(str, (*files, *links)))] if files else []
        argvs.append(self.layout.update)
        leftovers = self._java_leftovers(anchor, [path.stem for path in files] or [anchor.stem])
        return [Command(argv, as_root=True) for argv in (*argvs, *leftovers)]

    def uninstall(self, anchor: Anchor) -> Status:
        status = super().uninstall(anchor)
        if self.layout.anchors or status.trust is Trust.NONE:
            return status
        return status._replace(reason=self._advice_to_remove())

    def ours(self) -> Sequence[bytes]:
        files = self._candidates() + self._bundles()
        kept = [der for path in files for der in certificates(self._read(path))]
        return list(dict.fromkeys(der for der in kept if is_ours(der)))

    def _java_leftovers(self, anchor: Anchor, stems: Sequence[str]) -> list[tuple[str, ...]]:
        """Removes what Debian's Java hook imported: it stays there when the file is gone."""
        keystore = self.system.at(DEBIAN_JAVA)
        keytool = self.system.which("keytool")
        if keytool is None or not is_file(keystore) or anchor.der not in self._read(keystore):
            return []
        aliases = [f"debian:{stem.translate(DEBIAN_NAMES)}.pem" for stem in stems]
        # Every cacerts is made with this password; it protects nothing.
        ends = ("-keystore", str(keystore), "-storepass", "changeit")
        return [(keytool, "-delete", "-noprompt", "-alias", alias, *ends) for alias in aliases]

    def _links(self, file: Path) -> list[Path]:
        """The links that lead to an anchor's file, by way of another one or not."""
        found, real = matches(self.system.at(LINKS), "*"), os.path.realpath(file)
        return [path for path in found if path.is_symlink() and os.path.realpath(path) == real]

    def _advice(self, anchor: Anchor) -> str:
        if self.layout.name == "NixOS":
            return (
                "NixOS builds its roots from the configuration; add "
                f'`security.pki.certificateFiles = [ "{anchor.path}" ];` and run '
                "`sudo nixos-rebuild switch`"
            )
        return (
            "this Linux keeps its roots in a way the wizard does not know; install the package "
            f"ca-certificates, or add {anchor.path} by the tool of your distribution"
        )

    def _advice_to_remove(self) -> str:
        if self.layout.name == "NixOS":
            return (
                "NixOS builds its roots from the configuration; take it out of "
                "`security.pki.certificateFiles` and run `sudo nixos-rebuild switch`"
            )
        return "take it out by the tool of your distribution"

    def _bundled(self, der: bytes) -> bool:
        return any(holds(self._read(path), der) for path in self._bundles())

    def _bundles(self) -> list[Path]:
        """The bundle programs read: the first that exists, for the others are copies of it."""
        found = bundle(self.system)
        return [found] if found else []

    def _candidates(self) -> list[Path]:
        if not self.layout.anchors:
            return []
        found = matches(self.system.at(self.layout.anchors), f"*{self.layout.suffix}")
        return [path for path in found if is_file(path)]

    def _files(self, anchor: Anchor) -> list[Path]:
        """The files that hold the anchor and nothing else, so that each can be removed whole."""
        return [
            path for path in self._candidates() if certificates(self._read(path)) == [anchor.der]
        ]

    def _read(self, path: Path) -> bytes:
        try:
            kept = self.system.keep(path)
        except WizardError as error:
            if error.code != "permission-denied":
                raise
            # Somebody's own: ours can be read by everybody, or no program could use it.
            return b""
        return kept.content if kept else b""


class LinuxStore:
    """The system store: OpenSSL, curl, Go, and what else reads the distribution's bundle."""

    info: ClassVar[Info] = Info(
        "linux", "Linux system store", "curl, OpenSSL, Go and everything that reads the bundle"
    )

    def available(self, system: System) -> bool:
        """Every Linux has one, even where only its owner can write it."""
        return system.platform == "linux"

    def places(self, system: System) -> Sequence[Place]:
        """One place: the layout that this distribution has."""
        layout = _layout(system)
        return (_System(system, "linux:system", f"System store ({layout.name})", layout),)


def bundle(system: System) -> Path | None:
    """The file of roots that this distribution's programs read, if there is one."""
    files = (system.at(name) for name in _layout(system).bundles)
    return next((path for path in files if is_file(path)), None)


def _layout(system: System) -> Layout:
    return next((one for one in LAYOUTS if system.at(one.sign).exists()), UNKNOWN)
