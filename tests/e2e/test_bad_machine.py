"""What the machine does to a tired person: disks, modes, owners, damage, and other runs.

The real command, each time. Every refusal has a code, says what is wrong and where and what to do,
and leaves the machine as it was.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_support import ANSWERS, APPLY, KEY, PLAN, SOMEBODY, Outcome, Wizard, as_user, refused, tree
from conftest import Need

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("file", [KEY, "state/ca/issuer-key.pem"])
@pytest.mark.parametrize("words", [APPLY, PLAN, ("renew",), ("status",)], ids=" ".join)
def test_a_key_that_others_can_read_is_refused(
    wizard: Wizard, file: str, words: tuple[str, ...]
) -> None:
    wizard.install()
    (wizard.folder / file).chmod(0o644)
    before = tree(wizard.folder)
    done = wizard(*words)
    refused(done, 1, "key-mode", file, "0644", "chmod 0600")
    assert tree(wizard.folder) == before


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_state_directory_that_others_can_enter_is_refused(wizard: Wizard, mode: int) -> None:
    wizard.install()
    wizard.state.chmod(mode)
    before = tree(wizard.folder)
    for words in (
        APPLY,
        ("renew",),
        ("status",),
        ("trust", "status"),
        ("undo",),
    ):
        done = wizard(*words)
        refused(done, 1, "state-mode", str(wizard.state), f"chmod 0700 {wizard.state}")
    assert tree(wizard.folder) == before


def test_a_lost_part_of_the_authority_is_named(wizard: Wizard) -> None:
    wizard.install()
    (wizard.state / "ca/issuer.pem").unlink()
    before = tree(wizard.folder)
    for words in (APPLY, ("renew",)):
        refused(wizard(*words), 1, "ca-incomplete", "issuer.pem")
    looked = wizard("trust", "status")
    assert looked.status == 0
    assert "not installed" in looked.out
    assert tree(wizard.folder) == before


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
@pytest.mark.parametrize("name", ["root.pem", "issuer-key.pem"])
def test_a_damaged_part_of_the_authority_is_named(
    wizard: Wizard, content: bytes, name: str
) -> None:
    wizard.install()
    (wizard.state / "ca" / name).write_bytes(content)
    done = wizard(*APPLY)
    assert done.status == 1
    assert str(wizard.state / "ca" / name) in done.err
    assert re.search(r"\[[a-z-]+\]", done.err)


def test_a_damaged_certificate_of_ours_is_named(wizard: Wizard) -> None:
    wizard.install()
    chain = wizard.folder / "tls/_wildcard.localhost.pomerium.io.pem"
    chain.write_text("nonsense\n")
    for words in (APPLY, ("status",)):
        done = wizard(*words)
        assert done.status == 1
        assert str(chain) in done.err
        assert re.search(r"\[[a-z-]+\]", done.err)


def test_a_damaged_journal_is_named(wizard: Wizard) -> None:
    wizard.install()
    (journal,) = wizard.state.glob("runs/*/journal.jsonl")
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([lines[0], "{broken\n", *lines[1:]]))
    for words in (("status",), ("undo",), APPLY):
        done = wizard(*words)
        refused(done, 7, "journal-damaged", journal.parent.name, "cannot be read")


def test_two_runs_at_once_do_not_meet(wizard: Wizard) -> None:
    wizard.install()
    descriptor = os.open(wizard.state / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    before = tree(wizard.folder)
    try:
        for words in (
            (*APPLY, "--set", "names=a.example.com"),
            ("renew", "--force"),
            ("undo",),
        ):
            refused(wizard(*words), 11, "locked", str(wizard.state), "Wait")
        assert wizard("status").status == 0
        assert wizard(*PLAN).status == 0
    finally:
        os.close(descriptor)
    assert tree(wizard.folder) == before
    assert wizard("renew", "--force").status == 0


def test_many_runs_at_the_same_moment_leave_the_work_of_one(wizard: Wizard) -> None:
    answers = wizard.answers()
    argv = wizard.argv("--state-dir", str(wizard.state), "--answers", answers)
    started = [
        subprocess.Popen(
            argv, stderr=subprocess.PIPE, text=True, env=wizard.environment(), cwd=wizard.folder
        )
        for _ in range(6)
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in started]
    assert all("Traceback" not in said for said, _ in ended), ended
    for said, status in ended:
        # One that planned while another worked is refused, by whatever it met first.
        assert {0: "o", 1: "[", 11: "[locked]"}[status] in said, (status, said)
    assert sum("Done." in said for said, _ in ended) == 1
    assert "Nothing to do" in wizard("--answers", answers).err
    assert "drift        none" in wizard("status").out


Arrange = Callable[[Path], None]


def _loop(folder: Path) -> None:
    (folder / "tls").symlink_to("tls")


def _file(folder: Path) -> None:
    (folder / "tls").write_text("a file\n")


def _config_directory(folder: Path) -> None:
    (folder / "config.yaml").mkdir()


def _config_loop(folder: Path) -> None:
    (folder / "config.yaml").symlink_to("config.yaml")


def _key_directory(folder: Path) -> None:
    (folder / "tls/_wildcard.localhost.pomerium.io-key.pem").mkdir(parents=True)


def _config_pipe(folder: Path) -> None:
    os.mkfifo(folder / "config.yaml")


@pytest.mark.parametrize(
    ("arrange", "code", "said"),
    [
        (_file, "not-a-directory", "tls"),
        (_loop, "link-loop", "tls"),
        (_config_directory, "config-is-a-directory", "config.yaml"),
        (_config_loop, "config-unreadable", "config.yaml"),
        (_key_directory, "is-a-directory", "-key.pem"),
        (_config_pipe, "config-not-a-file", "config.yaml"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_stands_in_the_way_is_named(
    wizard: Wizard, arrange: Arrange, code: str, said: str
) -> None:
    arrange(wizard.folder)
    answers = wizard.answers()
    before = tree(wizard.folder) if arrange is not _config_pipe else None
    done = wizard("--answers", answers, seconds=20)
    refused(done, 1, code, said)
    if before is not None:
        assert tree(wizard.folder) == before


def test_dangling_links_are_followed_to_where_they_point(wizard: Wizard) -> None:
    (wizard.folder / "tls").symlink_to("elsewhere")
    (wizard.folder / "config.yaml").symlink_to("pomerium.yaml")
    done = wizard("--answers", wizard.answers())
    assert done.status == 0, done.err
    assert (wizard.folder / "elsewhere/ca.pem").is_file()
    assert (wizard.folder / "pomerium.yaml").is_file()
    assert (wizard.folder / "config.yaml").is_symlink()
    assert wizard("undo").status == 0
    assert not (wizard.folder / "elsewhere").exists()
    assert (wizard.folder / "tls").is_symlink()


# ── disks ──────────────────────────────────────────────────────────────────────────────────────


def mounted(need: Need, wizard: Wizard, script: str) -> Outcome:
    """Runs the usual answers in a mount namespace that a script arranges."""
    need.that(os.geteuid() == 0, "only root may mount", "run as root")
    need("unshare")
    answers = wizard.answers()
    words = wizard.argv("--state-dir", str(wizard.state), "--answers", answers)
    look = "status=$?; ls -lRa tls state config.yaml >&2 || :; exit $status"
    shell = ["/bin/sh", "-c", f'set -e; {script}; set +e; "$@"; {look}', "sh"]
    return wizard.around(["unshare", "--mount", *shell, *words])


READ_ONLY = "mount -t tmpfs -o ro,mode=0700 tmpfs {}"


@pytest.mark.parametrize("place", ["tls", "state"])
def test_a_read_only_disk_is_refused_before_anything_is_begun(
    need: Need, wizard: Wizard, place: str
) -> None:
    (wizard.folder / place).mkdir(mode=0o700)
    done = mounted(need, wizard, READ_ONLY.format(place))
    assert done.status == 1, done.err
    assert "[read-only]" in done.err
    assert str(wizard.folder / place) in done.err
    assert "taken back" not in done.err
    assert {path.name for path in wizard.folder.iterdir()} == {"answers.toml", place}


def test_a_read_only_configuration_stops_the_run_before_keys_are_made(
    need: Need, wizard: Wizard
) -> None:
    (wizard.folder / "etc").mkdir()
    wizard.env["POMCERT_OUTPUT_CONFIG"] = "etc/config.yaml"
    done = mounted(need, wizard, READ_ONLY.format("etc"))
    assert done.status == 1, done.err
    assert "[read-only]" in done.err
    assert not (wizard.folder / "tls").exists()
    assert not wizard.state.exists()


@pytest.mark.parametrize("blocks", [0, 1, 2, 3, 4, 5])
def test_a_full_disk_rolls_back(need: Need, wizard: Wizard, blocks: int) -> None:
    """A disk with so many pages free: each size fails at another file."""
    (wizard.folder / "tls").mkdir()
    size = f"mount -t tmpfs -o size={4 * (blocks + 1)}k tmpfs tls; echo x > tls/other"
    done = mounted(need, wizard, size)
    if blocks >= 3:
        assert done.status == 0, done.err
        return
    assert done.status == 1, done.err
    assert "[disk-full]" in done.err
    assert "Free some space" in done.err
    assert "Everything was taken back" in done.err
    listing = done.err.partition("tls:")[2].partition(":")[0]
    assert ".pem" not in listing
    assert not (wizard.folder / "config.yaml").exists()
    assert not (wizard.state / "ca").exists()


def test_a_full_disk_for_the_state_changes_nothing(need: Need, wizard: Wizard) -> None:
    wizard.state.mkdir(mode=0o700)
    full = "mount -t tmpfs -o size=4k,mode=0700 tmpfs state; head -c 4096 /dev/zero > state/other"
    done = mounted(need, wizard, full)
    assert done.status == 1, done.err
    assert "[disk-full]" in done.err
    assert not (wizard.folder / "tls").exists()
    assert not (wizard.folder / "config.yaml").exists()


# ── other people ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def somebody(need: Need) -> Iterator[Wizard]:
    """A plain user without an entry in the user database, with a directory of their own."""
    need.that(os.geteuid() == 0, "only root becomes somebody else", "run as root")
    prefix = as_user(need)
    # Not below the tests' own directory, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    os.chown(folder, SOMEBODY, SOMEBODY)
    yield Wizard(folder, prefix)
    shutil.rmtree(folder)


def test_a_plain_user_installs_without_privilege(somebody: Wizard) -> None:
    done = somebody.install()
    owners = {entry[2] for entry in tree(somebody.state, somebody.folder / "tls").values()}
    assert owners == {somebody.folder.stat().st_uid}
    assert "needs root" not in done.err


def test_a_user_without_a_home_is_told(somebody: Wizard) -> None:
    answers = somebody.answers()
    somebody.folder.joinpath("answers.toml").chmod(0o644)
    before = tree(somebody.folder)
    environment = somebody.environment()
    del environment["HOME"]
    argv = somebody.argv("--answers", answers)
    done = subprocess.run(
        argv, capture_output=True, text=True, env=environment, cwd=somebody.folder, check=False
    )
    outcome = Outcome(done.returncode, done.stdout, done.stderr)
    refused(outcome, 2, "no-home", "HOME", "--state-dir")
    assert tree(somebody.folder) == before
    done = subprocess.run(
        [*argv, "--state-dir", str(somebody.state)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=somebody.folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for words in (["--version"], ["--help"], ["list", "strategies"]):
        done = subprocess.run(
            somebody.argv(*words), capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_state_directory_of_somebody_else_is_refused(somebody: Wizard) -> None:
    Wizard(somebody.folder).install()
    (somebody.folder / "state").chmod(0o711)
    for words in (APPLY, ("status",), ("renew",), ("undo",)):
        done = somebody(*words)
        refused(done, 1, "state-owner", str(somebody.state), str(SOMEBODY), "--state-dir")


def test_root_does_not_take_over_the_state_of_a_user(somebody: Wizard) -> None:
    somebody.install()
    done = Wizard(somebody.folder)(*APPLY)
    refused(done, 1, "state-owner", str(SOMEBODY))


def test_a_directory_that_may_not_be_written_is_refused_before_anything_is_begun(
    somebody: Wizard,
) -> None:
    (somebody.folder / "tls").mkdir(mode=0o755)
    os.chown(somebody.folder / "tls", 0, 0)
    answers = somebody.answers()
    before = tree(somebody.folder)
    done = somebody("--answers", answers)
    refused(done, 1, "permission-denied", str(somebody.folder / "tls"))
    assert tree(somebody.folder) == before


def test_a_configuration_that_may_not_be_replaced_is_refused_before_anything_is_begun(
    somebody: Wizard,
) -> None:
    """The file itself may be written; its directory, where the new one must be made, may not."""
    directory = somebody.folder / "etc"
    directory.mkdir(mode=0o755)
    (directory / "config.yaml").write_text("address: :443\n")
    os.chown(directory / "config.yaml", SOMEBODY, SOMEBODY)
    os.chown(directory, 0, 0)
    somebody.env["POMCERT_OUTPUT_CONFIG"] = "etc/config.yaml"
    answers = somebody.answers()
    before = tree(somebody.folder)
    done = somebody("--answers", answers, "--set", "output.config=etc/config.yaml")
    refused(done, 1, "permission-denied", "etc/config.yaml")
    assert tree(somebody.folder) == before


def test_only_root_gives_files_to_others(somebody: Wizard) -> None:
    answers = somebody.answers(ANSWERS.replace('owner = ""', 'owner = "root"'))
    done = somebody("--answers", answers)
    refused(done, 2, "owner-needs-root", "output.owner", "root")
