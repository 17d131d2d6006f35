"""Killed anywhere, an installation of an existing certificate is finished or undone."""

import os
from pathlib import Path

import pytest
from bundle_support import Forge
from conftest import Need
from crash_support import Machine, walk
from existing_support import STEM, certbot
from warm import Warm

pytestmark = pytest.mark.e2e

INSTALL = ("--answers", "answers.toml")
ANSWERS = """
strategy = "existing"

[existing]
certificate = "mine/live/corp"

[output]
directory = "tls"
config = "config.yaml"
owner = ""
"""


class Company(Machine):
    """A machine where certbot keeps a certificate."""

    def assert_private(self) -> None:
        """All but the files of certbot, which are its own business."""
        key = self.folder / f"{STEM}-key.pem"
        assert not key.exists() or key.stat().st_mode & 0o077 == 0
        for path in (self.folder / "state").rglob("*"):
            assert not path.stat().st_mode & 0o077, path

    def assert_works(self) -> None:
        files = ((f"{STEM}.pem", "fullchain"), (f"{STEM}-key.pem", "privkey"))
        for ours, theirs in files:
            source = self.folder / f"mine/live/corp/{theirs}.pem"
            assert (self.folder / ours).read_bytes() == source.read_bytes()
        hook = self.folder / "mine/renewal-hooks/deploy/pomcert-corp"
        assert os.access(hook, os.X_OK)
        assert str(self.folder / STEM) in (self.folder / "config.yaml").read_text()


@pytest.fixture
def machine(tmp_path: Path, process: Warm, need: Need) -> Company:
    folder = tmp_path / "machine"
    (folder / "mine").mkdir(parents=True)
    (folder / "answers.toml").write_text(ANSWERS)
    forged = tmp_path / "forge"
    forged.mkdir()
    certbot(Forge.opened(forged, need), folder / "mine")
    return Company(process, folder)


def test_killed_before_any_step_the_next_run_finishes_and_undo_restores(machine: Company) -> None:
    before, start = machine.tree(), machine.save()
    assert machine.run(*INSTALL).code == 0
    finished = machine.shape()
    machine.assert_works()
    machine.load(start)
    for step in walk(machine, *INSTALL):
        cut = machine.save()
        machine.assert_finishes(*INSTALL, shape=finished, step=step)
        machine.assert_works()
        machine.load(cut)
        machine.assert_undoes(before, step)


def test_the_same_answers_again_change_nothing(machine: Company) -> None:
    assert machine.run(*INSTALL).code == 0
    before = machine.tree()
    for words in (INSTALL, ("renew",), ("renew", "--force"), ("status",)):
        assert machine.run(*words).code == 0, words
        assert machine.tree() == before, words
    assert machine.run("plan", "--detailed-exitcode", *INSTALL).code == 0
