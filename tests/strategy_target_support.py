"""Strategies on targets: sessions that are ready to plan, and their plans as golden files."""

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from conftest import REPOSITORY
from target_support import Machine

from wizard.core.answers import Answers
from wizard.core.plan import Plan
from wizard.core.questions import Value
from wizard.engine import Session
from wizard.headless.text import Text
from wizard.parts import strategy
from wizard.pki import authority, chain, keys, leaf

GOLDEN = REPOSITORY / "tests/golden/targets"
SHIPPED = "etc/pomerium/config.yaml"


def ready(machine: Machine, how: str, where: str, **more: Value) -> Session:
    """A session with what the example of a strategy says, on a machine of a target."""
    way = strategy(how)
    values: dict[str, Value] = {"strategy": how, "names": way.names, **way.example}
    values |= {"output.target": where, **machine.answers, **more}
    if how == "local-ca":
        values["local_ca.stores"] = ()
    if how == "autocert":
        # Nobody answers there, so that a plan is the same everywhere.
        values["dns.resolvers"] = ("127.0.0.1:9",)
        route(Path(str(values.get("output.config", machine.root / SHIPPED))))
    if how == "existing":
        chain_path, key_path = machine.folder / "given.pem", machine.folder / "given-key.pem"
        issue(chain_path, key_path, ("*.corp.example.com",))
        values = {key: value for key, value in values.items() if not key.startswith("existing.")}
        values |= {"existing.certificate": str(chain_path), "existing.key": str(key_path)}
    return Session(machine.system, machine.folder / "state", Answers(values))


def route(config: Path) -> None:
    """A route in a configuration that is there, for autocert to have something to do."""
    if config.exists() and "routes" not in config.read_text():
        config.write_text(f"{config.read_text()}routes:\n  - from: https://app.corp.example.com\n")


def shown(plan: Plan, machine: Machine) -> str:
    """The plan as a person reads it, wherever the tests' directory is."""
    stream = io.StringIO()
    text = Text(stream)
    text.plan(plan)
    for step in plan.next_steps:
        text.say(f"{step.what}:\n    {step.line}")
    lines = stream.getvalue().replace(str(machine.root), "").replace(str(machine.folder), "/here")
    return "\n".join(line for line in lines.splitlines() if "/here/state" not in line) + "\n"


def as_golden(plan: Plan, machine: Machine, name: str) -> None:
    """Holds a plan against its golden file; `UPDATE_GOLDEN=1` writes it."""
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown(plan, machine))
    assert shown(plan, machine) == golden.read_text()


def issue(chain_path: Path, key_path: Path, names: tuple[str, ...]) -> None:
    """A certificate and its key, as the strategy would put them there."""
    now = datetime.now(UTC)
    made = leaf.issue(authority.create(names, now=now), names, now=now, lifetime=timedelta(9))
    chain_path.parent.mkdir(parents=True, exist_ok=True)
    chain_path.write_bytes(chain.to_pem([made.certificate, *made.issuers]))
    key_path.write_bytes(keys.to_pem(made.key).reveal())
