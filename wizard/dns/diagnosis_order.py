"""What is wrong around an order rather than in DNS: its names, its time, and what it was told."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from wizard.core.events import Finding
from wizard.dns.diagnosis_codes import by_importance, finding, listed, span
from wizard.pki.names import is_public_suffix

SOON: Final = timedelta(hours=1)
"""With less time than that a person may not be through with a web form, and caches neither."""
INSIDE: Final = frozenset({"local", "localhost", "internal", "lan", "home", "corp", "onion"})
"""Top-level names that are never public (RFC 6761, RFC 6762, RFC 7686, ICANN)."""
SKEW: Final = timedelta(minutes=5)
MOST_FAILURES: Final = 5
"""Failed validations for a name, account and hour, with Let's Encrypt; one more in 12 minutes."""
LAST_TRIES: Final = 2


def about_order(
    names: Sequence[str],
    *,
    now: datetime,
    expires: datetime | None = None,
    failures: Mapping[str, int] | None = None,
    authority_time: datetime | None = None,
) -> tuple[Finding, ...]:
    """What a person should know of an order before it is answered.

    Args:
        names: to be certified, wildcards with `*.`.
        now: the time here.
        expires: when the order or the first of its authorizations ends.
        failures: failed validations of each name in the last hour.
        authority_time: what the authority's Date header said, just now.
    """
    found = [*_unfit(names), *_redundant(names), *_expiry(now, expires), *_failures(failures or {})]
    if authority_time is not None and abs(authority_time - now) > SKEW:
        off = authority_time - now
        found.append(
            finding(
                "clock-skew",
                f"This machine's clock is {span(abs(off).total_seconds())} "
                f"{'behind' if off > timedelta() else 'ahead'}, compared with the authority's.",
                "Set the clock, best by NTP: certificates would seem to be not valid yet, or over.",
            )
        )
    return tuple(sorted(found, key=by_importance))


def not_public(name: str) -> Finding | None:
    """Whether a name is in a domain that is nobody's, or in one that is everybody's."""
    base = name.removeprefix("*.")
    top = base.rpartition(".")[2]
    if top in INSIDE:
        return finding(
            "name-not-public",
            f"No public authority certifies {name}: names in .{top} are nobody's.",
            "Use a domain of your own, or the strategy local-ca.",
        )
    if is_public_suffix(base):
        return finding(
            "name-public-suffix",
            f"No public authority certifies {name}: {base} is a public suffix that many share.",
            f"Use a domain of your own below it, such as example.{base}.",
        )
    return None


def _unfit(names: Sequence[str]) -> Iterator[Finding]:
    yield from filter(None, map(not_public, names))


def _redundant(names: Sequence[str]) -> Iterator[Finding]:
    for name in names:
        wildcard = f"*.{name.partition('.')[2]}"
        if name != wildcard and wildcard in names:
            yield finding(
                "name-redundant",
                f"{wildcard} covers {name} already, and authorities refuse the two together.",
                f"Leave {name} out.",
            )


def _expiry(now: datetime, expires: datetime | None) -> Iterator[Finding]:
    if expires is None or expires - now > SOON:
        return
    left = (expires - now).total_seconds()
    yield finding(
        "order-expires-soon",
        f"The order ends in {span(left)}." if left > 0 else "The order has ended.",
        "Publish the records before; after that a new order asks for other values. Profiles such "
        "as classic leave days.",
    )


def _failures(failures: Mapping[str, int]) -> Iterator[Finding]:
    few = sorted(name for name, count in failures.items() if count >= MOST_FAILURES - LAST_TRIES)
    if few:
        left = max(0, MOST_FAILURES - max(failures[name] for name in few))
        yield finding(
            "failures-left",
            f"{listed(few)} failed {max(failures[name] for name in few)} times in the last hour: "
            f"{left or 'no'} {'try is' if left == 1 else 'tries are'} left.",
            "Mend what is said above first. A try comes back every 12 minutes; the authority's "
            "staging costs none.",
            level=None if left else "error",
        )


SAID: Final = (
    (
        r"During secondary validation",
        "Some of the places that the authority looks from did not see the record",
        "See whether every name server answers from the whole world, by v4 and v6, then run again.",
    ),
    (
        r"DNSSEC|Bogus",
        "The zone's DNSSEC signatures do not verify",
        "Compare the DS records at the registrar with the keys of the DNS provider.",
    ),
    (
        r"NXDOMAIN looking up TXT",
        "The authority found no such name",
        "Somebody removed the record, or caches are behind: wait for the negative TTL, run again.",
    ),
    (
        r"No TXT record found at",
        "The authority found the name but no TXT record",
        "Keep the records until the order is through; run again, for it needs new values.",
    ),
    (
        r"Incorrect TXT record",
        "The authority saw another value",
        "Remove old TXT records at the name, wait for their TTL and run again for new values.",
    ),
    (
        r"SERVFAIL looking up CAA|looking up CAA",
        "The authority could not look up CAA records",
        "Name servers must answer questions for CAA, if only with nothing: mend or change them.",
    ),
    (
        r"SERVFAIL",
        "The zone's name servers failed when the authority asked",
        "See their logs, and whether DNSSEC and the delegation are right.",
    ),
    (
        r"query timed out|timed out",
        "The zone's name servers did not answer the authority in time",
        "Open port 53 for UDP and TCP to the whole world, and see whether one server is down.",
    ),
)
"""What an authority writes (Boulder: va/dns.go, bdns/problem.go), its cause and the next step."""


def authority_said(detail: str) -> tuple[str, str] | None:
    """The cause and the next step for what an authority says of a failed validation; None: unknown.

    The cause is a clause without a full stop.
    """
    return next(
        ((cause, step) for pattern, cause, step in SAID if re.search(pattern, detail)), None
    )
