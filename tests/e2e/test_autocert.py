"""Autocert from the command line: killed anywhere, again, and undone, it leaves no trace."""

import signal
from itertools import pairwise
from pathlib import Path

import pytest
from cli_support import Wizard, tree
from crash_support import EXISTING, INSTALL, Machine
from warm import Warm

pytestmark = pytest.mark.e2e

ANSWERS = """
schema_version = 1
strategy = "autocert"
names = ["app.corp.example.com"]

[autocert]
directory = "/var/lib/pomerium/autocert"
authority_url = "https://ca.corp.example.com/acme/directory"
eab_key_id = "file:kid"
eab_hmac_key = "file:hmac"

[dns]
resolvers = ["127.0.0.1:9"]

[output]
config = "config.yaml"
owner = ""
"""


@pytest.fixture(params=["fresh", "lived in"])
def machine(request: pytest.FixtureRequest, process: Warm, tmp_path: Path) -> Machine:
    made = Machine(process, tmp_path / "machine")
    made.folder.mkdir()
    (made.folder / "answers.toml").write_text(ANSWERS)
    for name, value in (("kid", "kid-1\n"), ("hmac", "c2VjcmV0LWtleQ==\n")):
        (made.folder / name).write_text(value)
    if request.param == "lived in":
        config = made.folder / "config.yaml"
        config.write_text(EXISTING.replace("verify.localhost.pomerium.io", "app.corp.example.com"))
        config.chmod(0o600)
    return made


def works(machine: Machine) -> None:
    text = (machine.folder / "config.yaml").read_text()
    assert text.count("autocert: true\n") == 1
    assert "autocert_eab_mac_key: c2VjcmV0LWtleQ\n" in text
    assert "from: https://app.corp.example.com\n" in text
    assert (machine.folder / "config.yaml").stat().st_mode & 0o777 == 0o600


def test_again_changes_nothing_and_undo_restores(machine: Machine) -> None:
    before = machine.tree()
    assert machine.run(*INSTALL).code == 0
    works(machine)
    stands = tree(machine.folder)
    for words in (INSTALL, ("plan", "--detailed-exitcode", *INSTALL), ("renew",), ("status",)):
        assert machine.run(*words).code == 0, words
        assert tree(machine.folder) == stands, words
    assert machine.run("undo").code == 0
    assert machine.tree() == before


def test_killed_before_any_step_the_next_run_finishes_and_undo_restores(machine: Machine) -> None:
    before, start = machine.tree(), machine.save()
    steps = machine.run(*INSTALL).steps
    finished = machine.shape()
    assert len(steps) > 10
    for step, (last, this) in enumerate(pairwise(["", *steps]), 1):
        if not (this.startswith("event") or not last.startswith(("event", "fsync"))):
            continue
        machine.load(start)
        assert machine.run(*INSTALL, kill=step).code == -signal.SIGKILL
        machine.assert_private()
        cut = machine.save()
        assert machine.run(*INSTALL).code == 0, step
        assert machine.shape() == finished, step
        works(machine)
        machine.assert_clean()
        machine.load(cut)
        undone = machine.run("undo")
        assert undone.code == 0 or undone.rows()[-1]["code"] == "no-such-run", step
        assert machine.tree() == before, step


def test_the_row_of_status_says_who_renews(machine: Machine) -> None:
    assert machine.run(*INSTALL).code == 0
    row = next(row for row in machine.run("status").rows() if row["event"] == "certificate")
    assert (row["strategy"], row["expires"], row["renew_after"]) == ("autocert", None, None)
    host = "app.corp.example.com"
    issuer = "certificates/ca.corp.example.com-acme-directory"
    assert row["path"] == f"/var/lib/pomerium/autocert/{issuer}/{host}/{host}.crt"
    assert row["drift"] == []


def test_plain_prompts_ask_for_all_of_it(tmp_path: Path) -> None:
    wizard = Wizard(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(EXISTING.replace("verify.localhost.pomerium.io", "app.corp.example.com"))
    kept = str(tmp_path / "autocert")
    # Strategy, names, target, e-mail, staging, directory; Enter takes the rest, no to the plan.
    typed = ["autocert", "", "", "me@example.com", "yes", kept, *[""] * 12, "no"]
    done = wizard("--plain", stdin="\n".join([*typed, ""]))
    for asked in ("An e-mail address", "staging first?", "Where does Pomerium keep"):
        assert asked in done.err
    assert "Where should the certificate and its key go?" not in done.err
    assert f"+autocert_dir: {kept}" in done.err
    assert "autocert" not in config.read_text()
