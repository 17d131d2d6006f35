"""A machine to break runs on: everything a run may touch, in one directory."""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from cli_support import ANSWERS, tree
from warm import Ended, Warm

from wizard.pki import chain, keys
from wizard.pomerium import config

STEM = "_wildcard.localhost.pomerium.io"
NAMES = ("*.localhost.pomerium.io", "localhost.pomerium.io")
INSTALL = ("--answers", "answers.toml")
SECRETS = re.compile(rb"PRIVATE KEY|_secret:")
EXISTING = """\
# Ours since the first day.
address: :443   # do not touch
shared_secret: 'ZXhpc3Rpbmctc2VjcmV0LW9mLXRoaXJ0eS10d28hISE='
routes:
  - from: https://verify.localhost.pomerium.io
    to: http://127.0.0.1:8000
"""


@dataclass
class Machine:
    """A directory with everything a run may touch, and the way to put it back."""

    process: Warm
    folder: Path

    def run(self, *words: str, **how: object) -> Ended:
        argv = (*words, "--json", "--state-dir", "state")
        return self.process.run(*argv, home=self.folder, **how)  # type: ignore[arg-type]

    def save(self) -> Path:
        aside = self.folder.with_name(f"{self.folder.name}-saved-{os.urandom(4).hex()}")
        shutil.copytree(self.folder, aside, symlinks=True)
        return aside

    def load(self, saved: Path) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(saved, self.folder, symlinks=True)

    def tree(self) -> dict[str, tuple[str, int, int, bytes]]:
        """All but the records of the runs."""
        records = (str(self.folder / "state/runs"), str(self.folder / "state/lock"))
        found = {path: it for path, it in tree(self.folder).items() if not path.startswith(records)}
        found.pop(str(self.folder / "state"), None)
        return found

    def shape(self) -> dict[str, tuple[str, int, int]]:
        """What stands where, whatever the keys are that each run makes anew."""
        return {path: it[:3] for path, it in self.tree().items()}

    def assert_private(self) -> None:
        for path, (kind, mode, _, content) in tree(self.folder).items():
            if kind == "-" and SECRETS.search(content):
                assert not mode & 0o077, f"others can read {path}"
            if path.startswith(str(self.folder / "state")):
                assert not mode & 0o077, f"others can look into {path}"

    def assert_finishes(
        self, *words: str, shape: dict[str, tuple[str, int, int]], step: int
    ) -> None:
        """Cut off before a step, a run is gone on with by the next one."""
        assert self.run(*words).code == 0, step
        assert self.shape() == shape, step
        self.assert_clean()

    def assert_undoes(self, before: dict[str, tuple[str, int, int, bytes]], step: int) -> None:
        """Cut off before a step, a run is taken back to the byte."""
        undone = self.run("undo")
        assert undone.code == 0 or undone.rows()[-1]["code"] == "no-such-run", step
        assert self.tree() == before, step
        self.assert_clean()

    def assert_clean(self) -> None:
        strays = [path for path in tree(self.folder) if "/.pomcert-" in path]
        assert strays == []

    def assert_works(self) -> None:
        """The certificate is the authority's, the key its own, and the configuration names both."""
        now = datetime.now(UTC)
        leaf, *issuers = chain.read((self.folder / f"tls/{STEM}.pem").read_bytes(), "leaf")
        key = keys.from_pem((self.folder / f"tls/{STEM}-key.pem").read_bytes(), "key")
        root = chain.read((self.folder / "state/ca/root.pem").read_bytes(), "root")[0]
        chain.verify(leaf, issuers, root, NAMES, now)
        assert chain.belongs(leaf, key)
        assert (self.folder / "tls/ca.pem").read_bytes() == chain.to_pem([root])
        text = (self.folder / "config.yaml").read_text()
        assert f"{self.folder}/tls/{STEM}.pem" in text
        assert config.read((self.folder / "config.yaml").resolve()) is not None


def fresh(process: Warm, folder: Path) -> Machine:
    """A machine without a configuration."""
    folder.mkdir(exist_ok=True)
    (folder / "answers.toml").write_text(ANSWERS)
    return Machine(process, folder)


def lived_in(process: Warm, folder: Path) -> Machine:
    """A machine with a configuration behind a link, and with a certificate to be replaced."""
    machine = fresh(process, folder)
    assert machine.run(*INSTALL).code == 0
    shutil.rmtree(folder / "state")
    (folder / "tls/ca.pem").unlink()
    (folder / "etc").mkdir(mode=0o750)
    real = folder / "etc/pomerium.yaml"
    real.write_text(EXISTING)
    real.chmod(0o600)
    (folder / "config.yaml").unlink()
    (folder / "config.yaml").symlink_to("etc/pomerium.yaml")
    return machine


def walk(
    machine: Machine, *words: str, first: int = 1, least: int = 10, **how: object
) -> Iterator[int]:
    """Runs a command again and again, each time from the same start, killed one step later.

    Killed before every event, and after every call that changed something.
    """
    start = machine.save()
    steps = machine.run(*words, **how).steps
    assert len(steps) - first > least
    for step, (last, this) in enumerate(pairwise(["", *steps]), 1):
        if step >= first and (this.startswith("event") or not last.startswith(("event", "fsync"))):
            machine.load(start)
            assert machine.run(*words, kill=step, **how).code == -signal.SIGKILL
            machine.assert_private()
            yield step


MACHINES: dict[str, Callable[[Warm, Path], Machine]] = {"fresh": fresh, "lived_in": lived_in}
