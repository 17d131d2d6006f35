"""A warm wizard: forks a ready process for each run, and cuts the run at any step it names.

A run is a real command line in a process of its own, without the start of an interpreter. Steps are
what outlasts a process: every system call that changes a file, and every event. As nothing durable
happens between two steps, to be killed before each one is to be killed everywhere.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from wizard import cli
from wizard.headless.jsonl import JsonLines

CALLS = (
    *("write", "fsync", "replace", "unlink", "mkdir", "rmdir"),
    *("ftruncate", "fchmod", "fchown"),
)


class Ended(NamedTuple):
    """How a run ended: its exit code or the signal that killed it (negative), and its steps."""

    code: int
    steps: list[str]
    out: str
    err: str

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Warm:
    """The tests' side: sends command lines, receives how they ended."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._process = process
        self._log = folder

    def run(
        self,
        *argv: str,
        home: Path,
        kill: int = 0,
        fault: tuple[int, int, bool] = (0, 0, False),
        signalled: tuple[int, int] = (0, 0),
    ) -> Ended:
        """Runs one command line with --json.

        Args:
            argv: the words.
            home: its HOME and current directory.
            kill: the step before which the process kills itself; 0 for none.
            fault: a step, the error number that it fails with, and whether all later ones fail too.
            signalled: a step, and the signal that arrives just before it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {
            "argv": argv,
            "home": str(home),
            "kill": kill,
            "fault": fault,
            "signal": signalled,
            "log": str(self._log),
        }
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        out, err = ((self._log / name).read_text() for name in ("out", "err"))
        assert "Traceback" not in err, err
        return Ended(answer["code"], answer["steps"], out, err)


@contextmanager
def warm() -> Iterator[Warm]:
    """Starts the warm process."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=folder,
        ) as process,
    ):
        try:
            yield Warm(process, Path(folder))
        finally:
            assert process.stdin is not None
            process.stdin.close()


# ── the other side ─────────────────────────────────────────────────────────────────────────────


class Steps:
    """Counts the steps of this process and does to it what the job says."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.names: list[str] = []

    def take(self, name: str) -> None:
        self.names.append(name)
        count = len(self.names)
        if count == self.job["kill"]:
            os.kill(os.getpid(), signal.SIGKILL)
        at, number = self.job["signal"]
        if count == at:
            os.kill(os.getpid(), number)
        at, number, lasting = self.job["fault"]
        if at and not name.startswith("event") and (count == at or (lasting and count > at)):
            raise OSError(number, os.strerror(number))

    def watch(self) -> None:
        """Makes every call and event a step."""
        for name in CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        plain_open = os.open

        def opened(path: str | Path, flags: int, *rest: Any, **named: Any) -> int:
            if flags & os.O_CREAT:
                self.take(f"create {path}")
            return plain_open(path, flags, *rest, **named)

        os.open = opened
        plain_event = JsonLines.event

        def told(front: JsonLines, event: Any) -> None:
            self.take(f"event {type(event).__name__}")
            plain_event(front, event)

        JsonLines.event = told  # type: ignore[method-assign]

    def _counted(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*values: Any, **named: Any) -> Any:
            self.take(" ".join((name, *(str(v) for v in values if isinstance(v, str | Path)))))
            return plain(*values, **named)

        return counted


def child(job: dict[str, Any], report: int) -> NoReturn:
    """One run, in a forked process that ends here."""
    log = Path(job["log"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(log / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]
    os.environ.update(HOME=job["home"], POMCERT_OUTPUT_OWNER="")
    os.chdir(job["home"])
    write, finish = os.write, os._exit
    steps = Steps(job)
    steps.watch()
    code = 70
    try:
        cli._stop_like_ctrl_c()
        code = cli.main(job["argv"])
    finally:
        if code == 70:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        sys.stdout.flush()
        write(report, json.dumps({"code": code, "steps": steps.names}).encode())
        finish(0)


def serve(jobs: Iterable[bytes], answers: BinaryIO) -> None:
    """Forks for each job until there are no more."""
    for line in jobs:
        job = json.loads(line)
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            child(job, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            report = pipe.read()
        _, status = os.waitpid(process, 0)
        killed = {"code": os.waitstatus_to_exitcode(status), "steps": []}
        answers.write((report or json.dumps(killed).encode()) + b"\n")
        answers.flush()


def main() -> None:
    """Loads everything that a run loads, by making one, and serves."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from cli_support import ANSWERS  # noqa: PLC0415

    Path("answers.toml").write_text(ANSWERS)
    for words in (("--answers", "answers.toml"), ("renew", "--force"), ("undo",)):
        if cli.main([*words, "--json", "--state-dir", "state"]) != 0:
            sys.exit("the warm-up failed")
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
