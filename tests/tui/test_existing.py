"""A certificate that is there already, on screens: what is seen by itself is not asked."""

import json
from pathlib import Path

import pytest
from bundle_support import APEX, NAME, PASSWORD, Forge

from tui.support import Desk, answers, headless_plan, wizard
from wizard.core.errors import ExitCode
from wizard.engine import Session
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.error import ErrorScreen
from wizard.tui.screens.review import ReviewScreen
from wizard.tui.walk import REVIEW
from wizard.tui.widgets.entry import Entry


@pytest.fixture
def session(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.chdir(tmp_path)
    return Session(desk, tmp_path / "state", answers(tmp_path, {"strategy": "existing"}))


async def test_one_path_leads_to_a_certificate_that_works(
    session: Session, forge: Forge, tmp_path: Path
) -> None:
    (tmp_path / "all.pem").write_bytes(forge.pem("root", "issuing", "site", "site.key"))
    async with wizard(session) as driver:
        await driver.press("enter", "enter")
        assert "Where is the certificate?" in driver.words()
        assert "private key" not in driver.words()
        await driver.write("all.pem")
        await driver.press("enter")
        assert "Which names" in driver.words()
        assert driver.one(Entry).text == f"{NAME}, {APEX}"
        assert driver.shows(f"{tmp_path}/all.pem"), driver.text()
        await driver.until(DoneScreen)
        assert "✓ handshake accepted" in driver.words()
        await driver.press("enter")
    assert driver.app.return_value == ExitCode.DONE
    assert (tmp_path / "tls/_wildcard.corp.example.com-key.pem").is_file()


async def test_a_key_that_lies_elsewhere_is_asked_for(
    session: Session, forge: Forge, tmp_path: Path
) -> None:
    (tmp_path / "site.pem").write_bytes(forge.pem("site", "issuing"))
    async with wizard(session) as driver:
        await driver.jump("certificate")
        await driver.write("site.pem")
        await driver.press("enter")
        assert "Where is its private key?" in driver.words()
        assert driver.words().count("Where is the certificate?") == 1
        await driver.press("enter")
        assert "There is no answer" in driver.words()
        await driver.write(str(forge.folder / "site.key"))
        await driver.press("enter")
        assert driver.app.at == "names"
        await driver.until(ReviewScreen)


async def test_a_password_is_asked_for_and_tried_at_once(
    session: Session, forge: Forge, tmp_path: Path
) -> None:
    forge.pkcs12(tmp_path / "site.pfx")
    (tmp_path / "word").write_text("wrong\n")
    async with wizard(session) as driver:
        await driver.jump("certificate")
        await driver.write("site.pfx")
        await driver.press("enter")
        assert "Where is the password that opens it?" in driver.words()
        await driver.write(PASSWORD)
        await driver.press("enter")
        assert "does not say where the secret is" in driver.words()
        await driver.write(f"file:{tmp_path}/word")
        await driver.press("enter")
        assert "The password does not open" in driver.words()
        (tmp_path / "word").write_text(f"{PASSWORD}\n")
        await driver.press("enter")
        assert driver.app.at == "names"
        await driver.until(ReviewScreen)
        assert PASSWORD not in driver.text()


async def test_what_is_wrong_with_a_certificate_is_told_at_the_field(
    session: Session, forge: Forge, tmp_path: Path
) -> None:
    forge.issue("ended", "issuing", until="20200201000000Z")
    (tmp_path / "ended.pem").write_bytes(forge.pem("ended", "issuing", "ended.key"))
    async with wizard(session) as driver:
        await driver.jump("certificate")
        for typed, said in (("nowhere.pem", "There is no"), ("ended.pem", "ended on 2020-02-01")):
            await driver.write(typed)
            await driver.press("enter")
            assert said in driver.words()
            assert driver.app.at == "certificate"


async def test_names_that_it_does_not_cover_are_told_at_the_field(
    session: Session, forge: Forge, tmp_path: Path
) -> None:
    (tmp_path / "all.pem").write_bytes(forge.pem("site", "issuing", "site.key"))
    async with wizard(session) as driver:
        await driver.jump("certificate")
        await driver.write("all.pem")
        await driver.press("enter")
        await driver.write("a.b.corp.example.com")
        await driver.press("enter")
        assert "is not for a.b.corp.example.com" in driver.words()
        assert driver.app.at == "names"


async def test_a_key_of_another_certificate_is_told_and_leads_back(
    session: Session, forge: Forge, tmp_path: Path
) -> None:
    (tmp_path / "site.pem").write_bytes(forge.pem("site", "issuing"))
    (tmp_path / "site.key").write_bytes(forge.pem("root.key"))
    async with wizard(session) as driver:
        await driver.jump("certificate")
        await driver.write("site.pem")
        await driver.until(ErrorScreen)
        assert "key-mismatch" in driver.text()
        (tmp_path / "site.key").write_bytes(forge.pem("site.key"))
        await driver.press("escape")
        await driver.until(ReviewScreen)


async def test_saved_answers_give_the_same_plan_without_a_person(
    session: Session, forge: Forge, tmp_path: Path
) -> None:
    (tmp_path / "all.pem").write_bytes(forge.pem("site", "issuing", "site.key"))
    async with wizard(session) as driver:
        await driver.jump("certificate")
        await driver.write("all.pem")
        await driver.press("enter")
        await driver.jump(REVIEW)
        assert isinstance(driver.app.screen, ReviewScreen)
        shown = driver.app.screen.plan
        await driver.save(tmp_path / "mine.toml")
    made = headless_plan(session.system, session.state, tmp_path / "mine.toml")
    assert json.dumps(made.to_json()) == json.dumps(shown.to_json())
