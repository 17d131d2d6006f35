"""What the services of a split Pomerium listen on, where all of them are on one machine."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from wizard.mtls.service_settings import HEALTH, Source, Split, bound

ANY = {"", "0.0.0.0", "::"}  # noqa: S104  compared with, not listened on


class Listener(NamedTuple):
    """Who listens where; no host stands for all addresses of the machine."""

    who: str
    host: str
    port: int

    @classmethod
    def at(cls, who: str, address: str) -> "Listener":
        """One for an address as Pomerium takes it, `HOST:PORT` or `:PORT`."""
        host, _, port = address.rpartition(":")
        return cls(who, host.strip("[]"), int(port) if port.isdecimal() else 0)

    def hinders(self, other: "Listener") -> bool:
        """Whether not both can listen."""
        is_one_place = self.host == other.host or not ANY.isdisjoint({self.host, other.host})
        return is_one_place and self.port == other.port != 0


def clash(split: Split, source: Source) -> tuple[str, str, int] | None:
    """Two that would listen on one port of this machine, if any do, and the port."""
    every = tuple(_listeners(split, source)) if split.is_here else ()
    pairs = combinations(every, 2)
    return next(((one.who, it.who, it.port) for one, it in pairs if one.hinders(it)), None)


def _listeners(split: Split, source: Source) -> Iterator[Listener]:
    for service, parts in split.listening.items():
        yield Listener.at(service, bound(parts))
    if split.authenticate:
        yield Listener("authenticate", "", _port(urlsplit(split.authenticate)))
    yield Listener.at("the proxy", str(source.get("address", ":443")))
    for service in split.services:
        if service in HEALTH:
            yield Listener(f"{service}'s health check", "127.0.0.1", HEALTH[service])
    checked = str(source.get("health_check_addr", "127.0.0.1:28080"))
    yield Listener.at("the proxy's health check", checked)


def _port(parts: SplitResult) -> int:
    return parts.port or 443
