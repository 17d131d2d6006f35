"""Pomerium's services apart, on screens: one question among the advanced, the rest on a yes."""

from pathlib import Path

import pytest

from tui.support import Driver, wizard
from wizard.engine import Session
from wizard.mtls.services import AUTHENTICATE, AUTHORIZE, DATABROKER, DIRECTORY
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.review import ReviewScreen
from wizard.tui.widgets.field import Field


async def to_services(driver: Driver) -> None:
    """Asks for all questions and says yes to services that run apart."""
    await driver.jump("output")
    await driver.press("f3")
    await driver.jump("mtls")
    field(driver, "mtls.services").enter()
    await driver.press("up", "enter")


def field(driver: Driver, key: str) -> Field:
    (found,) = [one for one in driver.app.screen.query(Field) if one.asked.question.key == key]
    return found


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36)], ids=str)
async def test_a_yes_brings_where_each_service_is(
    session: Session, size: tuple[int, int], tmp_path: Path
) -> None:
    async with wizard(session, size) as driver:
        await driver.jump("output")
        assert "services" not in driver.words()
        await to_services(driver)
        assert driver.app.at == "mtls"
        for key, prompt, standing in (
            (AUTHORIZE, "Where do the others reach authorize?", "https://localhost:5443"),
            (DATABROKER, "Where do the others reach databroker?", "https://localhost:5444"),
            (AUTHENTICATE, "Where do people sign in?", ""),
            (DIRECTORY, "Where should the services' directories go?", f"{tmp_path}/services"),
        ):
            assert prompt in driver.words()
            assert field(driver, key).value == standing
            await driver.press("down")


async def test_a_wrong_url_is_told_where_it_was_typed(session: Session) -> None:
    async with wizard(session) as driver:
        await to_services(driver)
        await driver.write("http://authorize:5443")
        await driver.press("enter")
        assert "is not the address of a service" in driver.words()
        await driver.write("https://authorize.internal:5443")
        await driver.until(ReviewScreen)
        assert session.given.text("mtls.authorize_service_url") == "https://authorize.internal:5443"


async def test_the_last_page_says_how_each_is_started(session: Session, tmp_path: Path) -> None:
    async with wizard(session) as driver:
        await to_services(driver)
        await driver.until(ReviewScreen)
        assert "Pomerium is not to be started with that file any more" in driver.words()
        await driver.until(DoneScreen)
        assert "Start databroker" in driver.words()
        assert (tmp_path / "services/proxy/config.yaml").exists()
