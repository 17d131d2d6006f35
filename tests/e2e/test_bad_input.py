"""What a tired person gets wrong, and what a hostile one tries: the real command, each time.

Every refusal has a code, says what is wrong and where and what to do, and leaves the machine as it
was. Whoever adds a refusal adds a row.
"""

from typing import NamedTuple

import pytest
from cli_support import ANSWERS, APPLY, PLAN, Wizard, refused, tree

pytestmark = pytest.mark.e2e


class Row(NamedTuple):
    """One mistake: what is changed in good answers, and what is said about it."""

    case: str
    old: str
    new: str
    code: str
    said: tuple[str, ...]
    status: int = 2


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
    key('directory = "a\\u001b[2Jb"', "path", "control character"),
    place('directory = "answers.toml"', "not-a-directory", "answers.toml"),
    place('config = "answers.toml/config.yaml"', "not-a-directory", "answers.toml"),
    place('config = "."', "config-is-a-directory", "directory"),
    key('owner = "no-such-user"', "no-such-user", "output.owner", "no-such-user"),
    key('target = "dockre"', "not-a-choice", "dockre", "docker"),
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


ACME = ("--set", "strategy=dns-01", "--set", "dns_01.accept_terms=yes")
MANY = ",".join(f"h{number}.example.com" for number in range(26))

COMMANDS = (
    ((*ACME, "--set", "names=a.example.com,*.co.uk"), 2, "name-public-suffix", ("co.uk",)),
    (
        (*ACME, "--set", "dns_01.profile=shortlived", "--set", f"names={MANY}"),
        2,
        "names-too-many",
        ("26 names", "shortlived", "at most 25", "dns_01.profile"),
    ),
    (
        (*ACME, "--set", f"names={MANY}", "--set", "dns_01.profile=shortlived"),
        2,
        "names-too-many",
        ("26 names", "--set dns_01.profile"),
    ),
    (("--set", "strategy=dns-01", "--set", "dns_01.accept_terms=no"), 2, "terms-not-accepted", ()),
    (("--set", "names"), 2, "usage", ("--set names", "KEY=VALUE")),
    (("--set", "=1"), 2, "usage", ("--set =1", "KEY=VALUE")),
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
    (("answers", "example", "kerberos"), 2, "not-a-choice", ("kerberos", "autocert")),
    (("answers", "schema", "kerberos"), 2, "not-a-choice", ("kerberos", "autocert")),
    (("answers",), 2, "usage", ("schema|example",)),
    (("frobnicate",), 2, "usage", ("frobnicate", "plan")),
    (("--frobnicate",), 2, "usage", ("--frobnicate", "--help")),
    (("list", "everything"), 2, "usage", ("everything", "strategies")),
    (("list",), 2, "usage", ("strategies|authorities|providers|stores|targets", "--help")),
    (("--answers",), 2, "usage", ("--answers",)),
    (("trust", "trust"), 2, "usage", ("'trust'", "status", "uninstall")),
    (("trust",), 2, "usage", ("status|install|uninstall",)),
    ((), 2, "no-terminal", ("--plain", "--answers")),
    (("--plain",), 2, "input-ended", ("--answers",)),
)


@pytest.mark.parametrize(("words", "status", "code", "said"), COMMANDS, ids=lambda it: str(it)[:80])
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
    done = wizard.around(argv, stdin=b'names = ["\xff.example.com"]\n')
    refused(done, 2, "answers-not-toml", "UTF-8")


def test_a_byte_order_mark_is_no_mistake(wizard: Wizard) -> None:
    (wizard.folder / "answers.toml").write_bytes(b'\xef\xbb\xbfnames = ["a.example.com"]\r\n')
    done = wizard(*PLAN)
    assert done.status == 0, done.err


def test_an_empty_file_asks_for_the_defaults(wizard: Wizard) -> None:
    done = wizard("plan", "--answers", wizard.answers(""))
    assert done.status == 0, done.err
    assert "_wildcard.localhost.pomerium.io.pem" in done.out


def test_a_pipe_without_answers_asks_for_nothing(wizard: Wizard) -> None:
    refused(wizard("--answers", "-", stdin="\n"), 2, "answers-missing", "stdin")
    assert not (wizard.folder / "tls").exists()


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
