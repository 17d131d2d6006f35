"""The few questions that a diagnosis asks beyond the look itself, each of them rarely."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import dns.rdtypes.ANY.SOA

from wizard.core.errors import WizardError
from wizard.dns.address import Address
from wizard.dns.ask import PAYLOAD, Reply, has_route
from wizard.dns.zone import PUBLIC, Located, View

KEEP: Final = 30.0
"""Seconds that an answer is good for; nothing is asked twice in that time."""
RARELY: Final = 300.0
"""The same for what hardly ever changes: name servers, signatures, what a server can do."""
SECONDS: Final = 1.5
"""For one question. A server that takes longer says nothing to a diagnosis."""
AT_ONCE: Final = 16
T = TypeVar("T")
R = TypeVar("R")


class How(NamedTuple):
    """How a question is put: RD, CD, over TCP, and whether with EDNS."""

    recurse: bool = False
    unchecked: bool = False
    tcp: bool = False
    edns: bool = True


PLAIN: Final = How()
RECURSIVELY: Final = How(recurse=True)


class Probes:
    """Asks on behalf of diagnoses and remembers. One is kept for as long as records are watched."""

    def __init__(
        self,
        view: View,
        *,
        public: Iterable[str] = PUBLIC,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`public` are resolvers that see DNS as the world does."""
        self.view = view
        self.public = tuple(Address(one) for one in public)
        self.label = f"pomcert-{os.urandom(6).hex()}"
        """A label that nobody made a record for."""
        self.asked = 0
        """How many questions were sent."""
        self._clock = clock
        self._known: dict[tuple[str, str, Address, How], tuple[float, Reply]] = {}
        self._silent: dict[tuple[Address, bool], float] = {}
        self._located: dict[str, tuple[float, Located | WizardError]] = {}

    def ask(
        self, name: str, kind: str, address: Address, how: How = PLAIN, keep: float = KEEP
    ) -> Reply:
        """One question to one server, from memory where it was asked in the last `keep` seconds."""
        now = self._clock()
        key = (name, kind, address, how)
        before = self._known.get(key)
        if before is not None and now < before[0] + keep:
            return before[1]
        since = self._silent.get((address, how.tcp))
        if since is not None and now < since + KEEP:
            return Reply(address, None, "timeout")
        self.asked += 1
        reply = _ask(name, kind, address, how)
        # Without EDNS nothing but EDNS is tried out, and one bad answer is no silence.
        if reply.trouble in {"timeout", "unreachable"} and how.edns:
            self._silent[address, how.tcp] = now
        self._known[key] = now, reply
        return reply

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Does the same with every item, all at the same time; results come in order."""
        found = list(items)
        if len(found) < 2:  # noqa: PLR2004  no thread for one
            return map(work, found)
        with ThreadPoolExecutor(min(AT_ONCE, len(found))) as pool:
            return iter(list(pool.map(work, found)))

    def locate(self, name: str, identifier: str) -> Located | WizardError:
        """Where the record for a name belongs as DNS is now, or why that cannot be said."""
        now = self._clock()
        before = self._located.get(name)
        if before is not None and now < before[0] + KEEP:
            return before[1]
        found: Located | WizardError
        try:
            found = self.view.locate(name, identifier)
        except WizardError as error:
            found = error
        self._located[name] = now, found
        return found

    def at_resolvers(self, name: str, kind: str, resolvers: Iterable[Address]) -> Reply | None:
        """What the first resolver that answers says; never of a name that is watched."""
        for address in resolvers:
            reply = self.ask(name, kind, address, RECURSIVELY, RARELY)
            if reply.rcode in {"NOERROR", "NXDOMAIN"}:
                return reply
        return None

    def addresses(self, host: str) -> frozenset[Address]:
        """The addresses of a host, as resolvers know them; none where they do not answer."""
        replies = {
            kind: self.at_resolvers(host, kind, self.view.resolvers) for kind in ("A", "AAAA")
        }
        return frozenset(
            Address(one)
            for kind, reply in replies.items()
            for one in (targets(reply, kind) if reply else ())
        )

    def serial(self, apex: str, address: Address) -> int | None:
        """The serial number of the zone as one server has it now; None where it has none."""
        reply = self.ask(apex, "SOA", address, keep=1.0)
        return next(
            (
                soa.serial
                for rrset in (reply.message.answer if reply.message else ())
                for soa in rrset
                if isinstance(soa, dns.rdtypes.ANY.SOA.SOA)
            ),
            None,
        )


def _ask(name: str, kind: str, address: Address, how: How) -> Reply:
    if not has_route(address):
        return Reply(address, None, "unreachable")
    query = dns.message.make_query(name, kind, use_edns=0 if how.edns else False, payload=PAYLOAD)
    query.flags &= ~dns.flags.RD
    query.flags |= (dns.flags.RD if how.recurse else 0) | (dns.flags.CD if how.unchecked else 0)
    where, port = address
    try:
        if how.tcp:
            message = dns.query.tcp(query, where, SECONDS, port)
        else:
            message = dns.query.udp(query, where, SECONDS, port, ignore_unexpected=True)
    except dns.exception.Timeout:
        return Reply(address, None, "timeout", how.tcp)
    except (OSError, EOFError):
        return Reply(address, None, "unreachable", how.tcp)
    except dns.exception.DNSException:
        return Reply(address, None, "garbled", how.tcp)
    return Reply(address, message, over_tcp=how.tcp)


def targets(reply: Reply, kind: str, *, authority: bool = False) -> frozenset[str]:
    """What every record of a type leads to: names without a dot at the end, or addresses."""
    wanted = dns.rdatatype.from_text(kind)
    message = reply.message
    sections = () if message is None else message.authority if authority else message.answer
    return frozenset(
        str(rdata.address) if kind in {"A", "AAAA"} else plain(rdata.target)
        for rrset in sections
        if rrset.rdtype == wanted
        for rdata in rrset
    )


def plain(name: "dns.name.Name") -> str:
    """A name as the rest writes it: small letters, no dot at the end."""
    return name.to_text(omit_final_dot=True).lower()
