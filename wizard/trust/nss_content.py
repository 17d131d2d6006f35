"""What the files of an NSS database say, apart from how their bytes lie.

SQLite leaves other bytes after an import and its removal than before, though they say the same.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

FILES: Final = ("cert9.db", "key4.db", "pkcs11.txt")
"""The files of a database: certificates and trust, keys and password, PKCS #11 modules."""
_OBJECTS: Final = ("nssPublic", "nssPrivate")

Row = tuple[str, tuple[tuple[str, bytes | int | str], ...]]


def alike(before: Mapping[str, bytes], now: Mapping[str, bytes], root: bytes) -> bool:
    """Whether a database says what it said before; both are the contents of files by name.

    What either says of one root, given by its DER, does not count: one of several databases may
    have trusted it before, and the old bytes give that back too.

    A database that was not there before said nothing: now it may hold no certificate, no key and
    no module but NSS's own. What cannot be read is like nothing.
    """
    modules = now.get("pkcs11.txt", b"")
    try:
        if not before:
            return not _objects(now, root) and modules.count(b"library=") <= 1
        return (
            modules == before.get("pkcs11.txt", b"")
            and _objects(before, root) == _objects(now, root)
            and _password(before) == _password(now)
        )
    except sqlite3.Error:
        return False


def _objects(contents: Mapping[str, bytes], root: bytes) -> list[Row]:
    """Certificates, trust and keys but for those of a root; the number of a row says nothing."""
    found = []
    for name in ("cert9.db", "key4.db"):
        with _opened(contents.get(name, b"")) as database:
            for table in _OBJECTS:
                found += [
                    (table, tuple((column, value) for column, value in row if column != "id"))
                    for row in _rows(database, table)
                ]
    # Trust names its certificate by issuer and serial number.
    of_root = {_named(row) for _, row in found if ("a11", root) in row}
    return sorted((one for one in found if _named(one[1]) not in of_root), key=repr)


def _named(row: tuple[tuple[str, bytes | int | str], ...]) -> tuple[bytes | int | str, ...]:
    return tuple(value for column, value in row if column in {"a81", "a82"})


def _password(contents: Mapping[str, bytes]) -> list[Row]:
    """What the primary password is checked by; signatures of trust come and go with the trust."""
    with _opened(contents.get("key4.db", b"")) as database:
        rows = [("metaData", row) for row in _rows(database, "metaData")]
    return sorted((row for row in rows if ("id", "password") in row[1]), key=repr)


@contextlib.contextmanager
def _opened(content: bytes) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        if content:
            database.deserialize(content)
        yield database


def _rows(
    database: sqlite3.Connection, table: str
) -> list[tuple[tuple[str, bytes | int | str], ...]]:
    """The rows of a table, each as its columns and values; a table may be missing."""
    known = database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    if known is None:
        return []
    found = database.execute(f"SELECT * FROM {table}")  # noqa: S608  one of the names above
    columns = [column[0] for column in found.description]
    return [
        tuple(pair for pair in zip(columns, row, strict=True) if pair[1] is not None)
        for row in found
    ]
