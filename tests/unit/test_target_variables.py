"""Settings kept as variables: a new file, an edit of one that is there, and who reads it."""

import os
import stat
from pathlib import Path

import pytest
from cli_support import tree
from conftest import Need
from target_support import DROP_IN, Machine, plain, project

from wizard import upkeep
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Finished
from wizard.core.questions import Value
from wizard.pomerium.variables import DOCKER, SYSTEMD, Dialect, shown

THEIRS = """\
# Ours; ask before you change it.
export_is_no_word="here"
IDP_CLIENT_SECRET='not for others'   
ADDRESS=":8443"
CERTIFICATE_FILE=/old.pem

; the end"""  # noqa: W291


def variables(machine: Machine, **more: Value) -> dict[str, Value]:
    path = str(machine.answers.get("output.config", machine.root / "etc/pomerium/x"))
    given = {key.removeprefix("output."): value for key, value in machine.answers.items()}
    return {
        **given,
        "form": "env",
        "config": str(Path(path).with_name("pomerium.env")),
        "owner": "",
        **more,
    }


def install(machine: Machine, **more: Value) -> Finished:
    finished = machine.install(**variables(machine, **more))[-1]
    assert isinstance(finished, Finished)
    assert finished.exit_code == 0
    return finished


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return plain(tmp_path)


def test_a_new_file_is_whole_private_and_undone(machine: Machine) -> None:
    before = tree(machine.root)
    finished = install(machine)
    path = machine.root / "etc/pomerium/pomerium.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = SYSTEMD.read(path.read_text())
    wanted = ["ADDRESS", "CERTIFICATE_FILE", "CERTIFICATE_KEY_FILE", "HEADERS"]
    assert list(found) == [*wanted, "SHARED_SECRET", "COOKIE_SECRET", "ROUTES"]
    assert found["CERTIFICATE_KEY_FILE"].endswith("a.example.com-key.pem")
    assert any(str(path) in step.line for step in finished.next_steps)
    assert machine.plan(**variables(machine)).is_empty
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert tree(machine.root) == before


def test_no_plan_shows_what_a_file_keeps_secret(machine: Machine) -> None:
    path = machine.put("etc/pomerium/pomerium.env", THEIRS)
    (edit,) = (
        one.preview()
        for one in machine.plan(**variables(machine)).actions
        if one.id == f"write:{path}"
    )
    text = "\n".join(edit.diff)
    assert "CERTIFICATE_FILE=/old.pem" in text
    assert "not for others" not in text
    assert "IDP_CLIENT_SECRET=<redacted>" in text


def test_every_other_byte_stays_and_comes_back(machine: Machine) -> None:
    path = machine.put("etc/pomerium/pomerium.env", THEIRS)
    before = tree(machine.root)
    install(machine)
    text = path.read_text()
    folder = machine.root / "etc/pomerium/tls"
    new = f"CERTIFICATE_FILE={folder}/a.example.com.pem"
    key = f"\nCERTIFICATE_KEY_FILE={folder}/a.example.com-key.pem\n"
    assert text == THEIRS.replace("CERTIFICATE_FILE=/old.pem", new) + key
    assert machine.plan(**variables(machine)).is_empty
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert tree(machine.root) == before


def test_bytes_that_are_no_text_stay(machine: Machine) -> None:
    path = machine.put("etc/pomerium/pomerium.env", "")
    path.write_bytes(b"A=\xff\xfe\r\n")
    install(machine)
    assert path.read_bytes().startswith(b"A=\xff\xfe\r\n")


def test_autocert_among_the_variables_is_told(machine: Machine) -> None:
    machine.put("etc/pomerium/pomerium.env", "AUTOCERT=True\n")
    notices = machine.plan(**variables(machine)).notices
    assert any(notice.startswith("AUTOCERT in") for notice in notices)


def test_a_client_authority_joins_a_file_that_is_there(machine: Machine) -> None:
    path = machine.put("etc/pomerium/pomerium.env", THEIRS)
    session = machine.session(**variables(machine))
    session.take(Answers({"mtls.downstream": True}))
    list(session.apply(session.plan(), may_ask=False))
    found = SYSTEMD.read(path.read_text())
    assert found["DOWNSTREAM_MTLS_CA_FILE"].endswith("/etc/pomerium/tls/client-ca.pem")
    assert found["DOWNSTREAM_MTLS_ENFORCEMENT"] == "policy_with_default_deny"
    assert found["CERTIFICATE_FILE"].endswith("a.example.com.pem")
    assert session.plan().is_empty


def test_a_name_that_says_yaml_is_refused(machine: Machine) -> None:
    with pytest.raises(WizardError) as caught:
        machine.plan(**variables(machine, config=str(machine.root / "config.yaml")))
    assert caught.value.code == "config-name"


@pytest.fixture
def root(need: Need) -> None:
    need.that(os.geteuid() == 0, "only root installs for a service", "run as root")


@pytest.mark.usefixtures("root")
def test_systemd_is_told_of_the_file_and_keeps_the_port(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    before = tree(machine.root)
    machine.install(owner="")
    freed = (machine.root / DROP_IN).read_text()
    finished = install(machine, address=":443")
    drop_in = (machine.root / DROP_IN).read_text()
    assert f"EnvironmentFile={machine.root}/etc/pomerium/pomerium.env\n" in drop_in
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in drop_in
    assert finished.next_steps[0].line == "systemctl restart pomerium.service"
    assert machine.plan(**variables(machine, address=":443")).is_empty
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert (machine.root / DROP_IN).read_text() == freed
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert tree(machine.root) == before
    assert len(machine.calls()) == 4


def test_a_container_is_handed_the_variables(tmp_path: Path) -> None:
    machine = project(tmp_path)
    install(machine, target="docker")
    text = (machine.root / "srv/compose.yaml").read_text()
    assert "- path: ./pomerium/pomerium.env\n        format: raw\n" in text
    assert "target: /pomerium/tls\n" in text
    found = DOCKER.read((machine.root / "srv/pomerium/pomerium.env").read_text())
    assert found["CERTIFICATE_FILE"] == "/pomerium/tls/a.example.com.pem"
    assert machine.plan(**variables(machine, target="docker")).is_empty


def test_somebodys_compose_file_is_told_of_the_variables_once(tmp_path: Path) -> None:
    machine = project(tmp_path)
    text = "services:\n  gate:\n    image: pomerium/pomerium:v0.33.1\n"
    path = machine.put("srv/compose.yaml", text)

    def told() -> list[str]:
        steps = machine.plan(**variables(machine, target="docker")).next_steps
        return [step.line for step in steps if step.what == f"Add to gate in {path}"]

    assert told() == ["env_file:\n  - path: ./pomerium/pomerium.env\n    format: raw"]
    path.write_text(f"{text}    env_file: ./pomerium/pomerium.env\n")
    assert told() == []


@pytest.mark.parametrize("dialect", [SYSTEMD, DOCKER])
def test_of_several_the_last_counts_and_is_replaced(dialect: Dialect) -> None:
    text = dialect.write("A=1\nA=2\nB=3\n", {"A": "4"})
    assert text == "A=1\nA=4\nB=3\n"
    assert dialect.write(text, {"A": "4"}) == text


@pytest.mark.parametrize("text", ["A=x\\\n", "A=x\\", "A=x # \\\n", "# why\\\n", ";\\", "A=1\r\n"])
def test_a_variable_is_added_behind_a_line_that_goes_on(text: str) -> None:
    made = SYSTEMD.write(text, {"B": "2"})
    assert made.startswith(text)
    assert SYSTEMD.read(made) == SYSTEMD.read(text) | {"B": "2"}
    assert SYSTEMD.write(made, {"B": "2"}) == made


@pytest.mark.parametrize("text", ['A="x\n', "A='x\nC=1\n", 'A="x\\'])
def test_a_variable_is_not_added_inside_of_quotes_that_have_no_end(text: str) -> None:
    with pytest.raises(WizardError) as caught:
        SYSTEMD.write(text, {"B": "2"})
    assert caught.value.code == "variable-open"
    assert DOCKER.read(DOCKER.write(text, {"B": "2"}))["B"] == "2"


def test_docker_cannot_hold_lines() -> None:
    with pytest.raises(WizardError) as caught:
        DOCKER.write("", {"A": "two\nlines"})
    assert caught.value.code == "variable-lines"


def test_what_may_be_the_rest_of_a_secret_is_not_shown() -> None:
    assert shown('A="one\ntwo"\n# B=three\n\nADDRESS=:1\n') == (
        "A=<redacted>\n<redacted>\n<redacted>\n\nADDRESS=:1"
    )
