"""The library's providers as questions, and its calls: what it is told, what becomes of errors.

The library itself speaks to an HTTP server of the tests that can be as odd as providers are.
"""

import importlib.util
import json
import logging
import subprocess
import sys
import threading
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import REPOSITORY
from jsonschema import Draft202012Validator
from lexicon._private.discovery import find_providers
from packaging.requirements import Requirement
from provider_support import PREFIX, provider, txt

from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Kind, Value
from wizard.core.system import System
from wizard.dns.providers import lexicon
from wizard.dns.providers import lexicon_options as known
from wizard.dns.providers.base import Provider
from wizard.export import schema
from wizard.parts import known_questions

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


# ── calls ──────────────────────────────────────────────────────────────────────────────────────


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


# ── questions ──────────────────────────────────────────────────────────────────────────────────


def test_only_versions_whose_private_modules_are_known_are_installed() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    (extra,) = project["project"]["optional-dependencies"]["lexicon"]
    assert extra in project["dependency-groups"]["test"]
    assert extra in known.INSTALL
    wanted = Requirement(extra).specifier
    assert version("dns-lexicon") in wanted
    assert "4.0" not in wanted


def test_naming_the_providers_loads_none_of_them() -> None:
    script = (
        "import sys\n"
        "from wizard.dns.providers import lexicon, lexicon_options as known\n"
        "print(len(known.providers()), *sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    count, *modules = done.stdout.split()
    assert int(count) >= 80
    assert not {"lexicon", "requests", "dns", "logging", "tldextract"} & set(modules)


@pytest.mark.parametrize("name", known.providers())
def test_every_provider_can_be_asked_for(name: str) -> None:
    chosen = Answers({f"{PREFIX}name": "lexicon", f"{PREFIX}provider": name})
    other = Answers({f"{PREFIX}name": "rfc2136", f"{PREFIX}provider": name})
    for question in known.options(name):
        assert question.when(chosen)
        assert not question.when(other)
        assert question.prompt.endswith("?")
        assert question.why.endswith(".")
        assert known.WRAPPED not in question.why
        generic = known.known_option(question.key)
        assert generic is not None
        assert generic.when(Answers({f"{PREFIX}name": "lexicon"}))
        assert {choice.value for choice in question.offered()} <= {
            choice.value for choice in generic.offered()
        }


def test_no_option_is_also_a_key_of_another_provider() -> None:
    keys = {question.key for name in known.providers() for question in known.options(name)}
    taken = ("name", "provider", "server", "port", "path", "cleanup_path", "tsig_name")
    assert not keys & {f"{PREFIX}{key}" for key in taken}


@pytest.mark.parametrize(
    ("option", "is_secret"),
    [
        *((name, True) for name in ("auth_token", "auth_password", "auth_2fa", "api_key")),
        *((name, True) for name in ("auth_api_key", "secret_key", "auth_psw", "auth_something")),
        *((name, False) for name in ("auth_username", "auth_user", "auth_client_id", "zone_id")),
        *((name, False) for name in ("pdns_server", "secret_id", "auth_key_file", "endpoint")),
    ],
)
def test_what_may_be_secret_is_a_reference(option: str, is_secret: bool) -> None:  # noqa: FBT001
    assert known.is_secret(option) is is_secret


def test_a_secret_itself_is_refused_as_an_answer() -> None:
    question = known.known_option(f"{PREFIX}auth_token")
    assert question is not None
    problem = question.check("hunter2", Answers())
    assert problem is not None
    assert problem.code == "secret-reference"
    assert "hunter2" not in f"{problem.summary}{problem.hint}"


def test_a_password_in_a_url_is_refused() -> None:
    question = known.known_option(f"{PREFIX}pdns_server")
    assert question is not None
    problem = question.check("http://me:hunter2@192.0.2.1:8081", Answers())
    assert problem is not None
    assert problem.code == "url-password"
    assert question.check("http://192.0.2.1:8081", Answers()) is None
    assert question.check("/run/pdns.sock", Answers()) is None


def test_a_flag_is_one_where_any_provider_has_one() -> None:
    kinds = {
        key: question.kind
        for key in ("private_zone", "auth_sandbox", "auth_entrypoint", "ib_view")
        if (question := known.known_option(f"{PREFIX}{key}"))
    }
    assert kinds == {
        "private_zone": Kind.FLAG,
        "auth_sandbox": Kind.FLAG,
        "auth_entrypoint": Kind.CHOICE,
        "ib_view": Kind.TEXT,
    }


def test_a_file_that_the_library_wants_wrapped_is_wrapped(tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text('{"project_id": "p"}')
    reference = f"file:{tmp_path}/account.json"
    answers = {"provider": "googleclouddns", "auth_service_account_info": reference}
    held = vars(provider("lexicon", answers))["_values"]["auth_service_account_info"]
    assert held.reveal() == b"base64::" + b64encode(b'{"project_id": "p"}')


def test_numbers_flags_and_defaults_reach_the_library_as_it_takes_them() -> None:
    system = System(env={"TOKEN": TOKEN})
    rackspace = provider("lexicon", {"provider": "rackspace", "auth_token": "env:TOKEN"}, system)
    assert vars(rackspace)["_values"]["sleep_time"] == 1.0
    flags: dict[str, Value] = {"auth_token": "env:TOKEN", "auth_sandbox": True}
    namecheap = provider("lexicon", {"provider": "namecheap", **flags}, system)
    held = vars(namecheap)["_values"]
    assert (held["auth_sandbox"], held["auth_client_ip"]) == ("true", "127.0.0.1")


@pytest.mark.parametrize("key", ["names", f"{PREFIX}tsig_nam", f"{PREFIX}auth_tokn", PREFIX])
def test_a_key_of_no_provider_is_none(key: str) -> None:
    assert known.known_option(key) is None


def test_a_provider_that_is_misspelt_is_told_with_the_nearest() -> None:
    problem = known.PROVIDER.check("cloudflair", Answers())
    assert problem is not None
    assert (problem.code, problem.hint) == ("lexicon-unknown", "Did you mean cloudflare?")
    listed = known.PROVIDER.check("zzzzzz", Answers())
    assert listed is not None
    assert "powerdns" in listed.hint


def test_a_provider_whose_own_library_is_missing_is_told_with_the_line_for_it() -> None:
    lacking = [name for name, is_there in find_providers().items() if not is_there]
    for name in lacking:
        problem = known.PROVIDER.check(name, Answers())
        assert problem is not None
        assert problem.code == "lexicon-extra-missing"
        assert f"dns-lexicon[{name}]" in problem.hint


def in_editor(answers: Mapping[str, object]) -> list[str]:
    """What an editor that goes by the schema finds wrong with `[dns_01.provider]`."""
    validator = Draft202012Validator(schema(known_questions(System()).every()))
    Draft202012Validator.check_schema(validator.schema)
    errors = validator.iter_errors({"dns_01": {"provider": {"name": "lexicon", **answers}}})
    return [error.message for error in errors]


@pytest.mark.parametrize("name", known.providers())
def test_an_editor_knows_what_every_provider_has_to_be_told(name: str) -> None:
    told: dict[str, Value] = {"provider": name}
    for question in known.options(name):
        taken = known.known_option(question.key)
        assert taken is not None
        is_flag = taken.kind is Kind.FLAG
        word = next((choice.value for choice in question.offered()), "env:NAME")
        told[question.key.removeprefix(PREFIX)] = True if is_flag else word
    assert in_editor(told) == []


@pytest.mark.parametrize(
    "wrong",
    [{"provider": "cloudflair"}, {"auth_tokn": "env:NAME"}, {"tsig_nam": "a"}, {"auth_token": 1}],
    ids=str,
)
def test_an_editor_marks_what_is_wrong(wrong: Mapping[str, object]) -> None:
    (message,) = in_editor(wrong)
    assert str(*wrong) in message or str(*wrong.values()) in message


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    caches = (known.providers, known.described, known._every)
    for each in caches:
        each.cache_clear()
    yield
    monkeypatch.undo()
    for each in caches:
        each.cache_clear()


@pytest.mark.usefixtures("without_library")
def test_without_the_library_every_way_says_how_to_install_it() -> None:
    with pytest.raises(UsageError) as caught:
        provider("lexicon", {"provider": "powerdns"})
    assert caught.value.code == "lexicon-missing"
    assert "pip install 'pomcert-wizard[lexicon]'" in caught.value.hint
    for key in ("auth_token", "pdns_server"):
        question = known.known_option(f"{PREFIX}{key}")
        assert question is not None
        problem = question.check("any", Answers())
        assert problem is not None
        assert problem.code == "lexicon-missing"
    assert known.known_option(f"{PREFIX}tsig_nam") is None


@pytest.mark.usefixtures("without_library")
def test_without_the_library_an_editor_marks_nothing_that_may_be_one_of_its_options() -> None:
    may_be = {"provider": "cloudflare", "auth_token": "env:NAME", "auth_sandbox": True}
    assert in_editor(may_be) == []
    (message,) = in_editor({"tsig_nam": "a"})
    assert "tsig_nam" in message
