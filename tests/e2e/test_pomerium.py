"""Pomerium's own code takes what the wizard writes, and refuses what the wizard refuses."""

import re
import shutil
from pathlib import Path

import pytest
from cli_support import Wizard
from conftest import REPOSITORY

from wizard.core.errors import WizardError
from wizard.pomerium.config import parse
from wizard.pomerium.lint import problems
from wizard.pomerium.settings import (
    CERTIFICATES,
    MTLS,
    OTHER_NAMES,
    REMOVED,
    REMOVED_FROM_ROUTES,
    ROUTES,
    SETTINGS,
    Removed,
)

from .pomerium import Verdict, judge, known_settings, put_pair, verdict

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("rules")]

GOLDEN = REPOSITORY / "tests/golden/pomerium"
HOST = "verify.localhost.pomerium.io"
NAMES = ("*.localhost.pomerium.io", "localhost.pomerium.io")

ABOUT_TLS = re.compile(r"(^|[._])(autocert|ca|cert|certificates?|crl|m?tls)(_|$)")
TEXT = {"string"}
GO = {
    **dict.fromkeys(("text", "path", "url", "base64", "address"), TEXT),
    "bool": {"bool"},
    "list": {"slice"},
    "map": {"map", "struct"},
    "number": {"uint32"},
}
"""What Go calls the kinds of our table."""
NEWER = {"blob_storage", "identity_providers", "mcp_allowed_as_metadata_domains"}
"""Settings that came after the Pomerium of these tests."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for /etc/pomerium/tls: every certificate that our own files name."""
    made = tmp_path_factory.mktemp("tls")
    for stem in ("new", "dev"):
        put_pair(NAMES, made / f"{stem}.pem", made / f"{stem}-key.pem")
    return made


# ── what the wizard writes ─────────────────────────────────────────────────────────────────────


def test_the_demos_configuration_is_taken_as_it_is(wizard: Wizard) -> None:
    shutil.copytree(REPOSITORY / "examples", wizard.folder / "examples")
    done = wizard.bare("--answers", "examples/local-ca.toml", "--state-dir", "demo/state")
    assert done.status == 0, done.err
    assert judge(wizard.folder / "demo/config.yaml") == Verdict(
        error="", unknown=frozenset(), certificates=(NAMES,), hosts={HOST: True}
    )


@pytest.mark.parametrize("name", ["development", "production", "nobody"])
def test_every_kind_of_new_configuration_is_taken(name: str, folder: Path) -> None:
    text = (GOLDEN / f"new-{name}.yaml").read_text().replace("/etc/pomerium/tls", str(folder))
    assert verdict(text.encode(), folder) == Verdict(
        error="", unknown=frozenset(), certificates=(NAMES,), hosts={HOST: True}
    )


def test_a_new_configuration_that_gets_its_certificates_itself_is_taken(folder: Path) -> None:
    text = (GOLDEN / "new-autocert.yaml").read_bytes()
    found = verdict(text, folder)
    assert (found.error, found.unknown, found.certificates) == ("", frozenset(), ())
    assert list(found.hosts) == ["app.corp.example.com"]


def test_without_its_padding_the_key_of_an_account_is_taken_and_with_it_not(folder: Path) -> None:
    said = "autocert_eab_key_id: a\nautocert_eab_mac_key: c2VjcmV0LWtleQ"
    assert verdict(said.encode(), folder).error == ""
    assert "MAC Key" in verdict(f"{said}==\n".encode(), folder).error


# ── what is wrong with a configuration ─────────────────────────────────────────────────────────


def in_a_file(removed: Removed) -> bytes:
    if removed not in REMOVED_FROM_ROUTES:
        return f"{removed.name}: 1\n".encode()
    route = f"from: https://a.example.com, to: http://a, {removed.name}: x"
    return f"routes: [{{{route}}}]\n".encode()


@pytest.mark.parametrize("removed", [*REMOVED, *REMOVED_FROM_ROUTES], ids=lambda one: one.name)
def test_a_removed_setting_stops_pomerium_when_we_say_so_and_not_else(
    removed: Removed, folder: Path
) -> None:
    text = in_a_file(removed)
    found = verdict(text, folder)
    (problem,) = problems(parse(text, "config.yaml"))
    assert (problem.level == "error") == removed.fatal == bool(found.error)
    assert found.error or found.unknown == {removed.name}


def test_every_setting_we_take_for_one_of_pomeriums_is_one(folder: Path) -> None:
    # A wrong type is an error before an unknown name is; such a name is known as well.
    ours = sorted({setting.name for setting in SETTINGS} | OTHER_NAMES)
    assert {name for name in ours if verdict(f"{name}: 1\n".encode(), folder).unknown} == NEWER


def test_no_setting_is_missing() -> None:
    found = known_settings()
    ours = {one.name: one.kind for one in (*SETTINGS, *CERTIFICATES, *MTLS, *ROUTES)}
    removed = {one.name for one in REMOVED}
    assert {name for name in found if "." not in name} <= ours.keys() | OTHER_NAMES | removed
    about_tls = {name for name in found if ABOUT_TLS.search(name)} - {"ssh_user_ca_key_file"}
    assert about_tls <= ours.keys()
    for table in ("certificates", "downstream_mtls", "routes.tls"):
        assert {name for name in found if name.startswith(table)} <= ours.keys()
    assert {name: kind for name, kind in ours.items() if found.get(name) not in GO[kind]} == {
        "set_response_headers": "map"  # read by code of its own
    }


def test_every_setting_of_a_table_is_one_too(folder: Path) -> None:
    inside = {
        **{one.name: f"downstream_mtls: {{{one.name.partition('.')[2]}: 1}}" for one in MTLS},
        **{
            one.name: f"routes: [{{from: https://a.test, to: http://a, {one.name[7:]}: x}}]"
            for one in ROUTES
        },
    }
    assert {
        name for name, text in inside.items() if verdict(text.encode(), folder).unknown
    } == set()


def test_a_variable_is_called_as_we_say(folder: Path) -> None:
    for setting, wrong in (("grpc_insecure", "x"), ("downstream_mtls.max_verify_depth", "x")):
        variable = next(s.environment for s in (*SETTINGS, *MTLS) if s.name == setting)
        (folder / "config.yaml").write_text("address: :1\n")
        assert judge(folder / "config.yaml").error == ""
        assert wrong in judge(folder / "config.yaml", {str(variable): wrong}).error


def test_a_misspelt_setting_is_ignored_by_pomerium_and_noticed_by_us(folder: Path) -> None:
    text = b"certificate_keyfile: /etc/ssl/a.key\n"
    assert verdict(text, folder).unknown == {"certificate_keyfile"}
    assert [problem.key for problem in problems(parse(text, ""))] == ["certificate_keyfile"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"routes: [\n", id="a flow without an end"),
        pytest.param(b"address:\n\tb: 1\n", id="a tab as indent"),
        pytest.param(b"address: ':1'\naddress: ':2'\n", id="a key twice"),
        pytest.param(b"- address\n", id="a list"),
        pytest.param(b"pomerium\n", id="a word"),
        pytest.param(b"address: *nowhere\n", id="an alias for nothing"),
        pytest.param(b"routes: &all [*all]\n", id="an alias inside its anchor"),
        pytest.param("address: ':1' # Büro\n".encode("latin-1"), id="not UTF-8"),
        pytest.param(b"address: '\0'\n", id="a zero byte"),
    ],
)
def test_what_pomerium_cannot_read_is_refused_by_us_too(text: bytes, folder: Path) -> None:
    assert "failed to read config" in verdict(text, folder).error
    with pytest.raises(WizardError):
        parse(text, "config.yaml")
