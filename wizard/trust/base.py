"""What a trust store is: places that trust an anchor fully, partly or not at all, and say why."""

import base64
import contextlib
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from wizard.core.registry import Info
from wizard.core.system import Command, System

MARK = "pomcert "
"""How the common name and every nickname of our roots begin: what finds them without our files."""

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_SET, _VERSION = 0x31, 0xA0
_COMMON_NAME = bytes.fromhex("0603550403")


class Trust(Enum):
    """How far a place trusts an anchor."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


class Status(NamedTuple):
    """How far a place trusts an anchor, and why not further."""

    trust: Trust
    reason: str = ""


FULL = Status(Trust.FULL)


class Anchor(NamedTuple):
    """A root certificate to trust: its common name, its DER, and the PEM file that holds it."""

    name: str
    der: bytes
    path: Path

    @property
    def pem(self) -> bytes:
        """The certificate as PEM (RFC 7468)."""
        text = textwrap.fill(base64.b64encode(self.der).decode(), 64)
        return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n".encode()

    @property
    def stem(self) -> str:
        """A file name for it without suffix, safe everywhere: `pomcert-1a2b3c4d`."""
        return re.sub(r"[^\w.-]", "-", self.name)


class Place(Protocol):
    """One database, keystore or directory of a store; `id` is stable between runs."""

    id: str
    title: str

    def check(self, anchor: Anchor) -> Status:
        """How far the anchor is trusted here; reads only."""

    def install_commands(self, anchor: Anchor) -> Sequence[Command]:
        """What `install` would run, to show and to paste; empty where nothing can be run."""

    def uninstall_commands(self, anchor: Anchor) -> Sequence[Command]:
        """What `uninstall` would run; empty where the anchor is not."""

    def install(self, anchor: Anchor) -> Status:
        """Trusts the anchor and checks again; a half import is taken back."""

    def uninstall(self, anchor: Anchor) -> Status:
        """Removes the anchor and checks again; one that is gone already is fine."""

    def ours(self) -> Sequence[bytes]:
        """The DER of every root here that carries our mark."""

    def files(self) -> Sequence[Path]:
        """The files, there or to be made, whose tools leave other bytes behind than they found.

        Only those that may be put back without root.
        """

    def alike(self, directory: Path, before: Mapping[str, bytes], anchor: Anchor) -> bool:
        """Whether its files in a directory say what these contents of theirs said, by file name.

        What either says of the anchor does not count.
        """


class Store(Protocol):
    """A kind of trust store: one file in this folder, one line in the registry."""

    info: ClassVar[Info]

    def available(self, system: System) -> bool:
        """Whether this machine can have such a store at all."""

    def places(self, system: System) -> Sequence[Place]:
        """The places of this store on this machine; reads only."""


class _Commanded(Protocol):
    """What `ByCommands` needs of the place it is mixed into."""

    system: System

    def check(self, anchor: Anchor) -> Status: ...

    def install_commands(self, anchor: Anchor) -> Sequence[Command]: ...

    def uninstall_commands(self, anchor: Anchor) -> Sequence[Command]: ...


class Exact:
    """What a place inherits whose tools leave every byte as they found it."""

    def files(self) -> Sequence[Path]:
        """See `Place.files`."""
        return ()

    def alike(self, directory: Path, before: Mapping[str, bytes], anchor: Anchor) -> bool:
        """See `Place.alike`."""
        del directory, before, anchor
        return True


class ByCommands(Exact):
    """`install` and `uninstall` of a place that its commands alone change.

    The check decides, never an exit status: `keytool` and `certutil` both fail after half of the
    work. A command that failed lends its output to the reason.
    """

    def install(self: _Commanded, anchor: Anchor) -> Status:
        """See `Place.install`."""
        before = self.check(anchor)
        if before.trust is Trust.FULL:
            return before
        with on_disk(self.system, anchor) as readable:
            failed = run_all(self.system, self.install_commands(readable))
            after = self.check(readable)
        return after if after.trust is Trust.FULL or not failed else after._replace(reason=failed)

    def uninstall(self: _Commanded, anchor: Anchor) -> Status:
        """See `Place.uninstall`."""
        with on_disk(self.system, anchor) as readable:
            failed = run_all(self.system, self.uninstall_commands(readable))
            after = self.check(readable)
        return after if after.trust is Trust.NONE or not failed else after._replace(reason=failed)


def run_all(system: System, commands: Sequence[Command]) -> str:
    """Runs commands until one fails; returns the failed one's line and output, or nothing."""
    for command in commands:
        result = system.run(command)
        if not result.ok:
            return f"{command.shell()}: {result.output.strip() or f'status {result.status}'}"
    return ""


@contextlib.contextmanager
def on_disk(system: System, anchor: Anchor) -> Iterator[Anchor]:
    """The anchor with a PEM file that its tools can read: its own, or else a copy for the moment.

    A copy is needed where its own was lost or holds a newer root by now, and under sudo, where the
    person's tools may not be let into the directory.
    """
    kept = None if system.invoked_by_other else system.keep(anchor.path)
    if kept is not None and holds(kept.content, anchor.der):
        yield anchor
        return
    with system.scratch() as directory:
        # Root's scratch directory must let the person's own tools in; a certificate is public.
        directory.chmod(0o755)
        path = directory / f"{anchor.stem}.pem"
        system.write(path, anchor.pem, mode=0o644)
        yield anchor._replace(path=path)


def is_file(path: Path) -> bool:
    """Whether a file is there; what cannot be looked at counts as absent, as below."""
    with contextlib.suppress(OSError):
        return path.is_file()
    return False


def is_directory(path: Path) -> bool:
    """Whether a directory is there."""
    with contextlib.suppress(OSError):
        return path.is_dir()
    return False


def matches(directory: Path, pattern: str) -> list[Path]:
    """The paths below a directory that match, sorted."""
    with contextlib.suppress(OSError):
        return sorted(directory.glob(pattern))
    return []


def certificates(pem: bytes) -> list[bytes]:
    """The DER of every `CERTIFICATE` block of a text, whatever stands between the blocks."""
    found = []
    for block in _PEM.findall(pem):
        with contextlib.suppress(ValueError):
            found.append(base64.b64decode(block))
    return found


def holds(pem: bytes, der: bytes) -> bool:
    """Whether a bundle holds this very certificate; a hundred times faster than decoding it."""
    block = b"-----BEGINCERTIFICATE-----" + base64.b64encode(der) + b"-----ENDCERTIFICATE-----"
    return block in b"".join(pem.split())


def common_name(der: bytes) -> str:
    """The common name in a certificate's subject (RFC 5280, 4.1), or "" where there is none."""
    return _name(_issuer_and_subject(der)[1])


def is_ours(der: bytes) -> bool:
    """Whether a certificate is one of our roots: self-issued, its name beginning with the mark."""
    issuer, subject = _issuer_and_subject(der)
    return issuer == subject and _name(subject).startswith(MARK)


def _issuer_and_subject(der: bytes) -> tuple[bytes, bytes]:
    try:
        (_, certificate), *_ = _values(der)
        (_, tbs), *_ = _values(certificate)
        fields = [value for tag, value in _values(tbs) if tag != _VERSION]
        # serial, signature algorithm, issuer, validity, subject, …
        return fields[2], fields[4]
    except (IndexError, ValueError):
        return b"", b""


def _name(subject: bytes) -> str:
    """The last common name of a subject: X.509 puts the most specific one last."""
    found = ""
    for tag, relative in _values(subject):
        for _, attribute in _values(relative) if tag == _SET else ():
            if attribute.startswith(_COMMON_NAME):
                found = attribute[len(_COMMON_NAME) + 2 :].decode(errors="replace")
    return found


def _values(der: bytes) -> list[tuple[int, bytes]]:
    """The elements of a DER content, one level deep: tag and content of each.

    Raises:
        ValueError: an element claims to be longer than what is there.
        IndexError: the text ends inside a length.
    """
    found, at = [], 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            more = length & 0x7F
            length, at = int.from_bytes(der[at : at + more]), at + more
        if at + length > len(der):
            raise ValueError("truncated DER")
        found.append((tag, der[at : at + length]))
        at += length
    return found
