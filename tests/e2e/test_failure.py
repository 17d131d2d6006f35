"""Whatever fails, and whoever interrupts: the run is taken back, and says so."""

import errno
import os
import shutil
import signal
import subprocess
from itertools import cycle
from pathlib import Path

import pytest
from cli_support import Wizard
from conftest import Need
from crash_support import INSTALL, MACHINES, Machine
from warm import Warm

CODES = {
    errno.ENOSPC: "disk-full",
    errno.EROFS: "read-only",
    errno.EACCES: "permission-denied",
}


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest, process: Warm, tmp_path: Path) -> Machine:
    return MACHINES[request.param](process, tmp_path / "machine")


def begun(steps: list[str]) -> int:
    """The first step after the one that begins the record of a run."""
    return steps.index("event RunStarted") + 1


def test_one_call_that_fails_takes_everything_back(machine: Machine) -> None:
    before, start = machine.tree(), machine.save()
    steps = machine.run(*INSTALL).steps
    for (at, step), number in zip(enumerate(steps, 1), cycle(CODES), strict=False):
        if step.startswith("event"):
            continue
        machine.load(start)
        ended = machine.run(*INSTALL, fault=(at, number, False))
        assert ended.code == 1, (at, step, ended)
        assert machine.tree() == before, (at, step)
        machine.assert_clean()
        if at > begun(steps):
            assert ended.rows()[-1]["outcome"] == "rolled-back", (at, step)
            (reason,) = [row for row in ended.rows() if row["event"] == "action-failed"]
            assert (reason["code"], reason["fatal"]) == (CODES[number], True), (at, step)
        else:
            assert ended.rows()[-1]["code"] == CODES[number], (at, step)


def test_a_disk_that_stays_broken_is_taken_back_or_told_and_settled_later(machine: Machine) -> None:
    before, start = machine.tree(), machine.save()
    steps = machine.run(*INSTALL).steps
    finished = machine.shape()
    for at, step in enumerate(steps, 1):
        if step.startswith("event"):
            continue
        machine.load(start)
        ended = machine.run(*INSTALL, fault=(at, errno.EROFS, True))
        machine.assert_private()
        assert ended.code in {1, 7}, (at, step, ended)
        if ended.code == 1:
            assert machine.tree() == before, (at, step)
        else:
            assert ended.rows()[-1]["outcome"] == "needs-cleanup", (at, step)
        assert machine.run(*INSTALL).code == 0, (at, step)
        assert machine.shape() == finished, (at, step)
        machine.assert_works()
        machine.assert_clean()


def test_an_interrupted_run_is_taken_back(machine: Machine) -> None:
    before, start = machine.tree(), machine.save()
    steps = machine.run(*INSTALL).steps
    numbers = cycle([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    for (at, step), number in zip(enumerate(steps[:-1], 1), numbers, strict=False):
        machine.load(start)
        ended = machine.run(*INSTALL, signalled=(at, number))
        assert ended.code == 130, (at, step)
        assert machine.tree() == before, (at, step)
        machine.assert_clean()
        assert machine.run("plan", *INSTALL).code == 0, (at, step)


FULL = """
mount -t tmpfs -o size=1m,mode=0700 tmpfs "$1"
cp -a "$2/." "$1/"
used=$(df -k "$1" | awk 'END { print $3 }')
mount -o "remount,size=$((used + $3))k" "$1"
cd "$1"
shift 3
set +e
"$@"
status=$?
cp -a . "$RESULT"
exit $status
"""


def test_a_really_full_disk_is_left_as_it_was(process: Warm, tmp_path: Path, need: Need) -> None:
    """A disk for everything, with one page more each time until a certificate is replaced."""
    need.that(os.geteuid() == 0, "only root may mount", "run as root")
    need("unshare")
    machine = MACHINES["lived_in"](process, tmp_path / "machine")
    wizard, before, start = Wizard(machine.folder), machine.tree(), machine.save()
    for pages in range(40):
        result = tmp_path / f"result-{pages}"
        result.mkdir()
        script = ["sh", "-ec", FULL, "sh", str(machine.folder), str(start), str(4 * pages)]
        done = subprocess.run(
            ["unshare", "--mount", *script, *wizard.argv("--state-dir", "state", *INSTALL)],
            env={**wizard.environment(), "RESULT": str(result)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        shutil.rmtree(machine.folder)
        result.rename(machine.folder)
        machine.assert_private()
        machine.assert_clean()
        if done.returncode == 0:
            break
        assert done.returncode == 1, (pages, done.stderr)
        assert "[disk-full]" in done.stderr
        assert machine.tree() == before, (pages, done.stderr)
    assert 4 < pages < 39
    machine.assert_works()
