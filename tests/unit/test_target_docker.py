"""The target docker: a Compose file is made, somebody's own is read and left alone."""

import os
import stat
from pathlib import Path

import pytest
from cli_support import tree
from conftest import Need
from ruamel.yaml import YAML
from target_support import Machine, project

from wizard import upkeep
from wizard.core.errors import WizardError
from wizard.core.events import Finished, NextStep
from wizard.pomerium.compose import Mount, find_file, service_in, volume
from wizard.pomerium.mark import is_ours

QUICKSTART = """\
services:
  pomerium:
    image: pomerium/pomerium:latest
    ports: ["443:443"]
    volumes:
      - ./config.yaml:/pomerium/config.yaml:ro
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = project(tmp_path)
    monkeypatch.chdir(machine.root / "srv")
    return machine


@pytest.fixture
def root(need: Need) -> None:
    need.that(os.geteuid() == 0, "only root may give files away", "run as root")


def steps(events: list[object]) -> tuple[NextStep, ...]:
    assert isinstance(events[-1], Finished)
    assert events[-1].exit_code == 0
    return events[-1].next_steps


def service(machine: Machine) -> dict[str, object]:
    loaded = YAML(typ="safe", pure=True).load(machine.root / "srv/compose.yaml")
    return dict(loaded["services"]["pomerium"])


@pytest.mark.usefixtures("root")
def test_all_is_proposed_below_the_current_directory(machine: Machine) -> None:
    answers = machine.session(target="docker").answers()
    srv = machine.root / "srv"
    assert answers.text("output.directory") == str(srv / "pomerium/tls")
    assert answers.text("output.config") == str(srv / "pomerium/config.yaml")
    assert answers.text("docker.compose") == str(srv / "compose.yaml")
    assert answers.text("output.owner") == "65532"


def test_a_compose_file_here_that_runs_pomerium_is_found(machine: Machine) -> None:
    assert machine.session().answers().text("output.target") == "files"
    machine.put("srv/compose.yaml", "services: {db: {image: postgres}}\n")
    assert machine.session().answers().text("output.target") == "files"
    machine.put("srv/docker-compose.yml", QUICKSTART)
    answers = machine.session().answers()
    assert answers.text("output.target") == "docker"
    assert answers.text("docker.compose") == str(machine.root / "srv/docker-compose.yml")
    assert answers.text("output.config") == str(machine.root / "srv/config.yaml")
    assert answers.text("output.owner") == ""


@pytest.mark.usefixtures("root")
def test_it_is_made_once_and_undone(machine: Machine) -> None:
    before = tree(machine.root)
    where = ["docker", "compose", "--file", str(machine.root / "srv/compose.yaml"), "up"]
    told = steps(machine.install(target="docker", owner="65532"))
    assert any(step.line.startswith(" ".join(where)) for step in told)
    assert "user" not in service(machine)
    assert machine.plan(target="docker", owner="65532").is_empty
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert tree(machine.root) == before


@pytest.mark.usefixtures("root")
def test_whoever_owns_the_key_runs_pomerium(machine: Machine) -> None:
    machine.install(target="docker", owner="daemon")
    key = (machine.root / "srv/pomerium/tls/a.example.com-key.pem").stat()
    assert service(machine)["user"] == f"{key.st_uid}:{key.st_gid}"
    assert stat.S_IMODE(key.st_mode) == 0o600


def test_the_configuration_names_the_files_as_the_container_sees_them(machine: Machine) -> None:
    machine.install(target="docker", owner="", address="127.0.0.1:8443")
    text = (machine.root / "srv/pomerium/config.yaml").read_text()
    assert "cert: /pomerium/tls/a.example.com.pem\n" in text
    assert "address: :8443\n" in text
    assert service(machine)["ports"] == ["127.0.0.1:8443:8443"]
    # The configuration, which is there now, says nothing of the address outside.
    assert machine.plan(target="docker", owner="").is_empty


def test_an_edited_configuration_recognises_its_own_entry(machine: Machine) -> None:
    machine.install(target="docker", owner="")
    again = machine.plan(target="docker", owner="", directory=str(machine.root / "srv/other"))
    (edit,) = (one.preview() for one in again.actions if "config.yaml" in one.title)
    assert any("-  - cert: /pomerium/tls/" in line for line in edit.diff)
    assert any("+  - cert: /pomerium-tls/" in line for line in edit.diff)


def test_the_names_of_a_container_are_proposed_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("*.a.example.com", "a.example.com")
    session = machine.session(target="docker", owner="")
    session.given = session.given.having("names", names)
    list(session.apply(session.plan(), may_ask=False))
    again = machine.session()
    again.given = again.given.without("names")
    assert again.value(again.question("names")).value == names
    monkeypatch.chdir(machine.folder)
    assert again.value(again.question("names")).value != names


def test_every_listener_is_published_and_no_other_port(machine: Machine) -> None:
    machine.put("srv/pomerium/config.yaml", "address: :8443\nhttp_redirect_addr: :80\n")
    machine.install(target="docker", owner="")
    assert service(machine)["ports"] == ["8443:8443", "80:80"]


def test_another_name_of_the_configuration_is_given_to_pomerium(machine: Machine) -> None:
    config = str(machine.root / "srv/pomerium/main.yaml")
    machine.install(target="docker", owner="", config=config)
    assert service(machine)["command"] == ["--config", "/pomerium/main.yaml"]


def test_ours_is_replaced_until_somebody_changes_it(machine: Machine) -> None:
    machine.install(target="docker", owner="")
    path = machine.root / "srv/compose.yaml"
    assert is_ours(path.read_bytes())
    machine.put("srv/pomerium/config.yaml", "address: :8443\n")
    machine.install(target="docker", owner="")
    assert service(machine)["ports"] == ["8443:8443"]
    theirs = path.read_bytes().replace(b"8443:8443", b"9443:8443")
    path.write_bytes(theirs)
    machine.put("srv/pomerium/config.yaml", "address: :443\n")
    machine.install(target="docker", owner="")
    assert path.read_bytes() == theirs


def test_a_single_file_that_is_mounted_is_told(machine: Machine) -> None:
    machine.put("srv/config.yaml", "address: :443\n")
    machine.put("srv/compose.yaml", QUICKSTART)
    plan = machine.plan()
    assert any("mounts the single file" in notice for notice in plan.notices)
    (step,) = (step for step in plan.next_steps if "volumes of pomerium" in step.what)
    assert "target: /pomerium/tls" in step.line


def test_a_file_without_pomerium_is_told_the_service(machine: Machine) -> None:
    machine.put("srv/compose.yaml", "services: {db: {image: postgres}}\n")
    plan = machine.plan(target="docker", owner="")
    (step,) = (step for step in plan.next_steps if step.what.startswith("Add to"))
    assert "image: pomerium/pomerium:nonroot-" in step.line
    assert not any("compose.yaml" in action.title for action in plan.actions)


def test_another_configuration_than_the_mounted_one_is_refused(machine: Machine) -> None:
    machine.put("srv/compose.yaml", QUICKSTART)
    with pytest.raises(WizardError) as caught:
        machine.plan(config=str(machine.root / "srv/other.yaml"))
    assert caught.value.code == "config-not-mounted"
    assert str(machine.root / "srv/config.yaml") in caught.value.hint


def test_variables_of_the_service_that_win_over_the_file_are_told(machine: Machine) -> None:
    machine.put("srv/config.yaml", "address: :443\nautocert_dir: /x\n")
    environment = '    environment: ["ADDRESS=:8443"]\n    env_file: .env\n'
    machine.put("srv/compose.yaml", QUICKSTART + environment)
    notices = "\n".join(machine.plan().notices)
    assert "ADDRESS in" in notices
    assert "AUTOCERT_DIR in Pomerium's image wins over `autocert_dir`" in notices
    assert ".env in" in notices


def test_an_address_that_only_the_container_reaches_is_told(machine: Machine) -> None:
    machine.put("srv/pomerium/config.yaml", "address: 127.0.0.1:443\n")
    notices = machine.plan(target="docker", owner="").notices
    assert any("inside a container nobody else" in notice for notice in notices)


def test_a_renewal_touches_the_certificate_only(machine: Machine) -> None:
    machine.install(target="docker", owner="")
    broken = machine.put("srv/compose.yaml", "services: [\n")
    events = list(upkeep.renew(machine.system, machine.folder / "state", force=True))
    assert getattr(events[-1], "exit_code", None) == 0
    assert broken.read_text() == "services: [\n"


@pytest.mark.parametrize(
    ("image", "runs_as"),
    [
        ("pomerium/pomerium:v0.33.1", ""),
        ("docker.io/pomerium/pomerium:nonroot-v0.33.1", "65532"),
        ("pomerium/pomerium@sha256:00", ""),
    ],
)
def test_the_image_says_who_runs_in_it(tmp_path: Path, image: str, runs_as: str) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(f"services:\n  gate:\n    image: {image}\n")
    assert find_file(tmp_path) == path
    found = service_in(path)
    assert found is not None
    assert (found.name, found.runs_as) == ("gate", runs_as)
    path.write_text(f"services:\n  gate:\n    image: {image}\n    user: '0:0'\n")
    assert getattr(service_in(path), "runs_as", None) == ""


def test_mounts_are_read_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text("""\
x-tls: &tls {type: bind, source: ./tls, target: /tls}
services:
  pomerium:
    image: "pomerium/pomerium:v0.33.1"
    volumes:
      - ../a:/a:ro
      - /b:/b
      - *tls
      - named:/data
      - ${HERE}/c:/c
      - {type: volume, source: named, target: /d}
""")
    found = service_in(path)
    assert found is not None
    assert [(str(mount.here), str(mount.inside)) for mount in found.mounts] == [
        (str(tmp_path.parent / "a"), "/a"),
        ("/b", "/b"),
        (str(tmp_path / "tls"), "/tls"),
    ]


def test_a_dollar_in_a_path_is_no_variable_of_compose(tmp_path: Path) -> None:
    mount = Mount(tmp_path / "a$b", Path("/pomerium"))
    assert volume(mount, tmp_path)["source"] == "./a$$b"


@pytest.mark.parametrize(
    "image", ["postgres", "example/pomerium-operator:1", "pomerium/pomerium-operator:1"]
)
def test_other_images_are_not_pomerium(tmp_path: Path, image: str) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(f"services:\n  gate:\n    image: {image}\n")
    assert find_file(tmp_path) is None
    assert service_in(path) is None
