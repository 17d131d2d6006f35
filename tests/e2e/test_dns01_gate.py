"""How long it takes from the last name server to the answer, and what cuts a wait short."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from acme_lab import Pebble
from dns01_support import Install
from dns_lab import Lab

from wizard.core.answers import Answers, read
from wizard.core.control import Control
from wizard.core.errors import ResumableError
from wizard.core.events import DnsChecked, DnsRecords, Event, OrderChanged
from wizard.core.system import System
from wizard.engine import Session
from wizard.strategies.dns01_order import Obtain

pytestmark = pytest.mark.e2e

INTERVAL = SETTLE = 5.0
SLACK = 1.0


class Running:
    """An order that a person looks at, in a thread of its own; when each event came."""

    def __init__(self, install: Install) -> None:
        install.answers('name = "manual"')
        folder = install.wizard.folder
        session = Session(System(), install.wizard.state)
        session.take(self._given(session, folder))
        (self.obtain,) = [one for one in session.plan().actions if isinstance(one, Obtain)]
        self.control = Control(attended=True)
        self.events: list[tuple[float, Event]] = []
        install.wizard.state.mkdir(mode=0o700, exist_ok=True)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _given(self, session: Session, folder: Path) -> Answers:
        text = (folder / "answers.toml").read_text()
        for name in ("tls", "config.yaml"):
            text = text.replace(f'"{name}"', f'"{folder / name}"')
        return read(text, "answers.toml", session.known)

    def _run(self) -> None:
        # It is stopped when the test has seen enough.
        with contextlib.suppress(ResumableError):
            for event in self.obtain.carry_on(System(), self.control):
                self.events.append((time.monotonic(), event))

    def start(self) -> None:
        self._thread.start()

    def first(self, kind: type[Event], status: str = "") -> tuple[float, Event]:
        """The first event of a kind; waits until it is there."""
        end = time.monotonic() + 30
        while True:
            for at, event in list(self.events):
                if isinstance(event, kind) and status in {"", getattr(event, "status", "")}:
                    return at, event
            assert time.monotonic() < end, self.events
            time.sleep(0.01)

    def end(self) -> None:
        self.control.stop()
        self._thread.join(30)


@pytest.fixture
def running(tmp_path: Path, lab: Lab, authority: Pebble) -> Iterator[tuple[Running, Install]]:
    install = Install(tmp_path, lab, authority, lab.zone())
    with lab.inside():
        one = Running(install)
        one.start()
        yield one, install
        one.end()


def publish(install: Install, shown: Event) -> None:
    assert isinstance(shown, DnsRecords)
    for record in shown.records:
        install.zone.add("_acme-challenge", "TXT", record.value)


def test_the_answer_follows_the_last_name_server_within_an_interval_and_the_settling(
    running: tuple[Running, Install],
) -> None:
    run, install = running
    _, shown = run.first(DnsRecords)
    run.first(DnsChecked)
    with install.zone.frozen_secondary():
        publish(install, shown)
        time.sleep(2 * INTERVAL)
        assert not [one for _, one in run.events if getattr(one, "status", "") == "answered"]
    served = time.monotonic()
    at, _ = run.first(OrderChanged, "answered")
    clean = next(
        when
        for when, one in run.events
        if isinstance(one, DnsChecked) and all(answer.state == "ok" for answer in one.answers)
    )
    assert at - clean >= SETTLE, "it was not looked at a second time"
    print(f"answered after {at - served:.2f} s")
    assert at - served <= INTERVAL + SETTLE + SLACK
    run.first(OrderChanged, "ready")


def test_check_now_looks_at_once(running: tuple[Running, Install]) -> None:
    run, install = running
    _, shown = run.first(DnsRecords)
    run.first(DnsChecked)
    publish(install, shown)
    asked = time.monotonic()
    run.control.check_now()
    looks: list[DnsChecked] = []
    while not looks:
        assert time.monotonic() - asked < SLACK, "it waited"
        later = [one for at, one in list(run.events) if at > asked]
        looks = [one for one in later if isinstance(one, DnsChecked)]
        time.sleep(0.01)
    assert all(answer.state == "ok" for answer in looks[0].answers)
