"""The records of an order on the screen: whole, to be copied, and watched."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from textual.widgets import Button

from tui.support import Desk, answers, wizard
from wizard.core.control import Control
from wizard.core.events import (
    DnsChecked,
    DnsRecord,
    DnsRecords,
    Event,
    Finding,
    Finished,
    NameserverAnswer,
    RecordsLeft,
    RunStarted,
)
from wizard.core.plan import Plan
from wizard.engine import Session
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.run import RunScreen
from wizard.tui.walk import REVIEW

NAME = "_acme-challenge.corp.example.com"
VALUES = (
    "DH4uUXOvgl2FI7z0dSwl-yjY3zVMuVQWzdl09J0iPpg",
    "V8P9KsaV0kJKEhoBY5Pm2HDgIChaEiUDrPwq3fSLAPM",
)
RECORDS = tuple(
    DnsRecord(NAME, "TXT", value, "example.com", "_acme-challenge.corp", "", ("corp.example.com",))
    for value in VALUES
)


class Waiting(Session):
    """A session whose run waits for records until it is told to look again."""

    def apply(
        self,
        plan: Plan,
        *,
        may_ask: bool,  # noqa: ARG002  as the base
        control: Control | None = None,
        with_clients: bool = True,  # noqa: ARG002  as the base
    ) -> Iterator[Event]:
        assert control is not None
        now = datetime.now(UTC)
        at, expires = now.isoformat(), (now + timedelta(days=6, hours=12)).isoformat()
        yield RunStarted("0001", len(plan.actions))
        yield DnsRecords("Let's Encrypt", "manual", RECORDS, expires)
        first, second = VALUES
        answer = NameserverAnswer(
            NAME, "ns1.example.com", "192.0.2.1", "partial", (first,), (second,), 60, ""
        )
        finding = Finding("one-of-two", "error", "One of the two values is missing.", "Add it too.")
        yield DnsChecked((answer,), (finding,), ready=False, next_check=500, at=at, expires=expires)
        control.wait(60)
        if control.stopped:
            yield Finished("rolled-back", 130, "0001")
            return
        good = answer._replace(state="ok", found=VALUES, missing=())
        yield DnsChecked((good,), (), ready=True, next_check=0, at=at, expires=expires)
        yield RecordsLeft(RECORDS, by_hand=True)
        yield Finished("done", 0, "0001")


@pytest.fixture
def waiting(desk: Desk) -> Waiting:
    return Waiting(desk, desk.person.home / "state", answers(desk.person.home))


@pytest.mark.parametrize("size", [(80, 50), (60, 60), (120, 50)], ids=str)
async def test_records_are_read_whole_copied_and_looked_at_again(
    waiting: Waiting, size: tuple[int, int]
) -> None:
    async with wizard(waiting, size) as driver:
        await driver.jump(REVIEW)
        await driver.press("enter")
        await driver.press("enter", running=True)
        await driver.sees("One of the two values is missing.")
        assert isinstance(driver.app.screen, RunScreen)
        for whole in (NAME, *VALUES, "_acme-challenge.corp", "add each, replace none"):
            assert driver.shows(whole), driver.text()
        assert "has one, not all" in driver.words()
        assert "one-of-two" in driver.words()
        assert "The order ends in 6 d " in driver.words()
        for number, value in enumerate(VALUES, 1):
            await driver.press(str(number), running=True)
            assert driver.app.clipboard == value
        await driver.press("c")
        assert isinstance(driver.app.screen, DoneScreen)
        assert "may be removed now" in driver.words()
        assert str(driver.one(Button, "#forward").label) == "Finish"


async def test_a_stop_says_that_nothing_is_lost(waiting: Waiting) -> None:
    async with wizard(waiting, (80, 50)) as driver:
        await driver.jump(REVIEW)
        await driver.press("enter")
        await driver.press("enter", running=True)
        await driver.sees("One of the two values is missing.")
        await driver.press("escape")
        assert isinstance(driver.app.screen, DoneScreen), driver.text()
