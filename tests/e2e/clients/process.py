"""Running a client: its own process group, a small environment, a deadline."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 60.0  # seconds; every client answers within three on an idle machine

PAGE = "pomcert test page"
"""What the server answers; a client that shows anything else did not load it."""


@dataclass(frozen=True)
class Outcome:
    """How a process ended, with stdout and stderr as one text."""

    code: int
    text: str


def environment(home: Path) -> dict[str, str]:
    """Nothing but PATH and HOME, so that no setting of this machine decides what is trusted."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


@contextlib.contextmanager
def running(
    argv: Sequence[str | Path],
    *,
    home: Path,
    output: int | None = None,
    extra: Mapping[str, str] | None = None,
    request: bytes = b"",
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone, with all its children, when the block ends.

    Its stdin gives `request` and then stays open: some clients take its end as "stop".
    """
    reader, writer = os.pipe()
    os.write(writer, request)
    process = subprocess.Popen(
        argv,
        cwd=home,
        env=environment(home) | dict(extra or {}),
        stdin=reader,
        stdout=subprocess.DEVNULL if output is None else output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(reader)
        os.close(writer)


def run(
    argv: Sequence[str | Path],
    *,
    home: Path,
    extra: Mapping[str, str] | None = None,
    request: bytes = b"",
) -> Outcome:
    # A file, not a pipe: a browser's children may hold a pipe open after the browser has ended.
    with tempfile.TemporaryFile() as output:
        with running(
            argv, home=home, output=output.fileno(), extra=extra, request=request
        ) as process:
            try:
                code = process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                code = -1
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Outcome(code, text if code != -1 else f"no end within {DEADLINE:.0f} s: {text}")


def until(process: subprocess.Popen[bytes], ready: Callable[[], T | None]) -> T:
    """What `ready` finds, as soon as it finds it; no longer than the process lives."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if (found := ready()) is not None:
            return found
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(0.02)
            raise RuntimeError(f"{process.args!r} ended with {code} before it was ready")
    raise RuntimeError(f"{process.args!r} was not ready within {DEADLINE:.0f} s")
