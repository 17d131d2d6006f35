"""The command line as its users meet it: real processes, pipes and terminals."""

import shutil
from pathlib import Path

import pytest
from cli_support import ANSWERS, Wizard, tree
from conftest import REPOSITORY

from wizard import export
from wizard.core import registry
from wizard.core.answers import read_tree
from wizard.core.system import System
from wizard.engine import Session
from wizard.pomerium import config
from wizard.pomerium.lint import problems

pytestmark = pytest.mark.e2e


def planned(wizard: Wizard, *words: str) -> dict[str, object]:
    """The answers that a plan was made from."""
    done = wizard("plan", "--json", *words)
    assert done.status == 0, done.err
    answers = done.rows()[0]["answers"]
    assert isinstance(answers, dict)
    return answers


# ── the first page of the README ───────────────────────────────────────────────────────────────


def test_the_demo_serves_a_certificate_and_a_configuration_that_pomerium_takes(
    wizard: Wizard,
) -> None:
    shutil.copytree(REPOSITORY / "examples", wizard.folder / "examples")
    before = tree(wizard.folder / "examples")
    done = wizard.bare("--answers", "examples/local-ca.toml", "--state-dir", "demo/state")
    assert done.status == 0, done.err
    assert "✓ handshake accepted: https://verify.localhost.pomerium.io" in done.err
    assert {path.name for path in wizard.folder.iterdir()} == {"demo", "examples"}
    assert tree(wizard.folder / "examples") == before
    path = wizard.folder / "demo/config.yaml"
    document = config.read(path)
    assert document is not None
    assert problems(document) == ()
    named = [line.split(": ")[1] for line in path.read_text().splitlines() if "demo/tls" in line]
    assert len(named) == 2
    for name in named:
        assert Path(name).is_absolute()
        assert Path(name).is_file()


# ── answers ────────────────────────────────────────────────────────────────────────────────────


def test_a_flag_beats_the_environment_beats_the_file_beats_what_was_found(
    wizard: Wizard,
) -> None:
    assert planned(wizard)["names"] == ["*.localhost.pomerium.io", "localhost.pomerium.io"]
    routes = "routes:\n  - from: https://found.example.com\n    to: http://localhost:8000\n"
    (wizard.folder / "config.yaml").write_text(routes)
    assert planned(wizard)["names"] == ["found.example.com"]
    wizard.answers('names = ["file.example.com"]\n[local_ca]\nstores = []\n')
    file = ("--answers", "answers.toml")
    assert planned(wizard, *file)["names"] == ["file.example.com"]
    wizard.env["POMCERT_NAMES"] = "environment.example.com"
    assert planned(wizard, *file)["names"] == ["environment.example.com"]
    flag = ("--set", "names=flag.example.com")
    assert planned(wizard, *file, *flag)["names"] == ["flag.example.com"]
    assert planned(wizard, *flag, *file)["names"] == ["flag.example.com"]


def test_every_kind_of_answer_can_be_given_in_each_way(wizard: Wizard) -> None:
    flags = {
        "names": "a.example.com b.example.com",
        "local_ca.stores": "nss,java",
        "local_ca.key_type": "rsa-2048",
        "local_ca.constrain_names": "no",
        "local_ca.lifetime": "36h",
        "output.directory": "tls",
        "output.config": "",
    }
    by_flag = planned(
        wizard, *(word for item in flags.items() for word in ("--set", "=".join(item)))
    )
    wizard.env = {f"POMCERT_{key.replace('.', '_').upper()}": value for key, value in flags.items()}
    assert planned(wizard) == by_flag
    assert by_flag["names"] == ["a.example.com", "b.example.com"]
    local_ca = by_flag["local_ca"]
    assert isinstance(local_ca, dict)
    assert local_ca["stores"] == ["nss", "java"]
    assert local_ca["constrain_names"] is False


def test_options_count_before_and_after_the_command(wizard: Wizard) -> None:
    answers = wizard.answers()
    directory = str(wizard.state)
    after = wizard.bare("plan", "--answers", answers, "--json", "--state-dir", directory)
    before = wizard.bare("--state-dir", directory, "--json", "--answers", answers, "plan")
    assert before.out == after.out
    both = wizard.bare(
        *("--set", "local_ca.lifetime=30d", "--state-dir", directory, "--json", "plan"),
        *("--set", "names=a.example.com", "--answers", answers),
    )
    made = both.rows()[0]["answers"]
    assert isinstance(made, dict)
    assert made["names"] == ["a.example.com"]
    assert made["local_ca"]["lifetime"] == "30d"


def test_saved_answers_give_the_same_plan_byte_for_byte(wizard: Wizard) -> None:
    words = (
        *("--set", "names=*.bücher.example.com,a.example.com", "--set", "local_ca.stores=nss"),
        *("--set", "output.directory=tls", "--set", "output.config=config.yaml"),
        *("--set", "output.route.email=o'brien+x@example.com"),
    )
    first = wizard("plan", "--json", *words)
    assert first.status == 0, first.err
    session = Session(System(env=wizard.environment()), wizard.state)
    answers = read_tree(planned(wizard, *words), "plan", session.known)
    (wizard.folder / "saved.toml").write_text(export.to_toml(answers, session.order()))
    assert wizard("plan", "--json", "--answers", "saved.toml").out == first.out


def test_no_configuration_is_written_where_none_is_wanted(wizard: Wizard) -> None:
    wizard.install("--set", "output.config=")
    assert {path.name for path in wizard.folder.iterdir()} == {"answers.toml", "state", "tls"}
    answers = wizard.answers(ANSWERS.replace('config = "config.yaml"', 'config = ""'))
    assert wizard("plan", "--answers", answers, "--detailed-exitcode").status == 0
    assert wizard("status", "--json").rows()[0]["drift"] == []


# ── plan, apply, status, renew, undo ───────────────────────────────────────────────────────────


def test_a_dry_run_writes_nothing_at_all(wizard: Wizard) -> None:
    (wizard.folder / "home").mkdir()
    answers = wizard.answers()
    before = tree(wizard.folder)
    for words in (
        ("plan", "--answers", answers),
        ("--answers", answers, "--dry-run"),
        ("--answers", answers, "--dry-run", "--json"),
        ("plan", "--answers", answers, "--set", "local_ca.stores=auto"),
    ):
        assert wizard(*words).status == 0
        assert wizard.bare(*words).status == 0
    for words in (
        ("status",),
        ("renew",),
        ("trust", "status"),
        ("list", "stores"),
        ("answers", "example"),
    ):
        assert wizard(*words).status == 0
    assert tree(wizard.folder) == before


def test_detailed_exit_codes_tell_whether_something_would_change(wizard: Wizard) -> None:
    plan = ("plan", "--detailed-exitcode", "--answers", wizard.answers())
    assert wizard(*plan).status == 10
    assert wizard("plan", "--answers", "answers.toml").status == 0
    wizard.install()
    done = wizard(*plan)
    assert done.status == 0
    assert "Nothing to do" in done.out
    assert wizard(*plan, "--set", "local_ca.lifetime=30d", "--json").status in {0, 10}


def test_the_second_run_changes_no_byte_and_undo_restores_every_one(wizard: Wizard) -> None:
    (wizard.folder / "config.yaml").write_text("# mine\naddress: :443  # and this\n")
    wizard.answers()
    before = tree(wizard.folder)
    wizard.install()
    after = tree(wizard.folder)
    done = wizard("--answers", "answers.toml")
    assert done.status == 0
    assert done.err.endswith("Nothing to do: everything is in place.\n")
    assert tree(wizard.folder) == after
    assert wizard("undo").status == 0
    shutil.rmtree(wizard.state)
    assert tree(wizard.folder) == before


def test_json_is_one_object_a_line_and_the_talk_goes_elsewhere(wizard: Wizard) -> None:
    done = wizard.install("--json")
    events = [row["event"] for row in done.rows()]
    assert events[0] == "notice"
    assert events[1] == "run-started"
    assert events[-1] == "finished"
    assert done.rows()[-1]["outcome"] == "done"
    assert done.err == ""
    talk = Wizard(wizard.folder / "other")
    talk.folder.mkdir()
    assert talk.install().out == ""


def test_status_tells_what_is_installed(wizard: Wizard) -> None:
    done = wizard("status")
    assert done.out == "Nothing is installed yet. To begin: pomcert-wizard\n"
    assert wizard("status", "--json").out == ""
    wizard.install()
    done = wizard("status")
    assert done.err == ""
    assert "*.localhost.pomerium.io, localhost.pomerium.io  (local-ca)" in done.out
    assert "in 89 days" in done.out or "in 90 days" in done.out
    assert "drift        none" in done.out
    undo = next(line for line in done.out.splitlines() if "  undo  " in line)
    assert undo.endswith(f" --state-dir {wizard.state}")
    row = wizard("status", "--json").rows()[0]
    assert row["event"] == "certificate"
    assert row["names"] == ["*.localhost.pomerium.io", "localhost.pomerium.io"]
    assert row["drift"] == []


@pytest.mark.parametrize("gone", ["tls", "state/ca", "config.yaml"])
def test_status_tells_what_was_deleted_and_renew_or_a_new_run_mends_it(
    wizard: Wizard, gone: str
) -> None:
    wizard.install()
    path = wizard.folder / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = tree(wizard.folder)
    done = wizard("status")
    assert done.status == 0, done.err
    assert f"differs      would write {path}" in done.out
    if gone == "tls":
        assert "there is none that you can read" in done.out
        assert "expires" not in done.out
    assert tree(wizard.folder) == before
    assert wizard("--answers", "answers.toml").status == 0
    assert path.exists()
    assert "drift        none" in wizard("status").out


def test_renew_does_only_what_is_due(wizard: Wizard) -> None:
    wizard.install()
    before = tree(wizard.folder)
    done = wizard("renew")
    assert (done.status, done.err.strip()) == (
        0,
        "Nothing to do: everything is in place.",
    )
    assert tree(wizard.folder) == before
    leaf = wizard.folder / "tls/_wildcard.localhost.pomerium.io.pem"
    root = (wizard.state / "ca/root.pem").read_bytes()
    old = leaf.read_bytes()
    assert wizard("renew", "--force").status == 0
    assert leaf.read_bytes() != old
    assert (wizard.state / "ca/root.pem").read_bytes() == root


def test_renew_finds_a_certificate_by_a_name_it_covers(wizard: Wizard) -> None:
    wizard.install()
    other = ("--set", "names=a.example.com", "--set", "output.config=other.yaml")
    wizard.install(*other)
    files = {
        name: wizard.folder / f"tls/{name}.pem"
        for name in ("a.example.com", "_wildcard.localhost.pomerium.io")
    }
    before = {name: path.read_bytes() for name, path in files.items()}
    assert wizard("renew", "--force", "--name", "Verify.localhost.pomerium.io").status == 0
    assert files["a.example.com"].read_bytes() == before["a.example.com"]
    assert (
        files["_wildcard.localhost.pomerium.io"].read_bytes()
        != before["_wildcard.localhost.pomerium.io"]
    )
    assert wizard("renew", "--name", "b.example.com").status == 2


def test_one_certificate_that_cannot_be_renewed_does_not_stop_another(wizard: Wizard) -> None:
    wizard.install()
    wizard.install(
        "--set",
        "names=a.localhost.pomerium.io",
        "--set",
        "output.directory=other",
        "--set",
        "output.config=",
    )
    (wizard.folder / "config.yaml").write_text("broken: [\n")
    (wizard.folder / "tls/_wildcard.localhost.pomerium.io-key.pem").chmod(0o644)
    other = wizard.folder / "other/a.localhost.pomerium.io.pem"
    old = other.read_bytes()
    done = wizard("renew", "--force")
    assert done.status == 1
    assert "[key-mode]" in done.err
    assert other.read_bytes() != old


def test_names_inside_the_constraints_keep_the_root_and_others_replace_it(wizard: Wizard) -> None:
    wizard.install()
    root = (wizard.state / "ca/root.pem").read_bytes()
    inside = wizard("--answers", "answers.toml", "--set", "names=a.localhost.pomerium.io")
    assert inside.status == 0, inside.err
    assert "new root" not in inside.err
    assert (wizard.state / "ca/root.pem").read_bytes() == root
    outside = ("--answers", "answers.toml", "--set", "names=a.example.com")
    assert "a new root replaces it" in wizard("plan", *outside).out
    done = wizard(*outside)
    assert done.status == 0, done.err
    assert "a new root replaces it" in done.err
    assert (wizard.state / "ca/root.pem").read_bytes() != root
    assert (wizard.folder / "tls/ca.pem").read_bytes() != root


@pytest.mark.parametrize("what", ["strategies", "stores", "targets"])
def test_lists_name_what_there_is(wizard: Wizard, what: str) -> None:
    table = getattr(registry, what.upper())
    done = wizard("list", what)
    assert [line.split()[0] for line in done.out.splitlines()] == list(table)
    rows = wizard("list", what, "--json").rows()
    assert [row["id"] for row in rows] == list(table)
    assert all(row["title"] and row["summary"] for row in rows)


def test_version_and_help_say_so(wizard: Wizard) -> None:
    assert wizard.bare("--version").out.startswith("pomcert-wizard ")
    for command in ("", "plan", "renew", "status", "undo", "trust", "answers", "list"):
        done = wizard.bare(*command.split(), "--help")
        assert done.status == 0
        assert "usage: pomcert-wizard" in done.out
        assert "--state-dir" in done.out
        version = wizard.bare(*command.split(), "--version")
        assert (version.status, version.out) == (0, wizard.bare("--version").out)


def test_a_home_that_the_shell_left_to_us_is_written_out(wizard: Wizard) -> None:
    """Of `--state-dir=~/x` a shell leaves the tilde alone."""
    done = wizard.bare("plan", "--json", "--state-dir=~/kept", "--answers", wizard.answers())
    (plan,) = done.rows()
    changes = plan["changes"]
    assert isinstance(changes, list)
    assert f"write:{wizard.folder}/home/kept/ca/root.pem" in [change["id"] for change in changes]
