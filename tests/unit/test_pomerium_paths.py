"""Paths in a configuration, and the path of one: whatever they name, nothing hangs or breaks."""

import os
from pathlib import Path

import pytest

from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.plan import Plan
from wizard.core.system import System
from wizard.engine import Session
from wizard.pomerium.detect import names_at


def plan(folder: Path, config: Path) -> Plan:
    given = {
        "strategy": "local-ca",
        "names": ("*.example.com",),
        "local_ca.stores": (),
        "output.directory": str(folder / "tls"),
        "output.config": str(config),
    }
    return Session(System(), folder / "state", Answers(given)).plan()


@pytest.mark.parametrize(
    "path", ["/a\0b", "/a\ud800b", "/" + "a" * 5000, "/dev/zero", "/etc", "/none", "none", ""]
)
def test_a_certificate_that_cannot_be_one_has_no_names(path: str) -> None:
    assert names_at(Path(path), system=System()) is None


def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert names_at(tmp_path / "pipe", system=System()) is None


@pytest.mark.parametrize("name", ["config", "config.conf", "config.toml", "config.json", "c.YAML"])
def test_a_new_configuration_has_a_name_pomerium_reads_as_yaml(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(tmp_path, tmp_path / name)
    assert caught.value.code == "config-name"
    assert name in caught.value.summary


@pytest.mark.parametrize("name", ["config.yaml", "config.yml", "link.yaml"])
def test_a_name_that_pomerium_reads_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / "link.yaml").symlink_to("kept-elsewhere")
    assert plan(tmp_path, tmp_path / name).actions


@pytest.mark.parametrize(
    ("name", "told"), [("config.conf", True), ("config.json", False), ("config.yml", False)]
)
def test_a_name_that_keeps_pomerium_from_starting_is_told(
    tmp_path: Path,
    name: str,
    told: bool,  # noqa: FBT001
) -> None:
    (tmp_path / name).write_text("{}\n")
    notices = plan(tmp_path, tmp_path / name).notices
    assert any("must end in .yaml" in notice for notice in notices) == told
