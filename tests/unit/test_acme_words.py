"""What is made of an authority's words, clock and limits, without an authority."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from wizard.acme import clock
from wizard.acme.limits import tries
from wizard.acme.problems import told

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("detail", "part"),
    [
        ("No TXT record found at _acme-challenge.example.com", "no TXT record"),
        ('Incorrect TXT record "a" (and 2 more) found at _acme-challenge.example.com', "another"),
        ("DNS problem: NXDOMAIN looking up TXT for x - check that a DNS record exists", "no such"),
        (
            "DNS problem: SERVFAIL looking up TXT for x - the nameservers may be malfunctioning",
            "name servers failed",
        ),
        ("DNS problem: query timed out looking up TXT for x", "in time"),
        ("DNS problem: looking up TXT for x: DNSSEC: Bogus: validation failure", "DNSSEC"),
        ("During secondary validation: No TXT record found at x", "Some of the places"),
        ("DNS problem: SERVFAIL looking up CAA for x", "CAA"),
    ],
)
def test_what_an_authority_writes_is_said_in_plain_words(detail: str, part: str) -> None:
    problem = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": detail}
    error = told(problem, "Let's Encrypt", "example.com")
    assert error.summary.startswith("example.com: ")
    assert part in error.summary
    assert error.summary.endswith(f": {detail}.")
    assert error.code == "acme-unauthorized"


def test_what_nobody_knows_is_told_by_its_type() -> None:
    problem = {"type": "urn:ietf:params:acme:error:dns", "detail": "the moon is full"}
    assert told(problem, "It").summary == "It could not look the record up: the moon is full."


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (60, "60 minutes behind that of"),
        (-6, "6 minutes ahead of that of"),
        (-60 * 5, "5 hours ahead of that of"),
        (60 * 24 * 3, "3 days behind that of"),
    ],
)
def test_a_clock_that_is_off_is_said_in_one_unit(minutes: int, said: str) -> None:
    date = format_datetime(NOW + timedelta(minutes=minutes), usegmt=True)
    ahead = clock.difference({"Date": date}, NOW)
    assert said in clock.wrong(ahead, "it")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Date": ""},
        {"Date": "yesterday"},
        {"Date": "Mon, 99 Nov 2026 12:00:00 GMT"},
        {"Date": "Mon, 23 Nov 2026 11:00:00 GMT", "Age": "3600"},
        {"Date": "Mon, 23 Nov 2026 12:00:00 GMT", "Age": "long"},
        {"Date": "Mon, 23 Nov 2026 12:00:00 -0000"},
    ],
    ids=str,
)
def test_a_server_that_does_not_tell_the_time_accuses_no_clock(headers: dict[str, str]) -> None:
    assert clock.difference(headers, NOW) == timedelta()


@pytest.mark.parametrize(
    ("minutes_ago", "left", "again"),
    [
        ((), 5, 12),
        ((1,), 4, 11),
        ((0, 0, 0, 0, 0), 0, 12),
        ((5, 4, 3, 2, 1), 0, 7),
        ((13, 4, 3, 2, 1), 1, 11),
        ((59, 58, 57, 56, 55), 4, 1),
        ((300, 1), 4, 11),
    ],
)
def test_tries_come_back_one_by_one(minutes_ago: tuple[int, ...], left: int, again: int) -> None:
    failed = [NOW - timedelta(minutes=ago) for ago in minutes_ago]
    found = tries(failed, 5, NOW)
    assert (found.left, found.again) == (left, NOW + timedelta(minutes=again))
