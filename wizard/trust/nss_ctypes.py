"""One NSS database through libnss3 itself, for machines without NSS's certutil.

Run as a program, one process a database: NSS keeps global state, and its crash must not be ours.

    python -I nss_ctypes.py status|add|remove DIRECTORY CERTIFICATE [NICKNAME]

CERTIFICATE is a file, PEM or DER. `status` answers `open` or `locked` (a primary password), then
`trusted`, `untrusted` or `absent`. Exit status: 0, 1 failed, 3 locked, 4 no libnss3. The functions
and structures are those of NSS's nss.h, pk11pub.h, cert.h and seccomon.h.
"""

import base64
import ctypes
import sys
from collections.abc import Sequence
from pathlib import Path

FAILED, LOCKED, NO_LIBRARY = 1, 3, 4
LIBRARIES = (
    "/usr/lib*/firefox*/libnss3.so",
    "/usr/lib*/librewolf/libnss3.so",
    "/usr/lib*/thunderbird/libnss3.so",
    "/opt/firefox*/libnss3.so",
    "/snap/firefox/current/usr/lib/firefox/libnss3.so",
)
"""Searched after the loader's own path: each browser of this family brings one."""
BESIDE = ("libnspr4.so", "libplc4.so", "libplds4.so", "libnssutil3.so", "libmozsqlite3.so")
"""Loaded before a browser's libnss3: the distribution's own of that name may be too old for it."""
MISSING = (
    "there is neither libnss3.so nor certutil; install libnss3-tools (Debian), nss-tools (Fedora, "
    "Alpine), mozilla-nss-tools (SUSE) or nss (Arch)"
)
_TRUSTED_CA = 1 << 4  # CERTDB_TRUSTED_CA, the C of `C,,`


class _Item(ctypes.Structure):
    """SECItem."""

    _fields_ = (
        ("type", ctypes.c_uint),
        ("data", ctypes.POINTER(ctypes.c_ubyte)),
        ("len", ctypes.c_uint),
    )


class _Trust(ctypes.Structure):
    """CERTCertTrust."""

    _fields_ = (
        ("ssl", ctypes.c_uint),
        ("email", ctypes.c_uint),
        ("signing", ctypes.c_uint),
    )


class NssError(Exception):
    """What NSS refused, with the exit status it ends this program with."""

    def __init__(self, status: int, summary: str) -> None:
        super().__init__(summary)
        self.status = status


def library() -> ctypes.CDLL:
    """The distribution's libnss3, or the one that a browser brought.

    Raises:
        NssError: there is none.
    """
    root = Path("/")
    found = [path for pattern in LIBRARIES for path in sorted(root.glob(pattern[1:]))]
    for path in (Path("libnss3.so"), *found):
        beside = [one for name in BESIDE if (one := path.with_name(name)).is_absolute()]
        try:
            for one in filter(Path.is_file, beside):
                ctypes.CDLL(str(one))
            nss = ctypes.CDLL(str(path))
        except OSError:
            continue
        for function in (
            nss.PK11_GetInternalKeySlot,
            nss.CERT_GetDefaultCertDB,
            nss.CERT_FindCertByDERCert,
        ):
            function.restype = ctypes.c_void_p
        return nss
    raise NssError(NO_LIBRARY, MISSING)


class Database:
    """An open database; `add` makes it when it is missing. Open one a process."""

    def __init__(self, directory: str, *, write: bool) -> None:
        self._nss = library()
        start = self._nss.NSS_InitReadWrite if write else self._nss.NSS_Init
        self._demand(start(f"sql:{directory}".encode()), "open the database")
        self._slot = ctypes.c_void_p(self._nss.PK11_GetInternalKeySlot())

    def close(self) -> None:
        """Writes what is open; NSS complains about leaks that end with the process anyway."""
        self._nss.NSS_Shutdown()

    def locked(self) -> bool:
        """Whether a primary password protects it: then trust cannot be changed without it."""
        return bool(self._nss.PK11_NeedLogin(self._slot)) and not self._fresh()

    def trusted(self, der: bytes) -> bool | None:
        """Whether a certificate is trusted to sign servers; None when it is not there."""
        certificate = self._find(der)
        if certificate is None:
            return None
        trust = _Trust()
        self._nss.CERT_GetCertTrust(certificate, ctypes.byref(trust))
        return bool(trust.ssl & _TRUSTED_CA)

    def add(self, der: bytes, nickname: str) -> None:
        """Trusts a certificate; one that is there already keeps its nickname."""
        if self._fresh():
            self._demand(self._nss.PK11_InitPin(self._slot, None, b""), "start the database")
        if self.locked():
            # Before the import: NSS would store the certificate and then fail to trust it.
            raise NssError(LOCKED, "the database is locked by a primary password")
        before = self._find(der) is not None
        if not before:
            item = _item(der)
            call = self._nss.PK11_ImportDERCert
            done = call(self._slot, ctypes.byref(item), 0, nickname.encode(), 0)
            self._demand(done, "import the certificate")
        try:
            self._trust(der)
        except NssError:
            if not before:
                self.remove(der)
            raise

    def remove(self, der: bytes) -> None:
        """Removes a certificate, whatever its nickname; one that is gone already is fine."""
        certificate = self._find(der)
        if certificate is not None:
            self._demand(self._nss.SEC_DeletePermCertificate(certificate), "remove the certificate")

    def _trust(self, der: bytes) -> None:
        trust = _Trust()
        self._demand(self._nss.CERT_DecodeTrustString(ctypes.byref(trust), b"C,,"), "read `C,,`")
        handle = ctypes.c_void_p(self._nss.CERT_GetDefaultCertDB())
        call = self._nss.CERT_ChangeCertTrust
        self._demand(call(handle, self._find(der), ctypes.byref(trust)), "trust the certificate")

    def _find(self, der: bytes) -> ctypes.c_void_p | None:
        handle = ctypes.c_void_p(self._nss.CERT_GetDefaultCertDB())
        item = _item(der)
        found: int | None = self._nss.CERT_FindCertByDERCert(handle, ctypes.byref(item))
        return ctypes.c_void_p(found) if found else None

    def _fresh(self) -> bool:
        return bool(self._nss.PK11_NeedUserInit(self._slot))

    def _demand(self, status: int, what: str) -> None:
        if status != 0:
            raise NssError(FAILED, f"NSS cannot {what}: error {self._nss.PORT_GetError()}")


def _item(der: bytes) -> _Item:
    data = (ctypes.c_ubyte * len(der)).from_buffer_copy(der)
    return _Item(0, ctypes.cast(data, ctypes.POINTER(ctypes.c_ubyte)), len(der))


def _read(path: str) -> bytes:
    content = Path(path).read_bytes()
    if content.startswith(b"-----"):
        return base64.b64decode(b"".join(content.split(b"-----")[2].split()))
    return content


def main(argv: Sequence[str]) -> int:
    """Does one verb; see the module's own words."""
    try:
        verb, directory, certificate, *nickname = argv
        der = _read(certificate)
        database = Database(directory, write=verb != "status")
        try:
            if verb == "add":
                database.add(der, *nickname)
            elif verb == "remove":
                database.remove(der)
            else:
                trust = {True: "trusted", False: "untrusted", None: "absent"}
                lock = "locked" if database.locked() else "open"
                sys.stdout.write(f"{lock} {trust[database.trusted(der)]}\n")
        finally:
            database.close()
    except NssError as error:
        sys.stderr.write(f"{error}\n")
        return error.status
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
