"""Each trap is told where it is, with its line and what to do, and not where it is not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from trap_support import SAMPLES, STANDING, Sample, put_files

from wizard.core.answers import Answers
from wizard.core.system import System
from wizard.engine import Session
from wizard.pomerium.config import parse, with_certificate, with_settings
from wizard.pomerium.lint import Problem
from wizard.pomerium.standing import standing_traps
from wizard.pomerium.traps import traps


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("traps")
    put_files(made, datetime.now(UTC))
    return made


def read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def text(template: str, folder: Path) -> bytes:
    return template.replace("FOLDER", str(folder)).encode()


def found(template: str, folder: Path, *, standing: bool = False) -> list[Problem]:
    document = parse(text(template, folder), "config.yaml")
    look = standing_traps if standing else traps
    return list(look(document, read))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.code)
def test_a_trap_is_told_where_it_is_and_not_else(sample: Sample, folder: Path) -> None:
    (problem,) = found(sample.trap, folder)
    assert (problem.code, problem.line) == (sample.code, sample.line)
    assert (problem.level == "error") == sample.is_error
    assert f"line {sample.line}" in problem.text or sample.code == "hsts-development"
    assert problem.fix
    assert sample.code not in {one.code for one in found(sample.fine, folder)}


@pytest.mark.parametrize("sample", STANDING, ids=lambda sample: sample.code)
def test_a_trap_of_a_standing_configuration_is_told(sample: Sample, folder: Path) -> None:
    told = {one.code: one.line for one in found(sample.trap, folder, standing=True)}
    assert told[sample.code] == sample.line
    fine = {one.code for one in found(sample.fine, folder, standing=True)}
    assert sample.code not in fine


def test_without_autocert_none_of_its_traps_is_told(folder: Path) -> None:
    for sample in STANDING[:4]:
        off = sample.trap.replace("autocert: true", "autocert: false")
        codes = {one.code for one in found(off, folder, standing=True)}
        assert sample.code not in codes


@pytest.mark.parametrize("start", ["client-", "crl-", "secret-line-end"])
def test_of_a_file_that_cannot_be_read_nothing_is_told(start: str, folder: Path) -> None:
    samples = [one for one in SAMPLES if one.code.startswith(start)]
    assert samples
    for sample in samples:
        assert traps(parse(text(sample.trap, folder), "config.yaml")) == ()


def test_no_secret_is_told(folder: Path) -> None:
    for sample in SAMPLES:
        for problem in found(sample.trap, folder):
            assert "c2hvcnQ" not in problem.told
            assert "what?" not in problem.told


def test_an_edit_tells_the_traps_of_what_comes_of_it(folder: Path) -> None:
    text = b"certificates:\n  - cert: ~/old.pem\n    key: /old.key\noverride_certificate_name: a\n"
    document = parse(text, "config.yaml")
    new = (folder / "server.pem", folder / "server.key")
    added = with_certificate(document, *new, ("*.e.com",), lambda _: None, read=read)
    replaced = with_certificate(document, *new, ("*.e.com",), lambda _: ("*.e.com",), read=read)
    assert ["~/old.pem" in one for one in added.notices] == [True, False]
    assert ["override" in one for one in replaced.notices] == [True]
    settled = with_settings(document, {"autocert": True}, read=read)
    assert len(settled.notices) == len(added.notices)


def test_a_plan_says_what_is_in_the_files_beside_the_configuration(
    folder: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"idp_client_secret_file: {folder / 'secret-line'}\n")
    answers = {
        "strategy": "local-ca",
        "names": ("a.example.com",),
        "local_ca.stores": (),
        "output.directory": str(tmp_path / "tls"),
        "output.config": str(config),
        "output.owner": "",
    }
    system = System(root=tmp_path / "root")
    plan = Session(system, tmp_path / "state", Answers(answers)).plan()
    assert any("nobody can sign in" in notice for notice in plan.notices)
