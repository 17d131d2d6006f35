"""The keystores of every Java on this machine: each JVM brings its own list of roots."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from wizard.core.errors import WizardError
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
    is_directory,
    is_file,
    is_ours,
    matches,
)

PASSWORD = "changeit"  # noqa: S105  every JDK ships its cacerts with it; it protects nothing
CACERTS = ("lib/security/cacerts", "jre/lib/security/cacerts")
"""Below a Java home; the second in a JDK 8."""
SYSTEM_HOMES = (
    "/usr/lib/jvm/*",
    "/usr/lib64/jvm/*",
    "/usr/java/*",
    "/opt/*",
    "/opt/*/jbr",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "/usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "/Program Files/Java/*",
    "/Program Files/Eclipse Adoptium/*",
    "/Program Files/Microsoft/jdk-*",
)
PERSON_HOMES = (
    ".sdkman/candidates/java/*",
    ".jdks/*",
    ".gradle/jdks/*",
    ".local/share/mise/installs/java/*",
    ".asdf/installs/java/*",
    ".jenv/versions/*",
    "Library/Java/JavaVirtualMachines/*/Contents/Home",
)
JKS = b"\xfe\xed\xfe\xed"
CERT_BAG = bytes.fromhex("060b2a864886f70d010c0a0103")
"""The object identifier of a certificate in PKCS #12; legible only where nothing is encrypted."""
_ENTRY = re.compile(rb"^Alias name: (.*?)\s*$", re.MULTILINE)


@dataclass
class _Keystore(ByCommands):
    system: System
    id: str
    title: str
    file: Path
    keytool: str
    homes: list[str]

    def check(self, anchor: Anchor) -> Status:
        content = self._content()
        if not anchor.der:
            # A root that is yet to be made; no bytes are found in any text.
            return Status(Trust.NONE, "not installed")
        if anchor.der in content or (not _legible(content) and self._aliases(anchor.der)):
            return FULL
        return Status(Trust.NONE, "not installed")

    def install_commands(self, anchor: Anchor) -> Sequence[Command]:
        target = ("-alias", anchor.name, "-file", str(anchor.path))
        return [self._command("-importcert", "-noprompt", *target)]

    def uninstall_commands(self, anchor: Anchor) -> Sequence[Command]:
        content = self._content()
        if anchor.der not in content and _legible(content):
            return []
        return [
            self._command("-delete", "-noprompt", "-alias", alias)
            for alias in self._aliases(anchor.der)
        ]

    def ours(self) -> Sequence[bytes]:
        content = self._content()
        if MARK.encode() not in content and _legible(content):
            return []
        found = (der for _, der in self._entries() if is_ours(der))
        return list(dict.fromkeys(found))

    def files(self) -> Sequence[Path]:
        # Root must not write where somebody else may have put a link.
        ours = self._writable() and not self.system.invoked_by_other
        return (self.file,) if ours else ()

    def alike(self, directory: Path, before: Mapping[str, bytes], anchor: Anchor) -> bool:
        del anchor  # a keystore has it or not: by now it is as it was
        with self.system.scratch() as scratch:
            kept = scratch / self.file.name
            self.system.write(kept, before[kept.name])
            return self._listed(kept) == self._listed(directory / kept.name)

    def _aliases(self, der: bytes) -> list[str]:
        """Every name the certificate has here: ours, and what Debian's hook left behind."""
        return [alias for alias, one in self._entries() if one == der]

    def _entries(self) -> Iterator[tuple[str, bytes]]:
        """Each alias with its certificate."""
        for alias, text in self._listed(self.file):
            for der in certificates(text)[:1]:
                yield alias.decode(), der

    def _listed(self, file: Path) -> list[tuple[bytes, bytes]]:
        """Each alias of a keystore with what keytool says of it.

        Raises:
            WizardError: `keystore-unreadable`; keytool's own words say why.
        """
        # A list needs no privilege; its words are translated unless told not to be.
        listed = self.system.run(
            Command((*self._keytool(file, "-list"), "-rfc", "-J-Duser.language=en"))
        )
        if not listed.ok:
            raise WizardError(
                "keystore-unreadable",
                f"keytool cannot read {self.file}: {listed.output.strip()}.",
                "If its password is not Java's default `changeit`, import the root by hand.",
            )
        # [text, alias, text, alias, text…]
        parts = _ENTRY.split(listed.output.encode())
        return sorted(zip(parts[1::2], parts[2::2], strict=True))

    def _command(self, *verb: str) -> Command:
        return Command(self._keytool(self.file, *verb), as_root=not self._writable())

    def _keytool(self, file: Path, *verb: str) -> tuple[str, ...]:
        # Not `-cacerts`: Java 8 does not know it, and it follows no other root directory.
        return (self.keytool, *verb, "-keystore", str(file), "-storepass", PASSWORD)

    def _writable(self) -> bool:
        """Whether the person, as whom commands run unless told otherwise, may write the file."""
        status = self.file.stat()
        if self.system.person.uid == status.st_uid:
            return bool(status.st_mode & 0o200)
        return bool(status.st_mode & 0o002)

    def _content(self) -> bytes:
        kept = self.system.keep(self.file)
        return kept.content if kept else b""


class JavaStore:
    """Every Java: they ignore the system store unless a distribution links theirs to it."""

    info: ClassVar[Info] = Info(
        "java", "Java", "the cacerts of every JVM found: JAVA_HOME, PATH, SDKMAN, /usr/lib/jvm…"
    )

    def available(self, system: System) -> bool:
        """Java runs everywhere."""
        del system
        return True

    def places(self, system: System) -> Sequence[Place]:
        """One place a cacerts file: many a JVM's is a link to the same one."""
        found: dict[Path, _Keystore] = {}
        for home in _homes(system):
            keytool = _keytool(home)
            file = next((home / one for one in CACERTS if is_file(home / one)), None)
            if keytool is None or file is None:
                continue
            real = file.resolve()
            keystore = _Keystore(system, f"java:{real}", "", real, keytool, [])
            found.setdefault(real, keystore).homes.append(home.name)
        for keystore in found.values():
            keystore.title = f"Java ({', '.join(keystore.homes)})"
        return tuple(found.values())


def _homes(system: System) -> list[Path]:
    """Every directory that may be a Java home, the ones in use first, each once."""
    homes = [Path(named)] if (named := system.env.get("JAVA_HOME", "")) else []
    if java := system.which("java"):
        # …/bin/java, or …/jre/bin/java in a JDK 8, whose keytool is one level up too.
        homes.append(Path(java).resolve().parent.parent)
    for pattern in SYSTEM_HOMES:
        homes += matches(system.at("/"), pattern.lstrip("/"))
    for pattern in PERSON_HOMES:
        homes += matches(system.person.home, pattern)
    # A link that leads to itself cannot be resolved, and is no directory.
    return list(dict.fromkeys(home.resolve() for home in homes if is_directory(home)))


def _keytool(home: Path) -> str | None:
    for name in ("bin/keytool", "bin/keytool.exe", "jre/bin/keytool"):
        if is_file(home / name):
            return str(home / name)
    return None


def _legible(content: bytes) -> bool:
    """Whether a keystore holds its certificates as they are, so that a search of bytes decides.

    JKS always does. PKCS #12 does since JDK 18's password-less cacerts; then the identifier of a
    certificate can be read in it. An encrypted one can be read by keytool alone.
    """
    return content.startswith(JKS) or CERT_BAG in content
