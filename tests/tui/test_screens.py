"""What every screen owes: nothing cut at any size, help, the keys, no colour, no secrets."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Button

from tui.support import (
    FAKE_SUDO,
    REFUSING_SUDO,
    SIZES,
    Desk,
    Driver,
    WithRoot,
    answers,
    wizard,
)
from wizard.core.elevation import Elevation
from wizard.core.errors import ExitCode, WizardError
from wizard.core.secrets import Secret
from wizard.engine import Session
from wizard.tui.app import WizardApp
from wizard.tui.screens.base import Body
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.modals import HelpModal
from wizard.tui.screens.review import ReviewScreen
from wizard.tui.walk import REVIEW
from wizard.tui.widgets.rows import Rows

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))


@sizes
async def test_every_screen_shows_its_primary_button_and_at_most_five_keys(
    session: Session, size: tuple[int, int]
) -> None:
    seen = set()
    async with wizard(session, size) as driver:
        await driver.press("enter", "f3")
        while not isinstance(driver.app.screen, DoneScreen):
            screen = driver.app.screen
            seen.add((type(screen).__name__, driver.app.at))
            button = screen.query_one("#forward", Button)
            assert str(button.label) in driver.text()
            assert button.region in screen.region
            keys = driver.text().splitlines()[-1]
            assert "^q Quit" in keys
            assert len(keys.split("  ")) <= 7
            await driver.app.run_action("screen.forward")
            await driver.rest()
        assert "Finish" in driver.text()
    assert {at for _, at in seen} == {
        *("strategy", "names", "trust", "certificate", "target", "output", "route", "mtls", REVIEW)
    }


@sizes
async def test_no_value_is_cut(desk: Desk, tmp_path: Path, size: tuple[int, int]) -> None:
    deep = tmp_path / "a-rather-long-directory-name-for-a-certificate" / "and-another-one-inside"
    names = tuple(f"*.team-{n}.corp.example.com" for n in range(6))
    given = answers(tmp_path, {"names": names, "output.directory": str(deep)})
    async with wizard(Session(desk, tmp_path / "state", given), size) as driver:
        await driver.jump("names")
        assert all(name in driver.text() for name in names)
        await driver.jump("output")
        assert driver.shows(str(deep))
        await driver.jump(REVIEW)
        for action in driver.app.plan.actions if driver.app.plan else ():
            assert driver.shows(action.preview().what)
            await driver.press("down")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=str)
async def test_the_list_of_changes_ends_behind_a_whole_path(
    desk: Desk, tmp_path: Path, size: tuple[int, int]
) -> None:
    for length in range(30, 100, 12):
        given = answers(tmp_path, {"output.directory": f"{tmp_path}/{'long-' * (length // 5)}"})
        async with wizard(Session(desk, tmp_path / "state", given), size) as driver:
            await driver.jump(REVIEW)
            bottom = driver.one(Body, "#changes").region.bottom
            for row in driver.one(Rows).rows:
                assert not row.region.y < bottom < row.region.bottom, driver.text()


@pytest.mark.parametrize("target", ["strategy", "trust"])
async def test_where_there_is_nothing_to_copy_f2_says_so(session: Session, target: str) -> None:
    async with wizard(session) as driver:
        await driver.jump(target)
        await driver.press("f2")
        assert "Nothing to copy here" in driver.words()


@sizes
async def test_every_line_of_a_change_can_be_read(session: Session, size: tuple[int, int]) -> None:
    async with wizard(session, size) as driver:
        await driver.jump(REVIEW)
        await driver.press("end", "space")
        seen = driver.words()
        for _ in range(8):
            await driver.press("pagedown")
            seen += driver.words()
        plan = driver.app.plan
        assert plan is not None
        for line in plan.actions[-1].preview().diff:
            if line.startswith("+ ") and len(line) < 40:
                assert line[1:].strip() in seen
        await driver.press("escape")
        assert isinstance(driver.app.screen, ReviewScreen)


@pytest.mark.parametrize("target", ["strategy", "names", "trust", "output", "route", REVIEW])
async def test_help_explains_and_closes_again(session: Session, target: str) -> None:
    async with wizard(session) as driver:
        await driver.jump(target)
        screen = driver.app.screen
        await driver.press("f1")
        assert isinstance(driver.app.screen, HelpModal)
        assert len(driver.words()) > 200
        await driver.press("escape")
        assert driver.app.screen is screen


async def test_help_is_about_the_question_at_the_cursor(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.jump("route")
        await driver.press("tab", "f1")
        assert "POMCERT_OUTPUT_ROUTE_TO" in driver.words()


async def test_f2_sends_the_value_at_the_cursor_to_the_clipboard(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.jump("route")
        await driver.press("f2")
        assert driver.app.clipboard == "https://verify.localhost.pomerium.io"
        assert "Sent to the clipboard" in driver.words()


async def test_f2_sends_the_plan_to_the_clipboard(session: Session, tmp_path: Path) -> None:
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.press("f2")
        assert f"+ write {tmp_path}/tls/ca.pem" in driver.app.clipboard


async def test_a_list_is_driven_by_arrows_space_and_digits(session: Session) -> None:
    async with wizard(session) as driver:
        await driver.jump("trust")
        await driver.press("down", "space", "3", "space")
        assert driver.text().count("[✓]") == 2
        await driver.press("home", "space")
        assert driver.text().count("[✓]") == 1
        assert "[✓] Everything found here" in driver.words()
        await driver.press("enter")
        assert session.given.values["local_ca.stores"] == ("auto",)


async def test_every_state_can_be_read_without_colour(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with wizard(session) as driver:
        assert driver.app.no_color
        await driver.jump("names")
        await driver.write("*.*.example.com")
        await driver.press("enter")
        assert "✗ " in driver.text()
        await driver.jump(REVIEW)
        assert "+ write" in driver.text()
        await driver.press("enter", "enter")
        assert "✓ handshake accepted" in driver.words()
        colours = {
            segment.style.color.triplet
            for strip in driver.app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.color and segment.style.color.triplet
        }
    assert all(max(colour) - min(colour) <= 1 for colour in colours)


async def test_a_crash_shows_no_value_of_a_variable(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    token = "hunter2" * 2

    class CrashError(Exception):
        pass

    def crash() -> None:
        local = token[:]
        secret = Secret(local.encode())
        raise CrashError(repr(secret))

    app = WizardApp(session)

    async def crashed() -> None:
        async with app.run_test() as pilot:
            app.call_later(crash)
            await pilot.pause()

    with pytest.raises(CrashError):
        await crashed()
    app._print_error_renderables()
    shown = capsys.readouterr().err
    assert "Crash" in shown
    assert "crash" in shown
    assert token not in shown
    assert app.return_value == ExitCode.FAILED


async def test_the_palette_offers_to_save_and_to_copy(session: Session) -> None:
    async with wizard(session) as driver:
        titles = {command.title for command in driver.app.get_system_commands(driver.app.screen)}
        assert {"Save answers", "Copy plan"} <= titles
        await driver.app.action_save()
        await driver.rest()
        assert "pomcert-wizard --answers FILE" in driver.words()


@pytest.fixture
def suspended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The terminal is handed over, as it is outside of tests; the list tells when."""
    told: list[str] = []

    @contextlib.contextmanager
    def suspend(_app: WizardApp) -> Iterator[None]:
        told.append("away")
        yield
        told.append("back")

    monkeypatch.setattr(WizardApp, "suspend", suspend)
    return told


async def until_root_is_asked_for(driver: Driver) -> None:
    await driver.jump(REVIEW)
    await driver.press("enter")
    await driver.press("enter", running=True)
    await driver.sees("These commands need root")


async def test_privilege_is_asked_for_with_the_exact_commands_and_used(
    tmp_path: Path, suspended: list[str]
) -> None:
    session = WithRoot(Desk(tmp_path, FAKE_SUDO), tmp_path / "state", answers(tmp_path))
    async with wizard(session) as driver:
        await until_root_is_asked_for(driver)
        assert driver.shows(f"touch {session.touched}")
        assert not session.touched.exists()
        await driver.press("enter")
        assert isinstance(driver.app.screen, DoneScreen)
        await driver.press("enter")
    assert suspended == ["away", "back"]
    assert session.touched.exists()
    assert driver.app.return_value == ExitCode.DONE


@pytest.mark.parametrize("key", ["escape", "left"])
async def test_without_privilege_the_rest_goes_on_and_the_commands_are_shown(
    tmp_path: Path, suspended: list[str], key: str
) -> None:
    session = WithRoot(Desk(tmp_path), tmp_path / "state", answers(tmp_path))
    async with wizard(session) as driver:
        await until_root_is_asked_for(driver)
        if key == "left":
            await driver.press("left", running=True)
        await driver.press("escape" if key == "escape" else "enter")
        assert isinstance(driver.app.screen, DoneScreen)
        assert "left out" in driver.words()
        assert driver.shows(f"touch {session.touched}")
        await driver.press("f2")
        assert f"    touch {session.touched}\n" in driver.app.clipboard
        assert "not every client trusts it yet" in driver.app.clipboard
        await driver.press("enter")
    assert not suspended
    assert not session.touched.exists()
    assert (tmp_path / "config.yaml").exists()
    assert driver.app.return_value == ExitCode.PRIVILEGE


async def test_a_refusal_by_sudo_gives_the_terminal_back(
    tmp_path: Path, suspended: list[str]
) -> None:
    session = WithRoot(Desk(tmp_path, REFUSING_SUDO), tmp_path / "state", answers(tmp_path))
    async with wizard(session) as driver:
        await until_root_is_asked_for(driver)
        await driver.press("enter")
        assert isinstance(driver.app.screen, DoneScreen)
        await driver.press("enter")
    assert suspended == ["away", "back"]
    assert driver.app.return_value == ExitCode.PRIVILEGE


def test_a_sudo_that_is_gone_before_it_is_spoken_to_has_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(size: int) -> str:
        time.sleep(0.5)
        return "0" * size

    monkeypatch.setattr("wizard.core.elevation.token", late)
    elevation = Elevation(Desk(tmp_path, REFUSING_SUDO), may_ask=True)
    with pytest.raises(WizardError, match="sudo did not give it"):
        elevation.start()


async def test_a_terminal_that_cannot_be_handed_over_goes_on_without(tmp_path: Path) -> None:
    session = WithRoot(Desk(tmp_path), tmp_path / "state", answers(tmp_path))
    async with wizard(session) as driver:
        await until_root_is_asked_for(driver)
        await driver.press("enter")
        assert "left out" in driver.words()
    assert not session.touched.exists()


async def test_where_nothing_grants_privilege_nobody_is_asked(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    shutil.rmtree(tmp_path / ".programs")
    desk.which = lambda name: None if name in {"sudo", "doas", "run0"} else shutil.which(name)  # type: ignore[method-assign]
    session = WithRoot(desk, tmp_path / "state", answers(tmp_path))
    async with wizard(session) as driver:
        await driver.jump(REVIEW)
        await driver.press("enter", "enter")
        assert isinstance(driver.app.screen, DoneScreen)
        assert "left out" in driver.words()


async def test_quitting_while_privilege_is_asked_for_takes_everything_back(
    tmp_path: Path,
) -> None:
    session = WithRoot(Desk(tmp_path), tmp_path / "state", answers(tmp_path))
    async with wizard(session) as driver:
        await until_root_is_asked_for(driver)
        await driver.press("ctrl+c")
        assert isinstance(driver.app.screen, DoneScreen)
        assert "as it was before" in driver.words()
    assert not (tmp_path / "config.yaml").exists()
