"""Resolvers: who looks names up for us, over port 53, and by HTTPS where nothing else answers."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wizard.core.errors import ExitCode, WizardError
from wizard.dns.address import Address, parse
from wizard.dns.ask import Reply, ask

if TYPE_CHECKING:
    from wizard.dns.doh import Service

PUBLIC: Final = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
RESOLV_CONF: Final = Path("/etc/resolv.conf")
TELLING: Final = frozenset({"NOERROR", "NXDOMAIN"})
SECONDS: Final = 2.5
"""For one try; a resolver that has to look further needs longer than a name server."""


class Resolvers:
    """Resolvers in the order in which they are asked; one that was silent is not waited for again.

    Those that a person names are the only ones. Without any they are the system's, then public
    ones, then public ones over HTTPS.
    """

    def __init__(
        self,
        given: Sequence[str] = (),
        *,
        https: "Sequence[Service] | None" = None,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        """`https` are the services over HTTPS, those of `doh.SERVICES` unless told."""
        self.given = tuple(filter(None, map(parse, given)))
        self._https = https
        self._resolv_conf = resolv_conf
        self._silent: set[Address] = set()

    @cached_property
    def addresses(self) -> tuple[Address, ...]:
        """Those on port 53."""
        found = self.given or (*self._system(), *map(Address, PUBLIC))
        return tuple(dict.fromkeys(found))

    @cached_property
    def services(self) -> "tuple[Service, ...]":
        """Those over HTTPS."""
        from wizard.dns.doh import SERVICES  # noqa: PLC0415  loads requests; most runs need none

        return tuple(SERVICES if self._https is None else self._https)

    def ask(self, name: str, kind: str) -> Reply:
        """The first answer that one gives; one that fails is not believed.

        Raises:
            WizardError: `resolvers-silent`.
        """
        last: Reply | None = None
        for address in self.addresses:
            if address in self._silent:
                continue
            reply = ask(name, kind, address, recurse=True, seconds=SECONDS, manner="udp")
            if reply.rcode in TELLING:
                return reply
            if reply.message is None:
                self._silent.add(address)
            last = reply if last is None or reply.message is not None else last
        reply_by_https = None if self.given else self.by_https(name, kind)
        if reply_by_https is not None:
            return reply_by_https
        told = f"{last.rcode or last.trouble}" if last else "none of them answers"
        raise WizardError(
            "resolvers-silent",
            f"No resolver can look up {name}: {told}.",
            "Check the network, or name resolvers that answer in dns.resolvers.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    def by_https(self, name: str, kind: str) -> Reply | None:
        """What a public resolver says over HTTPS; None where none answers."""
        from wizard.dns.doh import Question, ask_first  # noqa: PLC0415  as above

        return ask_first(self.services, Question(name, kind))

    def forget(self) -> None:
        """Waits again for those that were silent."""
        self._silent.clear()

    def _system(self) -> Iterator[Address]:
        """The resolvers of this machine, as in resolv.conf(5)."""
        try:
            text = self._resolv_conf.read_text(errors="replace")
        except OSError:
            return
        for one in re.findall(r"^\s*nameserver\s+([^\s%]+)\s*$", text, re.MULTILINE):
            if address := parse(one):
                yield address
