"""The target systemd: what the package says is taken, the port is freed, undo gives all back."""

import os
import pwd
import signal
import stat
from pathlib import Path

import pytest
from cli_support import tree
from conftest import Need
from target_support import DROP_IN, PACKAGED_UNIT, UNIT, Machine

from wizard import upkeep
from wizard.core.errors import WizardError
from wizard.core.events import ActionFailed, Finished
from wizard.engine import settle

DAEMON = pwd.getpwnam("daemon")
FREED = "AmbientCapabilities=CAP_NET_BIND_SERVICE\n"


@pytest.fixture(autouse=True)
def root(need: Need) -> None:
    need.that(os.geteuid() == 0, "only root installs for a service", "run as root")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def outcome(events: list[object]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def notices(machine: Machine, text: str) -> list[str]:
    return [notice for notice in machine.plan().notices if text in notice]


def test_the_package_is_found_and_taken_as_it_is(machine: Machine) -> None:
    answers = machine.session().answers()
    assert answers.text("output.target") == "systemd"
    assert answers.text("output.config") == str(machine.root / "etc/pomerium/config.yaml")
    assert answers.text("output.directory") == str(machine.root / "etc/pomerium/tls")
    assert answers.text("output.owner") == "daemon"


def test_without_a_unit_nothing_is_found_and_the_target_is_refused(machine: Machine) -> None:
    (machine.root / UNIT).unlink()
    assert machine.session().answers().text("output.target") == "files"
    with pytest.raises(WizardError) as caught:
        machine.plan(target="systemd", owner="")
    assert caught.value.code == "no-unit"


def test_the_units_user_alone_reads_the_key(machine: Machine) -> None:
    assert outcome(machine.install()).exit_code == 0
    key = (machine.root / "etc/pomerium/tls/a.example.com-key.pem").stat()
    assert (stat.S_IMODE(key.st_mode), key.st_uid) == (0o600, DAEMON.pw_uid)


def test_a_low_port_is_freed_once_and_undo_takes_it_back(machine: Machine) -> None:
    before = tree(machine.root)
    finished = outcome(machine.install())
    assert finished.exit_code == 0
    assert FREED in (machine.root / DROP_IN).read_text()
    assert machine.calls() == ["daemon-reload with"]
    lines = [step.line for step in finished.next_steps]
    assert "systemctl restart pomerium.service" in lines
    assert "systemctl daemon-reload" not in lines
    assert machine.plan().is_empty
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert tree(machine.root) == before
    assert machine.calls() == ["daemon-reload with", "daemon-reload without"]


def test_where_systemd_does_not_run_its_commands_are_left_to_do(tmp_path: Path) -> None:
    machine = Machine(tmp_path, booted=False)
    lines = [step.line for step in outcome(machine.install()).next_steps]
    assert lines[:2] == ["systemctl daemon-reload", "systemctl restart pomerium.service"]
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert machine.calls() == []
    assert not (machine.root / DROP_IN).exists()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/pomerium/config.yaml", "address: :8443\n"),
        ("etc/pomerium/config.yaml", "address: 127.0.0.1:8443\nhttp_redirect_addr: :8080\n"),
        ("etc/systemd/system/pomerium.service.d/cap.conf", f"[Service]\n{FREED}"),
        (
            "etc/systemd/system/pomerium.service.d/env.conf",
            "[Service]\nEnvironment=ADDRESS=:8443\n",
        ),
        ("proc/sys/net/ipv4/ip_unprivileged_port_start", "443\n"),
        (UNIT, PACKAGED_UNIT.replace("User=daemon", "")),
    ],
)
def test_no_drop_in_where_none_is_needed(machine: Machine, path: str, text: str) -> None:
    machine.put(path, text)
    finished = outcome(machine.install())
    assert not (machine.root / DROP_IN).exists()
    assert machine.calls() == []
    assert "systemctl enable --now pomerium.service" in [s.line for s in finished.next_steps]


@pytest.mark.parametrize("text", ["http_redirect_addr: :80\naddress: :8443\n", "routes: []\n"])
def test_every_listener_counts_also_one_that_nobody_names(machine: Machine, text: str) -> None:
    machine.put("etc/pomerium/config.yaml", text)
    machine.install()
    assert FREED in (machine.root / DROP_IN).read_text()


def test_a_bounded_unit_is_given_the_bound_too(machine: Machine) -> None:
    bounded = f"[Service]\n{FREED}CapabilityBoundingSet=CAP_CHOWN\n"
    machine.put("etc/systemd/system/pomerium.service.d/bound.conf", bounded)
    machine.install()
    assert "CapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in (machine.root / DROP_IN).read_text()
    assert machine.plan().is_empty


def test_a_new_configuration_decides_by_its_address(machine: Machine) -> None:
    (machine.root / "etc/pomerium/config.yaml").unlink()
    assert any(DROP_IN in one.title for one in machine.plan(address=":443").actions)
    assert not any(DROP_IN in one.title for one in machine.plan(address=":8443").actions)


def test_variables_that_win_over_the_file_are_told(machine: Machine) -> None:
    assert notices(machine, "wins over") == []
    machine.put("etc/pomerium/config.yaml", "autocert_dir: /srv\naddress: :8443\n")
    (told,) = notices(machine, "wins over")
    assert "AUTOCERT_DIR" in told
    assert UNIT in told
    machine.put(
        "etc/systemd/system/pomerium.service.d/env.conf",
        "[Service]\nEnvironment=CERTIFICATE_FILE=/other.pem\nEnvironmentFile=/secret\n",
    )
    assert len(notices(machine, "CERTIFICATE_FILE")) == 1
    assert len(notices(machine, "could not be read")) == 1


def test_another_configuration_or_owner_than_the_units_is_told(machine: Machine) -> None:
    elsewhere = str(machine.root / "srv/config.yaml")
    plan = machine.plan(config=elsewhere, owner="")
    assert any("The unit starts Pomerium with /etc/pomerium" in one for one in plan.notices)
    assert any("runs Pomerium as daemon" in one for one in plan.notices)


def test_a_renewal_touches_the_certificate_only(machine: Machine) -> None:
    machine.install()
    (machine.root / DROP_IN).unlink()
    (machine.root / UNIT).unlink()
    events = list(upkeep.renew(machine.system, machine.folder / "state", force=True))
    assert outcome(events).exit_code == 0
    assert not (machine.root / DROP_IN).exists()
    assert machine.calls() == ["daemon-reload with"]


def test_what_systemd_refuses_is_told_and_all_is_as_before(machine: Machine) -> None:
    before = tree(machine.root)
    machine.systemctl(
        "[ -e '%s' ] || exit 0; echo 'Access denied' >&2; exit 1" % (machine.root / DROP_IN)
    )
    events = machine.install()
    (failed,) = (event for event in events if isinstance(event, ActionFailed))
    assert (failed.code, failed.fatal) == ("unit-reload", True)
    assert "Access denied" in failed.summary
    assert outcome(events).outcome == "rolled-back"
    assert tree(machine.root) == before


def test_a_drop_in_of_ours_is_replaced_and_one_changed_since_is_not_lost(machine: Machine) -> None:
    machine.put(DROP_IN, "[Service]\n")
    machine.install()
    assert FREED in (machine.root / DROP_IN).read_text()
    machine.put(DROP_IN, "[Service]\nNice=1\n")
    with pytest.raises(WizardError) as caught:
        list(upkeep.undo(machine.system, machine.folder / "state"))
    assert caught.value.code == "changed-since"
    list(upkeep.undo(machine.system, machine.folder / "state", force=True))
    assert (machine.root / DROP_IN).read_text() == "[Service]\n"


def test_killed_while_systemd_reads_the_next_run_takes_it_back(machine: Machine) -> None:
    before = tree(machine.root)
    machine.systemctl("kill -9 $PPID")
    child = os.fork()
    if not child:
        try:
            machine.install()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert (machine.root / DROP_IN).exists()
    machine.systemctl("exit 0")
    session = machine.session()
    list(settle(session.system, session.journal, may_ask=False))
    assert tree(machine.root) == before
    assert machine.calls() == ["daemon-reload with", "daemon-reload without"]
    assert outcome(machine.install()).exit_code == 0
