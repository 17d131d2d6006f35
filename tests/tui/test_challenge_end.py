"""What follows the records on the screen: the gate, the order, a stop, the end."""

import pytest

from tui.challenge_support import (
    NAME,
    NAMES,
    PAUSE,
    SERVERS,
    VALUES,
    Scripted,
    answer,
    answered,
    ordered,
    record,
    start,
)
from tui.support import SIZES, wizard
from wizard.core.events import ActionFailed, Finding, Finished, NameserverAnswer, RecordsLeft
from wizard.tui.screens.base import Body
from wizard.tui.screens.done import DoneScreen
from wizard.tui.words import SERVES


async def test_enter_on_the_records_stops_nothing_when_the_gate_opens(order: Scripted) -> None:
    async with wizard(order) as driver:
        screen = await start(driver)
        await driver.press("c", running=True)
        await driver.sees("the authority looks now")
        await driver.press("enter", "n", "c", "5", running=True)
        assert driver.app.screen is screen
        assert not screen.control.stopped
        await driver.press("escape")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_behind_the_gate_the_order_is_told_and_at_the_end_what_to_remove(
    order: Scripted, size: tuple[int, int]
) -> None:
    async with wizard(order, size) as driver:
        await start(driver)
        await driver.press("c", running=True)
        await driver.sees(f"valid {NAMES[1]}")
        words = driver.words()
        assert "Applying the plan" in words
        assert "✓ served records" in words
        assert f"valid {NAMES[0]}" in words
        assert VALUES[0] not in words
        assert "Check now" not in words
        order.go_on()
        await driver.rest()
        assert isinstance(driver.app.screen, DoneScreen), driver.text()
        assert "DNS records that are needed no longer to remove" in driver.words()
        for value in VALUES:
            assert driver.shows(value)
        await driver.press("enter")
        for value in VALUES:
            assert f"{NAME}  TXT  {value}" in driver.app.farewell


async def test_an_identifier_that_is_refused_is_no_success(order: Scripted) -> None:
    refused = ordered()[1]._replace(
        what="corp.example.com", status="invalid", detail="no such record"
    )
    order.script = [*ordered(), refused, PAUSE]
    async with wizard(order) as driver:
        await start(driver)
        assert "✗ invalid corp.example.com no such record" in driver.words()
        assert "… pending order" in driver.words()
        await driver.press("escape")


async def test_a_provider_needs_nobody(order: Scripted) -> None:
    order.script = [order.asks(provider="rfc2136"), order.first_look(), PAUSE]
    async with wizard(order) as driver:
        await start(driver)
        assert "rfc2136 sets these 2 TXT records" in driver.words()
        assert "You need do nothing" in driver.words()
        assert "Create" not in driver.words()
        await driver.press("escape")
        assert "Create" not in driver.words()


async def test_a_delegated_record_says_which_name_leads_to_it(order: Scripted) -> None:
    there = record(VALUES[0], "corp.acme.example.net", "corp", "acme.example.net")
    order.script = [order.asks([there._replace(delegated_from=NAME)]), PAUSE]
    async with wizard(order) as driver:
        await start(driver)
        assert f"corp.acme.example.net where the CNAME {NAME} leads" in driver.words()
        await driver.press("h", running=True)
        assert driver.app.clipboard == "corp"
        await driver.press("escape")


async def test_the_records_of_the_real_order_take_the_place_of_the_rehearsed_ones(
    order: Scripted,
) -> None:
    rehearsed = (record("rehearsed"),)
    staging = [step._replace(authority="Staging") for step in (*ordered(), *answered())]
    order.script = [
        *staging[:2],
        order.asks(rehearsed),
        PAUSE,
        order.all_there(),
        *staging[2:],
        RecordsLeft(rehearsed, by_hand=True),
        *ordered(),
        order.asks(),
        PAUSE,
    ]
    async with wizard(order) as driver:
        await start(driver)
        assert "rehearsed" in driver.words()
        await driver.press("c", running=True)
        await driver.sees(VALUES[0])
        assert "TXT rehearsed" not in driver.words()
        await driver.press("1", running=True)
        assert driver.app.clipboard == VALUES[0]
        await driver.press("escape")


@pytest.mark.parametrize("key", ["escape", "ctrl+c", "ctrl+q"])
async def test_a_stop_says_that_nothing_is_lost_and_how_to_go_on(order: Scripted, key: str) -> None:
    async with wizard(order) as driver:
        await start(driver)
        await driver.press(key)
        assert isinstance(driver.app.screen, DoneScreen), driver.text()
        words = driver.words()
        assert "Stopped; nothing is lost" in words
        assert "its records stay the same" in words
        assert "taken back" not in words.lower()
        assert "Go on from here before" in words
        assert "--set strategy=dns-01" in words
        for value in VALUES:
            assert driver.shows(value)
        await driver.press("enter")
        assert driver.app.return_value == 130
        for value in VALUES:
            assert f"{NAME}  TXT  {value}" in driver.app.farewell
        assert "pomcert-wizard --set strategy=dns-01" in driver.app.farewell


async def test_a_stop_before_there_is_an_order_is_an_ordinary_one(order: Scripted) -> None:
    order.script = [ordered()[0], PAUSE]
    async with wizard(order) as driver:
        await start(driver)
        await driver.press("escape")
        assert "The run stopped; the machine is as it was before" in driver.words()


async def test_help_explains_the_records(order: Scripted) -> None:
    async with wizard(order) as driver:
        screen = await start(driver)
        await driver.press("f1", running=True)
        assert "Stop keeps the order" in driver.words()
        await driver.press("escape", running=True)
        assert driver.app.screen is screen
        assert not screen.control.stopped
        await driver.press("escape")


async def test_what_a_name_server_says_steers_no_terminal(order: Scripted) -> None:
    nasty = answer(SERVERS[0], "wrong")._replace(detail="\x1b[2J[bold]boo")
    finding = Finding("value-other", "warning", "There stands \x1b]52;c;eA==\x07.", "[red]Mend[/].")
    order.script = [order.asks(), order.looked([nasty], [finding]), PAUSE]
    async with wizard(order) as driver:
        await start(driver)
        assert r"\x1b[2J[bold]boo" in driver.words()
        assert r"\x1b]52;c;eA==\x07" in driver.words()
        assert "[red]Mend[/]." in driver.words()
        assert "\x1b" not in driver.text()
        await driver.press("escape")


@pytest.mark.parametrize(
    ("code", "provider"),
    [("waiting-for-records", "manual"), ("not-propagated", "rfc2136")],
    ids=str,
)
async def test_a_run_that_waits_has_not_failed(order: Scripted, code: str, provider: str) -> None:
    failed = ActionFailed("run", "the run", code, "Not all is there.", "Wait a bit.", fatal=True)
    order.script = [*ordered(), order.asks(provider=provider), failed, PAUSE]
    order.end = Finished("waiting", 3, "0001")
    async with wizard(order) as driver:
        await start(driver)
        order.go_on()
        await driver.rest()
        assert isinstance(driver.app.screen, DoneScreen), driver.text()
        words = driver.words()
        assert "Waiting for you" in words
        assert "Not all is there." in words
        assert "… the run waits" in words
        assert "failed" not in words
        assert "Go on from here before" in words
        assert all(driver.shows(value) == (provider == "manual") for value in VALUES)


@pytest.mark.parametrize("state", SERVES)
async def test_every_state_of_a_name_server_has_a_sign_and_a_word(
    order: Scripted, state: str
) -> None:
    told = answer(SERVERS[0], state, VALUES if state == "ok" else ())
    order.script = [order.asks(), order.looked([told, answer(SERVERS[2], "nodata")]), PAUSE]
    async with wizard(order, (60, 24)) as driver:
        await start(driver)
        sign = SERVES[state]
        await driver.sees(f"{sign.glyph} {sign.word}")
        assert "ns1.example.net 192.0.2.53" in driver.words()
        await driver.press("escape")


async def test_of_a_hundred_names_the_first_that_lack_something_are_told(order: Scripted) -> None:
    names = [f"_acme-challenge.h{n}.example.com" for n in range(100)]
    servers = [(f"ns{n}.example.net", f"192.0.2.{n}") for n in range(8)]
    looked = [
        NameserverAnswer(name, *server, "nodata", (), VALUES[:1], 0, "")
        for name in names
        for server in servers
    ]
    # The name that is complete is not the one to be told of.
    looked[:8] = [one._replace(state="ok", found=VALUES[:1], missing=()) for one in looked[:8]]
    records = [record(VALUES[0], name, name.removesuffix(".example.com")) for name in names]
    order.script = [order.asks(records), order.looked(looked), PAUSE]
    async with wizard(order) as driver:
        await start(driver)
        await driver.sees("0 of 8 have all · ")
        await driver.press("h", running=True)
        assert driver.app.clipboard == "_acme-challenge.h0"
        driver.one(Body, "Challenge Body").scroll_end(animate=False)
        await driver.sees("and 95 names more, 1 of them complete")
        assert "… on 0 of 8 _acme-challenge.h5.example.com" in driver.words()
        await driver.press("escape")
