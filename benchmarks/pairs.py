"""Two commands run in turn: their times change with the machine, the ratio of both much less."""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """A command as a whole process; `{dir}` in its words is a directory made anew for each run."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = {}


class Pair(NamedTuple):
    """Wall seconds of both commands, a run of each in turn."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median of the ratios of neighbouring runs: what to quote."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def best(self) -> float:
        """The ratio of the fastest runs: what is left when other work on the machine is not."""
        return min(self.ours) / min(self.theirs)

    def joined(self, more: "Pair") -> "Pair":
        """These runs and more of them."""
        return Pair(self.ours + more.ours, self.theirs + more.theirs)


def measure(ours: Case, theirs: Case, rounds: int) -> Pair:
    """Runs both `rounds` times in turn, after one round that does not count."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for case, into in zip((ours, theirs), seconds, strict=True):
            into.append(_once(case))
    return Pair(tuple(seconds[0][1:]), tuple(seconds[1][1:]))


def _once(case: Case) -> float:
    directory = Path(tempfile.mkdtemp(prefix="pomcert-bench-"))
    try:
        argv = _in(case.argv, directory)
        env = {**os.environ}
        # Who installs a program gets it compiled; the round that does not count sees to it here.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env |= {name: value.replace("{dir}", str(directory)) for name, value in case.env.items()}
        begin = time.perf_counter()
        done = subprocess.run(argv, env=env, cwd=directory, capture_output=True, check=False)
        took = time.perf_counter() - begin
    finally:
        shutil.rmtree(directory)
    if done.returncode:
        raise RuntimeError(f"{case.name} failed: {done.stderr.decode(errors='replace')}")
    return took


def _in(argv: Sequence[str], directory: Path) -> list[str]:
    return [word.replace("{dir}", str(directory)) for word in argv]
