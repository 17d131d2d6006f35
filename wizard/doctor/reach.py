"""Whether others reach this machine: where names lead, whose addresses those are, who listens."""

import contextlib
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final

import dns.rdatatype

from wizard.core.system import System
from wizard.dns.ask import CHAIN, Reply, at_once
from wizard.dns.resolvers import Resolvers

POMERIUM: Final = frozenset({"pomerium", "envoy"})
"""What Pomerium's processes are called."""
LISTENING: Final = "0A"
"""TCP_LISTEN in /proc/net/tcp."""
KINDS: Final = ("A", "AAAA")


def addresses(hosts: Sequence[str], resolvers: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """The addresses that DNS has for each host; none where it has none.

    Raises:
        WizardError: `resolvers-silent`.
    """
    # What a look beforehand is worth is not worth waiting for DNS over HTTPS.
    asked = Resolvers(resolvers, https=())
    first, *rest = hosts
    # One alone, so that resolvers that are silent are waited for once.
    found = {first: _addresses(first, asked)}
    return found | dict(zip(rest, at_once(lambda host: _addresses(host, asked), rest), strict=True))


def _addresses(host: str, resolvers: Resolvers) -> tuple[str, ...]:
    return tuple(ip for kind in KINDS for ip in _ips(resolvers.ask(host, kind)))


def _ips(reply: Reply) -> Iterator[str]:
    for rrset in reply.message.answer[: CHAIN + 1] if reply.message is not None else ():
        if rrset.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA}:
            yield from (rdata.to_text() for rdata in rrset)


def is_ours(ip: str) -> bool:
    """Whether an address is one of this machine's: only on those can anything be bound."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True


def is_public(ip: str) -> bool:
    """Whether the Internet leads to an address (IANA's registries of special ones)."""
    return ip_address(ip).is_global


def is_loopback(host: str) -> bool:
    """Whether what listens on this address is reached from this machine only."""
    with contextlib.suppress(ValueError):
        return ip_address(host.strip("[]")).is_loopback
    return host == "localhost"


def listener(system: System, port: int) -> str | None:
    """The program that listens on a TCP port; empty where that cannot be told, None for nobody."""
    found = [inode for table in ("tcp", "tcp6") for inode in _inodes(system, table, port)]
    if not found:
        return None
    for process in system.at("/proc").glob("[0-9]*"):
        # It may end while it is looked at, or be another person's.
        with contextlib.suppress(OSError):
            for link in (process / "fd").iterdir():
                if str(link.readlink()) in found:
                    return (process / "comm").read_text().strip()
    return ""


def _inodes(system: System, table: str, port: int) -> Iterator[str]:
    """The sockets that listen on a port, as /proc/PID/fd names them; on Linux only."""
    with contextlib.suppress(OSError):
        for line in system.at(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                yield f"socket:[{inode}]"
