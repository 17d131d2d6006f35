"""A new configuration is complete, closed by default, and the same every time."""

import base64
import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from wizard.core.errors import UsageError
from wizard.pomerium.config import new_config, parse, with_certificate, with_settings
from wizard.pomerium.lint import problems
from wizard.pomerium.routes import hosts
from wizard.pomerium.secrets import new_secret

GOLDEN = Path(__file__).parents[1] / "golden/pomerium"
CERT, KEY = Path("/etc/pomerium/tls/dev.pem"), Path("/etc/pomerium/tls/dev-key.pem")
NAMES = ("*.localhost.pomerium.io",)


def make(**changes: object) -> bytes:
    settings = {
        "shared_secret": base64.b64encode(b"s" * 32).decode(),
        "cookie_secret": base64.b64encode(b"c" * 32).decode(),
        "route_from": "https://verify.localhost.pomerium.io",
        "route_to": "https://verify.pomerium.com",
    }
    return new_config((CERT, KEY), **(settings | changes))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("development", {"email": "user@example.com", "development": True}),
        ("production", {"email": "user@example.com", "address": ":8443"}),
        ("nobody", {"development": True}),
    ],
)
def test_golden(name: str, changes: dict[str, object]) -> None:
    path = GOLDEN / f"new-{name}.yaml"
    text = make(**changes)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(text)
    assert text == path.read_bytes()


AUTOCERT: dict[str, str | bool] = {
    "http_redirect_addr": ":80",
    "autocert": True,
    "autocert_dir": "/etc/pomerium/autocert",
    "autocert_email": "you@example.com",
    "autocert_use_staging": True,
    "autocert_ca": "",
}


def test_golden_without_a_certificate() -> None:
    path = GOLDEN / "new-autocert.yaml"
    text = new_config(
        None,
        shared_secret=base64.b64encode(b"s" * 32).decode(),
        cookie_secret=base64.b64encode(b"c" * 32).decode(),
        route_from="https://app.corp.example.com",
        route_to="https://verify.pomerium.com",
        email="user@example.com",
        settings=AUTOCERT,
    )
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_bytes(text)
    assert text == path.read_bytes()
    edit = with_settings(parse(text, "config.yaml"), AUTOCERT)
    assert (edit.changed, edit.notices) == (False, ())


def test_it_is_what_the_editor_would_have_written() -> None:
    document = parse(make(development=True), "config.yaml")
    edit = with_certificate(document, CERT, KEY, NAMES, lambda _path: NAMES)
    assert (edit.changed, edit.notices) == (False, ())
    assert problems(document) == ()
    assert hosts(document) == ("verify.localhost.pomerium.io",)


def test_without_a_person_nobody_may_pass() -> None:
    route = YAML(typ="safe", pure=True).load(make())["routes"][0]
    assert set(route) == {"from", "to", "pass_identity_headers"}


def test_odd_values_stay_values() -> None:
    data = YAML(typ="safe", pure=True).load(make(email="yes: #x", address="127.0.0.1:443"))
    assert data["routes"][0]["policy"] == [{"allow": {"or": [{"email": {"is": "yes: #x"}}]}}]
    assert data["address"] == "127.0.0.1:443"


@pytest.mark.parametrize(
    "url", ["https://*.example.com", "http://a.example.com", "a.example.com", "https://a.b/path",
            "https://[", ""]
)  # fmt: skip
def test_a_route_needs_one_host(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(route_from=url)
    assert caught.value.code == "route-not-concrete"


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        new_config(
            (Path("c.pem"), KEY), shared_secret="", cookie_secret="", route_from="", route_to=""
        )
    assert caught.value.code == "path-not-absolute"


def test_secrets_are_32_bytes_and_never_the_same() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b64decode(secret, validate=True)) for secret in made} == {32}
