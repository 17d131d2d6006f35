"""Who can read a file: Pomerium's user, or everybody on this machine."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wizard.pomerium.setup import Setup


class User(NamedTuple):
    """Who Pomerium runs as, by the numbers that files go by."""

    name: str
    uid: int
    groups: frozenset[int]

    @classmethod
    def known(cls, name: str) -> "User | None":
        """The user of this name or number; None where this machine does not know it."""
        try:
            import pwd  # noqa: PLC0415  POSIX only
        except ImportError:
            return None
        number, _, group = name.partition(":")
        if number.isdecimal():
            groups = frozenset({int(group) if group.isdecimal() else int(number)})
            return cls(number, int(number), groups)
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name or "root")
            groups = frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
            return cls(entry.pw_name, entry.pw_uid, groups)
        return None


def reader(setup: Setup) -> User | None:
    """Who Pomerium reads its files as; None where that is not known."""
    return User.known(setup.start.user) if setup.start.user is not None else None


def closed_to(user: User, path: Path, top: Path = Path("/")) -> Path | None:
    """What keeps a user from reading a file: itself or a directory below `top`; None for nothing.

    What has an access list (ACL) is taken to be open: that is how they are used.
    """
    real = Path(os.path.realpath(path))
    for end in (path, real) if real.is_relative_to(top) else (path,):
        for one in (*reversed(list(_below(end.parent, top))), end):
            with contextlib.suppress(OSError):
                if user.uid and not _is_open(one.stat(), user) and not _has_list(one):
                    return one
    return None


def _is_open(status: os.stat_result, user: User) -> bool:
    bit = stat.S_IXOTH if stat.S_ISDIR(status.st_mode) else stat.S_IROTH
    shift = 6 if status.st_uid == user.uid else 3 if status.st_gid in user.groups else 0
    return bool(status.st_mode & (bit << shift))


def open_to_all(path: Path) -> bool:
    """Whether everybody on this machine can read a file."""
    real = Path(os.path.realpath(path))
    nobody = User("", -1, frozenset())
    with contextlib.suppress(OSError):
        return all(_is_open(one.stat(), nobody) for one in (real, *real.parents))
    return False


def _below(folder: Path, top: Path) -> Iterator[Path]:
    for one in (folder, *folder.parents):
        yield one
        if one == top:
            return


def _has_list(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return hasattr(os, "listxattr") and "system.posix_acl_access" in os.listxattr(path)
    return False
