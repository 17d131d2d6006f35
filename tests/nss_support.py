"""What the tests of NSS databases share: how one is made, filled and found."""

from pathlib import Path

from trust_support import output

from wizard.core.system import System
from wizard.trust.base import Anchor, Place
from wizard.trust.nss import NssStore

OLD, NEW = ".pki/nssdb", ".local/share/pki/nssdb"


def chromium(system: System, home: Path) -> Place:
    (home / OLD).mkdir(parents=True, exist_ok=True)
    return place(system, "nss:chromium")


def place(system: System, name: str) -> Place:
    return next(one for one in NssStore().places(system) if one.id == name)


def database(certutil: str, directory: Path, *, password: str = "") -> Path:
    """A database made by certutil, with a primary password if one is given."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "password.txt"
    file.write_text(f"{password}\n")
    how = ("-f", str(file)) if password else ("--empty-password",)
    output(certutil, "-N", "-d", f"sql:{directory}", *how)
    file.unlink()
    return directory


def add(certutil: str, directory: Path, anchor: Anchor, nickname: str, trust: str) -> None:
    where = ("-d", f"sql:{directory}", "-n", nickname)
    output(certutil, "-A", *where, "-t", trust, "-i", anchor.path)


def listed(certutil: str, directory: Path) -> str:
    return output(certutil, "-L", "-d", f"sql:{directory}")
