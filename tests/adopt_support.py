"""What the tests of adopting share: installations that were made, and answers that were read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wizard import export
from wizard.acme.shelf import CHAIN, KEY, RECORD
from wizard.adopt import Adopted, adopt
from wizard.core.answers import Answers, read
from wizard.core.control import Control
from wizard.core.events import Event, Finished
from wizard.core.plan import Plan
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session, carry_out
from wizard.strategies.dns01_wanted import Wanted


@dataclass(frozen=True)
class Read:
    """What was adopted, as the file that somebody gets."""

    adopted: Adopted
    text: str
    system: System
    state: Path

    @property
    def comments(self) -> str:
        """Everything that is a comment, on one line."""
        lines = [line.lstrip("# ") for line in self.text.splitlines() if line.startswith("#")]
        return " ".join(lines)

    @property
    def values(self) -> Mapping[str, Value]:
        return self.adopted.answers.values

    def session(self, **more: Value) -> Session:
        """The file given back to the wizard, each answer checked."""
        session = Session(self.system, self.state)
        session.take(read(self.text, "adopted.toml", session.known))
        session.take(Answers({key.replace("__", "."): value for key, value in more.items()}))
        return session

    def plan(self, **more: Value) -> Plan:
        return self.session(**more).plan()


def read_back(system: System, state: Path, config: Path | None = None) -> Read:
    """Adopts a configuration."""
    found = adopt(system, state, config)
    text = export.annotated(found.answers, found.order, found.notes)
    return Read(found, text, system, state)


def install(session: Session) -> Plan:
    """Applies the plan of a session; the proof is left out, as nobody trusts what is issued."""
    plan = session.plan()
    events: list[Event] = list(
        carry_out(
            plan,
            session.system,
            session.journal,
            may_ask=False,
            control=Control(),
            prove=lambda: iter(()),
        )
    )
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.exit_code == 0, finished
    return plan


def order_for(session: Session) -> tuple[Path, Path]:
    """Puts an order beside those of a session, all but its certificate and key, and says where."""
    wanted = Wanted.of(session.answers())
    directory = wanted.directory(session.state) / "0001"
    directory.mkdir(parents=True)
    for path in (directory, *directory.parents[:3]):
        path.chmod(0o700)
    record = {
        "url": "https://acme.example.com/order/1",
        "names": list(wanted.names),
        "challenge": wanted.challenge,
        "profile": "classic",
        "proofs": [],
        "status": "valid",
        "expires": "2099-01-01T00:00:00+00:00",
        "finalize": "",
        "certificate": "https://acme.example.com/certificate/1",
        "authorizations": [],
    }
    (directory / RECORD).write_text(json.dumps(record))
    return directory / CHAIN, directory / KEY


def nothing_to_do(plan: Plan) -> None:
    """The plan is empty, and says what it would change where it is not."""
    assert [(action.title, action.preview().diff) for action in plan.actions] == []
