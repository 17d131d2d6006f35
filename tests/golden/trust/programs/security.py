"""A stand-in for macOS's security(1): what the wizard uses of it, with certificates as files."""

import hashlib
import os
import ssl
import sys
from pathlib import Path

STATE = Path(os.environ["STATE"])


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def thumbprint(path: str) -> str:
    der = ssl.PEM_cert_to_DER_cert(Path(path).read_text())
    return hashlib.sha1(der).hexdigest().upper()


def find() -> None:
    """`-c` matches any part of a common name."""
    found = [
        path.read_text()
        for path in sorted(STATE.glob("*.pem"))
        if option("-c").encode() in ssl.PEM_cert_to_DER_cert(path.read_text())
    ]
    if not found:
        sys.exit("security: SecKeychainSearchCopyNext: The specified item could not be found.")
    sys.stdout.writelines(found)


def main() -> None:
    verb = sys.argv[1]
    if verb == "find-certificate":
        find()
    elif verb == "delete-certificate":
        path = STATE / f"{option('-Z')}.pem"
        if not path.exists():
            sys.exit(f'Unable to delete certificate matching "{option("-Z")}"')
        path.unlink()
    else:
        file = option("-c") if verb == "verify-cert" else sys.argv[-1]
        trusted = STATE / f"{thumbprint(file)}.trusted"
        if verb == "add-trusted-cert":
            trusted.with_suffix(".pem").write_text(Path(file).read_text())
            trusted.touch()
        elif verb == "remove-trusted-cert":
            trusted.unlink()
        elif not trusted.exists():
            sys.exit("Cert Verify Result: CSSMERR_TP_NOT_TRUSTED")


main()
