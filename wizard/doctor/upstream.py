"""A handshake with an application, as Pomerium will do it: what either side would refuse.

Nothing is asked of the application. With TLS 1.3 it tells what it thinks of a client certificate
only after the handshake (RFC 8446, 4.4.2.4), so that its silence for a moment is a yes.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

SECONDS: Final = 2.0
"""An application that takes longer is not told of."""
MOMENT: Final = 0.3
ALERTS: Final = {
    "CERTIFICATE_REQUIRED": "it wants a client certificate",
    "HANDSHAKE_FAILURE": "it wants a client certificate, or another version of TLS",
    "UNKNOWN_CA": "it does not know the authority that issued the client certificate",
    "BAD_CERTIFICATE": "the client certificate is bad to it",
    "UNSUPPORTED_CERTIFICATE": "it takes no client certificate of this kind",
    "CERTIFICATE_REVOKED": "the client certificate is revoked",
    "CERTIFICATE_EXPIRED": "the client certificate has ended",
    "CERTIFICATE_UNKNOWN": "it does not accept the client certificate",
    "ACCESS_DENIED": "it does not accept the client certificate",
    "DECRYPT_ERROR": "it cannot verify the client certificate",
}
"""Alerts of TLS (RFC 8446, 6.2) by the end of OpenSSL's names for them."""


class Application(NamedTuple):
    """Where it is, the name that its certificate must have, whom to believe, what to show.

    `authorities` are PEM; without any those of this machine count. `shown` are a certificate
    and its key, PEM files.
    """

    host: str
    port: int
    name: str
    authorities: str = ""
    shown: tuple[Path, Path] | None = None


def objections(applications: Sequence[Application]) -> list[str]:
    """For each what keeps Pomerium from reaching it, in words; nothing where nothing is known.

    All are asked at once, and this takes `SECONDS` at most.
    """
    found = [""] * len(applications)

    def ask(number: int) -> None:
        # Not reachable from here: Pomerium may run elsewhere, and reach it. UnicodeError: a name
        # that can be none.
        with contextlib.suppress(OSError, UnicodeError):
            found[number] = _objection(applications[number])

    # Looking up a name knows no time limit, so that who waits for it must not be waited for.
    threads = [
        threading.Thread(target=ask, args=(number,), daemon=True)
        for number in range(len(applications))
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return list(found)


def _objection(application: Application) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if application.authorities:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=application.authorities)
    else:
        context.load_default_certs()
    if application.shown is not None:
        certificate, key = application.shown
        # Files in a form that only the copies do away with.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    # As `wrap_socket` will, which then leaves the connection open.
    application.name.encode("idna")
    address = application.host, application.port
    with socket.create_connection(address, SECONDS) as connection:
        connection.settimeout(SECONDS)
        try:
            with context.wrap_socket(connection, server_hostname=application.name) as stream:
                stream.settimeout(MOMENT)
                with contextlib.suppress(TimeoutError):
                    stream.recv(1)
        except ssl.SSLCertVerificationError as error:
            return f"its certificate is refused: {error.verify_message.rstrip('.')}"
        except ssl.SSLError as error:
            return _in_words(error)
    return ""


def _in_words(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if reason == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS"
    return next((said for end, said in ALERTS.items() if reason.endswith(f"ALERT_{end}")), "")
