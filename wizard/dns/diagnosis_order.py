"""What is wrong around an order rather than in DNS: its names and its time."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from wizard.core.events import Finding
from wizard.dns.diagnosis_codes import by_importance, finding, span
from wizard.pki.names import is_public_suffix

SOON: Final = timedelta(hours=1)
"""With less time than that a person may not be through with a web form, and caches neither."""
INSIDE: Final = frozenset({"local", "localhost", "internal", "lan", "home", "corp", "onion"})
"""Top-level names that are never public (RFC 6761, RFC 6762, RFC 7686, ICANN)."""


def about_order(
    names: Sequence[str],
    *,
    now: datetime,
    expires: datetime | None = None,
) -> tuple[Finding, ...]:
    """What a person should know of an order before it is answered.

    Args:
        names: to be certified, wildcards with `*.`.
        now: the time here.
        expires: when the order or the first of its authorizations ends.
    """
    found = [*_unfit(names), *_redundant(names), *_expiry(now, expires)]
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
