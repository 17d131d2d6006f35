"""The calls of the library of DNS providers: what it is told, what becomes of errors.

The library itself speaks to an HTTP server of the tests that can be as odd as providers are.
"""

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from provider_support import provider, txt

from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.dns.providers import lexicon
from wizard.dns.providers.base import Provider

TOKEN = "SECRET/TOKEN+OF=TESTS"
ONE, TWO = '"one"', '"two"'


class Api:
    """What speaks PowerDNS's API of one zone, and what is odd about it."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.asked: list[dict[str, object]] = []
        self.status = 0  # of every answer
        self.headers: dict[str, str] = {}
        self.refuses_change = False
        self.keeps_one = False
        self.shortest_ttl = 0
        self.ttl: object = 0
        self.url = ""

    def answer(self, method: str, body: str) -> tuple[int, object]:
        if self.status:
            return self.status, {"error": "as the test wants"}
        if method == "GET":
            rows = [{"content": each, "disabled": False} for each in self.values]
            name = "_acme-challenge.example.com."
            rrsets = (
                [{"name": name, "type": "TXT", "ttl": self.ttl, "records": rows}] if rows else []
            )
            return 200, {"kind": "Native", "rrsets": rrsets}
        (change,) = json.loads(body)["rrsets"]
        self.asked.append(change)
        if self.refuses_change or change["ttl"] < self.shortest_ttl:
            return 422, {"error": "not that short"}
        self.ttl = change["ttl"]
        wanted = [row["content"] for row in change["records"]]
        self.values = wanted[:1] if self.keeps_one else wanted
        return 204, None


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            status, body = made.answer(self.command, self.rfile.read(size).decode())
            self.send_response(status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_PATCH = do_GET  # noqa: N815  the library of Python calls it so

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}"
        yield made
        server.shutdown()


def made(api: Api, **more: Value) -> Provider:
    answers: dict[str, Value] = {
        "provider": "powerdns",
        "pdns_server": api.url,
        "auth_token": "env:TOKEN",
        **more,
    }
    return provider("lexicon", answers, System(env={"TOKEN": TOKEN}))


def publish(api: Api, *values: str) -> None:
    made(api).publish([txt("example.com", *values)])


def failure(api: Api) -> WizardError:
    with pytest.raises(WizardError) as caught:
        publish(api, "one", "two")
    assert TOKEN not in f"{caught.value.summary}{caught.value.hint}"
    return caught.value


def test_a_provider_that_replaces_what_stands_is_found_out(api: Api) -> None:
    api.keeps_one = True
    error = failure(api)
    assert error.code == "provider-keeps-one-value"
    assert "_acme-challenge.example.com" in error.summary


def test_one_value_is_enough_for_a_provider_that_replaces(api: Api) -> None:
    api.keeps_one = True
    publish(api, "one")
    assert api.values == [ONE]


def test_a_provider_that_takes_no_short_life_is_asked_for_its_usual_one(api: Api) -> None:
    api.shortest_ttl = 600
    publish(api, "one", "two")
    assert sorted(api.values) == [ONE, TWO]
    assert [change["ttl"] for change in api.asked] == [60, 3600, 3600]


def test_what_a_provider_refuses_because_it_is_so_already_is_no_error(api: Api) -> None:
    publish(api, "one", "two")
    api.refuses_change = True
    publish(api, "one", "two")
    made(api).remove([txt("example.com", "never")])
    assert sorted(api.values) == [ONE, TWO]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "provider-authentication"),
        (403, "provider-authentication"),
        (404, "provider-zone-unknown"),
        (422, "provider-zone-unknown"),
        (429, "provider-rate-limited"),
        (500, "provider-unavailable"),
        (503, "provider-unavailable"),
        (418, "provider-failed"),
    ],
)
def test_every_status_says_what_is_wrong_and_what_to_do(api: Api, status: int, code: str) -> None:
    api.status = status
    error = failure(api)
    assert error.code == code
    assert "powerdns" in error.summary
    assert error.hint


def test_when_to_come_back_is_passed_on(api: Api) -> None:
    api.status, api.headers = 429, {"Retry-After": "120"}
    assert "120 seconds" in failure(api).hint


def test_a_change_that_is_refused_is_told_with_the_reason(api: Api) -> None:
    api.refuses_change = True
    error = failure(api)
    assert error.code == "provider-failed"
    assert "422" in error.summary
    assert "not that short" in error.summary


def test_what_the_library_misses_is_told(api: Api) -> None:
    api.url = ""
    error = failure(api)
    assert error.code == "provider-failed"
    assert "pdns_server" in error.summary


def test_a_secret_that_a_provider_wants_in_a_url_is_not_shown() -> None:
    opened = lexicon._Opened("duckdns", "example.com", [TOKEN])
    for text in (
        f"500 Server Error for url: https://192.0.2.1/update?token={TOKEN}",
        "Max retries exceeded with url: /SECRET%2FTOKEN%2BOF%3DTESTS/x",
        f"KO: {{'token': '{TOKEN}'}}",
    ):
        error = opened._told(ValueError(text), "change")
        assert "TOKEN" not in f"{error.summary}{error.hint}".replace("token", "")


def test_the_secret_is_in_no_repr(api: Api) -> None:
    publisher = made(api)
    assert TOKEN not in f"{publisher!r}{vars(publisher)!r}"


def test_the_librarys_own_variables_change_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEXICON_POWERDNS_PDNS_SERVER", "http://192.0.2.1")
    publish(api, "one")
    assert api.values == [ONE]


def test_nothing_of_a_call_is_logged_or_printed(
    api: Api, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        publish(api, "one", "two")
        logging.getLogger("lexicon").debug("heard again")
    assert [record.message for record in caplog.records] == ["heard again"]
    assert capfd.readouterr() == ("", "")


def test_a_secret_that_is_missing_is_told_before_anything_is_called(api: Api) -> None:
    with pytest.raises(UsageError) as caught:
        made(api, auth_token="env:NOWHERE")
    assert caught.value.code == "secret-missing"
