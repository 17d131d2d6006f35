"""The same answers twice change nothing; undo gives back every byte, mode, owner and link."""

import os
from pathlib import Path

import pytest
from cli_support import Wizard, tree
from conftest import Need
from crash_support import INSTALL, MACHINES, STEM, Machine
from warm import Ended, Warm

from wizard.pki import chain


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, process: Warm, tmp_path: Path) -> Machine:
    return MACHINES[request.param](process, tmp_path / "machine")


def times(folder: Path) -> dict[str, tuple[int, int, int]]:
    """When each thing was changed, its inode and its mode: what a rewrite of equal bytes moves."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        status = path.lstat()
        found[str(path)] = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return found


def run_of(ended: Ended) -> str:
    return str(ended.rows()[-1]["run"])


def kept(machine: Machine, run: str) -> set[bytes]:
    return {path.read_bytes() for path in machine.folder.glob(f"state/runs/{run}/kept/*")}


def test_the_same_answers_again_change_no_byte_no_time_no_mode(machine: Machine) -> None:
    assert machine.run(*INSTALL).code == 0
    before, stamps = tree(machine.folder), times(machine.folder)
    for words in (INSTALL, ("plan", "--detailed-exitcode", *INSTALL), ("renew",), ("status",)):
        again = machine.run(*words)
        assert again.code == 0, words
        assert times(machine.folder) == stamps, words
        assert tree(machine.folder) == before, words
    assert machine.run(*INSTALL).rows()[-1] == {
        "event": "finished",
        "outcome": "nothing-to-do",
        "exit_code": 0,
        "run": "",
        "next_steps": [],
    }


def test_the_installed_command_says_that_there_is_nothing_to_do(tmp_path: Path) -> None:
    wizard = Wizard(tmp_path)
    wizard.install()
    before, stamps = tree(tmp_path), times(tmp_path)
    again = wizard(*INSTALL)
    assert (again.status, again.out) == (0, "")
    assert "Nothing to do" in again.err
    assert (tree(tmp_path), times(tmp_path)) == (before, stamps)


def test_undo_restores_everything_and_keeps_what_it_removed(machine: Machine) -> None:
    before = machine.tree()
    done = machine.run(*INSTALL)
    made = {
        content
        for path, (kind, _, _, content) in machine.tree().items()
        if kind == "-" and before.get(path) != machine.tree()[path]
    }
    assert len(made) > 4
    undone = machine.run("undo")
    assert undone.code == 0
    assert undone.rows()[-1] == {
        "event": "finished",
        "outcome": "undone",
        "exit_code": 0,
        "run": run_of(done),
        "next_steps": [],
    }
    assert machine.tree() == before
    assert kept(machine, run_of(done)) >= made
    machine.assert_private()
    assert machine.run("status").rows() == []


def test_undo_twice_is_refused_and_changes_nothing(machine: Machine) -> None:
    run = run_of(machine.run(*INSTALL))
    assert machine.run("undo", run).code == 0
    before = tree(machine.folder)
    for words in (("undo",), ("undo", run)):
        again = machine.run(*words)
        assert (again.code, again.rows()[-1]["code"]) == (2, "no-such-run")
    assert tree(machine.folder) == before


def test_a_run_after_an_undo_installs_again(machine: Machine) -> None:
    assert machine.run(*INSTALL).code == 0
    finished = machine.shape()
    assert machine.run("undo").code == 0
    assert machine.run(*INSTALL).code == 0
    assert machine.shape() == finished
    machine.assert_works()


def test_undo_of_a_renewal_gives_the_earlier_certificate_back(machine: Machine) -> None:
    first = run_of(machine.run(*INSTALL))
    before = machine.tree()
    second = machine.run("renew", "--force")
    assert second.code == 0
    after = machine.tree()
    changed = {Path(path).name for path in after if after[path] != before.get(path)}
    assert changed == {f"{STEM}.pem", f"{STEM}-key.pem"}
    assert (
        chain.read(before[str(machine.folder / f"tls/{STEM}.pem")][3], "before")[0]
        != chain.read(after[str(machine.folder / f"tls/{STEM}.pem")][3], "after")[0]
    )
    machine.assert_works()
    undone = machine.run("undo")
    assert run_of(undone) == run_of(second) != first
    assert machine.tree() == before
    machine.assert_works()
    assert run_of(machine.run("undo")) == first


def test_undo_of_the_first_of_two_runs_names_the_one_to_undo_before(machine: Machine) -> None:
    before = machine.tree()
    first = run_of(machine.run(*INSTALL))
    second = run_of(machine.run("renew", "--force"))
    standing = tree(machine.folder)
    refused = machine.run("undo", first)
    assert (refused.code, refused.rows()[-1]["code"]) == (1, "changed-since")
    assert f"{STEM}-key.pem" in refused.rows()[-1]["summary"]
    assert f"undo {second}" in refused.rows()[-1]["hint"]
    assert tree(machine.folder) == standing
    assert machine.run("undo", second).code == 0
    assert machine.run("undo", first).code == 0
    assert machine.tree() == before


def test_undo_refuses_to_lose_what_somebody_changed_since(machine: Machine) -> None:
    start = machine.tree()
    run = run_of(machine.run(*INSTALL))
    config = machine.folder / "config.yaml"
    config.write_bytes(config.read_bytes() + b"# by hand\n")
    before, stamps = tree(machine.folder), times(machine.folder)
    refused = machine.run("undo")
    assert (refused.code, refused.rows()[-1]["code"]) == (1, "changed-since")
    assert str(config.resolve()) in refused.rows()[-1]["summary"]
    assert "--force" in refused.rows()[-1]["hint"]
    assert (tree(machine.folder), times(machine.folder)) == (before, stamps)
    by_hand = config.read_bytes()
    assert machine.run("undo", "--force").code == 0
    assert machine.tree() == start
    assert by_hand in kept(machine, run)


def test_undo_leaves_a_directory_that_somebody_else_uses(machine: Machine) -> None:
    assert machine.run(*INSTALL).code == 0
    (machine.folder / "tls/theirs.pem").write_text("theirs\n")
    assert machine.run("undo").code == 0
    assert (machine.folder / "tls/theirs.pem").read_text() == "theirs\n"


def test_undo_goes_on_where_somebody_removed_a_file(machine: Machine) -> None:
    start = machine.tree()
    assert machine.run(*INSTALL).code == 0
    (machine.folder / f"tls/{STEM}.pem").unlink()
    (machine.folder / "config.yaml").resolve().unlink()
    assert machine.run("undo").code == 0
    assert machine.tree() == start


def test_undo_gives_owner_and_mode_back(process: Warm, tmp_path: Path, need: Need) -> None:
    need.that(os.geteuid() == 0, "only root may give files away", "run as root")
    machine = MACHINES["lived_in"](process, tmp_path / "machine")
    config = machine.folder / "etc/pomerium.yaml"
    key = machine.folder / f"tls/{STEM}-key.pem"
    for path, mode in ((config, 0o640), (key, 0o400)):
        os.chown(path, 4321, 8765)
        path.chmod(mode)
    before = machine.tree()
    assert machine.run(*INSTALL).code == 0
    for path, mode in ((config, 0o100640), (key, 0o100400)):
        status = path.stat()
        assert (status.st_mode, status.st_uid, status.st_gid) == (mode, 4321, 8765)
    for path in (config, key):
        os.chown(path, 0, 0)
        path.chmod(0o600)
    assert machine.run("undo").code == 0
    assert machine.tree() == before
    assert (key.stat().st_gid, config.stat().st_gid) == (8765, 8765)


def test_a_link_that_leads_nowhere_yet_stays_and_its_file_goes(
    process: Warm, tmp_path: Path
) -> None:
    machine = MACHINES["fresh"](process, tmp_path / "machine")
    (machine.folder / "config.yaml").symlink_to("deep/er/pomerium.yaml")
    (machine.folder / "tls").mkdir()
    (machine.folder / f"tls/{STEM}-key.pem").symlink_to("../elsewhere/key.pem")
    before = machine.tree()
    assert machine.run(*INSTALL).code == 0
    assert (machine.folder / "deep/er/pomerium.yaml").is_file()
    assert (machine.folder / "elsewhere/key.pem").stat().st_mode & 0o777 == 0o600
    machine.assert_works()
    assert machine.run("undo").code == 0
    assert machine.tree() == before
