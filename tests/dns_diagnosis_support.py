"""What the tests of diagnoses share: a watched name, looked at and diagnosed as a run does it."""

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack

import dns.flags
import dns.message
import dns.query
from dns_lab import OURSELVES, Lab
from dns_zones import LabZone, Row, zone_text

from wizard.core.events import Finding
from wizard.dns.address import Address
from wizard.dns.diagnosis import Probes, diagnose, vantage
from wizard.dns.propagation import Look, Watch
from wizard.dns.zone import Located, Nameserver, View

VALUE = "gfj9Xq-Rg85nM_V6lYZ0aBcDeFgHiJkLmNoPqRsTuVw"
OTHER = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
CHALLENGE = "_acme-challenge"
RESOLVER = "127.0.0.53"


class Watched:
    """Names of which the records are watched from now on; what is added later is seen later."""

    def __init__(
        self,
        lab: Lab,
        *identifiers: str,
        values: Collection[str] = (VALUE,),
        view: View | None = None,
    ) -> None:
        self.lab = lab
        self.view = view or View([RESOLVER])
        self.probes = Probes(self.view)
        self.looks_up = True
        self.clock = time.monotonic
        with lab.inside():
            self.located = [self.view.locate(f"{CHALLENGE}.{each}", each) for each in identifiers]
        self.values = frozenset(values)

    def moved(self, change: Callable[[Located], Located]) -> "Watched":
        """The same with its places changed."""
        self.located = [change(each) for each in self.located]
        return self

    def look(self) -> Look:
        with self.lab.inside():
            self.watch = Watch(
                dict.fromkeys(self.located, self.values),
                self.view if self.looks_up else None,
                clock=self.clock,
            )
            return self.watch.look()

    def findings(self, old: Collection[str] = ()) -> tuple[Finding, ...]:
        look = self.look()
        with self.lab.inside():
            return diagnose(look, self.probes, old_values=old)

    def codes(self, old: Collection[str] = ()) -> list[str]:
        return [found.code for found in self.findings(old)]

    def one(self, code: str, old: Collection[str] = ()) -> Finding:
        """The only finding with this code."""
        every = self.findings(old)
        found = [each for each in every if each.code == code]
        assert len(found) == 1, every
        return found[0]

    def vantage(self) -> tuple[Finding, ...]:
        assert self.look().ready
        with self.lab.inside():
            return vantage(self.watch.vantage([Address(RESOLVER)]))


def relay(
    lab: Lab,
    closing: ExitStack,
    change: Callable[[dns.message.Message, dns.message.Message, bool], dns.message.Message | None],
) -> str:
    """The address of a server that answers as the lab's primary, but for what is changed.

    Args:
        lab: whose primary.
        closing: ends it.
        change: gets query, answer, and whether it came by TCP; gives what is sent, None nothing.
    """

    def reply(query: dns.message.Message, tcp: bool) -> dns.message.Message | None:  # noqa: FBT001
        with lab.inside():
            answer = dns.query.udp(query, lab.primary.address, timeout=5, source=OURSELVES)
        return change(query, answer, tcp)

    return closing.enter_context(lab.stub(reply))


def second_copy(lab: Lab, zone: LabZone, records: Iterable[Row]) -> str:
    """Another copy of a zone, as a company has one inside; the address of the server that has it.

    Nothing leads there but the server itself.
    """
    hosts = {f"inside.{zone.name}": (lab.other.address,)}
    (lab.other.folder / f"{zone.name}.inside").write_text(zone_text(zone.name, hosts, records, 60))
    options = f'{{ type primary; file "{zone.name}.inside"; }};'
    lab.other.rndc("addzone", zone.name, options)
    return lab.other.address


def served_by(located: Located, *addresses: str) -> Located:
    """The same place at other addresses, as when a network sends packets there."""
    servers = tuple(
        Nameserver(f"ns{number}.{located.zone.apex}", (Address(each),))
        for number, each in enumerate(addresses)
    )
    return located._replace(zone=located.zone._replace(nameservers=servers))
