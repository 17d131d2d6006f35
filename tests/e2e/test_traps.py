"""Pomerium does not start with the traps that are called errors, and starts with the others."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pomerium_lab
import pytest
from acme_lab import free_port
from conftest import Need
from trap_support import SAMPLES, STANDING, Sample, put_files

from .clients.process import environment
from .pomerium import verdict

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("rules")]

ROUTE = "routes: [{from: https://a.example.com, to: http://a, allow_any_authenticated_user: true}]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("traps")
    put_files(made, datetime.now(UTC))
    return made


@pytest.mark.parametrize("sample", [*SAMPLES, *STANDING], ids=lambda sample: sample.code)
def test_the_loader_agrees(sample: Sample, folder: Path) -> None:
    trap, fine = (
        verdict(text.replace("FOLDER", str(folder)).encode(), folder)
        for text in (sample.trap, sample.fine)
    )
    assert bool(trap.error) == (sample.is_error and sample.by_loader), trap.error
    assert fine.error == ""
    assert (trap.unknown, fine.unknown) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    "sample", [one for one in SAMPLES if not one.by_loader], ids=lambda sample: sample.trap
)
def test_pomerium_ends_with_what_its_loader_takes(
    sample: Sample, folder: Path, tmp_path: Path, need: Need
) -> None:
    pomerium_lab.check(need)
    config = tmp_path / "config.yaml"
    ports = f"address: 127.0.0.1:{free_port()}\nhealth_check_addr: 127.0.0.1:{free_port()}\n"
    config.write_text(f"{sample.trap.replace('FOLDER', str(folder))}{ports}{ROUTE}\n")
    (tmp_path / "envoy").symlink_to(pomerium_lab.BIN / "pomerium-envoy")
    done = subprocess.run(
        [pomerium_lab.BIN / "pomerium", "--config", config],
        env={**environment(tmp_path), **pomerium_lab.own(str(tmp_path))},
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert b"but want 32" in done.stdout + done.stderr
