"""What one server serves for one name, and what that means."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import dns.rdatatype

from wizard.core.events import NameserverAnswer
from wizard.dns.address import Address
from wizard.dns.answers import referral
from wizard.dns.ask import Reply, plain
from wizard.dns.zone import Hop, Located

BLANK: Final = {"NOERROR": "nodata", "NXDOMAIN": "nxdomain"}
"""Response codes that tell of the name, and what they say where no value comes along."""
LACKING: Final = frozenset({"partial", "wrong", "nodata", "nxdomain", "referral"})
"""States in which a server says, for sure, that the record is not whole."""
HTTPS: Final = 443
FOLLOWED: Final = "followed"
"""Not a state yet: the values are at the end of the CNAMEs."""


class Served(NamedTuple):
    """One server address and name: what it should serve, what came back, and what that means.

    `reply` is None where nothing was asked, for want of a route; it is the refusal where a server
    answers only to questions without EDNS, which `answer` tells of all the same.
    """

    located: Located
    host: str
    address: Address
    wanted: frozenset[str]
    reply: Reply | None
    answer: NameserverAnswer


def read(
    located: Located, host: str, address: Address, wanted: frozenset[str], reply: Reply | None
) -> Served:
    """What a name server's answer to a question for TXT means."""
    state = _state(reply, located.zone.apex, located.name)
    return _served(located, (host, address), wanted, reply, state)


def read_resolver(
    located: Located, host: str, wanted: frozenset[str], reply: Reply, where: str = ""
) -> Served:
    """What the answer of a resolver means, which follows CNAMEs itself."""
    state = FOLLOWED
    if reply.message is None:
        state = "timeout"
    elif reply.rcode not in BLANK:
        state = "servfail"
    made = _served(located, (host, reply.address), wanted, reply, state)
    return made._replace(answer=made.answer._replace(address=where)) if where else made


def read_hop(hop: Hop, host: str, address: Address, reply: Reply | None) -> Served:
    """Whether a server still serves a CNAME that leads to where the record is."""
    located = Located(hop.name, hop.name, hop.zone)
    state, detail = _state(reply, hop.zone.apex, hop.name), _detail(reply, hop.name, ())
    target = reply.cname(hop.name) if reply else ""
    if not state:
        has_other = target or (reply and reply.texts(hop.name)[0])
        state = BLANK[reply.rcode] if reply and not has_other else "wrong"
        state = "ok" if target == hop.target else state
    shown = f"CNAME {hop.target}"
    is_there = state == "ok"
    answer = NameserverAnswer(
        hop.name,
        host,
        str(address),
        state,
        (shown,) if is_there else (),
        () if is_there else (shown,),
        0,
        "" if is_there else detail or f"has no {shown}",
    )
    return Served(located, host, address, frozenset({shown}), reply, answer)


def _state(reply: Reply | None, apex: str, name: str) -> str:
    """What is wrong with the server itself; empty when it speaks for the zone."""
    if reply is None or reply.message is None:
        return "skipped" if reply is None else "timeout"
    if reply.rcode not in BLANK:
        return "servfail" if reply.rcode == "SERVFAIL" else "lame"
    if not reply.is_authoritative:
        return "referral" if referral(reply, apex, name) else "lame"
    return ""


def _served(
    located: Located,
    asked_of: tuple[str, Address],
    wanted: frozenset[str],
    reply: Reply | None,
    state: str,
) -> Served:
    """The state is that of the server itself; where there is none, that of the values."""
    name = reply.end_of(located.asked) if reply and state == FOLLOWED else located.name
    values, ttl = reply.texts(name) if reply else ((), 0)
    found = wanted & set(values)
    if state in {"", FOLLOWED} and reply is not None:
        some = "partial" if found else "wrong"
        state = ("ok" if found == wanted else some) if values else BLANK[reply.rcode]
    host, address = asked_of
    answer = NameserverAnswer(
        located.name,
        host,
        str(address),
        state,
        tuple(sorted(found)),
        tuple(sorted(wanted - found)),
        ttl,
        _detail(reply, located.name, [value for value in values if value not in wanted]),
    )
    shown = reply.refusal or reply if reply else None
    return Served(located, host, address, wanted, shown, answer)


def _detail(reply: Reply | None, name: str, others: Sequence[str]) -> str:
    if reply is None:
        return "no route to it from here"
    if reply.trouble:
        return reply.trouble
    return ", ".join(_said(reply, name, others))


def _said(reply: Reply, name: str, others: Sequence[str]) -> Iterator[str]:
    if reply.rcode not in BLANK:
        yield reply.rcode
    elif reply.is_rewritten and reply.address.port != HTTPS:
        yield "a resolver answered in its place"
    if reply.refusal:
        yield "knows no EDNS"
    yield from reply.reasons
    for rrset in reply.message.authority if reply.message else ():
        if rrset.rdtype == dns.rdatatype.NS and not reply.is_authoritative:
            yield f"refers to {plain(rrset[0].target)}"
            break
    if target := reply.cname(name):
        yield f"CNAME {target}"
    if others:
        yield f"{len(others)} other value{'s' if len(others) > 1 else ''}"
