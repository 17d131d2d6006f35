"""What the wizard installed is adopted again: answers that leave nothing to do."""

import os
import shutil
from pathlib import Path

import pytest
from adopt_support import Read, install, nothing_to_do, order_for, read_back
from conftest import Need
from target_support import MACHINES

from wizard.core import registry
from wizard.core.questions import Value
from wizard.engine import Session

from .test_targets import issue, ready, variables_at

pytestmark = pytest.mark.e2e

HERE = ("files", "systemd", "docker")
"""The targets whose configuration is on this machine."""
EVERY = [(how, where) for how in registry.STRATEGIES for where in HERE]


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
    nothing_to_do(session.plan())
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
    nothing_to_do(found.plan())


@pytest.mark.parametrize("form", ["yaml", "env"])
@pytest.mark.parametrize(("how", "where"), EVERY)
def test_without_its_runs_the_files_say_nearly_as_much(
    how: str, where: str, form: str, tmp_path: Path
) -> None:
    session = installed(how, where, form, tmp_path)
    shutil.rmtree(session.state / "runs")
    found = adopted(session)
    assert (found.values["strategy"], found.values["output.target"]) == (how, where)
    nothing_to_do(found.plan())


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
    nothing_to_do(found.plan())


@pytest.mark.parametrize("form", ["yaml", "env"])
@pytest.mark.parametrize("where", HERE)
def test_what_is_there_is_found_when_nobody_names_it(
    where: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = installed("local-ca", where, form, tmp_path)
    config = Path(session.answers().text("output.config"))
    monkeypatch.chdir(config.parents[1] if where == "docker" else tmp_path)
    found = read_back(session.system, session.state)
    assert found.adopted.path == config
    nothing_to_do(found.plan())


@pytest.mark.parametrize("keeps_runs", [True, False], ids=["with its runs", "without"])
@pytest.mark.parametrize("where", HERE)
def test_client_certificates_are_adopted_where_their_authority_is_here(
    where: str,
    keeps_runs: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    more = {"mtls.downstream": True, "mtls.enforcement": "policy"}
    session = installed("local-ca", where, "yaml", tmp_path, **more)
    if not keeps_runs:
        shutil.rmtree(session.state / "runs")
    found = adopted(session)
    assert {key: found.values[key] for key in more} == more
    nothing_to_do(found.plan())


def test_what_the_certificate_says_is_not_asked_of_the_runs(tmp_path: Path) -> None:
    more: dict[str, Value] = {
        "names": ("a.example.com", "*.b.example.com"),
        "local_ca.key_type": "rsa-2048",
        "local_ca.lifetime": "36h",
        "local_ca.constrain_names": False,
    }
    session = installed("local-ca", "files", "yaml", tmp_path, **more)
    shutil.rmtree(session.state / "runs")
    found = adopted(session)
    assert {key: found.values[key] for key in more} == more
    assert found.values["local_ca.stores"] == ()
    assert "the local CA in" in found.comments
    assert "local_ca.export" not in found.values


def test_where_the_secrets_of_autocert_are_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KID", "kid-42")
    (tmp_path / "hmac").write_text("c2VjcmV0")
    eab: dict[str, Value] = {
        "autocert.eab_key_id": "env:KID",
        "autocert.eab_hmac_key": f"file:{tmp_path}/hmac",
    }
    url = "https://acme.example.com/directory"
    more = {"autocert.authority_url": url, "autocert.email": "ops@example.com", **eab}
    session = installed("autocert", "files", "yaml", tmp_path, **more)
    found = adopted(session)
    assert {key: found.values[key] for key in more} == more
    config = Path(session.answers().text("output.config"))
    config.write_text(config.read_text().replace("ops@example.com", "new@example.com"))
    changed = adopted(session)
    assert changed.values["autocert.email"] == "new@example.com"
    nothing_to_do(changed.plan())
    fresh = adopted(session, tmp_path / "fresh")
    assert fresh.values["autocert.eab_hmac_key"] == "env:EAB_HMAC_KEY"
    assert "c2VjcmV0" not in fresh.text
