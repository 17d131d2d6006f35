"""What the tests of the command line share: the command as somebody runs it, and their machine."""

import json
import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

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

KEY = "tls/_wildcard.localhost.pomerium.io-key.pem"
APPLY = ("--answers", "answers.toml")
PLAN = ("plan", *APPLY)
REPR = re.compile(r"\\x|\\u|\bPosixPath\b|<[a-z]+ object|\bNone\b|\bTrue\b|\bFalse\b|Errno|\(\)|b'")
"""What Python prints and no person writes."""


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
        return self.around(self.argv(*words), stdin=stdin.encode(), seconds=seconds)

    def around(
        self, argv: Sequence[str | bytes], *, stdin: bytes = b"", seconds: float = SECONDS
    ) -> Outcome:
        """Runs a program that runs it, in its folder and environment."""
        done = subprocess.run(
            argv,
            input=stdin,
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


def refused(done: Outcome, status: int, code: str, *said: str) -> None:
    """The promise about every error, as a person and as a program see it."""
    words = " ".join(done.err.split())
    assert f"[{code}]" in done.err, (done.err, done.out)
    assert done.status == status, done.err
    for part in said:
        assert part in words, done.err
    assert not REPR.search(done.err), done.err
    problem, hint = done.err.strip().splitlines()[-2:]
    assert problem.startswith("✗ ")
    assert re.fullmatch(r"✗ .+[.!] \[[a-z0-9-]+\]", problem), problem
    assert len(hint.strip()) > 4


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
    """What in front of a command makes a plain user run it, where root runs the tests.

    Where the tests' Python lies in root's own directory the user may read everything, as only root
    may otherwise, but still writes nowhere.
    """
    need("setpriv")
    plain = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")
    reading = (*plain, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    for prefix in (plain, reading):
        # `env`, because setpriv itself finds a program while it still is root.
        probe = [*prefix, "/usr/bin/env", sys.executable, "-c", "import cryptography, wizard"]
        env: Mapping[str, str] = {"PYTHONPATH": str(REPOSITORY)}
        if subprocess.run(probe, env=env, capture_output=True, check=False).returncode == 0:
            return prefix
    need.that(met=False, problem="no plain user can run this Python", remedy="run as one")
    return ()


class Terminal:
    """A person at a terminal: stdin and stderr are one, stdout goes into a file."""

    def __init__(self, wizard: Wizard, *words: str) -> None:
        self._ours, self._theirs = pty.openpty()
        self._seen = ""
        self._data = wizard.folder / "stdout"
        # A terminal becomes the controlling one, of which Ctrl-C comes, when a session opens it.
        opened = ["/bin/sh", "-c", 'exec <> "$0" 2>&0 && exec "$@"', os.ttyname(self._theirs)]
        with self._data.open("wb") as data:
            self.process = subprocess.Popen(
                [*opened, *wizard.argv("--state-dir", str(wizard.state), *words)],
                stdout=data,
                env={"TERM": "xterm", **wizard.environment()},
                cwd=wizard.folder,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go()
        os.close(self._ours)
        self.process.kill()
        self.process.wait()

    @property
    def data(self) -> str:
        """What went to stdout."""
        return self._data.read_text()

    def until(self, text: str) -> str:
        """Waits for a text and returns what was shown up to its end."""
        deadline = time.monotonic() + SECONDS
        while text not in self._seen:
            more = self._read(deadline)
            assert more, f"never saw {text!r} in {self._seen!r}"
            self._seen += more
        shown, _, self._seen = self._seen.partition(text)
        return shown + text

    def type(self, line: str) -> None:
        """Types a line and Enter."""
        self.keys(f"{line}\n")

    def keys(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def end(self) -> tuple[int, str]:
        """Waits for the end; the exit status, and what was shown since."""
        deadline = time.monotonic() + SECONDS
        while more := self._read(deadline):
            self._seen += more
        return self.process.wait(SECONDS), self._seen

    def _read(self, deadline: float) -> str:
        ready, _, _ = select.select([self._ours], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing happens after {self._seen!r}"
        try:
            shown = os.read(self._ours, 65536)
        except OSError:
            return ""
        self._let_go()
        return shown.decode().replace("\r\n", "\n")

    def _let_go(self) -> None:
        """Leaves the other end to the program, which has it by now; its end is then seen."""
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1
