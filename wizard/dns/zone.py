"""Which zone a name is in, who serves it, and where a record for it really belongs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import dns.rdatatype
import dns.rrset

from wizard.core.errors import ExitCode, WizardError
from wizard.dns.address import Address, parse
from wizard.dns.answers import (
    Authority,
    authority_of,
    glue_of,
    hosts_of,
    is_below,
    levels,
    referral,
    speaks,
)
from wizard.dns.ask import Reply, ask, at_once, has_route, plain, sibling
from wizard.dns.resolvers import PUBLIC, Resolvers

if TYPE_CHECKING:
    from wizard.dns.doh import Service

__all__ = ["PUBLIC", "Hop", "Located", "Nameserver", "Port53", "View", "Zone"]

HOPS: Final = 10
"""CNAMEs that are followed; authorities follow about as many."""
QUICK: Final = 1.5
"""Seconds for the server that is asked first; after that all are asked at the same time."""
PATIENT: Final = 2.0
Port53: TypeAlias = Literal["open", "blocked", "rewritten"]
"""What this network does to DNS: nothing, let none out, or answer in the name servers' place."""


class Nameserver(NamedTuple):
    """A name server of a zone, with every address it has."""

    host: str
    addresses: tuple[Address, ...]


class Zone(NamedTuple):
    """A zone: its apex without a dot at the end, who serves it, how long a miss is remembered.

    `primary` is what its SOA names as such; `negative_ttl` is in seconds (RFC 2308, 5).
    """

    apex: str
    nameservers: tuple[Nameserver, ...]
    primary: str
    negative_ttl: int

    @property
    def addresses(self) -> Iterator[tuple[str, Address]]:
        """Every address with the name of its server."""
        for server in self.nameservers:
            for address in server.addresses:
                yield server.host, address


class Hop(NamedTuple):
    """A CNAME on the way to where a record belongs, and the zone that has to keep serving it."""

    name: str
    target: str
    zone: Zone


class Located(NamedTuple):
    """Where the record for a name belongs: `name`, in `zone`, after the CNAMEs in `path`.

    `hops` are these CNAMEs with their zones, as far as servers showed them.
    """

    asked: str
    name: str
    zone: Zone
    path: tuple[str, ...] = ()
    hops: tuple[Hop, ...] = ()

    @property
    def host(self) -> str:
        """The name relative to its zone, as web forms want it."""
        relative = self.name.removesuffix(self.zone.apex).rstrip(".")
        return relative or "@"


class View:
    """How DNS is looked at from here: through which resolvers, or which servers only.

    `port_53` tells what was found out of this network; where it is not `open`, name servers cannot
    be asked, and public resolvers are over HTTPS.
    """

    def __init__(
        self,
        resolvers: Sequence[str] = (),
        authoritative: Sequence[str] = (),
        *,
        https: "Sequence[Service] | None" = None,
    ) -> None:
        """Each is an address, checked before; none means the system's and then public ones."""
        self.lookup = Resolvers(resolvers, https=https)
        self.authoritative = tuple(filter(None, map(parse, authoritative)))
        self.port_53: Port53 = "open"
        self._zones: dict[str, Zone] = {}
        self._speakers: dict[str, Address] = {}
        self._mute: set[str] = set()

    @property
    def given(self) -> tuple[Address, ...]:
        """The resolvers that a person named."""
        return self.lookup.given

    @property
    def resolvers(self) -> tuple[Address, ...]:
        """The resolvers to ask, in order."""
        return self.lookup.addresses

    def recursive(self, name: str, kind: str) -> Reply:
        """The first answer that a resolver gives; one that fails is not believed.

        Raises:
            WizardError: `resolvers-silent`.
        """
        return self.lookup.ask(name, kind)

    def forget(self) -> None:
        """Looks everything up anew from now on: name servers change, and networks, too."""
        self.lookup.forget()
        self.port_53 = "open"
        for known in (self._zones, self._speakers, self._mute):
            known.clear()

    # ── zones ──────────────────────────────────────────────────────────────────────────────────

    def zone_of(self, name: str) -> Zone:
        """The zone that a name is in: the nearest one above it that has an SOA of its own.

        Raises:
            WizardError: `zone-not-found`, `zone-without-nameservers`, `resolvers-silent`.
        """
        if self.authoritative:
            return self._as_told(name)
        for apex in levels(name):
            if apex in self._zones:
                return self._zones[apex]
            reply = self.recursive(apex, "SOA")
            found = authority_of(reply, apex)
            if found is not None:
                hosts = hosts_of(self.recursive(apex, "NS"), apex)
                self._zones[apex] = self._assemble(apex, hosts, found)
                return self._zones[apex]
        raise WizardError(
            "zone-not-found",
            f"No zone of the public DNS holds {name}.",
            "Check the spelling, and whether the domain is registered and has not expired.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    def _assemble(
        self, apex: str, hosts: Sequence[str], authority: Authority, *replies: Reply
    ) -> Zone:
        """A zone from the names of its servers; `replies` may bring addresses along."""
        came_along = glue_of(replies)
        failures: list[WizardError] = []

        def addresses(host: str) -> tuple[Address, ...]:
            found = came_along.get(host)
            try:
                return tuple(found) if found else tuple(self._addresses(host))
            except WizardError as error:
                # One host that nobody finds is no reason not to ask the others.
                failures.append(error)
                return ()

        servers = tuple(map(Nameserver, hosts, at_once(addresses, hosts)))
        if any(server.addresses for server in servers):
            return Zone(apex, servers, *authority)
        if failures:
            raise failures[0]
        raise WizardError(
            "zone-without-nameservers",
            f"None of the name servers of {apex} has an address: {', '.join(hosts) or 'none'}.",
            "Mend the domain's name servers at its registrar.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    def _addresses(self, host: str) -> Iterator[Address]:
        for reply, kind in at_once(lambda kind: (self.recursive(host, kind), kind), ("A", "AAAA")):
            wanted = dns.rdatatype.from_text(kind)
            for rrset in reply.message.answer if reply.message else ():
                if rrset.rdtype == wanted:
                    yield from sorted(Address(str(rdata.address)) for rdata in rrset)

    def _as_told(self, name: str) -> Zone:
        """The zone as the servers that a person named have it."""
        servers = tuple(Nameserver(str(one), (one,)) for one in self.authoritative)
        for reply in at_once(lambda address: ask(name, "SOA", address), self.authoritative):
            for apex in levels(name):
                found = authority_of(reply, apex)
                if found is not None and reply.is_authoritative:
                    self._zones[apex] = Zone(apex, servers, *found)
                    return self._zones[apex]
        raise WizardError(
            "zone-not-found",
            f"None of the name servers in dns.authoritative serves {name}.",
            "Check their addresses, or leave dns.authoritative out.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    # ── where a record belongs ─────────────────────────────────────────────────────────────────

    def locate(self, name: str, identifier: str) -> Located:
        """Where the record for `name`, below `identifier`, belongs.

        Resolvers are never asked for the name itself, nor for one that a CNAME leads to: a miss
        would stay in their memory. Where port 53 is shut there is nobody else to ask.

        Raises:
            WizardError: as `zone_of`; `cname-loop`.
        """
        zone, here = self._near(identifier), name
        hops: list[Hop] = []
        while True:
            zone, target = self._step(here, zone)
            path = tuple(hop.target for hop in hops)
            if not target:
                return Located(name, here, zone, path, tuple(hops))
            if target in {name, *path} or len(hops) == HOPS:
                raise _loop((name, *path), target)
            hops.append(Hop(here, target, zone))
            here, zone = target, self._holds(target)

    def locate_all(self, identifiers: Mapping[str, str]) -> dict[str, Located]:
        """`locate` for many names at the same time; each name with its identifier.

        Raises:
            WizardError: as `locate`, of the first name that fails.
        """
        names = list(identifiers)
        # The first finds out of the zone what the others need.
        first = [self.locate(name, identifiers[name]) for name in names[:1]]
        rest = at_once(lambda name: self.locate(name, identifiers[name]), names[1:])
        return dict(zip(names, (*first, *rest), strict=True))

    def _near(self, name: str) -> Zone:
        """A zone at or above a name: one that is known, else the nearest one."""
        known = (self._zones[apex] for apex in levels(name) if apex in self._zones)
        return next(known, None) or self.zone_of(name)

    def _holds(self, name: str) -> Zone:
        """A zone above a name that resolvers must not be asked for."""
        return self.zone_of(name if self.authoritative else name.partition(".")[2] or name)

    def _step(self, name: str, zone: Zone) -> tuple[Zone, str]:
        """The zone that a name really is in, and where a CNAME there leads, if one does.

        One question for its SOA tells: a CNAME stands in the answer; a referral or the SOA, which a
        miss has too, names the zone (RFC 1034, 4.3.2; RFC 2308, 2).
        """
        reply = self._speaking(name, zone)
        if reply is None:
            return zone, self._target_by_https(name) if self.port_53 != "open" else ""
        if target := reply.cname(name):
            beside = sibling(name)
            if ask(beside, "SOA", reply.address).cname(beside) == target:
                # A wildcard answers until the record exists: that is no delegation.
                target = ""
            # Of the zone such an answer says nothing.
            found = self._holds(name)
            return (found if len(found.apex) > len(zone.apex) else zone), target
        refers = referral(reply, zone.apex, name)
        if refers is not None:
            if self.authoritative:
                return zone, ""
            return self._step(name, self._child(refers, reply))
        for apex in levels(name):
            authority = authority_of(reply, apex)
            if authority is not None and is_below(apex, zone.apex):
                return self._on_same(zone, apex, authority, reply.address), ""
        return zone, ""

    def _child(self, refers: dns.rrset.RRset, reply: Reply) -> Zone:
        """The zone that a referral leads to, as its own servers have it where they answer."""
        apex = plain(refers.name)
        hosts = sorted(plain(rdata.target) for rdata in refers)
        zone = self._assemble(apex, hosts, Authority(hosts[0], refers.ttl), reply)
        answer = self._speaking(apex, zone)
        authority = authority_of(answer, apex) if answer else None
        if answer is None or authority is None:
            return zone
        return self._on_same(zone, apex, authority, answer.address)

    def _on_same(self, zone: Zone, apex: str, authority: Authority, address: Address) -> Zone:
        """A zone that a server is known to have; that server tells who else has it."""
        if self.authoritative:
            return Zone(apex, zone.nameservers, *authority)
        if apex not in self._zones:
            reply = ask(apex, "NS", address)
            hosts = hosts_of(reply, apex)
            if not hosts:
                return Zone(apex, zone.nameservers, *authority)
            self._zones[apex] = self._assemble(apex, hosts, authority, reply)
        return self._zones[apex]

    def _speaking(self, name: str, zone: Zone) -> Reply | None:
        """An answer from a server that speaks for the zone; None where none does."""
        if zone.apex in self._mute or self.port_53 != "open":
            return None
        usable = [address for _, address in zone.addresses if has_route(address)]
        usable.sort(key=lambda address: address != self._speakers.get(zone.apex))
        for address in usable[:1]:
            reply = ask(name, "SOA", address, seconds=QUICK, tries=1, manner="udp")
            if speaks(reply, zone.apex, name):
                return reply
        replies = at_once(lambda address: ask(name, "SOA", address, seconds=PATIENT), usable)
        for reply in replies:
            if speaks(reply, zone.apex, name):
                self._speakers[zone.apex] = reply.address
                return reply
        self._mute.add(zone.apex)
        self.judge(zone, replies)
        return None

    # ── networks that do not let DNS through ───────────────────────────────────────────────────

    def judge(self, zone: Zone, replies: Iterable[Reply]) -> None:
        """Finds out whether it is this network's fault that no server speaks for a zone.

        It is when resolvers of the world know the zone, asked over HTTPS, while here nothing comes
        back at all (`blocked`), or a resolver answers in the servers' place (`rewritten`).
        """
        if self.authoritative:
            return
        found = list(replies)
        rewritten = any(reply.is_rewritten for reply in found)
        if not rewritten and any(reply.message is not None for reply in found):
            return
        reply = self.lookup.by_https(zone.apex, "SOA")
        if reply is not None and authority_of(reply, zone.apex) is not None:
            self.port_53 = "rewritten" if rewritten else "blocked"

    def _target_by_https(self, name: str) -> str:
        reply, beside = self.lookup.by_https(name, "CNAME"), sibling(name)
        target = reply.cname(name) if reply else ""
        if not target:
            return ""
        other = self.lookup.by_https(beside, "CNAME")
        return "" if other and other.cname(beside) == target else target


def _loop(path: Sequence[str], target: str) -> WizardError:
    return WizardError(
        "cname-loop",
        f"The CNAMEs of {path[0]} lead nowhere: {' → '.join((*path, target))}.",
        f"Remove the CNAME at {path[0]}, or let it lead to a name that exists.",
        exit_code=ExitCode.NOT_PROPAGATED,
    )
