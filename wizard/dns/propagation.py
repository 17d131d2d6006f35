"""Whether every name server of a zone serves what an authority will look for, asked directly."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from wizard.core.errors import WizardError
from wizard.core.events import Finding, NameserverAnswer
from wizard.dns.address import Address
from wizard.dns.ask import Manner, Reply, ask, at_once, has_route
from wizard.dns.served import LACKING, Served, read, read_hop, read_resolver
from wizard.dns.zone import PUBLIC, Hop, Located, Port53, View

__all__ = ["Look", "Served", "Watch"]

SETTLE: Final = 5.0
"""Seconds until a clean round has to be seen again, where one is not enough."""
CADENCE: Final = ((120.0, 5.0), (600.0, 10.0))
"""For so many seconds a look every so many; after that every `RARELY`."""
RARELY: Final = 30.0
EAGER: Final = 1.0
"""Seconds for each name between looks while some servers have it and others not yet."""
STALE: Final = 300.0
"""Seconds for which name servers are not looked up anew."""
SLACK: Final = 0.25
VANTAGE: Final = 1.5
"""Seconds that a resolver has to answer, for information only."""


class Look(NamedTuple):
    """One round over every name server; `clean` when nothing is missing, `ready` to be answered.

    `hops` are CNAMEs on the way, which have to be served, too. Where `port_53` is not open,
    `served` is what came back last, `by_https` what public resolvers see, which then decide, and
    `notices` say so.
    """

    served: tuple[Served, ...]
    clean: bool
    ready: bool
    hops: tuple[Served, ...] = ()
    by_https: tuple[Served, ...] = ()
    port_53: Port53 = "open"
    notices: tuple[Finding, ...] = ()

    @property
    def answers(self) -> tuple[NameserverAnswer, ...]:
        """What every server serves, in a stable order; of CNAMEs on the way only what is wrong."""
        astray = [one.answer for one in self.hops if one.answer.state not in {"ok", "skipped"}]
        return (*(one.answer for one in self.by_https or self.served), *astray)


class Asked(NamedTuple):
    """One question of a look: for the record of a place, or for a CNAME on the way to it."""

    host: str
    place: Located
    hop: Hop | None

    @property
    def name(self) -> str:
        """The name that is asked for."""
        return self.hop.name if self.hop else self.place.name


class Watch:
    """Looks again and again, and decides when the authority may be asked to look.

    For one thread at a time. The gate opens on a round in which every name server that answers
    serves everything: at once, unless an earlier round saw a value missing or servers that
    disagree, or `settle_owed` says that one is not enough; then on a second one, `SETTLE` later.
    """

    def __init__(
        self,
        wanted: Mapping[Located, frozenset[str]],
        view: View | None = None,
        *,
        settle_owed: bool = False,
        hold: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watches from now on.

        Args:
            wanted: the values of each place.
            view: looks name servers up anew every `STALE` seconds, and goes by HTTPS where this
                network shuts port 53; without one neither is done.
            settle_owed: asks for a second clean round, as after an API with many copies.
            hold: seconds in which the gate stays shut, as the authority may remember what it saw.
            clock: counts seconds.
        """
        self.wanted = dict(wanted)
        self._view = view
        self._owed = settle_owed
        self._clock = clock
        self._started = self._located = clock()
        self._opens_at = self._started + hold
        self._judged = self._started - RARELY
        self._clean_since: float | None = None
        self._is_spreading = False
        self._has_opened = False
        self._manners: dict[Address, Manner] = {}
        self._last: tuple[tuple[Served, ...], tuple[Served, ...]] = ((), ())

    def look(self) -> Look:
        """Asks every address of every name server once, all at the same time.

        A server is asked one name after the other, so that it never has two questions at once.
        """
        view = self._view
        if view is not None and self._clock() >= self._located + STALE:
            view.forget()
            self._locate_anew(view)
        if view is not None and view.port_53 != "open":
            return self._look_by_https(view)
        served, hops = self._round()
        is_referred = any(one.answer.state == "referral" for one in (*served, *hops))
        if view is not None and is_referred and self._locate_anew(view):
            served, hops = self._round()
        self._last = served, hops
        if view is not None and self._is_shut(view, (*served, *hops)):
            self._owed = True
            return self._look_by_https(view)
        clean = _is_clean((*served, *hops))
        self._is_spreading = not clean and any(one.answer.found for one in served)
        return Look(served, clean, self._opens(clean=clean), hops)

    def pause(self) -> float:
        """Seconds until the next look."""
        now = self._clock()
        passed = now - self._started
        usual = next((every for until, every in CADENCE if passed < until), RARELY)
        if self._clean_since is not None:
            return max(SLACK, max(self._clean_since + SETTLE, self._opens_at) - now)
        if self._is_spreading and passed < CADENCE[-1][0]:
            return min(usual, EAGER * self._most_names())
        return usual

    def vantage(self, resolvers: Sequence[Address] = ()) -> tuple[NameserverAnswer, ...]:
        """What resolvers of the world see, for information, once the gate has opened.

        Nothing before: a resolver that is asked too early remembers that there was nothing.

        Args:
            resolvers: public ones unless told; over HTTPS where port 53 is shut.
        """
        if not self._has_opened:
            return ()
        if self._view is not None and self._view.port_53 != "open":
            return tuple(one.answer for one in self._by_https(self._view))
        found = resolvers or tuple(map(Address, PUBLIC))
        rows = at_once(self._ask_resolver, found)
        return tuple(answer for row in rows for answer in row)

    # ── a round ────────────────────────────────────────────────────────────────────────────────

    def _round(self) -> tuple[tuple[Served, ...], tuple[Served, ...]]:
        """What every address serves: the records, and the CNAMEs on the way to them."""
        every: dict[Address, list[Asked]] = {}
        for place in self.wanted:
            for host, address in place.zone.addresses:
                every.setdefault(address, []).append(Asked(host, place, None))
        for hop in dict.fromkeys(hop for place in self.wanted for hop in place.hops):
            place = next(place for place in self.wanted if hop in place.hops)
            for host, address in hop.zone.addresses:
                every.setdefault(address, []).append(Asked(host, place, hop))
        found = [one for row in at_once(self._ask_all, every.items()) for one in row]
        served = sorted((one for asked, one in found if asked.hop is None), key=_order)
        hops = sorted((one for asked, one in found if asked.hop is not None), key=_order)
        return tuple(served), tuple(hops)

    def _ask_all(self, item: tuple[Address, Sequence[Asked]]) -> list[tuple[Asked, Served]]:
        address, questions = item
        reachable = has_route(address)
        rows: list[tuple[Asked, Served]] = []
        silence = ""
        for asked in questions:
            reply = None
            if silence:
                # It would take as long for every other name.
                reply = Reply(address, None, silence)
            elif reachable:
                reply = self._ask(asked.name, address)
                silence = reply.trouble if reply.trouble != "garbled" else ""
            served = (
                read_hop(asked.hop, asked.host, address, reply)
                if asked.hop
                else read(asked.place, asked.host, address, self.wanted[asked.place], reply)
            )
            rows.append((asked, served))
        return rows

    def _ask(self, name: str, address: Address) -> Reply:
        """One question; a server that was silent before gets less of our time.

        One that answered over TCP alone is asked that way; one that did not answer at all is tried
        once, by turns.
        """
        manner = self._manners.get(address)
        if manner is None:
            reply = ask(name, "TXT", address)
        else:
            reply = ask(name, "TXT", address, tries=1, manner=manner)
        if reply.message is None:
            self._manners[address] = "udp" if manner == "tcp" or manner is None else "tcp"
        elif reply.over_tcp and manner != "udp" and not reply.was_cut:
            self._manners[address] = "tcp"
        elif not reply.over_tcp:
            self._manners.pop(address, None)
        return reply

    def _most_names(self) -> int:
        counted = Counter(
            address for place in self.wanted for _, address in place.zone.addresses
        ).values()
        return max(counted, default=1)

    # ── where to ask ───────────────────────────────────────────────────────────────────────────

    def _locate_anew(self, view: View) -> bool:
        """Looks up who serves each name now; says whether that has changed.

        The names themselves stay: a record was published or shown for them.
        """
        self._located = self._clock()
        now: dict[Located, frozenset[str]] = {}
        changed = False
        for place, values in self.wanted.items():
            try:
                found = view.locate(place.asked, place.asked.partition(".")[2])
            except WizardError:
                # It was found before, and name servers that are gone show in the round.
                found = place
            is_other = found.name != place.name or found == place
            changed = changed or not is_other
            now[place if is_other else found] = values
        self.wanted = now
        return changed

    # ── port 53 shut ───────────────────────────────────────────────────────────────────────────

    def _is_shut(self, view: View, served: Sequence[Served]) -> bool:
        """Whether name servers cannot be asked at all from here, and the world can."""
        is_mute = all(one.answer.state in {"timeout", "skipped", "lame"} for one in served)
        now = self._clock()
        if not is_mute or now < self._judged + RARELY:
            return False
        self._judged = now
        zone = next(iter(self.wanted)).zone
        view.judge(zone, (one.reply for one in served if one.reply is not None))
        return view.port_53 != "open"

    def _look_by_https(self, view: View) -> Look:
        seen = self._by_https(view)
        clean = _is_clean(seen)
        self._is_spreading = False
        opens = self._opens(clean=clean)
        notice = _notice(view)
        return Look(self._last[0], clean, opens, (), seen, view.port_53, (notice,))

    def _by_https(self, view: View) -> tuple[Served, ...]:
        from wizard.dns.doh import Question, Service, ask_all  # noqa: PLC0415  loads requests

        places = list(self.wanted)
        questions = [Question(place.asked, "TXT") for place in places]

        def seen_by(service: Service) -> Iterator[Served]:
            for place, reply in zip(places, ask_all(service, questions), strict=True):
                yield read_resolver(place, service.name, self.wanted[place], reply, service.url)

        rows = at_once(lambda service: list(seen_by(service)), view.lookup.services)
        return tuple(sorted((one for row in rows for one in row), key=_order))

    def _ask_resolver(self, address: Address) -> list[NameserverAnswer]:
        answers = []
        for place, values in self.wanted.items():
            name = place.asked
            reply = ask(name, "TXT", address, recurse=True, seconds=VANTAGE, tries=1, manner="udp")
            answer = read_resolver(place, str(address), values, reply).answer
            if answer.state == "servfail":
                unchecked = ask(
                    name,
                    "TXT",
                    address,
                    recurse=True,
                    checking_disabled=True,
                    seconds=VANTAGE,
                    tries=1,
                    manner="udp",
                )
                if values <= set(unchecked.texts(unchecked.end_of(name))[0]):
                    detail = ", ".join(("DNSSEC does not verify", *unchecked.reasons))
                    answer = answer._replace(detail=detail)
            elif reply.is_verified:
                detail = ", ".join(filter(None, (answer.detail, "verified by DNSSEC")))
                answer = answer._replace(detail=detail)
            answers.append(answer)
            if reply.message is None:
                break
        return answers

    # ── the gate ───────────────────────────────────────────────────────────────────────────────

    def _opens(self, *, clean: bool) -> bool:
        now = self._clock()
        if not clean:
            self._owed, self._clean_since = True, None
            return False
        if self._clean_since is None:
            self._clean_since = now
        since = self._clean_since + (SETTLE if self._owed else 0.0)
        is_open = now >= max(since, self._opens_at)
        self._has_opened = self._has_opened or is_open
        return is_open


def _order(one: Served) -> tuple[str, str, Address]:
    return one.located.asked, one.host, one.address


def _is_clean(served: Sequence[Served]) -> bool:
    """Whether every server that answers has all of it, and enough of them answer.

    One name server of a zone may be down, or half of many: authorities' resolvers ask the next one
    as well. One without a route from here is not known to be down.
    """
    if not served or any(one.answer.state in LACKING for one in served):
        return False
    states: dict[str, dict[str, set[str]]] = {}
    for one in served:
        hosts = states.setdefault(one.answer.name, {})
        hosts.setdefault(one.host, set()).add(one.answer.state)
    return all(
        any("ok" in found for found in hosts.values())
        and sum("ok" not in found and found != {"skipped"} for found in hosts.values())
        <= max(1, len(hosts) // 2)
        for hosts in states.values()
    )


def _notice(view: View) -> Finding:
    who = " and ".join(service.name for service in view.lookup.services)
    blocked = view.port_53 == "blocked"
    return Finding(
        "port-53-blocked" if blocked else "port-53-intercepted",
        "warning",
        "This network lets no DNS out (port 53), so the name servers cannot be asked."
        if blocked
        else "This network answers DNS questions itself, in the name servers' place.",
        f"{who} are asked over HTTPS instead: they see the records a little later than the name "
        "servers have them.",
    )
