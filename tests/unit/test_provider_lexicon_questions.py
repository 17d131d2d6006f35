"""The library's DNS providers as questions, in the wizard and in an editor."""

import importlib.util
import subprocess
import sys
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import REPOSITORY
from jsonschema import Draft202012Validator
from lexicon._private.discovery import find_providers
from packaging.requirements import Requirement
from provider_support import PREFIX, provider

from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.questions import Kind, Value
from wizard.core.system import System
from wizard.dns.providers import lexicon_options as known
from wizard.export import schema
from wizard.parts import known_questions

TOKEN = "SECRET/TOKEN+OF=TESTS"


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


# ── in an editor ───────────────────────────────────────────────────────────────────────────────


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


# ── without the library ────────────────────────────────────────────────────────────────────────


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
