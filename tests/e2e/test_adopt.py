"""What the wizard installed is adopted again: answers that leave nothing to do."""

import os
import shutil
from pathlib import Path

import pytest
from adopt_support import Read, install, nothing_to_do, order_for, read_back
from conftest import Need
from target_support import MACHINES, Machine

from wizard.core import registry
from wizard.core.questions import Value
from wizard.engine import Session

from .test_targets import issue, ready, variables_at

pytestmark = pytest.mark.e2e

HERE = ("files", "systemd", "docker")
"""The targets whose configuration is on this machine."""
EVERY = [(how, where) for how in registry.STRATEGIES for where in HERE]
TWO = ("*.corp.example.com", "corp.example.com")


@pytest.fixture(autouse=True)
def root(need: Need, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need.that(os.geteuid() == 0, "only root installs for a service", "run as root")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def installed(how: str, where: str, form: str, folder: Path, **more: Value) -> Session:
    """A machine on which a strategy has installed what its example asks for."""
    machine = MACHINES[where](folder)
    more |= variables_at(machine) if form == "env" else {}
    session = ready(machine, how, where, **more)
    if how == "dns-01":
        issue(*order_for(session), session.answers().texts("names"))
    install(session)
    nothing_to_do(machine, session.plan())
    return session


def adopted(session: Session, state: Path | None = None) -> Read:
    config = Path(session.answers().text("output.config"))
    return read_back(session.system, state or session.state, config)


@pytest.mark.parametrize("form", ["yaml", "env"])
@pytest.mark.parametrize(("how", "where"), EVERY)
def test_what_was_installed_gives_answers_that_change_nothing(
    how: str, where: str, form: str, tmp_path: Path
) -> None:
    session = installed(how, where, form, tmp_path)
    found = adopted(session)
    values = found.values
    assert (values["strategy"], values["output.target"]) == (how, where)
    assert values.get("output.form", "yaml") == form
    nothing_to_do(Machine(tmp_path / "other"), found.plan())


@pytest.mark.parametrize("form", ["yaml", "env"])
@pytest.mark.parametrize(("how", "where"), EVERY)
def test_without_its_runs_the_files_say_nearly_as_much(
    how: str, where: str, form: str, tmp_path: Path
) -> None:
    session = installed(how, where, form, tmp_path)
    shutil.rmtree(session.state / "runs")
    found = adopted(session)
    assert (found.values["strategy"], found.values["output.target"]) == (how, where)
    nothing_to_do(Machine(tmp_path / "other"), found.plan())


@pytest.mark.parametrize("form", ["yaml", "env"])
@pytest.mark.parametrize("where", HERE)
@pytest.mark.parametrize("how", ["existing", "autocert", "local-ca", "dns-01"])
def test_with_no_state_at_all_the_configuration_stays_as_it_is(
    how: str, where: str, form: str, tmp_path: Path
) -> None:
    session = installed(how, where, form, tmp_path)
    config = Path(session.answers().text("output.config"))
    found = adopted(session, tmp_path / "fresh")
    assert found.values["strategy"] == ("autocert" if how == "autocert" else "existing")
    assert config not in {getattr(action, "path", None) for action in found.plan().actions}
    nothing_to_do(Machine(tmp_path / "other"), found.plan())
