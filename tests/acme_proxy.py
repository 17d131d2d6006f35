"""Stands between a client and Pebble: cuts connections, and changes what is answered."""

import http.client
import http.server
import json
import re
import ssl
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from acme_lab import Pebble

STEPS = {
    "directory": r"/dir$",
    "nonce": r"/nonce-plz$",
    "newAccount": r"/sign-me-up$",
    "newOrder": r"/order-plz$",
    "authorization": r"/authZ/",
    "challenge": r"/chalZ/",
    "finalize": r"/finalize-order/",
    "order": r"/my-order/",
    "certificate": r"/certZ/",
}
"""The requests of an order in Pebble's addresses."""
MANY = 1000
HEADERS = ("Content-Type", "Location", "Link", "Replay-Nonce", "Retry-After", "Date")


@dataclass
class Answer:
    """What Pebble answered; a test may change all of it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    def says(self, body: object, status: int | None = None) -> None:
        self.body = json.dumps(body).encode()
        if status is not None:
            self.status = status
            self.headers["Content-Type"] = "application/problem+json"


Change = Callable[[str, Answer], None]
"""Gets the step and the answer, which it may change."""


@dataclass
class Proxy:
    """Goes between; `authority` is Pebble as it is seen through it.

    The next `cuts` requests of `step` lose their connection: `before` Pebble hears of them, `after`
    it has answered, or when `half` of the answer has come. `change` gets every answer first.
    `seen` are the requests so far, `sent` what those had to say that said something.
    """

    authority: Pebble
    step: str = ""
    when: str = "before"
    cuts: int = 0
    seen: list[str] = field(default_factory=list)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    change: Change = lambda _step, _answer: None

    def cut(self, step: str, when: str, cuts: int = MANY) -> None:
        self.step, self.when, self.cuts = step, when, cuts

    def mend(self) -> None:
        self.cuts = 0

    def cuts_now(self, step: str, when: str) -> bool:
        if (step, when) != (self.step, self.when) or not self.cuts:
            return False
        self.cuts -= 1
        return True


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection through the proxy."""

    protocol_version = "HTTP/1.1"
    # Headers and body in one piece: else the client's TCP waits for the rest.
    wbufsize = -1
    proxy: ClassVar[Proxy]
    upstream: ClassVar[Callable[[], http.client.HTTPSConnection]]

    def pass_on(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length) if length else None
        path = urlsplit(self.path).path
        step = next((name for name, mark in STEPS.items() if re.search(mark, path)), "other")
        self.proxy.seen.append(step)
        if payload := json.loads(sent or b"{}").get("payload"):
            self.proxy.sent.append((step, json.loads(urlsafe_b64decode(payload + "=="))))
        if self.proxy.cuts_now(step, "before"):
            self.hang_up()
            return
        answer = self.ask(sent)
        # Pebble refuses some nonces on purpose: that is no answer to the request yet.
        is_one = b"error:badNonce" not in answer.body
        if is_one and self.proxy.cuts_now(step, "after"):
            self.hang_up()
            return
        if is_one:
            self.proxy.change(step, answer)
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if is_one and self.proxy.cuts_now(step, "half"):
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.wfile.flush()
            self.hang_up()
        elif self.command != "HEAD":
            self.wfile.write(answer.body)

    def do_GET(self) -> None:
        self.pass_on()

    def do_HEAD(self) -> None:
        self.pass_on()

    def do_POST(self) -> None:
        self.pass_on()

    def ask(self, sent: bytes | None) -> Answer:
        upstream = self.upstream()
        # With the proxy's own Host, of which Pebble makes the addresses that it tells.
        names = ("Host", "Content-Type", "User-Agent")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        upstream.request(self.command, self.path, sent, headers)
        got = upstream.getresponse()
        body = got.read()
        upstream.close()
        links = ", ".join(got.headers.get_all("Link", []))
        found = {name: value for name in HEADERS if (value := got.getheader(name))}
        return Answer(got.status, found | ({"Link": links} if links else {}), body)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def log_message(self, *_: object) -> None:
        pass


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that went away in the middle is what these tests are about."""


@contextmanager
def proxied(running: Pebble, certificate: Path | None = None) -> Iterator[Proxy]:
    """A proxy before a Pebble in the caller's network, with Pebble's own certificate or another.

    The key of that other one is in the same file.
    """
    there = urlsplit(running.directory)
    trust = ssl.create_default_context(cafile=str(running.ca_bundle))
    listener = Listener(("127.0.0.1", 0), Handler)
    address = f"https://localhost:{listener.server_address[1]}/dir"
    shown = certificate or running.ca_bundle
    proxy = Proxy(replace(running, directory=address, ca_bundle=shown))
    listener.RequestHandlerClass = type(
        "Bound",
        (Handler,),
        {
            "proxy": proxy,
            "upstream": staticmethod(
                lambda: http.client.HTTPSConnection(there.netloc, context=trust, timeout=30)
            ),
        },
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, certificate or shown.with_name("tls-key.pem"))
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listener.shutdown()
        listener.server_close()
