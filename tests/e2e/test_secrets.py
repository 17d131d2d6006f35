"""No secret is ever printed, journalled or given to a program as an argument.

The secrets are read from the files where they belong, and looked for everywhere else.
"""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import ANSWERS, Outcome, Terminal, Wizard
from conftest import Need

pytestmark = pytest.mark.e2e

PASSWORD = "a long password for the exports"
OLD = {
    "shared_secret": "9wiTZq4qvmS/plYQyvzGKWPlH/UBy0DMYMA2x/zngrM=",
    "cookie_secret": "kVZs4sxLZ6lJ6RFrMYT0t4BOnc4ePdXz0xZ2E0wEnQM=",
    "idp_client_secret": "an-old-client-secret",
}
CONFIG = f"""\
# My own file.
routes:
  - from: https://verify.localhost.pomerium.io
    to: https://user:pass-in-a-url@localhost:8000
shared_secret: {OLD["shared_secret"]}
cookie_secret: {OLD["cookie_secret"]}
idp_client_secret: {OLD["idp_client_secret"]} # keep
"""


@pytest.fixture
def wizard(tmp_path: Path) -> Wizard:
    made = Wizard(tmp_path)
    made.env["EXPORT_PASSWORD"] = PASSWORD
    exports = ('export = ["pkcs12", "java-truststore"]', 'export_password = "env:EXPORT_PASSWORD"')
    answers = ANSWERS.replace("stores = []", "\n".join(["stores = []", *exports]))
    made.answers(answers)
    return made


def secrets(wizard: Wizard) -> set[str]:
    """Every secret that stands in a file now, and those we gave."""
    found = {PASSWORD, *OLD.values(), "pass-in-a-url"}
    for path in [*wizard.folder.glob("tls/*-key.pem"), *wizard.state.glob("ca/*-key.pem")]:
        body = [line for line in path.read_text().splitlines() if "-----" not in line]
        assert body
        # The last line is of the public key, which stands in the certificate too.
        found |= set(body[:-1])
    for line in (wizard.folder / "config.yaml").read_text().splitlines():
        name, _, value = line.partition(": ")
        if name in OLD:
            found.add(value.partition(" #")[0].strip("'\""))
    return found


def silent(said: str, hidden: set[str]) -> None:
    """What was said has nothing of what is hidden."""
    for secret in hidden:
        assert secret not in said


def journals(wizard: Wizard) -> str:
    return "".join(path.read_text() for path in wizard.state.glob("runs/*/journal.jsonl"))


@pytest.mark.parametrize("config", ["", CONFIG], ids=["a new configuration", "an existing one"])
@pytest.mark.parametrize("how", [("--json", "-v"), ("-v",)], ids=" ".join)
def test_no_output_and_no_journal_has_a_secret(
    wizard: Wizard, config: str, how: tuple[str, ...]
) -> None:
    if config:
        (wizard.folder / "config.yaml").write_text(config)
    said: list[Outcome] = []
    hidden: set[str] = set()

    def run(*words: str) -> None:
        done = wizard(*words, *how)
        assert done.status in {0, 10}, done.err
        said.append(done)
        hidden.update(secrets(wizard) if (wizard.folder / "config.yaml").exists() else ())

    apply = ("--answers", "answers.toml")
    run("plan", *apply)
    run(*apply)
    run(*apply)
    run("status")
    run("trust", "status", "--store", "nss")
    run("plan", *apply, "--set", "names=a.localhost.pomerium.io", "--set", "output.directory=b")
    run(*apply, "--set", "names=a.localhost.pomerium.io", "--set", "output.directory=b")
    run(*apply, "--set", "local_ca.key_type=rsa-2048")
    run("renew", "--force")
    kept = journals(wizard)
    run("undo")
    assert len(hidden) > 15
    silent("".join(done.out + done.err for done in said), hidden)
    silent(kept + journals(wizard), hidden)


def test_a_plan_shows_where_a_secret_is_without_the_secret(wizard: Wizard) -> None:
    (wizard.folder / "config.yaml").write_text(CONFIG)
    done = wizard("plan", "--answers", "answers.toml")
    assert "cookie_secret: <redacted>" in done.out
    assert "certificates:" in done.out
    silent(done.out, {*OLD.values(), "pass-in-a-url"})


@pytest.mark.parametrize("broken", ["shared_secret: [\n", "- x: 'y\n", "idp_client_secret: {\n"])
def test_an_error_about_a_configuration_quotes_no_secret(wizard: Wizard, broken: str) -> None:
    (wizard.folder / "config.yaml").write_text(CONFIG + broken)
    for words in (("plan",), ("--json",)):
        done = wizard(*words, "--answers", "answers.toml", "-v")
        assert done.status == 1
        silent(done.out + done.err, {*OLD.values(), "pass-in-a-url"})


def test_every_file_with_a_secret_is_the_owners_alone(wizard: Wizard) -> None:
    config = wizard.folder / "config.yaml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    wizard("--answers", "answers.toml")
    wizard("renew", "--force")
    hidden = secrets(wizard)
    holders = {
        path
        for path in wizard.folder.rglob("*")
        if path.is_file() and any(one.encode() in path.read_bytes() for one in hidden)
    }
    assert {path.name for path in holders} >= {"config.yaml", "issuer-key.pem"}
    for path in holders:
        assert path.stat().st_mode & 0o077 == 0, path
    for path in wizard.state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@contextlib.contextmanager
def watching() -> Iterator[list[bytes]]:
    """Collects the arguments of every process of this machine, again and again."""
    seen: set[bytes] = set()
    shown: list[bytes] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for process in Path("/proc").iterdir():
                # It may have ended by now, or be no process at all.
                with contextlib.suppress(OSError):
                    seen.add((process / "cmdline").read_bytes())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield shown
    finally:
        ended.set()
        thread.join()
        shown += sorted(seen)


def test_no_program_gets_a_secret_as_an_argument(wizard: Wizard, need: Need) -> None:
    need("certutil")
    (wizard.folder / "home/.pki/nssdb").mkdir(parents=True)
    (wizard.folder / "bin").mkdir()
    # Slow enough to be seen.
    program = wizard.folder / "bin/certutil"
    program.write_text(f'#!/bin/sh\n/bin/sleep 0.1\nexec {shutil.which("certutil")} "$@"\n')
    program.chmod(0o755)
    wizard.env["PATH"] = f"{wizard.folder}/bin"
    with watching() as shown:
        done = wizard("--answers", "answers.toml", "--set", "local_ca.stores=nss")
    assert "trust the root in Chromium" in done.err
    arguments = b"\n".join(shown).decode(errors="replace")
    assert "certutil" in arguments
    silent(arguments, secrets(wizard))


def test_plain_prompts_show_no_secret(wizard: Wizard) -> None:
    (wizard.folder / "config.yaml").write_text(CONFIG)
    with Terminal(wizard, "--plain") as terminal:
        for answer in ("", "", "", "-", "tls", "config.yaml"):
            terminal.until("] ")
            terminal.type(answer)
        shown = terminal.until("[y/N] ")
        terminal.type("y")
        status, more = terminal.end()
    assert status == 0, more
    silent(shown + more, secrets(wizard))


@pytest.mark.parametrize("way", ["flag", "variable", "file"])
def test_a_password_given_where_only_its_place_belongs_is_not_repeated(
    wizard: Wizard, way: str
) -> None:
    words = ["plan", "--answers", "answers.toml", "--json"]
    if way == "flag":
        words += ["--set", f"local_ca.export_password={PASSWORD}"]
    elif way == "variable":
        wizard.env["POMCERT_LOCAL_CA_EXPORT_PASSWORD"] = PASSWORD
    else:
        answers = (wizard.folder / "answers.toml").read_text()
        wizard.answers(answers.replace("env:EXPORT_PASSWORD", PASSWORD))
    done = wizard(*words)
    assert done.status == 2
    assert "export_password" in done.err.lower()
    silent(done.out + done.err, {PASSWORD})
