"""Autocert on screens: asked, shown in the plan, done; and the same without a person."""

import json
from pathlib import Path

import pytest

from tui.support import Desk, answers, headless_plan, wizard
from wizard.core import registry
from wizard.engine import Session
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.review import ReviewScreen
from wizard.tui.screens.step import StepScreen

DOWN = ["down"] * list(registry.STRATEGIES).index("autocert")
CONFIG = "address: :443\nroutes:\n  - from: https://app.example.com\n    to: http://127.0.0.1:1\n"


@pytest.fixture
def session(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session in a directory with a configuration, where no name server answers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    given = answers(tmp_path, {"dns.resolvers": ("127.0.0.1:9",)})
    return Session(desk, tmp_path / "state", given.without("local_ca.stores"))


@pytest.mark.parametrize("size", [(80, 24), (60, 18)])
async def test_from_the_choice_to_the_proof(
    session: Session, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with wizard(session, size) as driver:
        await driver.press("enter")
        assert "Pomerium's own autocert" in driver.words()
        await driver.press(*DOWN, "enter")
        assert session.given.text("strategy") == "autocert"
        assert "app.example.com" in driver.words()
        await driver.press("enter", "enter")
        assert "An e-mail address for the account?" in driver.words()
        await driver.jump("storage")
        assert "Where does Pomerium keep the certificates it gets?" in driver.words()
        assert driver.shows(".local/share/pomerium/autocert")
        await driver.jump("output")
        assert "Where should the certificate and its key go?" not in driver.words()
        await driver.until(ReviewScreen)
        assert isinstance(driver.app.screen, ReviewScreen)
        shown = driver.app.screen.plan
        assert any("[autocert-dns-unreachable]" in notice for notice in shown.notices)
        await driver.save(tmp_path / "mine.toml")
        await driver.until(DoneScreen)
        assert "Everything is written; what it brought is still to be seen." in driver.words()
        assert "nothing listens on :443 yet" in driver.words()
    assert "autocert: true\n" in (tmp_path / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(CONFIG)
    made = headless_plan(session.system, tmp_path / "other", tmp_path / "mine.toml")
    assert json.dumps(made.to_json()) == json.dumps(shown.to_json())


async def test_another_choice_later_brings_the_questions_of_a_certificate_back(
    session: Session,
) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", *DOWN, "enter")
        await driver.jump("strategy")
        await driver.press(*["up"] * len(DOWN), "enter")
        assert session.given.text("strategy") == "local-ca"
        await driver.jump("output")
        assert isinstance(driver.app.screen, StepScreen)
        assert "Where should the certificate and its key go?" in driver.words()
