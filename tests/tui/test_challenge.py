"""The records of an order on the screen: whole, to be copied, and watched live."""

import re

import pytest
from textual.widgets import Button

from tui.challenge_support import (
    HOST,
    NAME,
    PAUSE,
    SERVERS,
    VALUES,
    Scripted,
    answer,
    record,
    start,
)
from tui.support import SIZES, Driver, wizard
from wizard.core.events import NameserverAnswer

LONG = "_acme-challenge." + ".".join(f"a-rather-long-label-{n}" for n in range(9))
"""A name that fits on no line of a small terminal."""


async def read(driver: Driver) -> str:
    """All of the page, scrolled through from its top to its end."""
    seen = driver.words()
    for _ in range(12):
        await driver.press("pagedown", running=True)
        seen += " " + driver.words()
    return seen


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_both_records_are_read_whole_without_scrolling(
    order: Scripted, size: tuple[int, int]
) -> None:
    async with wizard(order, size) as driver:
        await start(driver)
        for whole in (NAME, HOST, *VALUES):
            # On one line: what a terminal marks by itself has no break in it.
            assert any(whole in line for line in driver.text().splitlines()), driver.text()
        assert "Create these 2 TXT records" in driver.words()
        assert "Add both under the same name; the second does not replace" in driver.words()
        assert "the order ends in 6 d 12 h" in driver.words()
        assert "f5 Check now" in driver.words()
        assert str(driver.one(Button, "#forward").label) == "Stop"


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_long_name_and_a_long_value_are_wrapped_and_not_cut(
    order: Scripted, size: tuple[int, int]
) -> None:
    value = "letsencrypt.org; accounturi=https://ca.example.net/acct/1234567890; policy=wildcard"
    long = record(value, f"{LONG}.example.com", LONG)
    order.script = [order.asks([long]), PAUSE]
    async with wizard(order, size) as driver:
        await start(driver)
        assert "Create this TXT record" in driver.words()
        for whole in (long.name, long.host, value):
            for _ in range(12):
                if driver.shows(whole):
                    break
                await driver.press("down", running=True)
            assert driver.shows(whole), driver.text()
        await driver.press("n", running=True)
        assert driver.app.clipboard == long.name
        await driver.press("f2", running=True)
        assert driver.app.clipboard == value
        await driver.press("escape")


async def test_each_key_copies_exactly_what_stands_beside_it_and_says_so(order: Scripted) -> None:
    async with wizard(order) as driver:
        await start(driver)
        for key, text, said in (
            ("1", VALUES[0], "Sent value 1"),
            ("2", VALUES[1], "Sent value 2"),
            ("n", NAME, "Sent name"),
            ("h", HOST, "Sent host"),
            ("f2", VALUES[1], "Sent value 2"),
            ("up", VALUES[1], "Sent value 2"),
            ("enter", VALUES[0], "Sent value 1"),
        ):
            await driver.press(key, running=True)
            assert driver.app.clipboard == text
            assert f"{said} to the clipboard of your terminal" in driver.words()
        await driver.press("9", running=True)
        assert driver.app.clipboard == VALUES[0]
        await driver.press("escape")


async def test_a_click_copies_the_line_that_was_clicked(order: Scripted) -> None:
    async with wizard(order) as driver:
        await start(driver)
        for label, text in (("TXT   ", VALUES[1]), ("host  ", HOST), ("name  ", NAME)):
            lines = driver.text().splitlines()
            row = next(place for place, line in enumerate(lines) if label + text in line)
            await driver.pilot.click(offset=(lines[row].index(text) + 2, row))
            await driver.rest(running=True)
            assert driver.app.clipboard == text
        await driver.press("escape")


async def test_records_of_many_zones_are_grouped_and_all_can_be_copied(order: Scripted) -> None:
    records = [
        record(f"value-{n}", f"_acme-challenge.{n}.{zone}", f"_acme-challenge.{n}", zone)
        for n in range(8)
        for zone in ("example.com", "example.org")
    ]
    order.script = [order.asks(records), PAUSE]
    async with wizard(order) as driver:
        await start(driver)
        assert "Create these 16 TXT records" in driver.words()
        copied, seen = [], ""
        for _ in records:
            await driver.press("enter", running=True)
            value = driver.app.clipboard
            await driver.press("n", running=True)
            copied.append((driver.app.clipboard, value))
            assert value in driver.words(), "the cursor is out of sight"
            seen += driver.words()
            await driver.press("down", running=True)
        assert sorted(copied) == sorted((one.name, one.value) for one in records)
        zones = [name.rpartition(".example.")[2] for name, _ in copied]
        assert zones == sorted(zones)
        assert "In the zone example.com" in seen
        assert "In the zone example.org" in seen
        await driver.press("escape")


async def test_every_name_server_and_every_finding_is_told(order: Scripted) -> None:
    async with wizard(order, (60, 18)) as driver:
        await start(driver)
        await driver.sees("↓ more below")
        seen = await read(driver)
        for text in (
            "0 of 2 have both",
            "… lacks value 2 ns1.example.net 192.0.2.53 TTL",
            "· unreachable ns1.example.net 2001:db8::53",
            "… not there yet ns2.example.net 198.51.100.53",
            "✗ wrong ns1.example.net serves only one of the two values. [one-of-two]",
            "Add the second record beside the first one",
        ):
            assert text in seen, seen
        await driver.press("escape")


async def test_a_look_brings_the_table_up_to_date(order: Scripted) -> None:
    good = answer(SERVERS[0], "ok", VALUES)
    for state, said in (("wrong", "✗ has others"), ("servfail", "! fails"), ("lame", "! not its")):
        second = answer(SERVERS[2], state)._replace(detail="so it said")
        order.script = [
            order.asks(),
            order.first_look(),
            PAUSE,
            order.looked([good, second]),
            PAUSE,
        ]
        async with wizard(order) as driver:
            await start(driver)
            assert "one-of-two" in driver.words()
            await driver.press("c", running=True)
            await driver.sees("1 of 2 has both")
            assert "✓ has both ns1.example.net" in driver.words()
            assert said in driver.words()
            assert "so it said" in driver.words()
            assert "one-of-two" not in driver.words()
            assert "unreachable" not in driver.words()
            await driver.press("escape")


async def test_of_many_names_those_that_are_served_everywhere_take_one_line(
    order: Scripted,
) -> None:
    names = [f"_acme-challenge.{n}.example.com" for n in range(4)]
    records = [record(VALUES[0], name, name.removesuffix(".example.com")) for name in names]
    looked = [
        NameserverAnswer(name, *server, "ok", VALUES[:1], (), 60, "")
        for name in names
        for server in SERVERS
    ]
    looked[1] = looked[1]._replace(state="nodata", found=(), missing=VALUES[:1])
    order.script = [order.asks(records), order.looked(looked), PAUSE]
    async with wizard(order, (80, 50)) as driver:
        await start(driver)
        words = driver.words()
        assert f"… on 2 of 3 {names[0]} … not there yet ns1.example.net 2001:db8::53" in words
        for name in names[1:]:
            assert f"✓ on all 3 {name}" in words
        assert "192.0.2.53" not in words
        assert "2 of 3 have all" in words
        await driver.press("escape")


async def test_time_goes_on_while_nothing_happens(order: Scripted) -> None:
    order.script = [order.asks(), order.first_look(next_check=500), PAUSE]

    def times(driver: Driver) -> tuple[int, int, int]:
        """The age of the look, the time to the next one, and what is left of a TTL, in seconds."""
        found = re.search(
            r"looked (\d+) s ago.*TTL (\d+) s.*Next look in (\d+) min (\d+) s", driver.words()
        )
        assert found, driver.text()
        age, ttl, minutes, seconds = map(int, found.groups())
        return age, minutes * 60 + seconds, ttl

    async with wizard(order) as driver:
        await start(driver)
        age, pause, ttl = times(driver)
        await driver.sees(f"looked {age + 2} s ago")
        later = times(driver)
        assert later[0] == age + 2
        assert pause - 3 <= later[1] <= pause - 1
        assert later[2] == ttl - 2
        await driver.press("escape")


async def test_a_look_that_is_due_and_an_order_that_is_over_are_said(order: Scripted) -> None:
    order.script = [
        order.asks()._replace(expires=order.system.now().isoformat()),
        order.first_look(next_check=0)._replace(expires=order.system.now().isoformat()),
        PAUSE,
    ]
    async with wizard(order) as driver:
        await start(driver)
        assert "Asking the name servers … · the order is over" in driver.words()
        await driver.press("escape")


@pytest.mark.parametrize("key", ["c", "f5"])
async def test_check_now_ends_the_wait_at_once(order: Scripted, key: str) -> None:
    order.script = [order.asks(), order.first_look(next_check=500), PAUSE, PAUSE]
    async with wizard(order) as driver:
        await start(driver)
        assert "Next look in 8 min" in driver.words()
        assert order.looks == 0
        await driver.press(key, running=True)
        await driver.sees("Asking the name servers …")
        assert order.looks == 1
        await driver.press("escape")
