"""What the wizard proposes by itself: found here, and the same again after its own run."""

from pathlib import Path

import pytest

from wizard.core.answers import Answers
from wizard.core.system import System
from wizard.engine import Session
from wizard.strategies.local_ca import LocalCa

CONFIG = """routes:
  - from: https://app.corp.example.com
    to: http://127.0.0.1:1
  - from: https://wiki.corp.example.com
    to: http://127.0.0.1:2
"""


def session(tmp_path: Path, **values: str) -> Session:
    given = {
        "strategy": "local-ca",
        "local_ca.stores": (),
        "output.directory": str(tmp_path / "tls"),
        "output.config": str(tmp_path / "config.yaml"),
        **values,
    }
    return Session(System(), tmp_path / "state", Answers(given))


def proposed(session: Session) -> tuple[object, str]:
    value, source = session.value(session.question("names"))
    return value, source


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def test_without_a_configuration_the_names_are_those_of_every_laptop(tmp_path: Path) -> None:
    assert proposed(session(tmp_path)) == (LocalCa.names, "the default")


def test_the_routes_of_a_configuration_give_the_names(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    assert proposed(session(tmp_path)) == (
        ("*.corp.example.com",),
        f"from the routes in {config}",
    )


def test_the_configuration_of_a_persons_own_is_found(tmp_path: Path) -> None:
    config = tmp_path / "home/.config/pomerium/config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(CONFIG)
    assert proposed(session(tmp_path)) == (("*.corp.example.com",), f"from the routes in {config}")


def test_a_second_run_proposes_what_the_first_one_chose(tmp_path: Path) -> None:
    first = session(tmp_path)
    assert list(first.apply(first.plan(), may_ask=False))
    config = tmp_path / "config.yaml"
    assert proposed(session(tmp_path)) == (LocalCa.names, f"from the certificate in {config}")
    assert session(tmp_path).plan().is_empty


def test_a_certificate_that_misses_a_route_is_not_proposed_again(tmp_path: Path) -> None:
    first = session(tmp_path)
    assert list(first.apply(first.plan(), may_ask=False))
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + "\n" + CONFIG.removeprefix("routes:\n"))
    names, source = proposed(session(tmp_path))
    assert names == ("verify.localhost.pomerium.io", "*.corp.example.com")
    assert source == f"from the routes in {config}"
