"""Which zone a name is in, who serves it, and where a record for it really belongs."""

import os
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

import dns.name
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.resolver

from wizard.core.errors import ExitCode, WizardError
from wizard.dns.address import Address, parse
from wizard.dns.ask import Reply, ask, has_route

PUBLIC: Final = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
HOPS: Final = 10
"""CNAMEs that are followed; authorities follow about as many."""


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


class Located(NamedTuple):
    """Where the record for a name belongs: `name`, in `zone`, after the CNAMEs in `path`."""

    asked: str
    name: str
    zone: Zone
    path: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The name relative to its zone, as web forms want it."""
        relative = self.name.removesuffix(self.zone.apex).rstrip(".")
        return relative or "@"


class View:
    """How DNS is looked at from here: through which resolvers, or which servers only."""

    def __init__(self, resolvers: Sequence[str] = (), authoritative: Sequence[str] = ()) -> None:
        """Each is an address, checked before; none means the system's and then public ones."""
        self.given = tuple(filter(None, map(parse, resolvers)))
        self.authoritative = tuple(filter(None, map(parse, authoritative)))
        self._zones: dict[str, Zone] = {}

    @property
    def resolvers(self) -> tuple[Address, ...]:
        """The resolvers to ask, in order."""
        return self.given or (*_system(), *(Address(one) for one in PUBLIC))

    def recursive(self, name: str, kind: str) -> Reply:
        """The first answer that a resolver gives; one that fails is not believed.

        Raises:
            WizardError: `resolvers-silent`.
        """
        last: Reply | None = None
        for address in self.resolvers:
            last = ask(name, kind, address, recurse=True)
            if last.rcode in {"NOERROR", "NXDOMAIN"}:
                return last
        told = f"{last.rcode or last.trouble}" if last else "there is none"
        raise WizardError(
            "resolvers-silent",
            f"No resolver can look up {name}: {told}.",
            "Check the network, or name resolvers that answer in dns.resolvers.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    def zone_of(self, name: str) -> Zone:
        """The zone that a name is in: the nearest one above it that has an SOA of its own.

        Raises:
            WizardError: `zone-not-found`, `zone-without-nameservers`, `resolvers-silent`.
        """
        if self.authoritative:
            return self._asked_for(name)
        labels = name.rstrip(".").split(".")
        for depth in range(len(labels)):
            apex = ".".join(labels[depth:])
            if apex in self._zones:
                return self._zones[apex]
            reply = self.recursive(apex, "SOA")
            soa = _soa(reply, apex)
            if soa is not None:
                self._zones[apex] = self._read(apex, soa)
                return self._zones[apex]
        raise WizardError(
            "zone-not-found",
            f"No zone of the public DNS holds {name}.",
            "Check the spelling, and whether the domain is registered and has not expired.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    def forget(self) -> None:
        """Looks zones up anew from now on: name servers change, too."""
        self._zones.clear()

    def _read(self, apex: str, soa: dns.rdtypes.ANY.SOA.SOA) -> Zone:
        reply = self.recursive(apex, "NS")
        hosts = sorted(_targets(reply, "NS"))
        servers = tuple(Nameserver(host, self._addresses(host)) for host in hosts)
        if not any(server.addresses for server in servers):
            raise WizardError(
                "zone-without-nameservers",
                f"None of the name servers of {apex} has an address: {', '.join(hosts) or 'none'}.",
                "Mend the domain's name servers at its registrar.",
                exit_code=ExitCode.NOT_PROPAGATED,
            )
        return Zone(apex, servers, _plain(soa.mname), soa.minimum)

    def _addresses(self, host: str) -> tuple[Address, ...]:
        return tuple(
            Address(one)
            for kind in ("A", "AAAA")
            for one in sorted(_targets(self.recursive(host, kind), kind))
        )

    def _asked_for(self, name: str) -> Zone:
        """The zone as the servers that were named have it."""
        servers = tuple(Nameserver(str(one), (one,)) for one in self.authoritative)
        for address in self.authoritative:
            reply = ask(name, "SOA", address)
            for rrset in (*(reply.message.answer if reply.message else ()), *_authority(reply)):
                if rrset.rdtype == dns.rdatatype.SOA:
                    soa = rrset[0]
                    if isinstance(soa, dns.rdtypes.ANY.SOA.SOA):
                        apex = _plain(rrset.name)
                        return Zone(apex, servers, _plain(soa.mname), soa.minimum)
        raise WizardError(
            "zone-not-found",
            f"None of the name servers in dns.authoritative serves {name}.",
            "Check their addresses, or leave dns.authoritative out.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    def locate(self, name: str, identifier: str) -> Located:
        """Where the record for `name`, below `identifier`, belongs.

        Recursive resolvers are never asked for the name itself: a miss would stay in their cache.

        Raises:
            WizardError: as `zone_of`; `cname-loop`, `cname-too-long`.
        """
        zone, here, path = self._near(identifier), name, [name]
        for _ in range(HOPS):
            zone, target = self._step(here, zone)
            if not target:
                return Located(name, here, zone, tuple(path[1:]))
            if target in path:
                raise _loop(path, target)
            path.append(target)
            here, zone = target, self.zone_of(target)
        raise _loop(path, path[-1])

    def _near(self, name: str) -> Zone:
        """A zone at or above a name: one that is known, else the nearest one."""
        labels = name.split(".")
        above = (".".join(labels[depth:]) for depth in range(len(labels)))
        return next((self._zones[apex] for apex in above if apex in self._zones), None) or (
            self.zone_of(name)
        )

    def _step(self, name: str, zone: Zone) -> tuple[Zone, str]:
        """The zone that a name really is in, and where a CNAME there leads, if one does.

        One question tells: a referral or the SOA of a miss names the zone (RFC 1034, 4.3.2;
        RFC 2308, 2), and a CNAME stands in the answer.
        """
        reply = next(
            (
                reply
                for _, address in zone.addresses
                if has_route(address)
                and (reply := ask(name, "TXT", address)).rcode in {"NOERROR", "NXDOMAIN"}
            ),
            None,
        )
        if reply is None:
            return zone, ""
        for rrset in _authority(reply):
            apex = _plain(rrset.name)
            # A lame server refers upwards; only what lies below the zone is a delegation.
            is_inside = name == apex or name.endswith(f".{apex}")
            is_below = is_inside and apex.endswith(f".{zone.apex}")
            if is_below and rrset.rdtype == dns.rdatatype.NS and not reply.is_authoritative:
                return self._step(name, self._child(apex, rrset))
            if is_below and rrset.rdtype == dns.rdatatype.SOA and not self.authoritative:
                return self.zone_of(apex), ""
        target = _cname(reply, name)
        if target and self._is_wildcard(name, target, reply.address):
            target = ""
        return zone, target

    def _child(self, apex: str, rrset: "dns.rrset.RRset") -> Zone:
        hosts = sorted(_plain(rdata.target) for rdata in rrset)
        servers = tuple(Nameserver(host, self._addresses(host)) for host in hosts)
        return Zone(apex, servers, hosts[0], rrset.ttl)

    def _is_wildcard(self, name: str, target: str, address: Address) -> bool:
        """Whether a CNAME comes from a wildcard: a sibling nobody made has the same (RFC 4592)."""
        sibling = f"pomcert-{os.urandom(6).hex()}.{name.partition('.')[2]}"
        return _cname(ask(sibling, "TXT", address), sibling) == target


def _loop(path: Sequence[str], target: str) -> WizardError:
    return WizardError(
        "cname-loop",
        f"The CNAMEs of {path[0]} lead nowhere: {' → '.join((*path, target))}.",
        f"Remove the CNAME at {path[0]}, or let it lead to a name that exists.",
        exit_code=ExitCode.NOT_PROPAGATED,
    )


def _cname(reply: Reply, name: str) -> str:
    """Where the CNAME of a name leads, as an answer has it; empty where there is none."""
    owner = dns.name.from_text(name)
    for rrset in reply.message.answer if reply.message else ():
        if rrset.rdtype == dns.rdatatype.CNAME and rrset.name == owner:
            return _plain(rrset[0].target)
    return ""


def _soa(reply: Reply, apex: str) -> dns.rdtypes.ANY.SOA.SOA | None:
    owner = dns.name.from_text(apex)
    for rrset in reply.message.answer if reply.message else ():
        if rrset.rdtype == dns.rdatatype.SOA and rrset.name == owner:
            soa = rrset[0]
            return soa if isinstance(soa, dns.rdtypes.ANY.SOA.SOA) else None
    return None


def _authority(reply: Reply) -> Sequence["dns.rrset.RRset"]:
    return reply.message.authority if reply.message else ()


def _targets(reply: Reply, kind: str) -> set[str]:
    """Host names or addresses of every record of one type."""
    wanted = dns.rdatatype.from_text(kind)
    return {
        _plain(rdata.target) if kind == "NS" else str(rdata.address)
        for rrset in (reply.message.answer if reply.message else ())
        if rrset.rdtype == wanted
        for rdata in rrset
    }


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


@cache
def _system() -> tuple[Address, ...]:
    """The resolvers of this machine."""
    try:
        found = dns.resolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError):
        return ()
    return tuple(Address(str(one), found.port) for one in found.nameservers if parse(str(one)))
