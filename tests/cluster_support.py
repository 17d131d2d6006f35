"""Sessions for a cluster, with answers that a plan needs, and what was written for it."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from target_support import Machine, desk

from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Event, Finished
from wizard.core.questions import Value
from wizard.engine import Session

DNS_01: dict[str, Value] = {
    "strategy": "dns-01",
    "names": ("*.corp.example.com", "corp.example.com"),
    "dns_01.accept_terms": True,
}
AUTOCERT: dict[str, Value] = {
    "strategy": "autocert",
    "names": ("a.example.com", "b.example.com"),
}


def beside_a_cluster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose current directory is where manifests go."""
    machine = desk(folder)
    (machine.root / "srv").mkdir()
    monkeypatch.chdir(machine.root / "srv")
    return machine


def session(machine: Machine, given: dict[str, Value], **more: Value) -> Session:
    values = {"output.target": "kubernetes", "local_ca.stores": (), **machine.answers, **given}
    return Session(machine.system, machine.folder / "state", Answers({**values, **more}))


def apply(machine: Machine, given: dict[str, Value], **more: Value) -> Finished:
    ready = session(machine, given, **more)
    return finished(list(ready.apply(ready.plan(), may_ask=False)))


def finished(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    assert events[-1].exit_code == 0
    return events[-1]


def resources(machine: Machine, name: str) -> list[dict[str, object]]:
    text = (machine.root / "srv/kubernetes" / name).read_text()
    return list(YAML(typ="safe", pure=True).load_all(text))


def spec(machine: Machine, name: str) -> dict[str, object]:
    (one,) = resources(machine, name)
    found = one["spec"]
    assert isinstance(found, dict)
    return found


def refused(machine: Machine, given: dict[str, Value], **more: Value) -> WizardError:
    with pytest.raises(WizardError) as caught:
        session(machine, given, **more).plan()
    return caught.value
