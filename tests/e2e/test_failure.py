"""Whatever fails, and whoever interrupts: the run is taken back, and says so."""

import errno
import signal
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from crash_support import INSTALL, MACHINES, Machine
from warm import Warm, warm

CODES = {
    errno.ENOSPC: "disk-full",
    errno.EROFS: "read-only",
    errno.EACCES: "permission-denied",
}


@pytest.fixture(scope="module")
def process() -> Iterator[Warm]:
    with warm() as ready:
        yield ready


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
