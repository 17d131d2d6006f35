"""The way through the wizard, from the welcome to the proof and back."""

import json
import stat
from pathlib import Path

import pytest
from cli_support import tree

from tui.support import Desk, Halting, answers, cut_off, headless_plan, wizard
from wizard.core.errors import ExitCode
from wizard.engine import Session
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.error import ErrorScreen
from wizard.tui.screens.review import ReviewScreen
from wizard.tui.screens.run import RunScreen
from wizard.tui.screens.step import StepScreen
from wizard.tui.screens.welcome import WelcomeScreen
from wizard.tui.walk import REVIEW
from wizard.tui.widgets.entry import Entry
from wizard.tui.widgets.field import Field


async def test_enter_alone_leads_to_a_certificate_that_works(
    session: Session, tmp_path: Path
) -> None:
    async with wizard(session) as driver:
        assert "Nothing on this machine changes before" in driver.words()
        await driver.until(DoneScreen)
        assert "✓ handshake accepted" in driver.words()
        await driver.press("enter")
    assert driver.app.return_value == ExitCode.DONE
    key = tmp_path / "tls" / "_wildcard.localhost.pomerium.io-key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "_wildcard.localhost.pomerium.io-key.pem" in (tmp_path / "config.yaml").read_text()


async def test_the_second_time_there_is_nothing_to_do(session: Session, tmp_path: Path) -> None:
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.press("enter", "enter")
    before = tree(tmp_path)
    again = Session(session.system, session.state, answers(tmp_path))
    async with wizard(again) as driver:
        await driver.jump(REVIEW)
        assert "Nothing to do" in driver.words()
        await driver.press("enter")
    assert driver.app.return_value == ExitCode.DONE
    assert tree(tmp_path) == before


async def test_the_yes_takes_one_enter_more_than_the_review(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.until(ReviewScreen)
        await driver.press("enter")
        assert isinstance(driver.app.screen, ReviewScreen)
        await driver.press("enter")
        assert isinstance(driver.app.screen, DoneScreen)


async def test_back_to_the_start_and_forth_again_keeps_every_answer(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", "enter")
        await driver.write("*.corp.example.com")
        await driver.press("enter", "enter", "enter", "enter", "enter")
        assert driver.one(Entry).text == "https://verify.corp.example.com"
        await driver.press("enter", "enter")
        await driver.write("ada@example.com")
        await driver.press("enter")
        assert isinstance(driver.app.screen, ReviewScreen)
        plan = driver.app.screen.plan.to_json()
        await driver.until(WelcomeScreen, "escape")
        await driver.until(ReviewScreen)
        assert isinstance(driver.app.screen, ReviewScreen)
        assert driver.app.screen.plan.to_json() == plan
        assert plan["answers"]["output"]["route"]["email"] == "ada@example.com"


async def test_what_was_typed_and_not_handed_on_is_there_after_going_back(
    session: Session,
) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", "enter")
        await driver.write("*.half.exam")
        await driver.press("escape")
        assert "How should Pomerium get" in driver.words()
        await driver.press("enter")
        assert driver.one(Entry).text == "*.half.exam"


async def test_what_was_derived_follows_the_answer_it_came_from(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.press(*["enter"] * 7)
        assert driver.one(Entry).text == "https://verify.localhost.pomerium.io"
        for _ in range(4):
            await driver.press("escape")
        await driver.write("*.corp.example.com")
        await driver.press("enter", "enter", "enter", "enter", "enter")
        assert driver.one(Entry).text == "https://verify.corp.example.com"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("*.*.example.com", "One star"),
        ("*.localhost", "needs two labels"),
        ("two..dots", "two..dots"),
    ],
)
async def test_a_bad_name_is_told_at_the_field_and_stays_to_be_mended(
    session: Session, typed: str, said: str
) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", "enter")
        await driver.write(typed)
        await driver.press("enter")
        assert "✗ " in driver.text()
        assert said in driver.words()
        assert driver.one(Entry).text == typed
        assert driver.one(Entry).has_focus
        await driver.write("*.example.com")
        assert "✗ " not in driver.text()
        await driver.press("enter", "enter")
        assert "Which trust stores" in driver.words()


async def test_a_field_is_checked_when_it_is_left(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", "enter", "enter", "enter", "enter")
        await driver.write("$HOME/tls")
        await driver.press("tab")
        assert "would not be expanded" in driver.words()
        await driver.press("tab", "tab", "enter")
        assert driver.app.at == "output"
        assert driver.one(Entry).has_focus


async def test_an_answer_shows_what_it_changes_on_its_own_page(desk: Desk, tmp_path: Path) -> None:
    session = Session(desk, tmp_path / "state", answers(tmp_path))
    session.given = session.given.without("output.config").without("output.directory")
    async with wizard(session) as driver:
        await driver.press("enter", "enter", "enter", "enter", "enter")
        await driver.write(f"{tmp_path}/elsewhere/tls")
        await driver.press("enter")
        shown = [field.value for field in driver.app.screen.query(Field)]
        assert shown == [f"{tmp_path}/elsewhere/tls", f"{tmp_path}/elsewhere/config.yaml"]
        assert list(driver.app.screen.query(Field))[1].control.has_focus


async def test_a_question_that_an_answer_brings_up_is_asked_before_going_on(
    session: Session,
) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", "enter", "enter", "enter", "f3", "enter")
        assert driver.app.at == "certificate"
        await driver.press("enter", "enter")
        assert "Where is the password" not in driver.words()
        await driver.press("space", "enter", "enter")
        assert "Where is the password" in driver.words()
        assert driver.app.at == "certificate"


async def test_all_questions_are_one_key_away_and_keep_what_was_typed(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", "enter")
        assert "more questions" in driver.words()
        assert "f3 All questions" in driver.words()
        await driver.write("*.kept.example.com")
        await driver.press("f3")
        assert "f3 Fewer questions" in driver.words()
        assert driver.one(Entry).text == "*.kept.example.com"
        await driver.press("enter", "enter", "enter")
        assert "Which kind of key?" in driver.words()
        await driver.press("f3")
        assert "Which kind of key?" not in driver.words()
        assert "f3 All questions" in driver.words()


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c"])
async def test_quitting_before_the_yes_leaves_the_machine_as_it_was(
    session: Session, tmp_path: Path, key: str
) -> None:
    before = tree(tmp_path)
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.press(key)
        assert "Nothing was changed" in driver.words()
        await driver.press("escape")
        assert isinstance(driver.app.screen, ReviewScreen)
        await driver.press(key, "enter")
    assert driver.app.return_value == ExitCode.INTERRUPTED
    assert tree(tmp_path) == before


async def test_quitting_twice_in_a_row_needs_no_answer(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", "ctrl+c", "ctrl+c")
    assert driver.app.return_value == ExitCode.INTERRUPTED


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c", "escape"])
async def test_stopping_a_run_takes_everything_back(desk: Desk, tmp_path: Path, key: str) -> None:
    session = Halting(desk, tmp_path / "state", answers(tmp_path))
    before = tree(tmp_path)
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.press("enter")
        await driver.press("enter", running=True)
        await driver.sees("✓ done")
        assert isinstance(driver.app.screen, RunScreen)
        await driver.press(key, running=True)
        assert "taken back" in driver.words()
        session.released.set()
        await driver.until(DoneScreen, "f24")
        assert "the machine is as it was before" in driver.words()
        await driver.press("enter")
    assert driver.app.return_value == ExitCode.INTERRUPTED
    state = str(tmp_path / "state")
    after = {path: entry for path, entry in tree(tmp_path).items() if not path.startswith(state)}
    assert after == before
    assert not (tmp_path / "state" / "ca").exists()


async def test_a_run_that_fails_tells_what_and_takes_everything_back(
    session: Session, tmp_path: Path
) -> None:
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        (tmp_path / "config.yaml").write_text("# somebody was faster\n")
        await driver.press("enter", "enter")
        assert isinstance(driver.app.screen, DoneScreen)
        assert "changed-since-plan" in driver.words()
        assert "the machine is as it was before" in driver.words()
        await driver.press("enter")
    assert driver.app.return_value == ExitCode.FAILED
    assert not (tmp_path / "tls").exists()


async def test_a_plan_that_cannot_be_made_is_told_and_leads_back(
    session: Session, tmp_path: Path
) -> None:
    (tmp_path / "tls").mkdir()
    key = tmp_path / "tls" / "_wildcard.localhost.pomerium.io-key.pem"
    key.write_text("readable")
    key.chmod(0o644)
    async with wizard(session) as driver:
        await driver.until(ErrorScreen)
        assert "key-mode" in driver.text()
        assert "everybody can read it" in driver.words()
        await driver.press("escape")
        assert isinstance(driver.app.screen, StepScreen)
        key.unlink()
        await driver.until(ReviewScreen)


async def test_a_configuration_that_cannot_be_read_is_told_at_once(
    session: Session, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text("routes:\n  - from: [\n")
    session.given = session.given.without("output.config")
    async with wizard(session) as driver:
        assert isinstance(driver.app.screen, ErrorScreen)
        assert driver.shows(str(tmp_path / "config.yaml"))
        (tmp_path / "config.yaml").write_text(
            "routes:\n  - from: https://app.corp.example.com\n    to: http://app\n"
        )
        await driver.press("enter")
        assert isinstance(driver.app.screen, WelcomeScreen)
        assert "app.corp.example.com" in driver.words()
        await driver.press("enter", "enter")
        assert "From the routes in" in driver.words()


async def test_a_run_that_was_cut_off_is_offered_and_taken_back(
    desk: Desk, session: Session, tmp_path: Path
) -> None:
    before = tree(tmp_path)
    run = cut_off(session)
    again = Session(desk, tmp_path / "state", answers(tmp_path))
    async with wizard(again) as driver:
        assert "An earlier run was cut off" in driver.words()
        assert run in driver.words()
        await driver.press("enter")
        await driver.rest()
        assert isinstance(driver.app.screen, WelcomeScreen)
        assert not again.journal.cut_off()
    assert not (tmp_path / "state" / "ca").exists()
    assert before.keys() <= tree(tmp_path).keys()


async def test_a_run_that_was_cut_off_stays_when_nobody_agrees(
    desk: Desk, session: Session, tmp_path: Path
) -> None:
    run = cut_off(session)
    async with wizard(Session(desk, tmp_path / "state")) as driver:
        assert run in driver.words()
        await driver.press("escape")
    assert driver.app.return_value == ExitCode.INTERRUPTED
    assert [one.id for one in session.journal.cut_off()] == [run]


async def test_saved_answers_give_the_same_plan_without_a_person(
    session: Session, tmp_path: Path
) -> None:
    async with wizard(session) as driver:
        await driver.press("enter", "enter")
        await driver.write("*.corp.example.com, corp.example.com")
        await driver.until(ReviewScreen)
        assert isinstance(driver.app.screen, ReviewScreen)
        shown = driver.app.screen.plan
        await driver.save(tmp_path / "mine.toml")
    made = headless_plan(session.system, session.state, tmp_path / "mine.toml")
    assert json.dumps(made.to_json()) == json.dumps(shown.to_json())


async def test_a_file_is_replaced_only_after_a_second_yes(session: Session, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("precious")
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.save(tmp_path / "mine.toml")
        assert "there already" in driver.words()
        assert (tmp_path / "mine.toml").read_text() == "precious"
        await driver.press("enter")
        assert "Saved as" in driver.words()
    assert "schema_version = 1" in (tmp_path / "mine.toml").read_text()


async def test_a_place_that_cannot_be_written_is_told_in_the_window(
    session: Session, tmp_path: Path
) -> None:
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.save(tmp_path / "missing/mine.toml")
        assert "Cannot write" in driver.words()
        await driver.press("escape")
        assert isinstance(driver.app.screen, ReviewScreen)


async def test_the_end_shows_the_command_that_repeats_it(session: Session, tmp_path: Path) -> None:
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.press("enter", "enter")
        await driver.press("f2")
        assert (
            "pomcert-wizard --set local_ca.stores= --set output.directory=" in driver.app.clipboard
        )
        await driver.save(tmp_path / "mine.toml")
        await driver.press("f2")
        repeat = f"pomcert-wizard --answers {tmp_path}/mine.toml --state-dir {session.state}"
        assert repeat in driver.app.clipboard


async def test_what_comes_next_is_told_on_the_screen_and_again_when_it_is_gone(
    session: Session, tmp_path: Path
) -> None:
    """The same as without screens, with the state directory, and in lines that can be pasted."""
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.press("enter", "enter")
        await driver.press("pagedown", "pagedown", "pagedown")
        assert "Take all of this back" in driver.words()
        assert "$ https://" not in driver.words()
        await driver.press("enter")
    shown = driver.app.farewell.splitlines()
    undo = f"    pomcert-wizard undo {session.journal.applied()[-1].id} --state-dir {session.state}"
    assert shown[shown.index("Take all of this back:") + 1] == undo
    assert f"    pomerium -config {tmp_path}/config.yaml" in shown
    assert f"    pomcert-wizard renew --state-dir {session.state}" in shown
