"""TLS connections that look at a server and trust nothing: what it shows, and what it says.

Each raises what is wrong in words, one error for each thing that can be.
"""

import http.client
import re
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from cryptography import x509

from wizard.core.errors import UsageError, WizardError
from wizard.doctor.handshake import SECONDS
from wizard.pki import names

HTTPS: Final = 443
NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"}
)
TOO_OLD: Final = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"})
ALERT_SECONDS: Final = 2.0
"""What hangs up has said why by then."""
PING: Final = "/ping"
"""What Pomerium answers on every host."""


class Server(NamedTuple):
    """Where to connect to, and the name to ask for."""

    host: str
    port: int
    name: str

    @classmethod
    def of(cls, where: str, name: str) -> "Server":
        """`HOST:PORT`, or HOST alone; an IPv6 address stands in brackets where a port follows.

        Raises:
            UsageError: `usage`.
        """
        host, colon, port = where.rpartition(":")
        if not colon or (":" in host and not host.endswith("]")):
            host, port = where, str(HTTPS)
        host = host.strip("[]")
        if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise UsageError(
                "usage",
                f"--connect {where} is no address.",
                "Write HOST:PORT, such as app.example.com:443.",
            )
        asked = names.normalise(name or host)
        if not re.fullmatch(r"[\w:][\w.:-]{0,252}", asked, re.ASCII):
            raise UsageError(
                "usage",
                f"{name or host} cannot be asked for: it is no host name.",
                "Write --server-name HOST, such as app.example.com.",
            )
        return cls(host, int(port), asked)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Shown(NamedTuple):
    """What a server showed, the leaf first; `status` and `hsts` are its answer to GET /ping.

    `silence` is why there is no answer.
    """

    chain: tuple[x509.Certificate, ...]
    version: str
    status: int = 0
    hsts: str = ""
    silence: str = ""


def any_certificate() -> ssl.SSLContext:
    """One that takes any certificate: it is looked at, not trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def open_stream(
    server: Server, context: ssl.SSLContext, *, with_name: bool = True
) -> Iterator[ssl.SSLSocket]:
    """A TLS connection.

    Raises:
        WizardError: nobody answers there.
        OSError: the handshake failed; ssl.SSLError says how.
    """
    # As bytes: the codec for a str, IDNA 2003, is slow to load and refuses some names.
    name = server.name.encode() if with_name else None
    with _connected(server) as plain, context.wrap_socket(plain, server_hostname=name) as stream:
        yield stream


def _connected(server: Server) -> socket.socket:
    try:
        return socket.create_connection((server.host, server.port), SECONDS)
    except socket.gaierror as error:
        raise WizardError(
            "dns-no-address",
            f"{server.host} has no address in DNS, as this machine sees it ({error.strerror}).",
            "Look at its spelling, and whether its A or AAAA record is published.",
        ) from None
    except ConnectionRefusedError:
        raise WizardError(
            "connection-refused",
            f"Nobody listens on {server}.",
            "Start Pomerium, or look at its `address` and its log. With a certificate that Envoy "
            "refuses it runs and does not listen.",
        ) from None
    except TimeoutError:
        raise WizardError(
            "connection-timeout",
            f"{server} did not answer within {SECONDS:.0f} s.",
            "Look whether a firewall is in the way, and whether the address is right.",
        ) from None
    except (OSError, UnicodeError) as error:
        raise WizardError(
            "connection-failed",
            f"There is no way to {server}: {error}.",
            "Look at the address and at this machine's network.",
        ) from None


def shown_by(server: Server) -> Shown:
    """What a server shows to whoever asks for the name, and its answer to GET /ping.

    Raises:
        WizardError: there is no server, or it does not speak TLS.
    """
    try:
        with open_stream(server, any_certificate()) as stream:
            chain = tuple(map(x509.load_der_x509_certificate, _chain(stream)))
            shown = Shown(chain, stream.version() or "TLS")
            return _asked(server, stream, shown)
    except (OSError, ValueError) as error:
        raise _no_tls(server, error) from None


def _chain(stream: ssl.SSLSocket) -> list[bytes]:
    """The certificates that the server sent, DER; Python says them all since 3.13."""
    if sys.version_info >= (3, 13):
        return stream.get_unverified_chain()
    # Those before have it, under a name of their own; they change no more.
    sent = stream._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in sent or ()]


def _asked(server: Server, stream: ssl.SSLSocket, shown: Shown) -> Shown:
    """With the answer to a request; a client certificate may be wanted only now (RFC 8446, 4.4)."""
    port = "" if server.port == HTTPS else f":{server.port}"
    host = f"[{server.name}]" if ":" in server.name else server.name
    lines = (f"GET {PING} HTTP/1.1", f"Host: {host}{port}", "Connection: close", "", "")
    try:
        stream.sendall("\r\n".join(lines).encode())
        response = http.client.HTTPResponse(stream)
        response.begin()
    except TimeoutError:
        return shown._replace(silence=f"nothing came within {SECONDS:.0f} s")
    except (OSError, http.client.HTTPException):
        return shown._replace(silence=_alert(server) or "it hung up")
    hsts = response.getheader("Strict-Transport-Security", "")
    return shown._replace(status=response.status, hsts=hsts)


def _alert(server: Server) -> str:
    """Why a server hangs up after the handshake; where a request was on its way, that got lost."""
    try:
        with open_stream(server, any_certificate()) as stream:
            stream.settimeout(ALERT_SECONDS)
            stream.recv(1)
    except ssl.SSLError as error:
        return _words(error)
    except (OSError, WizardError):
        pass
    return ""


def _words(error: ssl.SSLError) -> str:
    return (error.reason or "").replace("_", " ").lower()


def _no_tls(server: Server, error: OSError | ValueError) -> WizardError:
    reason = (error.reason if isinstance(error, ssl.SSLError) else "") or ""
    if reason in NOT_TLS:
        return WizardError(
            "not-tls",
            f"{server} answers, and not with TLS.",
            "Look at the port. With `insecure_server` Pomerium speaks plain HTTP.",
        )
    if reason in TOO_OLD:
        return WizardError(
            "tls-too-old",
            f"{server} speaks only versions of TLS before 1.2, which browsers refuse.",
            "Have it speak TLS 1.2 or 1.3. Pomerium does: something else listens there.",
        )
    if isinstance(error, TimeoutError):
        return WizardError(
            "tls-silent",
            f"{server} took the connection and said nothing for {SECONDS:.0f} s.",
            "Look whether it speaks TLS at all, and at its log.",
        )
    why = (_words(error) if isinstance(error, ssl.SSLError) else "") or "it hung up"
    return WizardError(
        "tls-refused",
        f"{server} refuses the handshake for {server.name}: {why}.",
        "Look at its log. It may want another name (--server-name NAME), or a client certificate.",
    )
