"""Everything that the command prints under --json is what docs/events.schema.json says."""

import errno
import json
import signal
from pathlib import Path

import pytest
from conftest import REPOSITORY, Need
from crash_support import INSTALL, MACHINES, Machine
from jsonschema import Draft202012Validator
from warm import Ended, Warm


@pytest.fixture
def machine(process: Warm, tmp_path: Path) -> Machine:
    return MACHINES["lived_in"](process, tmp_path / "machine")


def seen(*runs: Ended) -> set[str]:
    """The kinds of rows of these runs, each one checked."""
    validator = Draft202012Validator(
        json.loads((REPOSITORY / "docs/events.schema.json").read_text())
    )
    rows = [row for run in runs for row in run.rows()]
    for row in rows:
        validator.validate(row)
    return {row["event"] for row in rows}


def test_a_life_of_a_certificate(machine: Machine) -> None:
    assert seen(machine.run("plan", *INSTALL)) == {"plan"}
    install = seen(machine.run(*INSTALL))
    actions = {"run-started", "action-started", "action-done", "proof", "finished"}
    assert install >= actions
    assert seen(machine.run("status")) >= {"certificate"}
    assert seen(machine.run("renew", "--force")) >= actions
    assert seen(machine.run("renew")) >= {"finished"}
    assert seen(machine.run("undo")) == {"action-undone", "finished"}


def test_what_goes_wrong(machine: Machine) -> None:
    start = machine.save()
    steps = machine.run(*INSTALL).steps
    machine.load(start)
    last = max(at for at, step in enumerate(steps, 1) if step.startswith("replace"))
    failed = machine.run(*INSTALL, fault=(last, errno.ENOSPC, False))
    assert seen(failed) >= {"action-failed", "action-undone", "finished"}
    assert seen(machine.run("undo")) == {"error"}
    assert seen(machine.run("--answers", "nowhere.toml")) == {"error"}
    stopped = machine.run(*INSTALL, signalled=(last, signal.SIGTERM))
    assert seen(stopped) >= {"action-done"}


def test_a_notice_is_a_row(machine: Machine) -> None:
    (machine.folder / "config.yaml").unlink()
    assert "notice" in seen(machine.run(*INSTALL))


def test_what_there_is_to_choose_from(machine: Machine) -> None:
    for what in ("strategies", "stores", "targets"):
        assert seen(machine.run("list", what)) == {"part"}


def test_what_can_be_answered(machine: Machine) -> None:
    assert seen(machine.run("answers", "schema")) == {"schema"}
    example = machine.run("answers", "example")
    assert seen(example) == {"answers"}
    (row,) = example.rows()
    (schema,) = machine.run("answers", "schema").rows()
    Draft202012Validator(schema["schema"]).validate(row["answers"])


def test_trust_in_a_browser(machine: Machine, need: Need) -> None:
    need("certutil")
    assert machine.run(*INSTALL).code == 0
    installed = machine.run("trust", "install", "--store", "nss")
    assert installed.code == 0
    assert seen(installed) >= {"action-done", "finished"}
    assert seen(machine.run("trust", "status", "--store", "nss")) == {"trust"}
    assert seen(machine.run("trust", "uninstall", "--store", "nss")) >= {"action-done"}
