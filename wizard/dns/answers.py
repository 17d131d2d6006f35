"""What answers of name servers say of zones: their SOA, their servers, referrals."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import dns.name
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.rrset

from wizard.dns.address import Address
from wizard.dns.ask import Reply, plain
from wizard.dns.resolvers import TELLING


class Authority(NamedTuple):
    """What an SOA says: the name of the primary, and for how many seconds a miss is remembered."""

    primary: str
    negative_ttl: int


def referral(reply: Reply, above: str, name: str) -> dns.rrset.RRset | None:
    """The NS records that lead from a zone into one below it that holds the name."""
    if reply.message is None or reply.is_authoritative or reply.rcode != "NOERROR":
        return None
    for rrset in reply.message.authority:
        apex = plain(rrset.name)
        if rrset.rdtype == dns.rdatatype.NS and is_below(apex, above) and is_in(name, apex):
            return rrset
    return None


def speaks(reply: Reply, apex: str, name: str) -> bool:
    """Whether a server answers for a zone: of the name, or who below has it."""
    is_telling = reply.is_authoritative and reply.rcode in TELLING
    return is_telling or referral(reply, apex, name) is not None


def is_in(name: str, apex: str) -> bool:
    """Whether a name is an apex or below it."""
    return name == apex or name.endswith(f".{apex}")


def is_below(apex: str, above: str) -> bool:
    """Whether a name is really below another."""
    return apex.endswith(f".{above}")


def levels(name: str) -> Iterator[str]:
    """A name, and every one above it but the root."""
    labels = name.rstrip(".").split(".")
    return (".".join(labels[depth:]) for depth in range(len(labels)))


def authority_of(reply: Reply, apex: str) -> Authority | None:
    """What the SOA of exactly this name says; None where the reply has none.

    A resolver must have it in its answer; a name server shows it with a miss, too.
    """
    owner = dns.name.from_text(apex)
    message = reply.message
    sections = list(message.answer) if message else []
    if message and reply.is_authoritative:
        sections += message.authority
    for rrset in sections:
        if rrset.rdtype == dns.rdatatype.SOA and rrset.name == owner:
            soa = rrset[0]
            if isinstance(soa, dns.rdtypes.ANY.SOA.SOA):
                # A resolver counts the TTL down; only the zone's own servers have all of it.
                known = min(rrset.ttl, soa.minimum) if reply.is_authoritative else soa.minimum
                return Authority(plain(soa.mname), known)
    return None


def hosts_of(reply: Reply, apex: str) -> list[str]:
    """The name servers of a zone, as an answer has them."""
    owner = dns.name.from_text(apex)
    return sorted(
        plain(rdata.target)
        for rrset in (reply.message.answer if reply.message else ())
        if rrset.rdtype == dns.rdatatype.NS and rrset.name == owner
        for rdata in rrset
    )


def glue_of(replies: Iterable[Reply]) -> dict[str, list[Address]]:
    """Addresses that came along with the names of servers."""
    found: dict[str, list[Address]] = {}
    for reply in replies:
        for rrset in reply.message.additional if reply.message else ():
            if rrset.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA}:
                addresses = sorted(Address(str(rdata.address)) for rdata in rrset)
                found.setdefault(plain(rrset.name), []).extend(addresses)
    return found
