"""Whose a file is: owners by name, and keys that nobody else may read."""

from pathlib import Path
from typing import Final, TypeAlias

from wizard.core.errors import UsageError, WizardError
from wizard.core.system import Kept, System

Owner: TypeAlias = tuple[int, int] | None
"""User id and group id, or None for whoever runs the wizard."""

OTHERS: Final = 0o007


def private(path: Path, system: System) -> Kept | None:
    """The file that holds a private key, if there is one that nobody else can read.

    Raises:
        WizardError: `key-mode` when everybody can read it.
    """
    kept = system.keep(path)
    if kept is not None and kept.mode & OTHERS:
        raise WizardError(
            "key-mode",
            f"The private key {path} has mode {kept.mode:04o}: everybody can read it.",
            f"Delete it to have a new one made, or, if nobody read it: chmod 0600 {path}",
        )
    return kept


def is_owned(kept: Kept | None, owner: Owner) -> bool:
    """Whether a file is there and belongs to whom it must."""
    return kept is not None and (owner is None or kept.uid == owner[0])


def owner_of(name: str, system: System) -> Owner:
    """The ids of a user, given by name or number; None for no name.

    Raises:
        UsageError: `no-such-user`, `owner-needs-root`.
    """
    if not name:
        return None
    if name.isdecimal():
        return _given(name, int(name), int(name), system)
    import pwd  # noqa: PLC0415  POSIX only

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(
            "no-such-user",
            f"output.owner: there is no user {name!r} on this machine.",
            "Name the user that Pomerium runs as, or leave it empty.",
        ) from None
    return _given(name, entry.pw_uid, entry.pw_gid, system)


def _given(name: str, uid: int, gid: int, system: System) -> Owner:
    if uid != system.uid and not system.is_root:
        raise UsageError(
            "owner-needs-root",
            f"output.owner: only root can give files to {name}.",
            "Run as root, or leave it empty.",
        )
    return uid, gid
