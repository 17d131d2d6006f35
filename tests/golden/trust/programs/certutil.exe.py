"""A stand-in for Windows' certutil.exe: what the wizard uses of it, with certificates as files."""

import hashlib
import os
import ssl
import sys
from pathlib import Path

STATE = Path(os.environ["STATE"])
NOT_FOUND = "CertUtil: -{} command FAILED: 0x80090011 (-2146893807 NTE_NOT_FOUND)"


def main() -> None:
    verb = next(one for one in sys.argv if one.endswith("store"))
    last = sys.argv[-1]
    if verb == "-addstore":
        if (STATE / "cancel").exists():
            sys.exit("CertUtil: -addstore command FAILED: 0x800704c7 (WIN32: 1223 ERROR_CANCELLED)")
        text = Path(last).read_text()
        name = hashlib.sha1(ssl.PEM_cert_to_DER_cert(text)).hexdigest()
        (STATE / f"{name}.pem").write_text(text)
        return
    path = STATE / f"{last}.pem"
    if not path.exists():
        sys.exit(NOT_FOUND.format(verb.lstrip("-")))
    if verb == "-delstore":
        path.unlink()


main()
