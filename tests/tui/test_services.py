"""Pomerium's services apart, on screens: one question among the advanced, the rest on a yes."""

from pathlib import Path

import pytest

from tui.support import Driver, wizard
from wizard.engine import Session
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.review import ReviewScreen
from wizard.tui.widgets.entry import Entry


async def to_services(driver: Driver) -> None:
    """Asks for all questions and says yes to services that run apart."""
    await driver.jump("output")
    await driver.press("f3")
    await driver.jump("mtls")
    await driver.press("enter", "up", "enter")


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36)], ids=str)
async def test_a_yes_brings_where_each_service_is(
    session: Session, size: tuple[int, int], tmp_path: Path
) -> None:
    async with wizard(session, size) as driver:
        await driver.jump("output")
        assert "services" not in driver.words()
        await to_services(driver)
        assert driver.app.at == "mtls"
        seen = ""
        for _ in range(4):
            seen += driver.words()
            await driver.press("down")
        for question in (
            "Where do the others reach authorize?",
            "Where do the others reach databroker?",
            "Where do people sign in?",
            "Where should the services' directories go?",
        ):
            assert question in seen
        values = [field.text for field in driver.app.screen.query(Entry)]
        assert values == [
            *("https://localhost:5443", "https://localhost:5444", ""),
            str(tmp_path / "services"),
        ]


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
