"""Killed anywhere, a run is finished or undone by the next one, and no key was ever left open."""

import errno
from pathlib import Path

import pytest
from cli_support import tree
from conftest import Need
from crash_support import INSTALL, MACHINES, Machine, walk
from warm import Warm


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, process: Warm, tmp_path: Path) -> Machine:
    return MACHINES[request.param](process, tmp_path / "machine")


def test_killed_before_any_step_the_next_run_finishes_and_undo_restores(machine: Machine) -> None:
    before, start = machine.tree(), machine.save()
    assert machine.run(*INSTALL).code == 0
    finished = machine.shape()
    machine.load(start)
    for step in walk(machine, *INSTALL):
        cut = machine.save()
        machine.assert_finishes(*INSTALL, shape=finished, step=step)
        machine.assert_works()
        machine.assert_private()
        machine.load(cut)
        machine.assert_undoes(before, step)


def test_so_it_is_with_a_container(process: Warm, tmp_path: Path) -> None:
    machine = MACHINES["fresh"](process, tmp_path / "machine")
    words = (*INSTALL, "--set", "output.target=docker", "--set", "docker.compose=compose.yaml")
    before, start = machine.tree(), machine.save()
    steps = machine.run(*words).steps
    finished = machine.shape()
    assert str(machine.folder / "compose.yaml") in finished
    machine.load(start)
    # All before the Compose file is as everywhere.
    for step in walk(machine, *words, first=len(steps) - 20):
        cut = machine.save()
        machine.assert_finishes(*words, shape=finished, step=step)
        machine.load(cut)
        machine.assert_undoes(before, step)


def test_killed_in_the_middle_a_look_says_so_and_changes_nothing(machine: Machine) -> None:
    start = machine.save()
    steps = machine.run(*INSTALL).steps
    machine.load(start)
    machine.run(*INSTALL, kill=len(steps) // 2)
    before = tree(machine.folder)
    for words in (("plan", *INSTALL), (*INSTALL, "--dry-run")):
        looked = machine.run(*words)
        assert (looked.code, looked.rows()[-1]["code"]) == (1, "run-cut-off")
    assert tree(machine.folder) == before


def test_a_file_changed_since_the_run_was_killed_is_never_lost(machine: Machine) -> None:
    start, saved = machine.tree(), machine.save()
    steps = machine.run(*INSTALL).steps
    machine.load(saved)
    machine.run(*INSTALL, kill=len(steps) - 2)
    config = machine.folder / "config.yaml"
    config.write_text(config.read_text() + "# by hand\n")
    before = tree(machine.folder)
    for words in (INSTALL, ("undo",)):
        refused = machine.run(*words)
        assert (refused.code, refused.rows()[-1]["code"]) == (1, "changed-since")
        assert str(config.resolve()) in refused.rows()[-1]["summary"]
        assert tree(machine.folder) == before
    assert machine.run("undo", "--force").code == 0
    assert machine.tree() == start
    kept = [path.read_bytes() for path in machine.folder.glob("state/runs/*/kept/*")]
    assert any(content.endswith(b"# by hand\n") for content in kept)


def test_killed_while_it_undoes_the_next_undo_or_run_goes_on(machine: Machine) -> None:
    before = machine.tree()
    assert machine.run(*INSTALL).code == 0
    finished = machine.shape()
    for step in walk(machine, "undo"):
        cut = machine.save()
        machine.assert_undoes(before, step)
        machine.load(cut)
        machine.assert_finishes(*INSTALL, shape=finished, step=step)
        machine.assert_works()


def test_killed_while_it_rolls_back_the_next_run_goes_on(machine: Machine) -> None:
    before, start = machine.tree(), machine.save()
    steps = machine.run(*INSTALL).steps
    finished = machine.shape()
    last = max(number for number, step in enumerate(steps, 1) if step.startswith("replace"))
    fault = (last, errno.ENOSPC, False)
    machine.load(start)
    assert machine.run(*INSTALL, fault=fault).code == 1
    machine.load(start)
    for step in walk(machine, *INSTALL, first=last + 1, fault=fault):
        cut = machine.save()
        machine.assert_finishes(*INSTALL, shape=finished, step=step)
        machine.assert_works()
        machine.load(cut)
        machine.assert_undoes(before, step)


def test_killed_while_it_trusts_the_next_run_goes_on_or_takes_it_back(
    process: Warm, tmp_path: Path, need: Need
) -> None:
    need("certutil")
    machine = MACHINES["fresh"](process, tmp_path / "machine")
    (machine.folder / ".local/share/pki/nssdb").mkdir(parents=True)
    trust = ("trust", "install", "--store", "nss")

    def trusted() -> set[str]:
        rows = machine.run("trust", "status", "--store", "nss").rows()
        return {str(row["trust"]) for row in rows}

    assert machine.run(*INSTALL).code == 0
    # Once there and back, so that every database exists.
    assert machine.run(*trust).code == 0
    assert machine.run("trust", "uninstall", "--store", "nss").code == 0
    assert trusted() == {"none"}
    settled = []
    for step in walk(machine, *trust, least=5):
        cut = machine.save()
        assert machine.run(*trust).code == 0, step
        assert trusted() == {"full"}, step
        machine.load(cut)
        assert machine.run("renew").code == 0, step
        settled.append(trusted())
        machine.assert_clean()
    # Killed after the outcome was written, before the flush and the last event: not cut off.
    assert settled[:-2] == [{"none"}] * (len(settled) - 2)
    assert settled[-2:] == [{"full"}] * 2
