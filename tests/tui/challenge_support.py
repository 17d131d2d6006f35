"""Runs that follow a script: the records of an order, looks at them, and what an authority says."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tui.support import Desk, Driver
from wizard.core.answers import Answers
from wizard.core.control import Control
from wizard.core.events import (
    ActionDone,
    ActionFailed,
    ActionStarted,
    DnsChecked,
    DnsRecord,
    DnsRecords,
    Event,
    Finding,
    Finished,
    NameserverAnswer,
    OrderChanged,
    RecordsLeft,
    RunStarted,
)
from wizard.core.plan import Plan
from wizard.core.system import System
from wizard.engine import Session
from wizard.tui.screens.run import RunScreen
from wizard.tui.walk import REVIEW

AUTHORITY: Final = "Let's Encrypt"
NAME: Final = "_acme-challenge.corp.example.com"
HOST: Final = "_acme-challenge.corp"
VALUES: Final = (
    "DH4uUXOvgl2FI7z0dSwl-yjY3zVMuVQWzdl09J0iPpg",
    "V8P9KsaV0kJKEhoBY5Pm2HDgIChaEiUDrPwq3fSLAPM",
)
NAMES: Final = ("corp.example.com", "*.corp.example.com")
SERVERS: Final = (
    ("ns1.example.net", "192.0.2.53"),
    ("ns1.example.net", "2001:db8::53"),
    ("ns2.example.net", "198.51.100.53"),
)
ONE_OF_TWO: Final = Finding(
    "one-of-two",
    "error",
    "ns1.example.net serves only one of the two values.",
    "Add the second record beside the first one, under the same name; change neither.",
)


def record(value: str, name: str = NAME, host: str = HOST, zone: str = "example.com") -> DnsRecord:
    """A record that proves a name."""
    return DnsRecord(name, "TXT", value, zone, host, "", ("corp.example.com",))


RECORDS: Final = tuple(record(value) for value in VALUES)


def answer(server: tuple[str, str], state: str, found: Sequence[str] = ()) -> NameserverAnswer:
    """What one address serves of both values."""
    missing = tuple(value for value in VALUES if value not in found)
    ttl = 300 if found else 0
    return NameserverAnswer(NAME, *server, state, tuple(found), missing, ttl, "")


class Pause:
    """The run waits here until it is told to look again, or to stop."""


PAUSE: Final = Pause()


class Scripted(Session):
    """A session whose run is a script; it says when a person told it to look at once."""

    def __init__(self, system: System, state: Path, given: Answers) -> None:
        super().__init__(system, state, given)
        self.script: Sequence[Event | Pause] = ()
        self.looks = 0
        self.end: Finished | None = None
        self._control = Control()

    def go_on(self) -> None:
        """Ends a pause as if time had passed."""
        self._control.check_now()

    @property
    def expires(self) -> datetime:
        """When the order ends."""
        return self.system.now() + timedelta(days=6, hours=12, minutes=30)

    def asks(self, records: Sequence[DnsRecord] = RECORDS, provider: str = "manual") -> DnsRecords:
        """The order asks for records."""
        return DnsRecords(AUTHORITY, provider, tuple(records), self.expires.isoformat())

    def looked(
        self,
        answers: Sequence[NameserverAnswer],
        findings: Sequence[Finding] = (),
        *,
        ready: bool = False,
        next_check: int = 10,
    ) -> DnsChecked:
        """A look at the name servers, just now."""
        at, expires = self.system.now().isoformat(), self.expires.isoformat()
        return DnsChecked(tuple(answers), tuple(findings), ready, next_check, at, expires)

    def first_look(self, next_check: int = 10) -> DnsChecked:
        """One name server has one value, another none, and one address cannot be asked."""
        first, sixth, second = SERVERS
        gone = answer(sixth, "skipped")._replace(detail="no route to it from here")
        told = answer(first, "partial", VALUES[:1]), gone, answer(second, "nxdomain")
        return self.looked(told, (ONE_OF_TWO,), next_check=next_check)

    def all_there(self) -> DnsChecked:
        """Every name server has all of it."""
        return self.looked([answer(one, "ok", VALUES) for one in SERVERS], ready=True)

    def whole(self) -> list[Event | Pause]:
        """From the order to its certificate, waiting for the records and behind the gate."""
        return [
            *ordered(),
            self.asks(),
            self.first_look(),
            PAUSE,
            self.all_there(),
            *answered(),
            PAUSE,
            OrderChanged(AUTHORITY, "certificate", "valid", "until 2027-06-12 09:26 UTC"),
            RecordsLeft(RECORDS, by_hand=True),
        ]

    def apply(
        self,
        plan: Plan,
        *,
        may_ask: bool,  # noqa: ARG002  as the base
        control: Control | None = None,
        with_clients: bool = True,  # noqa: ARG002  as the base
    ) -> Iterator[Event]:
        assert control is not None
        self._control = control
        yield RunStarted("0001", len(plan.actions))
        first, *others = plan.actions
        yield ActionStarted(first.id, first.title)
        for step in self.script:
            if not isinstance(step, Pause):
                yield step
                continue
            control.wait(60)
            if control.stopped:
                summary = "You stopped while the records were waited for."
                yield ActionFailed("run", "the run", "interrupted", summary, "", fatal=True)
                yield Finished("rolled-back", 130, "0001")
                return
            self.looks += 1
        if self.end is not None:
            yield self.end
            return
        yield ActionDone(first.id, first.title)
        for action in others:
            yield ActionStarted(action.id, action.title)
            yield ActionDone(action.id, action.title)
        yield Finished("done", 0, "0001", plan.next_steps)


def ordered() -> tuple[OrderChanged, ...]:
    """An account and an order."""
    return (
        OrderChanged(AUTHORITY, "account", "valid", "https://ca.example.net/acct/1"),
        OrderChanged(AUTHORITY, "order", "pending", "https://ca.example.net/order/1"),
    )


def answered() -> tuple[OrderChanged, ...]:
    """The authority was asked to look, and has seen the records of every name."""
    return (
        OrderChanged(AUTHORITY, "order", "answered", "the authority looks now"),
        *(OrderChanged(AUTHORITY, name, "valid", "") for name in NAMES),
    )


def wildcard(desk: Desk) -> Scripted:
    """A session that wants a wildcard and its apex of Let's Encrypt, with records set by hand."""
    home = desk.person.home
    given = {
        "strategy": "dns-01",
        "names": ("*.corp.example.com", "corp.example.com"),
        "dns_01.accept_terms": True,
        "output.directory": str(home / "tls"),
        "output.config": str(home / "config.yaml"),
    }
    return Scripted(desk, home / ".local/state/pomcert-wizard", Answers(given))


async def start(driver: Driver) -> RunScreen:
    """Reviews and applies."""
    await driver.jump(REVIEW)
    await driver.press("enter")
    await driver.press("enter", running=True)
    await driver.press(running=True)
    screen = driver.app.screen
    assert isinstance(screen, RunScreen), driver.text()
    return screen
