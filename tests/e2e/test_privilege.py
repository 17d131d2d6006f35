"""Privilege: asked for once and late by a plain user, with the real sudo in a mount namespace.

The namespace has its own user database, its own sudoers and its own copies of what the system's
trust store writes, so that what root does there stays there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest
from cli_support import ANSWERS, SOMEBODY, Outcome, Terminal, Wizard, as_user, tree
from conftest import Need

pytestmark = pytest.mark.e2e

WRITTEN = ("/etc/ssl", "/usr/local/share/ca-certificates", "/etc/ca-certificates")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PASSWORD = "correct horse"
TOOLS = ("sh", "install", "update-ca-certificates", "sudo")
FREE = "NOPASSWD: ALL"
ASKED = "ALL"
SECURE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Laptop(Wizard):
    """A machine on which pat, a plain user, runs the wizard."""

    def sudoers(self, rule: str) -> None:
        """What sudo grants pat; an empty rule grants nothing."""
        path = self.folder / "sudoers"
        path.unlink(missing_ok=True)
        defaults = f'Defaults passwd_tries=1, !fqdn, secure_path="{SECURE}"\n'
        path.write_text(defaults + (f"pat ALL=(ALL) {rule}\n" if rule else ""))
        path.chmod(0o440)

    def program(self, name: str, script: str) -> None:
        """Puts a program on pat's PATH that records how it was called."""
        path = self.folder / "bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\necho \"$*\" >> '{self.folder}/calls'\n{script}\n")
        path.chmod(0o755)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def as_root(self, script: str) -> Outcome:
        """Runs a script as the machine's root."""
        done = subprocess.run(
            [*self.prefix[: self.prefix.index("sh") + 1], "/bin/sh", "-c", script],
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def trusts(self) -> bool:
        """Whether the machine's bundle has the wizard's root."""
        root = self.state / "ca/root.pem"
        done = self.as_root(f"openssl verify -CAfile {BUNDLE} {root}")
        return done.status == 0


@pytest.fixture
def laptop(need: Need) -> Iterator[Laptop]:
    need.that(os.geteuid() == 0, "only root makes such a machine", "run as root")
    for name in ("sudo", "unshare", "setpriv", "update-ca-certificates", "openssl"):
        need(name)
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    binds = []
    for at, written in enumerate((*WRITTEN, "/etc/passwd")):
        copy = folder / f"root-{at}"
        binds.append(f"mount --bind '{copy}' {written}")
        if Path(written).is_dir():
            shutil.copytree(written, copy, symlinks=True)
    # The Java hook takes seconds, and Java is not what these tests are about.
    shutil.rmtree(folder / "root-2/update.d", ignore_errors=True)
    (folder / "root-2/update.d").mkdir()
    entry = ["openssl", "passwd", "-6", PASSWORD]
    secret = subprocess.run(entry, capture_output=True, text=True, check=True).stdout.strip()
    others = [
        line
        for line in Path("/etc/passwd").read_text().splitlines()
        if not line.startswith("root:")
    ]
    people = [
        f"root:x:0:0:root:{folder}/root-home:/bin/sh",
        f"pat:{secret}:{SOMEBODY}:{SOMEBODY}::{folder}/home:/bin/sh",
    ]
    (folder / "root-3").write_text("\n".join([*people, *others, ""]))
    (folder / "root-home").mkdir(mode=0o700)
    binds += [f"mount --bind '{folder}/sudoers' /etc/sudoers", "mount -t tmpfs tmpfs /run/sudo"]
    script = " && ".join([*binds, 'exec "$@"'])
    namespace = ("unshare", "--mount", "/bin/sh", "-c", script, "sh")
    path = ("/usr/bin/env", f"PATH={folder}/bin")
    machine = Laptop(folder, (*namespace, *as_user(need), *path))
    for name in ("home", "bin", "work"):
        (folder / name).mkdir()
    os.chown(folder, SOMEBODY, SOMEBODY)
    os.chown(folder / "home", SOMEBODY, SOMEBODY)
    for name in TOOLS:
        (folder / "bin" / name).symlink_to(shutil.which(name) or name)
    machine.sudoers(FREE)
    host = tree(Path("/usr/local/share/ca-certificates"), Path(BUNDLE))
    yield machine
    shutil.rmtree(folder)
    assert tree(Path("/usr/local/share/ca-certificates"), Path(BUNDLE)) == host


def apply(laptop: Laptop, *words: str, seconds: float = 60) -> Outcome:
    answers = laptop.answers(ANSWERS.replace("stores = []", 'stores = ["system"]'))
    return laptop("--answers", answers, *words, seconds=seconds)


def left_for_root(shown: str) -> list[str]:
    """The commands that were printed to paste into a root shell."""
    lines = shown.partition("In a root shell:\n")[2].splitlines()
    return [line.strip() for line in takewhile(lambda line: line.startswith("    "), lines)]


def everything_else_is_done(laptop: Laptop, done: Outcome) -> None:
    """What is left out is printed, and works when pasted; all else stands and is proven."""
    assert done.status == 6, done.err
    assert "✓ handshake accepted" in done.err
    assert "Done, except for what is told above." in done.err
    assert not laptop.trusts()
    commands = left_for_root(done.err)
    assert [command.split()[0] for command in commands] == ["install", "update-ca-certificates"]
    assert laptop.as_root("; ".join(commands)).status == 0
    assert laptop.trusts()
    again = apply(laptop)
    assert (again.status, again.err.splitlines()[-1][:13]) == (0, "Nothing to do")


def test_privilege_is_asked_for_once_after_everything_else(laptop: Laptop) -> None:
    laptop.program("sudo", 'exec /usr/bin/sudo "$@"')
    done = apply(laptop, "--json", "-v")
    assert done.status == 0, done.err
    events = [str(row["event"]) for row in done.rows()]
    titles = [str(row.get("title", "")) for row in done.rows()]
    needed = events.index("privilege-needed")
    assert "config.yaml" in titles[needed - 1]
    assert events[needed + 1 : needed + 3] == ["action-started", "action-done"]
    assert laptop.calls() == ["-n -- /bin/sh"]
    commands = done.rows()[needed]["commands"]
    assert isinstance(commands, list)
    assert [command.split()[0] for command in commands] == ["install", "update-ca-certificates"]
    assert laptop.trusts()
    owners = {entry[2] for entry in tree(laptop.state, laptop.folder / "tls").values()}
    assert owners == {SOMEBODY}


def test_undo_asks_again_and_leaves_nothing(laptop: Laptop) -> None:
    before = tree(laptop.folder / "root-1")
    apply(laptop)
    assert laptop.trusts()
    root = (laptop.state / "ca/root.pem").read_bytes()
    done = laptop("undo")
    assert done.status == 0, done.err
    (laptop.folder / "old.pem").write_bytes(root)
    assert laptop.as_root(f"openssl verify -CAfile {BUNDLE} {laptop.folder}/old.pem").status != 0
    assert tree(laptop.folder / "root-1") == before
    assert not (laptop.folder / "tls").exists()


def test_without_any_program_that_grants_privilege_the_rest_is_done(laptop: Laptop) -> None:
    (laptop.folder / "bin/sudo").unlink()
    done = apply(laptop)
    assert "There is no sudo, doas or run0 on this machine." in done.err
    everything_else_is_done(laptop, done)


@pytest.mark.parametrize("rule", ["", ASKED], ids=["not in sudoers", "asks for a password"])
def test_a_run_without_a_person_never_prompts(laptop: Laptop, rule: str) -> None:
    laptop.sudoers(rule)
    done = apply(laptop)
    assert "Password" not in done.err
    assert "[privilege-refused]" in done.err
    everything_else_is_done(laptop, done)


def test_a_run_without_a_person_never_prompts_on_a_terminal_either(laptop: Laptop) -> None:
    laptop.sudoers(ASKED)
    answers = laptop.answers(ANSWERS.replace("stores = []", 'stores = ["system"]'))
    with Terminal(laptop, "--answers", answers) as terminal:
        status, shown = terminal.end()
    assert status == 6
    assert "assword" not in shown


@pytest.mark.parametrize(
    "script",
    ["trap '' TERM HUP; exec /bin/sleep 60", "exec /usr/bin/sudo -n /bin/sleep 60"],
    ids=["ours to kill", "not ours to kill"],
)
def test_a_program_that_never_answers_is_a_refusal(laptop: Laptop, script: str) -> None:
    laptop.program("sudo", script)
    done = apply(laptop, seconds=45)
    assert "[privilege-refused]" in done.err
    laptop.program("sudo", 'exec /usr/bin/sudo "$@"')
    everything_else_is_done(laptop, done)


@pytest.mark.parametrize(
    ("name", "arguments", "script"),
    [
        ("doas", "-n /bin/sh", 'shift; exec /usr/bin/sudo -n -- "$@"'),
        ("run0", "--pipe --no-ask-password /bin/sh", 'shift 2; exec /usr/bin/sudo -n -- "$@"'),
    ],
)
def test_doas_and_run0_do_as_well(laptop: Laptop, name: str, arguments: str, script: str) -> None:
    (laptop.folder / "bin/sudo").unlink()
    laptop.program(name, script)
    done = apply(laptop)
    assert done.status == 0, done.err
    assert laptop.calls() == [arguments]
    assert laptop.trusts()


def asked(terminal: Terminal) -> str:
    """Answers the questions, confirms, and returns what is shown up to the password prompt."""
    for prompt, answer in (
        ("[local-ca] ", ""),
        ("localhost.pomerium.io] ", ""),
        ("[files] ", ""),
        ("[auto] ", "system"),
        ("] ", "tls"),
        ("config.yaml] ", "-"),
        ("[y/N] ", "y"),
    ):
        terminal.until(prompt)
        terminal.type(answer)
    return terminal.until("Password for the commands above (sudo): ")


def test_a_person_sees_the_commands_and_types_the_password(laptop: Laptop) -> None:
    laptop.sudoers(ASKED)
    with Terminal(laptop, "--plain") as terminal:
        shown = asked(terminal)
        before, _, commands = shown.partition("» these commands need root:\n")
        assert "✓ write" in before
        assert [line.split()[0] for line in commands.splitlines()[:2]] == [
            "install",
            "update-ca-certificates",
        ]
        terminal.type(PASSWORD)
        status, shown = terminal.end()
    assert status == 0, shown
    assert PASSWORD not in shown
    assert laptop.trusts()


@pytest.mark.parametrize("answer", ["wrong", ""])
def test_a_wrong_password_leaves_the_commands_to_paste(laptop: Laptop, answer: str) -> None:
    laptop.sudoers(ASKED)
    with Terminal(laptop, "--plain") as terminal:
        asked(terminal)
        terminal.type(answer)
        status, shown = terminal.end()
    assert status == 6, shown
    assert "[privilege-refused]" in shown
    assert len(left_for_root(shown)) == 2
    assert "✓ handshake accepted" in shown
    assert (laptop.folder / "tls/ca.pem").exists()


def test_ctrl_c_at_the_password_takes_everything_back(laptop: Laptop) -> None:
    laptop.sudoers(ASKED)
    with Terminal(laptop, "--plain") as terminal:
        asked(terminal)
        terminal.keys("\x03")
        status, shown = terminal.end()
    assert status == 130, shown
    assert "Traceback" not in shown
    assert not (laptop.folder / "tls").exists()


def test_under_sudo_the_browsers_are_the_persons_and_the_state_is_roots(
    laptop: Laptop, need: Need
) -> None:
    certutil = need("certutil")
    (laptop.folder / "bin/certutil").symlink_to(certutil)
    database = laptop.folder / "home/.pki/nssdb"
    database.mkdir(parents=True)
    for path in (database, database.parent):
        os.chown(path, SOMEBODY, SOMEBODY)
    laptop.answers(ANSWERS.replace("stores = []", 'stores = ["nss"]'))
    keep = f"PYTHONPATH={laptop.environment()['PYTHONPATH']}"
    words = ["-P", "-m", "wizard", "--answers", "answers.toml"]
    done = subprocess.run(
        [*laptop.prefix, "/usr/bin/sudo", "-n", keep, sys.executable, *words],
        capture_output=True,
        text=True,
        cwd=laptop.folder,
        env=laptop.environment(),
        timeout=120,
        check=False,
    )
    assert "✓ trust the root in Chromium" in done.stderr, done.stderr
    home = tree(laptop.folder / "home")
    assert str(database / "cert9.db") in home
    assert {entry[2] for entry in home.values()} == {SOMEBODY}
    state = tree(laptop.folder / "root-home/.local/state/pomcert-wizard")
    assert str(laptop.folder / "root-home/.local/state/pomcert-wizard/ca/issuer-key.pem") in state
    assert {entry[2] for entry in state.values()} == {0}
