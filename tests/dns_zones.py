"""Zones of the DNS lab: their text, their keys, and how a test changes them."""

import base64
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import dns.flags
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.txtbase import TXTBase
from dns_servers import Named, until

if TYPE_CHECKING:
    from dns_lab import Lab

NOBODY = "127.0.0.254"  # nothing listens there

Addresses = Mapping[str, Sequence[str]]  # of name servers: the host, and its v4 and v6 addresses
Row = tuple[str, str, str] | tuple[str, str, str, int]  # name, type, value, seconds to live


class Tsig(NamedTuple):
    """A key that a server knows; `secret` is base64."""

    name: str
    algorithm: str
    secret: str

    def key(self) -> dns.tsig.Key:
        return dns.tsig.Key(self.name, self.secret, f"{self.algorithm}.")

    @classmethod
    def make(cls, name: str, algorithm: str) -> "Tsig":
        return cls(name, algorithm, base64.b64encode(secrets.token_bytes(64)).decode())


def rdata(kind: str, value: str) -> dns.rdata.Rdata:
    """A record's value; that of TXT is taken literally, quotes too, and cut into strings of 255."""
    if kind != "TXT":
        return dns.rdata.from_text("IN", kind, value, relativize=False)
    raw = value.encode()
    strings = [raw[at : at + 255] for at in range(0, len(raw), 255)] or [b""]
    return TXTBase(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


def absolute(name: str, zone: str) -> str:
    """The name with a dot at its end; one without is below the zone, none or @ is the zone."""
    if name.endswith("."):
        return name
    return ".".join(part for part in (name.removeprefix("@"), zone) if part) + "."


def whole_names(given: Addresses, zone: str) -> Addresses:
    """With whole host names."""
    return {
        host if "." in host else f"{host}.{zone}": tuple(addresses)
        for host, addresses in given.items()
    }


def glue(name: str, hosts: Addresses) -> Iterator[tuple[str, str, str]]:
    """Host, type and address of the name servers that are themselves below a name."""
    for host, addresses in hosts.items():
        if not name or host.endswith(f".{name}"):
            for address in addresses:
                yield host, "AAAA" if ":" in address else "A", address


def zone_text(name: str, hosts: Addresses, records: Iterable[Row], negative_ttl: int) -> str:
    """A zone as a file; the name without a dot at its end, the root's empty."""
    apex, mail = absolute("", name), absolute("hostmaster", name)
    lines = [f"{apex} 60 SOA {next(iter(hosts))}. {mail} 1 3600 600 86400 {negative_ttl}"]
    lines += [f"{apex} 60 NS {host}." for host in hosts]
    lines += [f"{host}. 60 {kind} {address}" for host, kind, address in glue(name, hosts)]
    for owner, kind, value, *ttl in records:
        text = rdata(kind, value).to_text()
        lines.append(f"{absolute(owner, name)} {ttl[0] if ttl else 60} {kind} {text}")
    return "\n".join((*lines, ""))


class LabZone:
    """A zone that `Lab.zone` made."""

    def __init__(
        self, lab: "Lab", name: str, nameservers: Addresses, tsig: Tsig, number: int
    ) -> None:
        self.lab = lab
        self.name = name
        self._number = number  # files of a zone that had the name before are not taken up
        self.nameservers = nameservers
        self.tsig = tsig
        found = dict.fromkeys(lab.server(a) for each in nameservers.values() for a in each)
        self.servers = [server for server in found if server is not None]
        self.frozen = False

    @property
    def primary(self) -> Named:
        """The first of the name servers that is one of the lab's."""
        return self.servers[0]

    @property
    def secondaries(self) -> list[Named]:
        return self.servers[1:]

    def add(self, name: str, kind: str, value: str, ttl: int = 60) -> None:
        """Adds a record by dynamic update, and waits until every server that is not frozen has it.

        Args:
            name: below the zone, absolute with a dot at its end, or "@".
            kind: the record's type.
            value: as in a zone file, names absolute; of TXT the bare text, quotes being text too.
            ttl: seconds.
        """
        update = self._update()
        update.add(absolute(name, self.name), ttl, rdata(kind, value))
        self.lab.update(self.primary.address, update)

    def remove(self, name: str, kind: str = "", value: str | None = None) -> None:
        """Removes one record, all of a type, or all of a name, as `add` adds."""
        update = self._update()
        owner = absolute(name, self.name)
        if value is not None:
            update.delete(owner, rdata(kind, value))
        elif kind:
            update.delete(owner, kind)
        else:
            update.delete(owner)
        self.lab.update(self.primary.address, update)

    def serial(self, server: Named) -> int | None:
        """The serial number that a server of the zone has; None before it has the zone."""
        answer = self.lab.ask(server.address, self.name, "SOA")
        owner = dns.name.from_text(self.name)
        found = answer.get_rrset(answer.answer, owner, dns.rdataclass.IN, dns.rdatatype.SOA)
        if found is None or not answer.flags & dns.flags.AA:
            return None
        return next(each.serial for each in found if isinstance(each, SOA))

    def settled(self) -> None:
        """Waits until every secondary that is not frozen has what the primary has."""
        if not self.frozen:
            until(self._spread, f"{self.name} to spread")

    def _spread(self) -> bool:
        return len({self.serial(server) for server in self.servers}) < 2

    def freeze_secondary(self) -> None:
        """From now on the secondaries keep what they have."""
        self.frozen = True
        for server in self.secondaries:
            server.rndc("modzone", self.name, self.as_secondary(NOBODY))

    def thaw_secondary(self) -> None:
        """The secondaries catch up, at once."""
        self.frozen = False
        for server in self.secondaries:
            server.rndc("modzone", self.name, self.as_secondary(self.primary.address))
            server.rndc("retransfer", self.name)
        self.settled()

    @contextmanager
    def frozen_secondary(self) -> Iterator[None]:
        """Secondaries that lag; afterwards they catch up."""
        self.freeze_secondary()
        try:
            yield
        finally:
            self.thaw_secondary()

    def as_primary(self, text: str, options: str) -> str:
        """Writes the zone's file for its primary, and says how that is told to take the zone."""
        file = self.primary.folder / f"{self.name}.{self._number}"
        file.write_text(text)
        told = " ".join(f"{server.address};" for server in self.secondaries)
        return f'{{ type primary; file "{file.name}"; also-notify {{ {told} }}; {options} }};'

    def as_secondary(self, primary: str) -> str:
        """How a server is told to transfer the zone from another."""
        file = f"{self.name}.{self._number}.copy"
        return f'{{ type secondary; file "{file}"; primaries {{ {primary}; }}; }};'

    def drop(self) -> None:
        """Takes the zone and its delegation away, and out of the resolver's memory."""
        self.lab.undelegate(self.name)
        for server in self.servers:
            server.rndc("delzone", self.name)

    def _update(self) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage(self.name, keyring=self.tsig.key())


def wrong(signer: DS) -> DS:
    """A DS record that no key fits."""
    made = signer.replace(digest=bytes(len(signer.digest)))
    assert isinstance(made, DS)
    return made
