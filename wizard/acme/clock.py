"""The authority's clock and ours: where they differ, certificates and orders seem to be over."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from wizard.core.errors import WizardError

SKEW: Final = timedelta(minutes=5)
"""Answers, proxies and unset seconds take less; this much is a clock that is wrong."""
TOO_FAR: Final = timedelta(minutes=55)
"""Authorities date a certificate back by an hour: with more it is not valid here once it comes."""
HINT: Final = "Set the clock, best by NTP (timedatectl set-ntp true), then run again."


def difference(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How far a server's clock is ahead of ours, by its Date header (RFC 9110, 6.6.1).

    What a cache on the way kept is as old as its Age header says (RFC 9111, 5.1). Nothing where
    the server does not tell.
    """
    try:
        sent = parsedate_to_datetime(headers.get("Date", ""))
        # A zone of -0000 says nothing about the zone; this header has no other than GMT.
        return sent.replace(tzinfo=sent.tzinfo or now.tzinfo) + _age(headers) - now
    except (ValueError, OverflowError):
        return timedelta()


def wrong(ahead: timedelta, whose: str) -> str:
    """That this machine's clock is wrong, as a sentence without a full stop."""
    which = "behind" if ahead > timedelta() else "ahead of"
    return f"This machine's clock is {_span(abs(ahead))} {which} that of {whose}"


def error(ahead: timedelta, whose: str, so: str) -> WizardError:
    """The error for a clock with which nothing can go well; `so` is what becomes of it."""
    return WizardError("clock-skew", f"{wrong(ahead, whose)}: {so}.", HINT)


def _age(headers: Mapping[str, str]) -> timedelta:
    age = headers.get("Age", "").strip()
    return timedelta(seconds=int(age) if age.isdecimal() else 0)


def _span(length: timedelta) -> str:
    """A length of time in one unit, for people."""
    if length >= timedelta(days=2):
        return f"{length / timedelta(days=1):.0f} days"
    if length >= timedelta(minutes=90):
        return f"{length / timedelta(hours=1):.0f} hours"
    return f"{length / timedelta(minutes=1):.0f} minutes"
