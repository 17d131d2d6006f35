"""Who may load whom, as a running process shows with late imports too; and how long a file is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PROBE = """
import json, sys
from wizard import cli
try:
    code = cli.main(sys.argv[1:])
except SystemExit as stopped:
    code = stopped.code or 0
print("\\n" + json.dumps([code, sorted(sys.modules)]))
"""
SLOW = {"textual", "rich"}
CRYPTO = {"cryptography", "ssl"}
LINES = 400
"""What a reader takes in of one file."""
NEVER_HEADLESS = SLOW | {"tkinter", "asyncio", "sqlite3"}


def loaded(tmp_path: Path, *arguments: str) -> set[str]:
    """The modules that a command line loads; the command must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        capture_output=True,
        check=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code in {0, 10}, (done.stdout, done.stderr)
    return {name.partition(".")[0] for name in modules} | set(modules)


def answers(tmp_path: Path) -> list[str]:
    return [
        f"--answers={REPOSITORY / 'examples' / 'local-ca.toml'}",
        f"--state-dir={tmp_path / 'state'}",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["renew", "--help"],
        ["list", "strategies"],
        ["list", "stores"],
        ["answers", "example"],
        ["status"],
        ["renew"],
    ],
    ids=" ".join,
)
def test_no_command_loads_the_screens(tmp_path: Path, arguments: list[str]) -> None:
    assert not loaded(tmp_path, *arguments) & SLOW


@pytest.mark.parametrize("extra", [["--dry-run"], ["--json"], []], ids=str)
def test_no_headless_run_loads_the_screens(tmp_path: Path, extra: list[str]) -> None:
    assert not loaded(tmp_path, *answers(tmp_path), *extra) & NEVER_HEADLESS


def test_a_look_at_a_configuration_asks_nobody_else(tmp_path: Path) -> None:
    config = "autocert: true\nhttp_redirect_addr: :80\nroutes: [{from: https://a.example.com}]\n"
    (tmp_path / "config.yaml").write_text(config)
    modules = loaded(tmp_path, "doctor", "--config", "config.yaml")
    assert not modules & (NEVER_HEADLESS | {"dns", "ssl", "wizard.acme", "wizard.strategies"})


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_what_only_prints_a_line_loads_nothing_that_works(tmp_path: Path, word: str) -> None:
    modules = loaded(tmp_path, word)
    assert not modules & CRYPTO
    ours = {name for name in modules if name.startswith("wizard.")}
    assert ours <= {"wizard.arguments", "wizard.cli", "wizard.core", "wizard.core.errors"}


def test_a_run_that_trusts_nothing_loads_no_trust_store(tmp_path: Path) -> None:
    modules = loaded(tmp_path, *answers(tmp_path), "--set", "output.config=")
    assert not {name for name in modules if name.startswith(("wizard.trust", "ruamel"))}


def test_a_run_loads_only_its_own_way_to_a_certificate(tmp_path: Path) -> None:
    modules = loaded(tmp_path, *answers(tmp_path), "--set", "local_ca.lifetime=30d")
    ways = {name.split(".")[2] for name in modules if name.startswith("wizard.strategies.")}
    assert ways == {"base", "local_ca", "questions"}


@pytest.mark.parametrize("folder", ["wizard", "tests", "scripts", "benchmarks"])
def test_no_file_is_long(folder: str) -> None:
    files = [*(REPOSITORY / folder).rglob("*.py")]
    lengths = {str(file): len(file.read_bytes().splitlines()) for file in files}
    assert lengths
    assert {file: length for file, length in lengths.items() if length > LINES} == {}
