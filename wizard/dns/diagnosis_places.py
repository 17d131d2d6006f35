"""A look, sorted by the places that records belong to."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final

import dns.rdtypes.ANY.SOA

from wizard.dns.address import Address
from wizard.dns.ask import Reply
from wizard.dns.served import Served
from wizard.dns.zone import Located, Zone

TELLING: Final = frozenset({"ok", "partial", "wrong", "nodata", "nxdomain"})
"""States of servers that speak for the zone."""


class Place:
    """One name, and what each address of its zone's servers said of it."""

    def __init__(self, located: Located, served: tuple[Served, ...]) -> None:
        self.located = located
        self.served = served
        self.name = located.name
        self.zone: Zone = located.zone
        self.wanted = served[0].wanted

    @cached_property
    def telling(self) -> tuple[Served, ...]:
        """The answers of servers that speak for the zone."""
        return tuple(one for one in self.served if one.answer.state in TELLING)

    @property
    def is_well(self) -> bool:
        """Whether a server speaks for the zone, and each that does has everything."""
        return bool(self.telling) and all(one.answer.state == "ok" for one in self.telling)

    @cached_property
    def leader(self) -> Served | None:
        """The answer with the most of what is wanted; of equal ones the primary's."""
        return max(
            self.telling,
            key=lambda one: (len(one.answer.found), one.host == self.zone.primary),
            default=None,
        )

    @cached_property
    def speaker(self) -> Address | None:
        """Who to ask more: the primary where it answers, for that is where people edit."""
        ordered = sorted(self.telling, key=lambda one: one.host != self.zone.primary)
        return ordered[0].address if ordered else None

    @property
    def missing(self) -> frozenset[str]:
        """What not even the leader has."""
        return self.wanted - frozenset(self.leader.answer.found if self.leader else ())

    @cached_property
    def seen(self) -> tuple[frozenset[str], int]:
        """Every value that any server that speaks for the zone has, and the longest TTL."""
        read = [one.reply.texts(self.name) for one in self.telling if one.reply]
        values = frozenset(value for found, _ in read for value in found)
        return values, max((ttl for _, ttl in read), default=0)

    @property
    def parent(self) -> str:
        """The name above: for `_acme-challenge.x` it is x, the identifier."""
        return self.located.asked.partition(".")[2]

    @cached_property
    def cname(self) -> str:
        """Where a CNAME at the name leads, as any server that speaks for the zone has it."""
        found = (one.reply.cname(self.name) for one in self.telling if one.reply)
        return next(filter(None, found), "")


def places(served: Iterable[Served]) -> tuple[Place, ...]:
    """Every name of a round, in order."""
    found: dict[Located, list[Served]] = {}
    for one in served:
        found.setdefault(one.located, []).append(one)
    return tuple(Place(located, tuple(served)) for located, served in found.items())


def circle(reply: Reply, name: str) -> tuple[str, ...]:
    """The CNAMEs of an answer that lead from a name back to one before; empty if they do not.

    A server that has all of them follows until it gives up, and answers SERVFAIL (BIND).
    """
    path = [name.lower()]
    while target := reply.cname(path[-1]):
        path.append(target)
        if target in path[:-1]:
            return tuple(path)
    return ()


def remembered(reply: Reply) -> int | None:
    """Seconds for which a resolver remembers that there was nothing (RFC 2308, 5)."""
    found: Iterator[int] = (
        min(rrset.ttl, soa.minimum)
        for rrset in (reply.message.authority if reply.message else ())
        for soa in rrset
        if isinstance(soa, dns.rdtypes.ANY.SOA.SOA)
    )
    return next(found, None)
