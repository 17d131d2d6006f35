"""Killed anywhere, a run is finished or undone by the next one, and no key was ever left open."""

import errno
import os
import re
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from cli_support import ANSWERS, tree
from crash_support import Ended, Warm, warm

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


@pytest.fixture(scope="module")
def process() -> Iterator[Warm]:
    with warm() as ready:
        yield ready


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


@pytest.fixture
def fresh(process: Warm, tmp_path: Path) -> Machine:
    """A machine without a configuration."""
    folder = tmp_path / "machine"
    folder.mkdir()
    (folder / "answers.toml").write_text(ANSWERS)
    return Machine(process, folder)


@pytest.fixture
def lived_in(fresh: Machine) -> Machine:
    """A machine with a configuration behind a link, and with a certificate to be replaced."""
    assert fresh.run(*INSTALL).code == 0
    shutil.rmtree(fresh.folder / "state")
    (fresh.folder / "tls/ca.pem").unlink()
    (fresh.folder / "etc").mkdir(mode=0o750)
    real = fresh.folder / "etc/pomerium.yaml"
    real.write_text(EXISTING)
    real.chmod(0o600)
    (fresh.folder / "config.yaml").unlink()
    (fresh.folder / "config.yaml").symlink_to("etc/pomerium.yaml")
    return fresh


@pytest.fixture(params=["fresh", "lived_in"])
def machine(request: pytest.FixtureRequest) -> Machine:
    found: Machine = request.getfixturevalue(request.param)
    return found


def walk(machine: Machine, *words: str, first: int = 1, **how: object) -> Iterator[int]:
    """Runs a command again and again, each time from the same start, killed one step later.

    Killed before every event, and after every call that changed something.
    """
    start = machine.save()
    steps = machine.run(*words, **how).steps
    assert len(steps) - first > 10
    for step, (last, this) in enumerate(pairwise(["", *steps]), 1):
        if step >= first and (this.startswith("event") or not last.startswith(("event", "fsync"))):
            machine.load(start)
            assert machine.run(*words, kill=step, **how).code == -signal.SIGKILL
            machine.assert_private()
            yield step


def test_killed_before_any_step_the_next_run_finishes_and_undo_restores(machine: Machine) -> None:
    before, start = machine.tree(), machine.save()
    assert machine.run(*INSTALL).code == 0
    finished = machine.shape()
    machine.load(start)
    for step in walk(machine, *INSTALL):
        cut = machine.save()
        assert machine.run(*INSTALL).code == 0, step
        assert machine.shape() == finished, step
        machine.assert_works()
        machine.assert_clean()
        machine.assert_private()
        machine.load(cut)
        undone = machine.run("undo")
        assert undone.code == 0 or undone.rows()[-1]["code"] == "no-such-run", step
        assert machine.tree() == before, step
        machine.assert_clean()


def test_killed_while_it_undoes_the_next_undo_or_run_goes_on(machine: Machine) -> None:
    before = machine.tree()
    assert machine.run(*INSTALL).code == 0
    finished = machine.shape()
    for step in walk(machine, "undo"):
        cut = machine.save()
        undone = machine.run("undo")
        assert undone.code == 0 or undone.rows()[-1]["code"] == "no-such-run", step
        assert machine.tree() == before, step
        machine.assert_clean()
        machine.load(cut)
        assert machine.run(*INSTALL).code == 0, step
        assert machine.shape() == finished, step
        machine.assert_works()
        machine.assert_clean()


def test_killed_while_it_rolls_back_the_next_run_goes_on(machine: Machine) -> None:
    before, start = machine.tree(), machine.save()
    steps = machine.run(*INSTALL).steps
    finished = machine.shape()
    last = max(number for number, step in enumerate(steps, 1) if step.startswith("replace"))
    fault = (last, errno.ENOSPC, False)
    machine.load(start)
    assert machine.run(*INSTALL, fault=fault).code == 1
    machine.load(start)
    for step in walk(machine, *INSTALL, first=last + 1, fault=fault):
        cut = machine.save()
        assert machine.run(*INSTALL).code == 0, step
        assert machine.shape() == finished, step
        machine.assert_works()
        machine.assert_clean()
        machine.load(cut)
        undone = machine.run("undo")
        assert undone.code == 0 or undone.rows()[-1]["code"] == "no-such-run", step
        assert machine.tree() == before, step
        machine.assert_clean()
