"""One question to one server, over UDP and where that is not enough over TCP."""

import os
import socket
import time
from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.TXT

from wizard.dns.address import Address

PAYLOAD: Final = 1232
"""The size of a UDP answer that no network splits (DNS flag day 2020)."""
SECONDS: Final = 3.0
TRIES: Final = 2
UNREACHABLE: Final = "unreachable"
AT_ONCE: Final = 64
"""Threads at most; a thread waits for one server."""
CHAIN: Final = 12
"""CNAMEs in one answer that are followed."""
HEADER: Final = 12
CUT, ANSWER = 0x02, 0x80
"""TC and QR, in the third byte of a message (RFC 1035, 4.1.1)."""
WITHOUT_EDNS: Final = frozenset({dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS})
"""What servers say that know no EDNS (RFC 6891, 7)."""
WITHOUT_QUESTION: Final = frozenset(
    {dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED}
)
Manner: TypeAlias = Literal["both", "udp", "tcp"]
T = TypeVar("T")
R = TypeVar("R")


class Reply(NamedTuple):
    """What came back: the message, or `trouble`: timeout, unreachable or garbled.

    `was_cut` says that it came over TCP because it was too long for UDP (TC); `refusal` is what
    the server said first, to a question with EDNS, where it knows none.
    """

    address: Address
    message: dns.message.Message | None
    trouble: str = ""
    over_tcp: bool = False
    was_cut: bool = False
    refusal: "Reply | None" = None

    @property
    def rcode(self) -> str:
        """The response code, such as NOERROR or NXDOMAIN; empty without a message."""
        return dns.rcode.to_text(self.message.rcode()) if self.message is not None else ""

    @property
    def is_authoritative(self) -> bool:
        """Whether the server speaks for the zone (AA)."""
        return self.message is not None and bool(self.message.flags & dns.flags.AA)

    @property
    def is_rewritten(self) -> bool:
        """Whether a resolver answered (RA without AA): not the name server that was asked."""
        both = dns.flags.RA | dns.flags.AA
        return self.message is not None and self.message.flags & both == dns.flags.RA

    @property
    def is_verified(self) -> bool:
        """Whether a resolver found its DNSSEC signatures good (AD)."""
        return self.message is not None and bool(self.message.flags & dns.flags.AD)

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

    def cname(self, name: str) -> str:
        """Where the CNAME of a name leads, as the answer has it; empty where there is none."""
        owner = dns.name.from_text(name)
        for rrset in self.message.answer if self.message is not None else ():
            if rrset.rdtype == dns.rdatatype.CNAME and rrset.name == owner:
                return plain(rrset[0].target)
        return ""

    def end_of(self, name: str) -> str:
        """The name at the end of the CNAMEs that the answer has for a name."""
        for _ in range(CHAIN):
            target = self.cname(name)
            if not target:
                break
            name = target
        return name


def plain(name: dns.name.Name) -> str:
    """A name as the rest writes it: small letters, no dot at the end."""
    return name.to_text(omit_final_dot=True).lower()


def ask(
    name: str,
    kind: str,
    address: Address,
    *,
    recurse: bool = False,
    checking_disabled: bool = False,
    seconds: float = SECONDS,
    tries: int = TRIES,
    manner: Manner = "both",
) -> Reply:
    """Asks one server; a failure is an answer too.

    Args:
        name: absolute, with or without the dot at the end.
        kind: the record type, such as TXT.
        address: of the server.
        recurse: whether it may ask others (RD).
        checking_disabled: whether it may hand out what DNSSEC refuses (CD).
        seconds: for one try.
        tries: over UDP.
        manner: `both` goes on over TCP when UDP stays silent, `udp` only when the answer was cut,
            `tcp` uses nothing else.
    """
    flags = (dns.flags.RD if recurse else 0) | (dns.flags.CD if checking_disabled else 0)
    reply, refusal = Reply(address, None, "garbled"), None
    for edns in (0, False):
        try:
            query = dns.message.make_query(
                name, kind, use_edns=edns, payload=PAYLOAD, flags=dns.flags.Flag(flags)
            )
        except dns.exception.DNSException:
            # No name at all, such as one with an endless label: nobody has it.
            return reply
        reply = _exchange(query.to_wire(), address, seconds, tries, manner)
        if reply.message is None or reply.message.rcode() not in WITHOUT_EDNS:
            return reply._replace(refusal=refusal)
        refusal = refusal or reply
    return refusal or reply


def _exchange(query: bytes, address: Address, seconds: float, tries: int, manner: Manner) -> Reply:
    trouble, was_cut = "", False
    for _ in range(tries if manner != "tcp" else 0):
        try:
            answer = _over_udp(query, address, seconds)
            if not answer[2] & CUT:
                return Reply(address, dns.message.from_wire(answer, ignore_trailing=True))
            was_cut = True
            break
        except TimeoutError:
            trouble = "timeout"
        except OSError:
            trouble = UNREACHABLE
            break
        except dns.exception.DNSException:
            trouble = "garbled"
            break
    if trouble and manner == "udp":
        return Reply(address, None, trouble)
    try:
        answer = _over_tcp(query, address, seconds)
        message = dns.message.from_wire(answer, ignore_trailing=True)
        return Reply(address, message, over_tcp=True, was_cut=was_cut)
    except TimeoutError:
        return Reply(address, None, "timeout", over_tcp=True)
    except OSError:
        # Silence over UDP tells more than that nobody takes connections.
        return Reply(address, None, trouble or UNREACHABLE, over_tcp=True)
    except dns.exception.DNSException:
        return Reply(address, None, "garbled", over_tcp=True)


def _over_udp(query: bytes, address: Address, seconds: float) -> bytes:
    """The answer's bytes; a connected socket takes packets from nobody else, and hears refusals."""
    with socket.socket(_family(address), socket.SOCK_DGRAM) as line:
        line.settimeout(seconds)
        line.connect((address.ip, address.port))
        line.send(query)
        end = time.monotonic() + seconds
        while True:
            answer = line.recv(1 << 16)
            if _answers(query, answer):
                return answer
            line.settimeout(_left(end))


def _over_tcp(query: bytes, address: Address, seconds: float) -> bytes:
    """The answer's bytes (RFC 1035, 4.2.2)."""
    end = time.monotonic() + seconds
    with socket.create_connection((address.ip, address.port), seconds) as line:
        line.sendall(len(query).to_bytes(2) + query)
        size = int.from_bytes(_exactly(line, 2, end))
        answer = _exactly(line, size, end)
    if not _answers(query, answer):
        raise dns.exception.FormError
    return answer


def _exactly(line: socket.socket, size: int, end: float) -> bytes:
    found = b""
    while len(found) < size:
        line.settimeout(_left(end))
        piece = line.recv(size - len(found))
        if not piece:
            raise ConnectionResetError
        found += piece
    return found


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _answers(query: bytes, answer: bytes) -> bool:
    """Whether these bytes answer that question; letters may come back in another case."""
    if len(answer) < HEADER or answer[:2] != query[:2] or not answer[2] & ANSWER:
        return False
    end = query.index(0, HEADER) + 5
    if answer[4:6] == b"\0\0":
        return answer[3] & 0x0F in WITHOUT_QUESTION
    return answer[HEADER:end].lower() == query[HEADER:end].lower()


def has_route(address: Address) -> bool:
    """Whether this machine knows a way to an address; nothing is sent."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as probe:
            probe.connect((address.ip, address.port))
    except OSError:
        return False
    return True


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.ip else socket.AF_INET


def sibling(name: str) -> str:
    """A name beside another that nobody made; only a wildcard answers for it (RFC 4592)."""
    return f"pomcert-{os.urandom(6).hex()}.{name.partition('.')[2]}"


def at_once(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Does the same with every item, all at the same time; results come in order."""
    todo = list(items)
    if len(todo) < 2:  # noqa: PLR2004  no thread for one
        return [work(one) for one in todo]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  not every question needs it

    with ThreadPoolExecutor(min(AT_ONCE, len(todo))) as pool:
        return list(pool.map(work, todo))
