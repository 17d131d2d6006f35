"""What the tests of the command line share: the command as somebody runs it, and their machine."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from conftest import REPOSITORY, Need

SECONDS = 60.0
SOMEBODY = 12345
"""A user id that no machine's user database has."""

ANSWERS = """
schema_version = 1
strategy = "local-ca"
names = ["*.localhost.pomerium.io", "localhost.pomerium.io"]

[local_ca]
stores = []

[output]
directory = "tls"
config = "config.yaml"
owner = ""
"""
"""Answers that change nothing outside the current directory."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it said where."""

    status: int
    out: str
    err: str

    def rows(self) -> list[dict[str, object]]:
        """The objects of --json."""
        return [json.loads(line) for line in self.out.splitlines()]

    def error(self) -> dict[str, object]:
        """The one object that --json prints when nothing could be begun."""
        (row,) = self.rows()
        assert row["event"] == "error"
        return row


@dataclass
class Wizard:
    """The installed command, run as a process of its own in a directory of its own.

    `prefix` is who runs it; `env` is added to an environment with nothing but PATH and HOME.
    """

    folder: Path
    prefix: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def argv(self, *words: str) -> list[str]:
        # `-P`: the current directory is a person's, and a file of theirs is no module of ours.
        return [*self.prefix, sys.executable, "-P", "-m", "wizard", *words]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.env,
        }

    def __call__(self, *words: str, stdin: str = "", seconds: float = SECONDS) -> Outcome:
        """Runs it with its own state directory."""
        return self.bare("--state-dir", str(self.state), *words, stdin=stdin, seconds=seconds)

    def bare(self, *words: str, stdin: str = "", seconds: float = SECONDS) -> Outcome:
        """Runs it with these words and no others."""
        done = subprocess.run(
            self.argv(*words),
            input=stdin.encode(),
            capture_output=True,
            env=self.environment(),
            cwd=self.folder,
            timeout=seconds,
            check=False,
        )
        outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in outcome.err, outcome.err
        return outcome

    def answers(self, text: str = ANSWERS, name: str = "answers.toml") -> str:
        """Writes an answers file and returns its name."""
        (self.folder / name).write_text(text)
        return name

    def install(self, *words: str) -> Outcome:
        """Applies the usual answers."""
        done = self("--answers", self.answers(), *words)
        assert done.status == 0, done.err
        return done


def tree(*roots: Path) -> dict[str, tuple[str, int, int, bytes]]:
    """Everything below: kind, mode, owner, and bytes or a link's target."""
    return {str(path): _entry(path) for root in roots for path in _walk(root)}


def _walk(root: Path) -> Iterator[Path]:
    if os.path.lexists(root):
        yield root
    if root.is_dir() and not root.is_symlink():
        for path in sorted(root.iterdir()):
            yield from _walk(path)


def _entry(path: Path) -> tuple[str, int, int, bytes]:
    status = path.lstat()
    kind = stat.filemode(status.st_mode)[0]
    content = b""
    if kind == "l":
        content = os.fsencode(path.readlink())
    elif kind == "-":
        content = path.read_bytes()
    return kind, stat.S_IMODE(status.st_mode), status.st_uid, content


def as_user(need: Need, uid: int = SOMEBODY) -> tuple[str, ...]:
    """What in front of a command makes a plain user run it; nothing where we are one already.

    Where the tests' Python lies in root's own directory the user may read everything, as only root
    may otherwise, but still writes nowhere.
    """
    if os.geteuid() != 0:
        return ()
    need("setpriv")
    plain = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
    reading = (*plain, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    for prefix in (plain, reading):
        probe = [*prefix, sys.executable, "-c", "import wizard"]
        env: Mapping[str, str] = {"PYTHONPATH": str(REPOSITORY)}
        if subprocess.run(probe, env=env, capture_output=True, check=False).returncode == 0:
            return prefix
    need.that(met=False, problem="no plain user can run this Python", remedy="run as one")
    return ()
