"""What an authority can do to a run: each trouble is told, nothing is lost or spent twice."""

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from acme_lab import CERTIFICATE, Pebble, free_port, pebble
from cli_support import Outcome, Wizard
from conftest import Need
from dns01_support import records
from dns_lab import Lab

from wizard.acme import account, shelf
from wizard.acme.authorities import custom
from wizard.acme.order import Order
from wizard.acme.problems import refused as refused_by
from wizard.acme.session import Session
from wizard.core.control import Control
from wizard.core.errors import WizardError
from wizard.core.secrets import Secret
from wizard.core.system import System

pytestmark = pytest.mark.e2e

NAMES = ("*.corp.example.com", "corp.example.com")
KID, HMAC = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@pytest.fixture(scope="module", autouse=True)
def _parts(need: Need) -> None:
    need("pebble")
    need("openssl")


@contextmanager
def server(
    folder: Path, env: Mapping[str, str] | None = None, port: int = 0, **config: object
) -> Iterator[Pebble]:
    """Pebble that believes every proof."""
    always = {"PEBBLE_VA_ALWAYS_VALID": "1", **(env or {})}
    with pebble(folder, "127.0.0.1:1", config=config, env=always, port=port) as running:
        yield running


def session(running: Pebble) -> Session:
    return Session(System(), running.directory, running.ca_bundle)


def opened(running: Pebble, state: Path) -> tuple[Session, account.Account]:
    speaking = session(running)
    authority = custom(running.directory)
    state.mkdir(exist_ok=True)
    return speaking, account.open_account(speaking, System(), state, authority, accept_terms=True)


def carried_on(order: Order, speaking: Session) -> bytes:
    order.answer(speaking)
    list(order.watch(speaking, Control(), "it"))
    order.finalize(speaking)
    list(order.watch(speaking, Control(), "it"))
    return order.download(speaking)


@pytest.mark.parametrize(
    "env",
    [{"PEBBLE_WFE_NONCEREJECT": "50"}, {"PEBBLE_AUTHZREUSE": "100"}, {"PEBBLE_AUTHZREUSE": "0"}],
    ids=str,
)
def test_a_server_that_is_difficult_still_issues(tmp_path: Path, env: dict[str, str]) -> None:
    with server(tmp_path / "pebble", env) as running:
        speaking, who = opened(running, tmp_path / "state")
        for number in ("0001", "0002"):
            order = Order.create(speaking, System(), tmp_path / "orders/a" / number, who, NAMES)
            assert b"BEGIN CERTIFICATE" in carried_on(order, speaking)


def test_a_hundred_names_are_one_order(tmp_path: Path) -> None:
    names = [f"h{number}.example.com" for number in range(100)]
    with server(tmp_path / "pebble") as running:
        speaking, who = opened(running, tmp_path / "state")
        order = Order.create(speaking, System(), tmp_path / "orders/a/0001", who, names)
        assert len(order.txt()) == 100
        assert carried_on(order, speaking)


def test_the_time_left_is_that_of_the_proofs_while_they_are_not_given(tmp_path: Path) -> None:
    directory = tmp_path / "orders/a/0001"
    hour = timedelta(hours=1)
    with server(tmp_path / "pebble") as running:
        speaking, who = opened(running, tmp_path / "state")
        order = Order.create(speaking, System(), directory, who, NAMES)
        again = Order.load(System(), directory)
        assert again is not None
        assert again.expires == order.expires <= System().now() + hour
        # The authority gives an order a day.
        assert carried_on(order, speaking)
        assert order.expires > System().now() + 2 * hour


def test_a_hundred_names_are_watched_with_few_requests(tmp_path: Path) -> None:
    names = [f"h{number}.example.com" for number in range(100)]
    slow = {"PEBBLE_VA_NOSLEEP": "", "PEBBLE_VA_SLEEPTIME": "5", "PEBBLE_WFE_NONCEREJECT": "0"}
    with server(tmp_path / "pebble", slow) as running:
        speaking, who = opened(running, tmp_path / "state")
        order = Order.create(speaking, System(), tmp_path / "orders/a/0001", who, names)
        order.answer(speaking)
        before = running.requests()
        events = list(order.watch(speaking, Control(), "it"))
        # Each name once at every look would be several hundred.
        assert 0 < running.requests() - before < 150
    assert sorted((event.what, event.status) for event in events) == sorted(
        [*((name, "valid") for name in names), ("order", "ready")]
    )


def test_the_one_of_many_names_that_failed_is_named_with_the_reason(
    tmp_path: Path, lab: Lab
) -> None:
    zone = lab.zone()
    names = [f"h{number}.{zone.name}" for number in range(15)]
    env = {"PEBBLE_VA_ALWAYS_VALID": "", "PEBBLE_WFE_NONCEREJECT": "0"}
    with lab.inside(), pebble(tmp_path, f"{zone.primary.address}:53", env=env) as running:
        speaking, who = opened(running, tmp_path / "state")
        order = Order.create(speaking, System(), tmp_path / "orders/a/0001", who, names)
        bad = order.authorizations[-1].identifier
        for record in order.txt():
            if record.identifiers != (bad,):
                zone.add(record.name.removesuffix(f".{zone.name}"), "TXT", record.value)
        order.answer(speaking)
        events = []
        with pytest.raises(WizardError, match=rf"{bad}: .*_acme-challenge\.{bad}"):
            events += order.watch(speaking, Control(), "it")
    assert ("invalid", bad) in {(event.status, event.what) for event in events}
    assert len({event.what for event in events}) == len(events)


def test_keys_are_nobody_elses_to_read(tmp_path: Path) -> None:
    with server(tmp_path / "pebble") as running:
        speaking, who = opened(running, tmp_path / "state")
        Order.create(speaking, System(), tmp_path / "orders/a/0001", who, NAMES)
    found = [*tmp_path.glob("orders/a/0001/*"), *who.directory.iterdir()]
    assert len(found) == 5
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}


def test_an_account_is_used_again_and_its_key_can_be_changed(tmp_path: Path) -> None:
    with server(tmp_path / "pebble") as running:
        speaking, who = opened(running, tmp_path / "state")
        changed = account.change_key(speaking, System(), who)
        speaking, again = opened(running, tmp_path / "state")
        assert again.url == who.url == changed.url
        order = Order.create(speaking, System(), tmp_path / "orders/a/0001", again, NAMES)
        assert order.status == "pending"


# ── external accounts ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("eab", "code"),
    [
        (None, "eab-missing"),
        (("kid-2", HMAC), "eab-refused"),
        ((KID, HMAC[::-1]), "eab-refused"),
        ((KID, "no base64url!"), "eab-not-base64url"),
        ((KID, HMAC), ""),
    ],
)
def test_an_external_account_is_taken_or_the_reason_told(
    tmp_path: Path, eab: tuple[str, str] | None, code: str
) -> None:
    config = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {KID: HMAC}}
    given = (eab[0], Secret(eab[1].encode())) if eab else None
    (tmp_path / "state").mkdir()
    with server(tmp_path / "pebble", **config) as running:
        speaking, authority = session(running), custom(running.directory)
        with contextlib.ExitStack() as expected:
            if code:
                caught = expected.enter_context(pytest.raises(WizardError))
            account.open_account(
                speaking, System(), tmp_path / "state", authority, eab=given, accept_terms=True
            )
    if code:
        assert caught.value.code == code
        assert HMAC not in f"{caught.value.summary} {caught.value.hint}"


# ── the whole command ──────────────────────────────────────────────────────────────────────────


def install(wizard: Wizard, directory: str, ca_bundle: Path | str, *words: str) -> Outcome:
    (wizard.folder / "home").mkdir(exist_ok=True)
    given = {
        "strategy": "dns-01",
        "names": ",".join(NAMES),
        "dns_01.authority": "custom",
        "dns_01.directory_url": directory,
        "dns_01.ca_bundle": str(ca_bundle),
        "dns_01.accept_terms": "yes",
        "dns_01.wait": "0",
        "output.directory": "tls",
        "output.config": "",
        "output.owner": "",
    }
    sets = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    return wizard(*sets, *words)


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def stub(folder: Path, answer: Answer) -> Iterator[tuple[str, Path]]:
    """An HTTPS server that answers everything in one way."""
    import subprocess  # noqa: PLC0415

    key, certificate = folder / "stub-key.pem", folder / "stub.pem"
    subprocess.run(
        [*CERTIFICATE, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{listener.server_address[1]}/dir", certificate
    finally:
        listener.shutdown()
        listener.server_close()


def says(status: int, body: object, **headers: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        content = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/problem+json")
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@pytest.mark.parametrize(
    ("answer", "status", "code", "part"),
    [
        (says(200, {"hello": "world"}), 1, "directory-not-acme", "no ACME directory"),
        (says(404, {}), 1, "directory-not-acme", "no ACME directory"),
        (says(403, {}), 4, "directory-not-acme", "HTTP 403"),
        (says(503, {}), 4, "authority-busy", "HTTP 503"),
        (says(429, {}, Retry_After="3600"), 4, "rate-limited", "It may be tried again at"),
        (
            says(429, {}, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT"),
            4,
            "rate-limited",
            "2100-12-31 23:59",
        ),
    ],
)
def test_a_directory_that_is_none_is_told(
    tmp_path: Path, answer: Answer, status: int, code: str, part: str
) -> None:
    wizard = Wizard(tmp_path)
    with stub(tmp_path, answer) as (directory, certificate):
        done = install(wizard, directory, certificate)
    assert f"[{code}]" in done.err, done.err
    assert part in done.err
    assert done.status == status, done.err
    assert not (tmp_path / "tls").exists()


def test_nobody_there_and_nobody_to_trust_are_told(tmp_path: Path) -> None:
    wizard = Wizard(tmp_path)
    done = install(wizard, f"https://127.0.0.1:{free_port()}/dir", "")
    assert "[directory-unreachable]" in done.err, done.err
    with server(tmp_path / "pebble") as running:
        done = install(wizard, running.directory, "")
        assert "[directory-certificate]" in done.err, done.err
        assert "dns_01.ca_bundle" in done.err


def test_a_server_that_forgot_everything_gets_a_new_account_and_a_new_order(
    lab: Lab, tmp_path: Path
) -> None:
    zone, port = lab.zone(), free_port()
    wizard = Wizard(tmp_path)
    words = ("--set", f"names={zone.name}", "--set", "dns.resolvers=127.0.0.53", "--json")
    with lab.inside(), server(tmp_path / "first", port=port) as running:
        first = install(wizard, running.directory, running.ca_bundle, *words)
        assert first.status == 3, first.out + first.err
    (key,) = tmp_path.glob("state/accounts/*/account.key")
    before = key.read_bytes()
    with lab.inside(), server(tmp_path / "second", port=port) as running:
        second = install(wizard, running.directory, running.ca_bundle, *words)
    assert second.status == 3, second.out + second.err
    assert key.read_bytes() == before
    assert records(first.rows()) != records(second.rows())
    assert "made anew" in second.out


def test_a_full_disk_after_the_order_is_final_costs_no_second_order(tmp_path: Path) -> None:
    with server(tmp_path / "pebble") as running:
        speaking, who = opened(running, tmp_path / "state")
        shelf_of = tmp_path / "orders/a"
        order = Order.create(speaking, System(), shelf_of / "0001", who, NAMES)

        class Full(System):
            def write(
                self,
                path: Path,
                content: bytes,
                mode: int = 0o600,
                owner: tuple[int, int] | None = None,
            ) -> None:
                if path.name == shelf.CHAIN:
                    raise WizardError("disk-full", "It is full.", "Free some.")
                super().write(path, content, mode, owner)

        order._system = Full()
        with pytest.raises(WizardError, match="It is full"):
            carried_on(order, speaking)
        found = shelf.open_order(System(), shelf_of)
        assert found
        again = Order.load(System(), found)
        assert again is not None
        again.refresh(speaking, who.url)
        assert again.status == "valid"
        assert b"BEGIN CERTIFICATE" in again.download(speaking)
        assert running.orders() == 1


@pytest.mark.parametrize(
    ("status", "after"),
    [(403, "open"), (429, "open"), (503, "open"), (404, "gone"), (410, "gone")],
)
def test_only_an_authority_that_does_not_know_an_order_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, after: str
) -> None:
    with server(tmp_path / "pebble") as running:
        speaking, who = opened(running, tmp_path / "state")
        order = Order.create(speaking, System(), tmp_path / "orders/a/0001", who, NAMES)

        def answers(_url: str, _payload: object) -> None:
            raise refused_by(status, {}, order.url, None, System().now())

        monkeypatch.setattr(speaking, "post", answers)
        with contextlib.suppress(WizardError):
            order.refresh(speaking, who.url)
    is_open = shelf.open_order(System(), tmp_path / "orders/a") is not None
    assert is_open is (after == "open")


def test_an_order_that_was_cut_off_before_its_url_was_known_is_found_again(tmp_path: Path) -> None:
    with server(tmp_path / "pebble") as running:
        speaking, who = opened(running, tmp_path / "state")
        directory = tmp_path / "orders/a/0001"
        first = Order.create(speaking, System(), directory, who, NAMES)
        (directory / shelf.RECORD).unlink()
        again = Order.create(speaking, System(), directory, who, NAMES)
        assert again.url == first.url
        assert again.txt() == first.txt()
        assert running.orders() == 1
        assert carried_on(again, speaking)
