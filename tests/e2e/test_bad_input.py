"""What a tired person gets wrong, and what a hostile one tries: the real command, each time.

Every refusal has a code, says what is wrong and where and what to do, and leaves the machine as it
was. Whoever adds a refusal adds a row.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cli_support import ANSWERS, SOMEBODY, Outcome, Wizard, as_user, tree
from conftest import Need

pytestmark = pytest.mark.e2e

REPR = re.compile(r"\\x|\\u|\bPosixPath\b|<[a-z]+ object|\bNone\b|\bTrue\b|\bFalse\b|Errno|\(\)|b'")
"""What Python prints and no person writes."""


@pytest.fixture
def wizard(tmp_path: Path) -> Wizard:
    return Wizard(tmp_path)


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


class Row(NamedTuple):
    """One mistake: what is changed in good answers, and what is said about it."""

    case: str
    old: str
    new: str
    code: str
    said: tuple[str, ...]
    status: int = 2


KEY = "tls/_wildcard.localhost.pomerium.io-key.pem"
APPLY = ("--answers", "answers.toml")
PLAN = ("plan", *APPLY)
NAMES = 'names = ["*.localhost.pomerium.io", "localhost.pomerium.io"]'
LONG = ".".join(["a" * 60] * 4) + ".example.com"


def names(value: str, code: str, *said: str) -> Row:
    return Row(f"the name {value[:40]!r}", NAMES, f'names = ["{value}"]', code, said)


def key(line: str, code: str, *said: str) -> Row:
    """A line of [output] in place of the usual one."""
    name = line.partition("=")[0].strip()
    usual = {"directory": 'directory = "tls"', "config": 'config = "config.yaml"'}
    return Row(line, usual.get(name, 'owner = ""'), line, code, said)


def place(line: str, code: str, *said: str) -> Row:
    """An answer that only this machine makes wrong."""
    return key(line, code, *said)._replace(status=1)


def ca(line: str, code: str, *said: str) -> Row:
    return Row(line, "stores = []", line, code, said)


def route(line: str, code: str, *said: str) -> Row:
    new = f'owner = ""\n[output.route]\nfrom = "https://verify.localhost.pomerium.io"\n{line}'
    if line.startswith("from"):
        new = f'owner = ""\n[output.route]\n{line}'
    return Row(line, 'owner = ""', new, code, said)


ROWS = (
    names("not a name", "name-invalid", "not a name", "names"),
    names("", "name-invalid", "empty"),
    names(".", "name-invalid", "."),
    names("a..example.com", "name-invalid", "a..example.com"),
    names("-a.example.com", "name-invalid", "-a.example.com"),
    names("under_score.example.com", "name-invalid", "under_score", "hyphens"),
    names(f"{'a' * 64}.example.com", "name-invalid", "63"),
    names(LONG, "name-invalid", "253"),
    names("https://verify.example.com/path", "name-invalid", "verify.example.com"),
    names("verify.example.com:443", "name-invalid", "verify.example.com"),
    names("a.example.com, b.example.com", "name-invalid", "a.example.com"),
    names("192.0.2.1", "name-is-address", "192.0.2.1", "host name"),
    names("2001:db8::1", "name-is-address", "2001:db8::1"),
    names("*.*.example.com", "name-wildcard", "*.*.example.com", "at the front"),
    names("*.*.x", "name-wildcard", "*.*.x"),
    names("a.*.example.com", "name-wildcard", "a.*.example.com"),
    names("web*.example.com", "name-wildcard", "web*.example.com"),
    names("*", "name-wildcard", "*.example.com"),
    names("co.uk", "name-public-suffix", "co.uk", "*.example.co.uk"),
    names("*.co.uk", "name-public-suffix", "co.uk"),
    names("*.internal", "name-single-label-wildcard", "*.internal", "two labels"),
    names("router", "name-single-label", "router"),
    names("example.123", "name-invalid", "ends in a number"),
    names("xn--zzzzzz--.example.com", "name-idna", "xn--zzzzzz--.example.com"),
    names("😀.example.com", "name-idna", "😀.example.com"),
    Row("no names", NAMES, "names = []", "names-missing", ("names", "Name at least one host")),
    Row(
        "a thousand names",
        NAMES,
        f"names = {[f'h{n}.example.com' for n in range(1000)]}",
        "names-too-many",
        ("1000 names", "at most 100", "wildcard"),
    ),
    Row("a number for names", NAMES, "names = 7", "answers-type", ("line 4", "names = [")),
    Row("numbers in names", NAMES, "names = [7]", "answers-type", ("line 4", "list of texts")),
    Row("a name twice", NAMES, f"{NAMES}\n{NAMES}", "answers-not-toml", ("answers.toml", "line 5")),
    Row("another schema", "_version = 1", "_version = 2", "answers-version", ("2", "1")),
    Row("a text schema", "_version = 1", '_version = "1"', "answers-version", ('"1"', "= 1")),
    Row("a yes schema", "_version = 1", "_version = true", "answers-version", ("true",)),
    Row("no such strategy", '"local-ca"', '"local_ca"', "not-a-choice", ("local_ca", "local-ca")),
    Row("a number for strategy", '"local-ca"', "1", "answers-type", ("line 3", "strategy")),
    Row("an unknown key", "stores = []", "store = []", "answers-unknown-key", ("line 7", "stores")),
    Row("an unknown table", "[output]", "[ouput]", "answers-unknown-key", ("line 9", "output")),
    Row("a table as text", "[local_ca]\nstores = []", "", "answers-type", ("local_ca",))._replace(
        new="local_ca = 3"
    ),
    Row("a text as table", "stores = []", "[names.x]", "answers-not-toml", ("names",)),
    Row("a date", "stores = []", "lifetime = 2027-01-01", "answers-type", ("line 7", "90d")),
    Row("broken TOML", "stores = []", "stores = [", "answers-not-toml", ("line",)),
    ca('stores = ["jave"]', "not-a-choice", "jave", "java"),
    ca('stores = ["auto", "nss"]', "not-a-choice", "auto"),
    ca("stores = true", "answers-type", "line 7", "stores"),
    ca('key_type = "rsa"', "not-a-choice", "rsa-"),
    ca('key_type = ""', "answer-missing", "key_type", "ecdsa-p256"),
    ca('lifetime = "90"', "lifetime", "90d"),
    ca('lifetime = "0d"', "lifetime", "0d", "825d"),
    ca('lifetime = "826d"', "lifetime", "826d", "825d"),
    ca('lifetime = "999999d"', "lifetime", "999999d"),
    ca('constrain_names = "yes"', "answers-type", "line 7", "true or false"),
    ca("constrain_names = 1", "answers-type", "line 7", "true or false"),
    key('directory = ""', "answer-missing", "output.directory"),
    key('directory = "$HOME/tls"', "path", "$HOME/tls", "Pomerium"),
    key('directory = "~nobody-at-all/tls"', "path", "~nobody-at-all/tls"),
    key('directory = "a\\u0000b"', "path", "control character"),
    key('directory = "a\\nb"', "path", "control character"),
    place('directory = "answers.toml"', "not-a-directory", "answers.toml"),
    place('config = "answers.toml/config.yaml"', "not-a-directory", "answers.toml"),
    place('config = "."', "config-is-a-directory", "directory"),
    key('owner = "no-such-user"', "no-such-user", "output.owner", "no-such-user"),
    key('target = "dockre"', "not-a-choice", "dockre", "files"),
    key('email = "you@example.com"', "answers-unknown-key", "line 12", "output.route.email"),
    route('from = "https://verify.example.com"', "route-not-covered", "verify.example.com"),
    route('from = "https://a.b.localhost.pomerium.io"', "route-not-covered", "a.b."),
    route('from = "https://*.localhost.pomerium.io"', "route-not-concrete", "*.localhost"),
    route('from = "http://verify.localhost.pomerium.io"', "route-not-concrete", "https://"),
    route('from = "https://verify.localhost.pomerium.io/x"', "route-not-concrete", "/x"),
    route('from = "https://me:pw@verify.localhost.pomerium.io"', "route-not-concrete", "https://"),
    route('from = "verify.localhost.pomerium.io"', "route-not-concrete", "https://"),
    route('from = "https://[::1"', "url", "https://"),
    route('from = ""', "answer-missing", "output.route.from"),
    route('to = "localhost:8000"', "url", "localhost:8000"),
    route('to = "https://"', "url", "https://"),
    route('to = "http://localhost:99999"', "url", "99999"),
    route('email = "you at example.com"', "email", "you at example.com"),
    route('email = "you@localhost"', "email", "you@localhost"),
    Row("no port", 'owner = ""', 'address = "localhost"', "address", ("localhost", ":443")),
    Row("a port too high", 'owner = ""', 'address = ":65536"', "address", (":65536",)),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.case)
def test_a_wrong_answer_is_refused_and_nothing_is_changed(wizard: Wizard, row: Row) -> None:
    assert row.old in ANSWERS
    answers = wizard.answers(ANSWERS.replace(row.old, row.new))
    before = tree(wizard.folder)
    done = wizard("--answers", answers)
    refused(done, row.status, row.code, *row.said)
    assert done.out == ""
    assert tree(wizard.folder) == before


def test_an_error_names_the_file_and_the_way_to_answer(wizard: Wizard) -> None:
    answers = wizard.answers(ANSWERS.replace(NAMES, 'names = ["router"]'))
    done = wizard("plan", "--answers", answers)
    refused(done, 2, "name-single-label", "answers.toml, line 4: names:")


COMMANDS = (
    (("--set", "names"), 2, "usage", ("--set names", "KEY=VALUE")),
    (("--set", "=1"), 2, "answers-unknown-key", ("--set",)),
    (("--set", "name=a.example.com"), 2, "answers-unknown-key", ("name", "Did you mean names?")),
    (("--set", "names="), 2, "names-missing", ("--set names",)),
    (("--set", "names=*.co.uk"), 2, "name-public-suffix", ("--set names", "co.uk")),
    (("--set", "local_ca.constrain_names=maybe"), 2, "answers-type", ("maybe", "true or false")),
    (("--set", "local_ca.constrain_names="), 2, "answers-type", ("true or false",)),
    (("--answers", "missing.toml"), 2, "answers-missing", ("missing.toml", "answers example")),
    (("--answers", "home"), 2, "is-a-directory", ("home",)),
    (("--answers", "answers.toml/x"), 2, "not-a-directory", ("answers.toml",)),
    (("--answers", ""), 2, "answers-missing", ("answers example",)),
    (("--dry-run", "renew"), 2, "usage", ("--dry-run", "renew")),
    (("undo", "--dry-run"), 2, "usage", ("--dry-run",)),
    (("--answers", "answers.toml", "status"), 2, "usage", ("--answers", "status")),
    (("--dry", "--answers", "answers.toml"), 2, "usage", ("--dry",)),
    (("--state-dir", "answers.toml", "renew"), 1, "not-a-directory", ("state directory",)),
    (("trust", "status", "--store", "jave"), 2, "unknown-store", ("jave", "java")),
    (("trust", "install"), 2, "no-root", ("root",)),
    (("renew", "--name", "a.example.com"), 2, "nothing-installed", ("a.example.com", "status")),
    (("undo",), 2, "no-such-run", ("no run",)),
    (("undo", "20200101T000000-abcdef"), 2, "no-such-run", ("20200101T000000-abcdef",)),
    (("answers", "example", "autocert"), 2, "not-a-choice", ("autocert", "local-ca")),
    (("frobnicate",), 2, "usage", ("frobnicate", "plan")),
    (("--frobnicate",), 2, "usage", ("--frobnicate", "--help")),
    (("list", "everything"), 2, "usage", ("everything", "strategies")),
    (("list",), 2, "usage", ("--help",)),
    (("--answers",), 2, "usage", ("--answers",)),
    (("trust", "trust"), 2, "usage", ("status",)),
    ((), 2, "no-terminal", ("--plain", "--answers")),
    (("--plain",), 2, "input-ended", ("--answers",)),
)


@pytest.mark.parametrize(("words", "status", "code", "said"), COMMANDS, ids=str)
def test_a_wrong_command_is_refused_and_nothing_is_changed(
    wizard: Wizard, words: tuple[str, ...], status: int, code: str, said: tuple[str, ...]
) -> None:
    wizard.answers()
    (wizard.folder / "home").mkdir()
    before = tree(wizard.folder)
    done = wizard(*words)
    refused(done, status, code, *said)
    assert done.out == ""
    assert tree(wizard.folder) == before
    if words == ("--plain",):
        return
    done = wizard(*words, "--json")
    assert done.status == status
    error = done.error()
    assert (error["code"], error["exit_code"]) == (code, status)
    assert error["summary"]
    assert error["hint"]


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("NAMES", "*.com", "name-single-label-wildcard", "POMCERT_NAMES: *.com"),
        ("LOCAL_CA_CONSTRAIN_NAMES", "perhaps", "answers-type", "perhaps"),
        ("STRATEGY", "locla-ca", "not-a-choice", "local-ca"),
        ("LOCAL_CA_KEYTYPE", "rsa", "answers-unknown-key", "mean POMCERT_LOCAL_CA_KEY_TYPE?"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(
    wizard: Wizard, variable: str, value: str, code: str, said: str
) -> None:
    wizard.env[f"POMCERT_{variable}"] = value
    refused(wizard("plan"), 2, code, f"POMCERT_{variable}", said)


def test_a_file_that_is_not_utf_8_is_refused(wizard: Wizard) -> None:
    (wizard.folder / "answers.toml").write_bytes(b'names = ["\xff.example.com"]\n')
    refused(wizard(*APPLY), 2, "answers-not-toml", "UTF-8")


def test_stdin_that_is_not_utf_8_is_refused(wizard: Wizard) -> None:
    argv = wizard.argv("--state-dir", str(wizard.state), "plan", "--answers", "-")
    done = subprocess.run(
        argv,
        input=b'names = ["\xff.example.com"]\n',
        capture_output=True,
        env=wizard.environment(),
        cwd=wizard.folder,
        check=False,
    )
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
    refused(outcome, 2, "answers-not-toml", "UTF-8")


def test_an_empty_file_asks_for_the_defaults(wizard: Wizard) -> None:
    done = wizard("plan", "--answers", wizard.answers(""))
    assert done.status == 0, done.err
    assert "_wildcard.localhost.pomerium.io.pem" in done.err


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "\n\n"])
def test_an_empty_configuration_gets_the_certificate(wizard: Wizard, text: str) -> None:
    (wizard.folder / "config.yaml").write_text(text)
    wizard.install()
    assert "certificates:" in (wizard.folder / "config.yaml").read_text()


CONFIGS = {
    "broken": (b"routes:\n  - from: https://a.b.c\n to: x\n", "config-not-yaml", "line 3"),
    "a tab": (b"routes:\n\t- from: x\n", "config-not-yaml", "line 2, column 1"),
    "a key twice": (
        b"address: :443\nroutes: []\naddress: :8443\n",
        "config-duplicate-key",
        "line 3, column 1: the key 'address' was already given on line 1",
    ),
    "not UTF-8": (b"# caf\xe9\naddress: :443\n", "config-not-utf-8", "line 1, column 6"),
    "two documents": (b"a: 1\n---\nb: 2\n", "config-many-documents", "line 2"),
    "a list": (b"- a\n- b\n", "config-not-a-mapping", "line 1"),
    "binary": (bytes(range(256)), "config-not-utf-8", "line"),
}


@pytest.mark.parametrize(("content", "code", "said"), CONFIGS.values(), ids=list(CONFIGS))
def test_a_configuration_that_cannot_be_read_is_left(
    wizard: Wizard, content: bytes, code: str, said: str
) -> None:
    (wizard.folder / "config.yaml").write_bytes(content)
    answers = wizard.answers()
    before = tree(wizard.folder)
    done = wizard("--answers", answers)
    refused(done, 1, code, str(wizard.folder / "config.yaml"), said)
    assert tree(wizard.folder) == before


# ── names that are odd and good ────────────────────────────────────────────────────────────────


GOOD = (
    ("bücher.example.com", "xn--bcher-kva.example.com"),
    ("*.bücher.example.com", "_wildcard.xn--bcher-kva.example.com"),
    ("xn--bcher-kva.example.com", "xn--bcher-kva.example.com"),
    ("UPPER.Example.COM", "upper.example.com"),
    ("dot.example.com.", "dot.example.com"),
    ("例え。テスト。", "xn--r8jz45g.xn--zckzah"),
    (" blank.example.com ", "blank.example.com"),
    ("localhost", "localhost"),
    ("*.github.io", "_wildcard.github.io"),
)


@pytest.mark.parametrize(("typed", "stem"), GOOD)
def test_a_name_is_taken_in_the_form_of_a_certificate(
    wizard: Wizard, typed: str, stem: str
) -> None:
    answers = wizard.answers(ANSWERS.replace(NAMES, f'names = ["{typed}"]'))
    done = wizard("--answers", answers)
    assert done.status == 0, done.err
    assert (wizard.folder / f"tls/{stem}.pem").exists()


def test_a_name_given_twice_stands_once(wizard: Wizard) -> None:
    twice = 'names = ["a.example.com", "A.example.com", "a.example.com."]'
    answers = wizard.answers(ANSWERS.replace(NAMES, twice))
    done = wizard("plan", "--answers", answers, "--json")
    assert done.rows()[0]["answers"]["names"] == ["a.example.com"]  # type: ignore[index]


def test_blanks_and_a_last_comma_do_not_make_empty_names(wizard: Wizard) -> None:
    done = wizard("plan", "--json", "--set", "names=a.example.com, b.example.com,")
    assert done.rows()[0]["answers"]["names"] == ["a.example.com", "b.example.com"]  # type: ignore[index]


@pytest.mark.parametrize("wildcard", ["", "*."])
def test_the_longest_name_there_is_fits_into_a_file_name(wizard: Wizard, wildcard: str) -> None:
    base = ".".join(["a" * 60] * 3 + ["b" * 62, "example.com"])
    name = wildcard + base[-(253 - len(wildcard)) :]
    assert len(name) == 253
    answers = wizard.answers(ANSWERS.replace(NAMES, f'names = ["{name}"]'))
    done = wizard("--answers", answers)
    assert done.status == 0, done.err
    assert "Nothing to do" in wizard("--answers", answers).err
    assert wizard("undo").status == 0
    assert not (wizard.folder / "tls").exists()


def test_two_long_names_do_not_share_a_file(wizard: Wizard) -> None:
    paths = set()
    for first in "xy":
        name = first + ".".join(["a" * 60] * 3 + ["b" * 50, "example.com"])
        answers = wizard.answers(ANSWERS.replace(NAMES, f'names = ["{name}"]'))
        rows = wizard("plan", "--answers", answers, "--json").rows()
        changes = rows[0]["changes"]
        assert isinstance(changes, list)
        paths |= {change["what"] for change in changes if "-key.pem" in change["what"]}
    assert len({path for path in paths if "issuer" not in path}) == 2


def test_a_hundred_names_are_quick(wizard: Wizard) -> None:
    many = [f"h{n}.example.com" for n in range(100)]
    answers = wizard.answers(ANSWERS.replace(NAMES, f"names = {many}"))
    done = wizard("--answers", answers, seconds=15)
    assert done.status == 0, done.err


# ── the machine ────────────────────────────────────────────────────────────────────────────────


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
    for words in (APPLY, ("renew",), ("trust", "status")):
        refused(wizard(*words), 1, "ca-incomplete", "issuer.pem")
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
    done = subprocess.run(
        ["unshare", "--mount", *shell, *words],
        capture_output=True,
        text=True,
        env=wizard.environment(),
        cwd=wizard.folder,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


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
    prefix = as_user(need)
    # Not below the tests' own directory, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    if prefix:
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
