"""What lies below `System`: bytes that reach the disk, and the errors of a system in words."""

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from wizard.core.errors import WizardError


def write_all(descriptor: int, content: bytes) -> None:
    """Writes all of it and flushes it to the disk; a nearly full disk may take half, then fail."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def copy_attributes(path: Path, descriptor: int) -> None:
    """Gives an open file the extended attributes of another, its access list (ACL) among them.

    Those that only the system may set, such as SELinux's, it sets by itself.
    """
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(path):
                with contextlib.suppress(OSError):
                    os.setxattr(descriptor, name, os.getxattr(path, name))


def flush_directory(path: Path) -> None:
    """Makes a rename or removal inside a directory durable (POSIX asks for it; Windows cannot).

    Raises:
        WizardError: the disk did not take it.
    """
    if os.name == "nt":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise file_error(error, "write", path) from None


def writable(path: Path) -> None:
    """Checks that a file could be written at a path; changes nothing.

    Raises:
        WizardError: what `System.write` would raise, found out before anything is begun.
    """
    target = path.resolve()
    standing = target.parent
    # Unlike those of Path these do not fail below a directory that may not be entered.
    while not os.path.exists(standing) and standing != standing.parent:  # noqa: PTH110
        standing = standing.parent
    reason = 0
    if os.path.isdir(target):  # noqa: PTH112
        reason = errno.EISDIR
    elif not standing.is_dir():
        reason = errno.ENOTDIR
    elif not os.access(standing, os.W_OK | os.X_OK):
        read_only = os.name == "posix" and os.statvfs(standing).f_flag & os.ST_RDONLY
        reason = errno.EROFS if read_only else errno.EACCES
    if reason:
        raise file_error(OSError(reason, os.strerror(reason)), "write", target)


def file_error(error: OSError, verb: str, path: Path) -> WizardError:
    """An operating system's error in words: what, where, what to do."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    code, hint = {
        errno.ENOSPC: ("disk-full", "Free some space there and run again."),
        errno.EDQUOT: ("disk-full", "Your quota is used up; free some space and run again."),
        errno.EROFS: ("read-only", "Choose a directory on a file system that can be written."),
        errno.EACCES: ("permission-denied", "Run as a user who may, or choose another place."),
        errno.EPERM: ("permission-denied", "Run as a user who may, or choose another place."),
        errno.EISDIR: ("is-a-directory", "Name a file, not a directory."),
        errno.ENOTDIR: ("not-a-directory", "A part of this path is a file; choose another place."),
        errno.ELOOP: ("link-loop", "This symbolic link leads to itself; name the file itself."),
        errno.ENAMETOOLONG: ("name-too-long", "Choose a shorter path."),
    }.get(error.errno or 0, (f"cannot-{verb}", "Look at the path and run again."))
    return WizardError(code, f"Cannot {verb} {path}: {reason}.", hint)


def find_program(name: str, folders: Iterable[str]) -> str | None:
    """What `shutil.which` finds on POSIX; to import that takes a millisecond of every run."""
    paths = [name] if os.path.dirname(name) else [os.path.join(one, name) for one in folders]  # noqa: PTH118, PTH120  as slow
    return next((one for one in paths if os.path.isfile(one) and os.access(one, os.X_OK)), None)  # noqa: PTH113
