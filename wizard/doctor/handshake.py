"""A TLS server on loopback that shows a certificate, and a handshake that checks it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from wizard.core.errors import WizardError

SECONDS = 10.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


@contextlib.contextmanager
def serve(chain: Path, key: Path) -> Iterator[int]:
    """Serves a certificate on a free loopback port, as Pomerium would, while the block runs.

    Raises:
        WizardError: `proof-cannot-serve` when the files do not load or nothing can listen.
    """
    # Not the default context: that fails where SSLKEYLOGFILE names a file it cannot write.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(chain, key)
        listener = socket.create_server(("127.0.0.1", 0))
    except OSError as error:
        raise WizardError(
            "proof-cannot-serve",
            f"The new certificate cannot be served on loopback: {error}.",
            "Look at the files; Pomerium would fail in the same way.",
        ) from None
    thread = threading.Thread(target=_accept, args=(listener, context), daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # A blocked accept() does not notice close(); it does notice shutdown().
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(SECONDS)


def _accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        # Each on its own: a client that connects and is silent keeps no other waiting.
        threading.Thread(target=_answer, args=(connection, context), daemon=True).start()


def _answer(connection: socket.socket, context: ssl.SSLContext) -> None:
    # A client that refuses the certificate hangs up; that is its verdict, not our error.
    with contextlib.suppress(OSError), connection:
        connection.settimeout(SECONDS)
        with context.wrap_socket(connection, server_side=True) as stream:
            stream.recv(65536)
            stream.sendall(ANSWER)


def shake_hands(port: int, name: str, root: Path | str | None, *, is_strict: bool = True) -> str:
    """Connects like a client that trusts only `root`; returns the protocol and the cipher.

    Args:
        port: on 127.0.0.1.
        name: the host that is asked for.
        root: the file of a root, or in PEM a certificate that need not be one: the issuer that a
            chain ends with, whose root only its clients have. None: what this machine trusts.
        is_strict: whether certificates have to be all that RFC 5280 asks for.

    Raises:
        WizardError: `proof-failed`, with the reason that the client gives; `proof-cannot-connect`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if is_strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if root is None:
        context.load_default_certs()
    elif isinstance(root, str):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=root)
    else:
        context.load_verify_locations(root)
    # As bytes: it is in its A-labels, and the codec for a str, IDNA 2003, is slow to load.
    host = name.encode()
    try:
        with (
            socket.socket() as connection,
            context.wrap_socket(connection, server_hostname=host) as stream,
        ):
            stream.settimeout(SECONDS)
            stream.connect(("127.0.0.1", port))
            cipher = stream.cipher()
            return f"{stream.version()}, {cipher[0] if cipher else 'no cipher'}"
    except ssl.SSLError as error:
        reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error
        raise WizardError(
            "proof-failed",
            f"A client that trusts the root refuses the certificate for {name}: {reason}.",
            "Please report this: it should have been caught before anything was written.",
        ) from None
    except OSError as error:
        raise WizardError(
            "proof-cannot-connect",
            f"The new certificate cannot be proved: no connection to 127.0.0.1:{port}: {error}.",
            "Look whether the loopback interface is up and no firewall stands in front of it.",
        ) from None


def presented(ip: str, port: int, name: str) -> bytes | None:
    """The certificate (DER) that a server shows for a name, good or not.

    Empty where it shows none; None where nobody listens.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((ip, port), SECONDS) as connection:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(connection, server_hostname=name) as stream,
            ):
                return stream.getpeercert(binary_form=True) or b""
            return b""
    except OSError:
        return None
