"""Hosts are found wherever Pomerium takes them from; names cover them and nothing absurd."""

import re
from pathlib import Path

import pytest

from wizard.core.system import System
from wizard.pomerium.config import parse
from wizard.pomerium.detect import detect_names
from wizard.pomerium.lint import problems
from wizard.pomerium.routes import covers, hosts, propose_names
from wizard.pomerium.settings import MTLS, OTHER_NAMES, ROUTES, SETTINGS, Setting

SUFFIXES = {"com", "io", "co.uk", "github.io"}


def found(text: str) -> tuple[str, ...]:
    return hosts(parse(text.encode(), "config.yaml"))


def names(*given: str) -> tuple[str, ...]:
    return propose_names(given, SUFFIXES.__contains__)


def test_hosts_come_from_every_kind_of_route() -> None:
    text = """
    authenticate_service_url: https://Auth.Example.com:8443/
    x-base: &base {from: 'https://merged.example.com', to: http://m}
    routes:
      - from: https://B.example.com:8443
      - from: tcp+https://db.example.com:5432
      - from: udp+https://dns.example.com:53
      - from: https://*.apps.example.com
      - from: https://b.example.com/path
      - from: https://b\u00fccher.example.com.
      - from: https://XN--BCHER-KVA.example.com
      - *base
      - {<<: *base, prefix: /x}
      - from: ssh://host
      - from: https://192.0.2.1
      - from: https://[2001:db8::1]:443
      - from: https://[broken
      - from:
      - to: nowhere
      - text
    policy:
      - from: https://old.example.com
    """
    assert found(text) == (
        "b.example.com", "db.example.com", "dns.example.com", "*.apps.example.com",
        "xn--bcher-kva.example.com", "merged.example.com", "old.example.com", "auth.example.com",
    )  # fmt: skip


def test_only_names_a_certificate_may_have_are_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    urls = ("intranet", "com", "127.1", "a..example.com", "b\u00fccher.example.com", "a.github.io")
    lines = "".join(f"  - from: https://{url}\n" for url in urls)
    (tmp_path / "config.yaml").write_text(f"routes:\n{lines}", "utf-8")
    detected = detect_names(System(root=tmp_path / "root"))
    assert detected is not None
    assert detected.value == ("xn--bcher-kva.example.com", "a.github.io")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "routes:\n",
        "routes: text\n",
        "authenticate_service_url: https://authenticate.pomerium.app\n",
    ],
)
def test_no_routes_no_hosts(text: str) -> None:
    assert found(text) == ()


@pytest.mark.parametrize(
    ("given", "proposed"),
    [
        ((), ()),
        (("a.example.com",), ("a.example.com",)),
        (("a.example.com", "b.example.com"), ("*.example.com",)),
        (("a.example.com", "example.com", "b.example.com"), ("*.example.com", "example.com")),
        (("a.x.example.com", "b.x.example.com", "c.example.com"),
         ("*.x.example.com", "c.example.com")),
        (("a.x.example.com", "b.x.example.com", "x.example.com", "y.example.com"),
         ("*.x.example.com", "*.example.com")),
        (("*.example.com", "a.example.com"), ("*.example.com",)),
        (("app-*.example.com",), ("*.example.com",)),
        (("example.com", "other.com"), ("example.com", "other.com")),
        (("me.github.io", "you.github.io"), ("me.github.io", "you.github.io")),
        (("a.co.uk", "b.co.uk"), ("a.co.uk", "b.co.uk")),
        (("*.com", "*.localhost", "a.*.example.com"), ()),
        (("a.localhost", "b.localhost", "localhost"), ("a.localhost", "b.localhost", "localhost")),
    ],
)  # fmt: skip
def test_the_fewest_sensible_names(given: tuple[str, ...], proposed: tuple[str, ...]) -> None:
    assert names(*given) == proposed
    for host in given:
        assert covers(proposed, host) or "*" in host


def test_a_wildcard_covers_one_label() -> None:
    assert covers(["*.example.com"], "a.example.com")
    assert not covers(["*.example.com"], "a.b.example.com")
    assert not covers(["*.example.com"], "example.com")


@pytest.mark.parametrize("name", sorted({s.name for s in SETTINGS} | OTHER_NAMES))
def test_a_setting_pomerium_has_is_no_problem(name: str) -> None:
    assert problems(parse(f"{name}:\n".encode(), "c")) == ()


@pytest.mark.parametrize(
    ("text", "level", "key", "line"),
    [
        ("address: x\nclient_ca: QQ==\n", "error", "client_ca", 2),
        ("forward_auth_url: https://x\n", "notice", "forward_auth_url", 1),
        ("certifcates: []\n", "notice", "certifcates", 1),
        ("certificate-file: /x\n", "notice", "certificate-file", 1),
        ("routes:\n  - from: x\n    allowed_groups: [a]\n", "error", "routes.allowed_groups", 3),
        ("client_crl: QQ==\n", "notice", "client_crl", 1),
        ("downstream_mtls:\n  cafile: /x\n", "notice", "cafile", 2),
        ("routes:\n  - tls_custom_cafile: /x\n", "notice", "tls_custom_cafile", 2),
        ("routes: [{tls_server_name: a}]\n", "notice", "routes.tls_server_name", 1),
    ],
)
def test_a_setting_that_does_nothing_is_named(text: str, level: str, key: str, line: int) -> None:
    (problem,) = problems(parse(text.encode(), "c"))
    assert (problem.level, problem.key, problem.line) == (level, key, line)
    assert f"line {line}" in problem.text


def test_a_setting_that_was_replaced_is_told_once_with_what_replaces_it() -> None:
    text = b"routes: [{tls_server_name: a}, {tls_server_name: b}]\nclient_ca: a\n"
    replaced, removed = problems(parse(text, "c"))
    assert "`tls_upstream_server_name` (0.18.0)" in replaced.text
    assert "removed in 0.26.0" in removed.text


@pytest.mark.parametrize("setting", [*SETTINGS, *MTLS, *ROUTES], ids=lambda one: one.name)
def test_a_setting_has_a_release_and_a_variable_unless_it_is_of_a_route(setting: Setting) -> None:
    assert re.fullmatch(r"0\.\d+\.\d+", setting.since)
    free = setting.name in {"certificates", "downstream_mtls"} or setting in ROUTES
    odd = {"set_response_headers": "HEADERS"}
    usual = odd.get(setting.name, setting.name.replace(".", "_").upper())
    assert setting.environment == (None if free else usual)


def test_a_setting_nobody_heard_of_passes() -> None:
    assert problems(parse(b"x-anything: 1\nbrand_new_setting: 2\n", "c")) == ()
