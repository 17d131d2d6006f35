"""The real command, interrupted in the middle: by signals, by whoever reads it, by a second one."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_support import Wizard, tree

INSTALL = ("--answers", "answers.toml")
SECONDS = 30.0
ROOM = 1024
"""Bytes of stdout after which a run stands still: a few events."""


@pytest.fixture
def wizard(tmp_path: Path) -> Wizard:
    made = Wizard(tmp_path)
    made.answers()
    return made


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        os.sched_yield()


@contextlib.contextmanager
def halfway(wizard: Wizard) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A run that stands still after some actions, for its stdout is a pipe that is nearly full."""
    reading, writing = os.pipe()
    size = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, bytes(size - ROOM))
    with subprocess.Popen(
        wizard.argv("--state-dir", str(wizard.state), *INSTALL, "--json"),
        stdout=writing,
        stderr=subprocess.PIPE,
        env=wizard.environment(),
        cwd=wizard.folder,
    ) as process:
        os.close(writing)
        try:
            until((wizard.state / "ca/root.pem").exists)
            yield process, reading
        finally:
            process.kill()
            os.close(reading)


def stands_still(wizard: Wizard) -> bool:
    """Whether nothing has changed for a moment."""
    before = tree(wizard.folder)
    select.select([], [], [], 0.2)
    return tree(wizard.folder) == before


def installed(wizard: Wizard) -> list[str]:
    """What a run leaves but its records."""
    found = [path.relative_to(wizard.folder) for path in wizard.folder.rglob("*")]
    return sorted(str(p) for p in found if p.parts[:2] != ("state", "runs") and p.suffix)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_the_run_back(wizard: Wizard, number: int) -> None:
    with halfway(wizard) as (process, _):
        process.send_signal(number)
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 130
    assert err.decode().strip() == "Stopped; nothing is left half done."
    assert installed(wizard) == ["answers.toml"]


def test_a_signal_ends_a_run_whose_output_nobody_takes(wizard: Wizard) -> None:
    with halfway(wizard) as (process, _):
        until(lambda: stands_still(wizard))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 130
    assert err.decode().strip() == "Stopped; nothing is left half done."
    assert installed(wizard) == ["answers.toml"]


@pytest.mark.parametrize(
    "pair", [(signal.SIGHUP, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)], ids=str
)
def test_a_signal_that_comes_twice_does_not_cut_off_the_taking_back(
    wizard: Wizard, pair: tuple[signal.Signals, ...]
) -> None:
    with halfway(wizard) as (process, _):
        process.send_signal(pair[0])
        until(lambda: not (wizard.state / "ca/root.pem").exists() or process.poll() is not None)
        while process.poll() is None:
            process.send_signal(pair[1])
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 130
    assert err.decode().strip() == "Stopped; nothing is left half done."
    assert installed(wizard) == ["answers.toml"]


def test_a_run_whose_reader_goes_away_is_taken_back(wizard: Wizard) -> None:
    with halfway(wizard) as (process, reading):
        os.close(os.dup(reading))
        spare = os.open(os.devnull, os.O_RDONLY)
        os.dup2(spare, reading)
        os.close(spare)
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 1
    assert err == b""
    assert installed(wizard) == ["answers.toml"]


def test_a_run_whose_terminal_is_closed_is_taken_back(wizard: Wizard) -> None:
    wizard.env["POMCERT_OUTPUT_ROUTE_EMAIL"] = "you@example.com"
    master, slave = os.openpty()
    # As after Ctrl-S: whoever writes waits, which holds the run at its first line.
    termios.tcflow(slave, termios.TCOOFF)
    with subprocess.Popen(
        ["setsid", "--ctty", *wizard.argv("--state-dir", str(wizard.state), *INSTALL)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=wizard.environment(),
        cwd=wizard.folder,
    ) as process:
        os.close(slave)
        try:
            until((wizard.state / "ca/root.pem").exists)
        finally:
            os.close(master)
        assert process.wait(SECONDS) == 130
    assert installed(wizard) == ["answers.toml"]
    assert wizard("undo").status == 2


def run_into(stdout: int, wizard: Wizard, *words: str) -> "subprocess.CompletedProcess[str]":
    """A run whose output goes to a file that is open."""
    return subprocess.run(
        wizard.argv(*words),
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=wizard.environment(),
        cwd=wizard.folder,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("words", "status"),
    [(("--version",), 1), (("--help",), 1), (("list", "stores"), 1), (("frob", "--json"), 2)],
    ids=str,
)
def test_output_that_nobody_gets_is_told_by_the_exit_code(
    wizard: Wizard, words: tuple[str, ...], status: int, unbuffered: str
) -> None:
    """A full disk is told; a reader that left knows."""
    wizard.env["PYTHONUNBUFFERED"] = unbuffered
    for place in ("/dev/full", "gone"):
        reading, writing = os.pipe()
        os.close(reading)
        full = os.open("/dev/full", os.O_WRONLY)
        done = run_into(writing if place == "gone" else full, wizard, *words)
        os.close(writing)
        os.close(full)
        assert done.returncode == status, place
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        told = "[output-lost]" if place == "/dev/full" else ""
        assert (told if status == 1 else "[usage]") in done.stderr
        assert status == 2 or bool(done.stderr) == bool(told)


def test_a_run_whose_report_cannot_be_written_is_taken_back(wizard: Wizard) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    done = run_into(full, wizard, "--state-dir", str(wizard.state), *INSTALL, "--json")
    os.close(full)
    assert done.returncode == 1
    assert "[output-lost]" in done.stderr
    assert "Traceback" not in done.stderr
    assert installed(wizard) == ["answers.toml"]


def test_a_second_run_is_refused_at_once_and_a_kill_frees_the_lock(wizard: Wizard) -> None:
    with halfway(wizard) as (process, _):
        until(lambda: stands_still(wizard))
        before = tree(wizard.folder)
        for words in (INSTALL, ("renew", "--force"), ("undo",)):
            began = time.monotonic()
            second = wizard(*words)
            assert time.monotonic() - began < 5
            assert second.status == 11, words
            assert "[locked]" in second.err
            assert str(wizard.state) in second.err
        assert tree(wizard.folder) == before
        process.kill()
        assert process.wait(SECONDS) == -signal.SIGKILL
    done = wizard(*INSTALL)
    assert done.status == 0, done.err
    assert "taken back" in done.err
    assert "Nothing to do" in wizard(*INSTALL).err
