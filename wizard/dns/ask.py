"""One question to one server, over UDP and where that is not enough over TCP."""

import socket
from typing import Final, NamedTuple

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.TXT

from wizard.dns.address import Address

PAYLOAD: Final = 1232
"""The size of a UDP answer that no network splits (DNS flag day 2020)."""
SECONDS: Final = 3.0
TRIES: Final = 2
UNREACHABLE: Final = "unreachable"


class Reply(NamedTuple):
    """What came back: the message, or `trouble`: timeout, unreachable or garbled, and why."""

    address: Address
    message: dns.message.Message | None
    trouble: str = ""
    over_tcp: bool = False

    @property
    def rcode(self) -> str:
        """The response code, such as NOERROR or NXDOMAIN; empty without a message."""
        return dns.rcode.to_text(self.message.rcode()) if self.message is not None else ""

    @property
    def is_authoritative(self) -> bool:
        """Whether the server speaks for the zone (AA)."""
        return self.message is not None and bool(self.message.flags & dns.flags.AA)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Extended DNS errors (RFC 8914), in words."""
        found = self.message.options if self.message is not None else ()
        errors = [one for one in found if isinstance(one, dns.edns.EDEOption)]
        return tuple(f"EDE {int(one.code)}{f': {one.text}' if one.text else ''}" for one in errors)

    def texts(self, name: str) -> tuple[tuple[str, ...], int]:
        """The TXT values at a name, strings joined, and their TTL in seconds."""
        values, ttl = [], 0
        owner = dns.name.from_text(name)
        for rrset in self.message.answer if self.message is not None else ():
            if rrset.rdtype == dns.rdatatype.TXT and rrset.name == owner:
                ttl = rrset.ttl
                values += [
                    b"".join(rdata.strings).decode(errors="backslashreplace")
                    for rdata in rrset
                    if isinstance(rdata, dns.rdtypes.ANY.TXT.TXT)
                ]
        return tuple(sorted(values)), ttl


def ask(
    name: str,
    kind: str,
    address: Address,
    *,
    recurse: bool = False,
    checking_disabled: bool = False,
    seconds: float = SECONDS,
) -> Reply:
    """Asks one server; a failure is an answer too.

    Args:
        name: absolute, with or without the dot at the end.
        kind: the record type, such as TXT.
        address: of the server.
        recurse: whether it may ask others (RD).
        checking_disabled: whether it may hand out what DNSSEC refuses (CD).
        seconds: for one try; there are two over UDP and one over TCP.
    """
    query = dns.message.make_query(name, kind, use_edns=0, payload=PAYLOAD)
    if not recurse:
        query.flags &= ~dns.flags.RD
    if checking_disabled:
        query.flags |= dns.flags.CD
    where, port = address
    for _ in range(TRIES):
        try:
            message = dns.query.udp(query, where, seconds, port, ignore_unexpected=True)
        except dns.exception.Timeout:
            continue
        except (OSError, dns.exception.DNSException):
            break
        if not message.flags & dns.flags.TC:
            return Reply(address, message)
        break
    try:
        return Reply(address, dns.query.tcp(query, where, seconds, port), over_tcp=True)
    except dns.exception.Timeout:
        return Reply(address, None, "timeout")
    except (OSError, EOFError) as error:
        return Reply(address, None, UNREACHABLE, bool(error.args))
    except dns.exception.DNSException:
        return Reply(address, None, "garbled")


def has_route(address: Address) -> bool:
    """Whether this machine knows a way to an address; nothing is sent."""
    family = socket.AF_INET6 if ":" in address.ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address.ip, address.port))
    except OSError:
        return False
    return True
