"""Reading what somebody named as a certificate: a file with what lies beside it, or a directory."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.errors import UsageError
from wizard.core.files import file_error
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.pki.pem import Contents, contents

LARGEST: Final = 1 << 20
"""Bytes of a file that may hold a certificate; the longest chains take a fiftieth of it."""
MOST_FILES: Final = 500
KEY_FILES: Final = (
    *("{stem}.key", "{stem}-key.pem", "{stem}_key.pem", "{stem}.key.pem", "{folder}.key"),
    *("privkey.pem", "key.pem", "tls.key", "server.key", "private.key"),
)
"""Where tools put a key beside its certificate; `folder` is the directory's name in acme.sh."""
CHAIN_FILES: Final = (
    *("{stem}.issuer.crt", "{stem}-chain.pem", "{stem}.chain.pem", "{stem}.ca-bundle"),
    *("chain.pem", "fullchain.pem", "ca.cer", "ca.crt", "ca-bundle.crt"),
)
"""Where they put what issued it."""


class Source(NamedTuple):
    """What somebody named: a certificate, and if it lies elsewhere its key and its chain."""

    certificate: Path
    key: Path | None = None
    chain: Path | None = None
    password: Secret | None = None


class Hoard(NamedTuple):
    """All that lies there: in what was named as the certificate, as its key, and as its chain."""

    main: Contents
    keys: Contents
    issuers: Contents

    @property
    def is_locked(self) -> bool:
        """Whether a password is missing or wrong, for anything that matters."""
        return self.main.is_locked or self.keys.is_locked or self.issuers.is_locked


def gather(system: System, source: Source) -> Hoard:
    """Reads what was named, and for a file what lies beside it under its tool's names.

    Raises:
        UsageError: nothing is there, or it is no file and no directory.
        WizardError: it cannot be read.
    """

    def read(path: Path) -> Contents:
        return look(system, path, source.password)

    main = read(source.certificate)
    keys, issuers = Contents(), Contents()
    is_alone = not source.certificate.is_dir()
    if source.key is not None:
        keys = read(source.key)
    elif is_alone and not main.keys and not main.is_locked:
        keys = Contents.joined(map(read, _beside(source.certificate, KEY_FILES)))
    if source.chain is not None:
        issuers = read(source.chain)
    elif is_alone:
        beside = Contents.joined(map(read, _beside(source.certificate, CHAIN_FILES)))
        issuers = Contents(beside.certificates)
    return Hoard(main, keys, issuers)


def look(system: System, path: Path, password: Secret | None = None) -> Contents:
    """All that a file holds, or the files of a directory.

    Raises:
        UsageError: nothing is there, or it is no file and no directory.
        WizardError: it cannot be read.
    """
    word = password.reveal() if password else None
    return Contents.joined(contents(one, word) for one in _files(system, path))


def _beside(certificate: Path, patterns: Sequence[str]) -> list[Path]:
    folder = certificate.parent
    words = {"stem": certificate.stem, "folder": folder.name.removesuffix("_ecc")}
    found = dict.fromkeys(folder / pattern.format(**words) for pattern in patterns)
    return [path for path in found if path != certificate and os.path.isfile(path)]  # noqa: PTH113  never fails


def _files(system: System, path: Path) -> list[bytes]:
    """The content of a file, or of every file in a directory that may hold a certificate."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            inside = sorted(path.iterdir())[:MOST_FILES]
            return [part for one in inside if one.is_file() for part in _small(system, one)]
    except FileNotFoundError:
        raise UsageError(
            "file-missing", f"There is no {path}.", "Look at its spelling, or name another file."
        ) from None
    except OSError as error:
        raise file_error(error, "read", path) from None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(
            "not-a-file",
            f"{path} is neither a file nor a directory.",
            "Name a file: a certificate is read again at every renewal.",
        )
    found = _small(system, path)
    if not found:
        raise UsageError(
            "file-too-large",
            f"{path} has {status.st_size} bytes, more than any certificate.",
            "Name the file with the certificate.",
        )
    return found


def _small(system: System, path: Path) -> list[bytes]:
    if path.stat().st_size > LARGEST:
        return []
    kept = system.keep(path)
    return [kept.content] if kept else []
