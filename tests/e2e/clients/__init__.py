"""Real TLS clients behind one shape: each loads a page over HTTPS and says whether it agreed to.

A client's file holds its command line or program, and nothing else. The name in the URL never
reaches DNS: every client is told, in its own way, that it is 127.0.0.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A page to load: `https://HOST_NAME:PORT/`, answered on 127.0.0.1.

    `root_pem` is the only trust anchor of the clients that take one as an argument; browsers trust
    what the databases below `home` say.
    """

    host_name: str
    port: int
    root_pem: Path
    home: Path

    @property
    def url(self) -> str:
        return f"https://{self.host_name}:{self.port}/"

    @property
    def request(self) -> bytes:
        """The request as bytes, for clients that bring TLS but no HTTP."""
        return f"GET / HTTP/1.1\r\nHost: {self.host_name}\r\nConnection: close\r\n\r\n".encode()


@dataclass(frozen=True)
class Verdict:
    """Whether the page came back, and what the client said about it."""

    accepted: bool
    detail: str


def trust_by_argument(home: Path, root_pem: Path) -> None:
    """A client that is handed `Target.root_pem` needs no preparation."""


@dataclass(frozen=True)
class Client:
    """One TLS implementation.

    `constraint_error` is what its refusal says when a name constraint is the reason.
    """

    name: str
    needs: tuple[str, ...]
    load: Callable[[Target], Verdict]
    constraint_error: str
    trust: Callable[[Path, Path], None] = trust_by_argument
