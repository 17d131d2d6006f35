"""The few questions that a diagnosis asks beyond the look itself, each of them rarely."""

import os
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.SOA

from wizard.core.errors import WizardError
from wizard.dns.address import Address
from wizard.dns.ask import PAYLOAD, UNREACHABLE, WITHOUT_EDNS, Reply, ask, has_route, plain
from wizard.dns.zone import PUBLIC, Located, View

KEEP: Final = 30.0
"""Seconds that an answer is good for; nothing is asked twice in that time."""
RARELY: Final = 300.0
"""The same for what hardly ever changes: name servers, signatures, what a server can do."""
SECONDS: Final = 1.5
"""For one question. A server that takes longer says nothing to a diagnosis."""


class How(NamedTuple):
    """How a question is put: RD, CD, over TCP alone."""

    recurse: bool = False
    unchecked: bool = False
    tcp: bool = False


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
        self._refusals: dict[Address, str] = {}
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
        reply = Reply(address, None, UNREACHABLE)
        if has_route(address):
            reply = ask(
                name,
                kind,
                address,
                recurse=how.recurse,
                checking_disabled=how.unchecked,
                seconds=SECONDS,
                tries=1,
                manner="tcp" if how.tcp else "udp",
            )
        if reply.trouble in {"timeout", UNREACHABLE}:
            self._silent[address, how.tcp] = now
        self._known[key] = now, reply
        return reply

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

    def edns_refusal(self, name: str, reply: Reply) -> str:
        """The code with which a server refuses questions with EDNS; empty where it does not."""
        if reply.message is None or reply.message.edns >= 0:
            return ""
        if reply.address not in self._refusals:
            self.asked += 1
            self._refusals[reply.address] = refuses_edns(name, reply.address)
        return self._refusals[reply.address]

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


def refuses_edns(name: str, address: Address) -> str:
    """The code with which a server refuses a question with EDNS; empty where it does not.

    `ask` goes on without EDNS by itself, so that it is not seen there.
    """
    query = dns.message.make_query(name, "SOA", use_edns=0, payload=PAYLOAD)
    try:
        answer = dns.query.udp(query, address.ip, SECONDS, address.port, ignore_unexpected=True)
    except (OSError, dns.exception.DNSException):
        return ""
    return dns.rcode.to_text(answer.rcode()) if answer.rcode() in WITHOUT_EDNS else ""


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
