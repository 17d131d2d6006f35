"""What the tests of the screens and the screenshots share: a desk with a fixed clock, and staging.

Everything that a screen shows is the same on every machine: the time, the paths, the programs that
are found, the events of a run. The engine is the real one unless a class here says otherwise.
"""

import asyncio
import contextlib
import os
import re
import shutil
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from textual import events
from textual.pilot import Pilot
from textual.widget import Widget

from wizard.core import answers as answers_file
from wizard.core import ourselves
from wizard.core.actions import Change, ChangeKind, WriteFile
from wizard.core.answers import Answers
from wizard.core.control import Control
from wizard.core.elevation import Elevation
from wizard.core.events import (
    ActionDone,
    ActionSkipped,
    ActionStarted,
    Event,
    Finished,
    NextStep,
    PrivilegeNeeded,
    Proof,
    RunStarted,
    lines,
)
from wizard.core.journal import Run
from wizard.core.plan import Plan, Renewal
from wizard.core.questions import Value
from wizard.core.system import Command, System
from wizard.engine import Session
from wizard.tui.app import WizardApp
from wizard.tui.screens.base import Body

NOW = datetime(2027, 3, 14, 9, 26, 53, tzinfo=UTC)
SIZES = [(80, 24), (60, 18), (120, 36)]
FAKE_SUDO = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
REFUSING_SUDO = "#!/bin/sh\nexit 1\n"

W = TypeVar("W", bound=Widget)


class Desk(System):
    """A laptop of a plain user with sudo; trust stores lie below `home`."""

    def __init__(self, home: Path, sudo: str = FAKE_SUDO) -> None:
        programs = home / ".programs"
        super().__init__({"HOME": str(home), "PATH": f"{programs}:{os.defpath}"}, home / ".root")
        programs.mkdir(exist_ok=True)
        for name, text in (("sudo", sudo), ("pomcert-wizard", "#!/bin/sh\n")):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)

    @property
    def is_root(self) -> bool:
        return False


class StillDesk(Desk):
    """The same at a fixed moment."""

    def now(self) -> datetime:
        return NOW


class AsRoot(NamedTuple):
    """An action that needs root: it writes a file by a command."""

    path: Path

    @property
    def id(self) -> str:
        return f"root:{self.path.name}"

    @property
    def title(self) -> str:
        return f"trust the root in {self.path.name}"

    @property
    def isolated(self) -> bool:
        return True

    @property
    def command(self) -> Command:
        return Command(("touch", str(self.path)), as_root=True)

    def preview(self) -> Change:
        shown = lines((self.command,))
        why = "So that its clients accept the certificate."
        return Change(ChangeKind.RUN, "System store", "trust the root (needs root)", why, (), shown)

    def privileged(self, _system: System) -> Sequence[Command]:
        return (self.command,)

    def undo(self, system: System, run: Run) -> object:
        return WriteFile(self.path, "", "", bytes).undo(system, run)

    def apply(self, system: System) -> None:
        system.run(self.command)


class WithRoot(Session):
    """A session whose plan has an action that needs root."""

    @property
    def touched(self) -> Path:
        return self.system.person.home / "system-store"

    def plan(self, renewal: Renewal = Renewal.NO) -> Plan:
        plan = super().plan(renewal)
        return plan._replace(actions=(*plan.actions, AsRoot(self.touched)))


class Halting(Session):
    """A session whose run waits, after its first action, until the test lets it go on."""

    def __init__(self, system: System, state: Path, given: Answers | None = None) -> None:
        super().__init__(system, state, given)
        self.reached = threading.Event()
        self.released = threading.Event()

    def apply(
        self, plan: Plan, *, may_ask: bool, control: Control | None = None
    ) -> Iterator[Event]:
        for event in super().apply(plan, may_ask=may_ask, control=control):
            yield event
            if isinstance(event, ActionDone) and not self.reached.is_set():
                self.reached.set()
                assert self.released.wait(30)


class Staged(Session):
    """A session with the plan and the run of a desktop with browsers: for the screenshots.

    The run goes on when `go_on` is set, so that a picture can be taken of its middle.
    """

    ROOT = "/home/ada/.local/state/pomcert-wizard/ca/root.pem"
    SYSTEM = (
        f"install -m 0644 {ROOT} /usr/local/share/ca-certificates/pomcert-4b8e1f20.crt",
        "update-ca-certificates",
    )

    def __init__(self, system: System, state: Path, given: Answers | None = None) -> None:
        super().__init__(system, state, given)
        self.go_on = threading.Event()

    def plan(self, renewal: Renewal = Renewal.NO) -> Plan:
        plan = super().plan(renewal)
        trusts = (
            Shown("System store (Debian, Ubuntu)", "trust the root (needs root)", self.SYSTEM),
            Shown("Firefox, Chromium and relatives", "trust the root"),
        )
        return plan._replace(actions=(*plan.actions, *trusts))

    def apply(
        self,
        plan: Plan,
        *,
        may_ask: bool,
        control: Control | None = None,  # noqa: ARG002  as the base
    ) -> Iterator[Event]:
        run = f"0001-{NOW:%Y%m%dT%H%M%S}"
        yield RunStarted(run, len(plan.actions))
        *others, system, browsers = plan.actions
        for action in (*others, browsers):
            yield ActionStarted(action.id, action.title)
            if action is browsers:
                assert self.go_on.wait(60)
            yield ActionDone(action.id, action.title)
        yield PrivilegeNeeded(self.SYSTEM, Elevation(self.system, may_ask=may_ask))
        yield ActionStarted(system.id, system.title)
        yield ActionSkipped(system.id, system.title, "it needs root", self.SYSTEM)
        host = "https://verify.localhost.pomerium.io"
        yield Proof("handshake", "accepted", f"{host} on 127.0.0.1:40443, TLSv1.3", "")
        yield Proof("Firefox", "accepted", "ESR 140", "")
        yield Proof("Chromium", "accepted", "141", "")
        fix = "pomcert-wizard trust install --store system"
        yield Proof("OpenSSL", "refused", "unable to get local issuer certificate", fix)
        yield Finished("done", 6, run, (*plan.next_steps, self._back(run)))

    def _back(self, run: str) -> NextStep:
        undo = ourselves.line(self.system, self.state, "undo", run)
        return NextStep("Take all of this back", undo)


class Shown(NamedTuple):
    """An action that is only shown."""

    what: str
    detail: str
    commands: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"trust:{self.what}"

    @property
    def title(self) -> str:
        return f"trust the root in {self.what}"

    def preview(self) -> Change:
        why = "So that its clients accept the certificate."
        return Change(ChangeKind.RUN, self.what, self.detail, why, (), self.commands)


def answers(home: Path, values: Mapping[str, Value] | None = None) -> Answers:
    """Answers that change nothing outside `home`."""
    given: dict[str, Value] = {
        "local_ca.stores": (),
        "output.directory": str(home / "tls"),
        "output.config": str(home / "config.yaml"),
    }
    return Answers({**given, **(values or {})})


def cut_off(session: Session) -> str:
    """Leaves a run as `kill -9` would after its first action, and returns its name."""
    events = cast("Generator[Event]", session.apply(session.plan(), may_ask=False))
    while not isinstance(next(events), ActionDone):
        pass
    aside = session.state.with_name("aside")
    shutil.copytree(session.state, aside)
    events.close()
    shutil.rmtree(session.state)
    aside.rename(session.state)
    return session.journal.cut_off()[0].id


@contextlib.asynccontextmanager
async def wizard(session: Session, size: tuple[int, int] = (80, 24)) -> AsyncIterator["Driver"]:
    """The wizard on a terminal of that size, once its first screen is there."""
    app = WizardApp(session)
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot)
        await driver.rest()
        try:
            yield driver
        finally:
            # A test that fails must not wait for a run that it halted.
            if isinstance(session, Halting):
                session.released.set()


class Driver:
    """A person at the keyboard."""

    def __init__(self, app: WizardApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    async def rest(self, *, running: bool = False) -> None:
        """Waits until nothing moves any more; a run that was halted may be `running`."""
        await self.pilot.pause()
        if not running:
            try:
                await asyncio.wait_for(self.app.workers.wait_for_complete(), 60)
            except TimeoutError:
                raise AssertionError(f"A run does not end:\n{self.text()}") from None
        await self.pilot.pause()

    async def press(self, *keys: str, running: bool = False) -> None:
        """Presses keys, one after the other."""
        for key in keys:
            await self.pilot.press(key)
            await self.rest(running=running)

    async def write(self, text: str) -> None:
        """Replaces what stands in the field."""
        await self.pilot.press("ctrl+u")
        self.app.post_message(events.Paste(text))
        await self.rest()

    async def sees(self, text: str) -> None:
        """Waits until a text is on the screen, while a run is going on."""
        deadline = time.monotonic() + 20
        while text not in self.words():
            assert time.monotonic() < deadline, self.text()
            await self.rest(running=True)

    async def jump(self, target: str) -> None:
        """Goes to a step or to the review without walking there."""
        self.app.go(target)
        await self.rest()

    async def save(self, path: Path) -> None:
        """Saves the answers at the review."""
        await self.press("f4")
        await self.write(str(path))
        await self.press("enter")

    async def until(self, screen: type[Widget], key: str = "enter") -> None:
        """Presses Enter until a screen is there."""
        for _ in range(30):
            if isinstance(self.app.screen, screen):
                return
            await self.press(key)
        raise AssertionError(self.text())

    def text(self) -> str:
        """The screen as it is read: one line a row."""
        width, height = self.app.size
        strips = self.app.screen._compositor.render_strips()
        assert len(strips) == height, (width, height)
        return "\n".join(strip.text.rstrip() for strip in strips)

    def words(self) -> str:
        """The screen with its lines joined: what was wrapped reads as one."""
        return " ".join(self.text().split())

    def shows(self, value: str) -> bool:
        """Whether a value can be read in full, wherever its lines were wrapped."""
        body = next(one.region for one in self.app.screen.query(Body) if one.region.area)
        strips = self.app.screen._compositor.render_strips()[body.y : body.bottom]
        text = "".join(strip.crop(body.x, body.right).text for strip in strips)
        return "".join(value.split()) in re.sub(r"[\s▌▁▂▃▄▅▆▇█]+", "", text)

    def one(self, kind: type[W], selector: str = "") -> W:
        """A widget of the screen."""
        return self.app.screen.query_one(selector or kind.__name__, kind)


def headless_plan(system: System, state: Path, answers: Path) -> Plan:
    """The plan that a file of answers gives without a person."""
    session = Session(system, state)
    session.take(answers_file.read(answers.read_text(), answers.name, session.known))
    return session.plan()
