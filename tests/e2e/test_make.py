"""A fresh copy of the project, run by `make` alone, whatever the caller's shell has set."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import tree
from conftest import REPOSITORY, Need

MADE_HERE = shutil.ignore_patterns(".*", "demo", "dist", "screenshots", "__pycache__")
TOOLS = REPOSITORY / ".tools"


@pytest.fixture
def checkout(need: Need, tmp_path: Path) -> Path:
    """Without .git, as in a source archive; uv and its cache are those of this checkout."""
    need("make")
    found = list(TOOLS.glob("uv-*"))
    need.that(bool(found), "no uv in .tools", "`make test` brings it")
    folder = tmp_path / "my work" / "a copy"
    shutil.copytree(REPOSITORY, folder, ignore=MADE_HERE)
    (folder / ".tools").mkdir()
    for tool in found:
        (folder / ".tools" / tool.name).symlink_to(tool)
    return folder


@pytest.fixture
def bystanders(tmp_path: Path) -> Path:
    """Where other programs keep things: nothing may appear in it."""
    folder = tmp_path / "elsewhere"
    (folder / "home").mkdir(parents=True)
    (folder / "tmp").mkdir()
    module = folder / "modules" / "wizard" / "__init__.py"
    module.parent.mkdir(parents=True)
    module.write_text("raise SystemExit('another wizard')\n")
    return folder


def make(
    checkout: Path, bystanders: Path, *targets: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(bystanders / "home"),
        "TMPDIR": str(bystanders / "tmp"),
        "PYTHON": sys.executable,
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(TOOLS / "cache/uv")),
        "UV_OFFLINE": "1",
    }
    return subprocess.run(
        ["make", *targets],
        cwd=checkout,
        env=own | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_demo_is_served_and_proven_and_changes_nothing_elsewhere(
    checkout: Path, bystanders: Path
) -> None:
    before = tree(bystanders)
    ended = make(checkout, bystanders, "demo")
    assert ended.returncode == 0, ended.stderr
    assert "✓ handshake accepted: https://verify.localhost.pomerium.io" in ended.stderr
    assert (checkout / "demo/config.yaml").is_file()
    made = tree(checkout / "demo")
    again = make(checkout, bystanders, "demo")
    assert again.returncode == 0, again.stderr
    assert "✓ handshake accepted" in again.stderr
    assert "Nothing to do" in again.stderr
    assert tree(checkout / "demo") == made
    assert tree(bystanders) == before


def test_what_the_shell_has_set_for_other_environments_is_left_alone(
    checkout: Path, bystanders: Path
) -> None:
    before = tree(bystanders)
    ended = make(
        checkout,
        bystanders,
        "demo",
        VIRTUAL_ENV=str(bystanders / "home"),
        UV_PROJECT_ENVIRONMENT=str(bystanders / "home"),
        UV_PYTHON="3.99",
        PYTHONPATH=str(bystanders / "modules"),
        PYTHONHOME=str(bystanders),
        LC_ALL="POSIX",
    )
    assert ended.returncode == 0, ended.stderr
    assert "✓ handshake accepted" in ended.stderr
    assert tree(bystanders) == before


def test_a_check_reads_our_files_alone(checkout: Path) -> None:
    foreign = checkout / ".tools/go/lib/module.py"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("import   os\n")
    for words in (("check",), ("format", "--check")):
        ended = subprocess.run(
            [REPOSITORY / ".venv/bin/ruff", *words, "--no-cache", "."],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ".tools" not in ended.stdout
        assert ended.stdout, ended.stderr
