"""Whether every name server of a zone serves what an authority will look for, asked directly."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from wizard.core.events import NameserverAnswer
from wizard.dns.address import Address
from wizard.dns.ask import Reply, ask, has_route
from wizard.dns.zone import Located

SETTLE: Final = 5.0
"""Seconds until a clean round has to be seen again, where one is not enough."""
CADENCE: Final = ((120.0, 5.0), (600.0, 10.0))
"""For so many seconds a look every so many; after that every `RARELY`."""
RARELY: Final = 30.0
ANSWERS: Final = {"NOERROR": "nodata", "NXDOMAIN": "nxdomain"}
"""Response codes that tell of the name, and what they say where no value comes along."""
SLACK: Final = 0.25


class Served(NamedTuple):
    """One server address and name: what it should serve, what came back, and what that means."""

    located: Located
    host: str
    address: Address
    wanted: frozenset[str]
    reply: Reply | None
    answer: NameserverAnswer


class Look(NamedTuple):
    """One round over every name server; `clean` when nothing is missing, `ready` to be answered."""

    served: tuple[Served, ...]
    clean: bool
    ready: bool

    @property
    def answers(self) -> tuple[NameserverAnswer, ...]:
        """What every server serves, in a stable order."""
        return tuple(one.answer for one in self.served)


class Watch:
    """Looks again and again, and decides when the authority may be asked to look."""

    def __init__(
        self, wanted: Mapping[Located, frozenset[str]], *, settle_owed: bool = False
    ) -> None:
        """`settle_owed` asks for a second clean round, as after an API with many copies."""
        self.wanted = wanted
        self._owed = settle_owed
        self._clean_since: float | None = None
        self._started = time.monotonic()

    def look(self) -> Look:
        """Asks every address of every name server once, all at the same time.

        A server is asked one name after the other, so that it never has two questions at once.
        """
        every: dict[Address, list[tuple[Located, str]]] = {}
        for located in self.wanted:
            for host, address in located.zone.addresses:
                every.setdefault(address, []).append((located, host))
        with ThreadPoolExecutor(max(1, len(every))) as pool:
            rounds = pool.map(self._ask_all, every.items())
            served = tuple(sorted((one for found in rounds for one in found), key=_order))
        clean = self._is_clean(served)
        return Look(served, clean, self._opens(clean=clean))

    def pause(self) -> float:
        """Seconds until the next look."""
        if self._clean_since is not None:
            return max(SLACK, self._clean_since + SETTLE - time.monotonic())
        passed = time.monotonic() - self._started
        return next((every for until, every in CADENCE if passed < until), RARELY)

    def _ask_all(self, item: tuple[Address, Sequence[tuple[Located, str]]]) -> list[Served]:
        address, names = item
        reachable = has_route(address)
        return [
            _served(located, host, address, self.wanted[located], reachable=reachable)
            for located, host in names
        ]

    def _is_clean(self, served: Sequence[Served]) -> bool:
        """Every server that answers has all of it, and of each name server some address answers."""
        if any(one.answer.state in {"partial", "wrong", "nodata", "nxdomain"} for one in served):
            return False
        reached = {one.located.asked for one in served if one.answer.state == "ok"}
        lost = [one for one in served if one.answer.state not in {"ok", "skipped"}]
        answered = {(one.located.asked, one.host) for one in served if one.answer.state == "ok"}
        down = {one.host for one in lost if (one.located.asked, one.host) not in answered}
        hosts = {one.host for one in served}
        # One dead server is a warning: authorities' resolvers ask the next one as well.
        return len(reached) == len(self.wanted) and len(down) <= max(0, len(hosts) - 1)

    def _opens(self, *, clean: bool) -> bool:
        now = time.monotonic()
        if not clean:
            self._owed, self._clean_since = True, None
            return False
        if not self._owed:
            return True
        if self._clean_since is None:
            self._clean_since = now
        return now >= self._clean_since + SETTLE


def _order(one: Served) -> tuple[str, str, str]:
    return one.located.asked, one.host, str(one.address)


def _served(
    located: Located, host: str, address: Address, wanted: frozenset[str], *, reachable: bool
) -> Served:
    reply = ask(located.name, "TXT", address) if reachable else None
    values, ttl = reply.texts(located.name) if reply else ((), 0)
    found = wanted & set(values)
    answer = NameserverAnswer(
        located.name,
        host,
        str(address),
        _state(reply, values, found, wanted),
        tuple(sorted(found)),
        tuple(sorted(wanted - found)),
        ttl,
        _detail(reply, values, wanted),
    )
    return Served(located, host, address, wanted, reply, answer)


def _state(
    reply: Reply | None, values: Sequence[str], found: frozenset[str], wanted: frozenset[str]
) -> str:
    if reply is None or reply.message is None:
        return "skipped" if reply is None else "timeout"
    if reply.rcode not in ANSWERS:
        return "servfail" if reply.rcode == "SERVFAIL" else "lame"
    if not reply.is_authoritative:
        return "referral" if reply.message.authority else "lame"
    if not values:
        return ANSWERS[reply.rcode]
    return "ok" if found == wanted else "partial" if found else "wrong"


def _detail(reply: Reply | None, values: Sequence[str], wanted: frozenset[str]) -> str:
    if reply is None:
        return "no route to it from here"
    if reply.trouble:
        return reply.trouble
    others = [value for value in values if value not in wanted]
    said = [reply.rcode] if reply.rcode not in ANSWERS else []
    said += reply.reasons
    if others:
        said.append(f"{len(others)} other value{'s' if len(others) > 1 else ''}")
    return ", ".join(said)
