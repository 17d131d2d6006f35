"""Adopting what is one part of something, many things, or nothing that was meant."""

import shutil
from pathlib import Path

import pytest
from adopt_support import Read, read_back
from bundle_support import Forge
from conftest import Need
from doctor_support import ROUTES, SECRET, Patient
from services_support import RICH, Place, outcome
from target_support import PACKAGED_UNIT, UNIT

from wizard.adopt import own
from wizard.core.errors import UsageError, WizardError
from wizard.core.system import System
from wizard.trust.base import FULL
from wizard.upkeep import Trusted


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    return Forge.opened(tmp_path_factory.mktemp("forge"), need)


@pytest.fixture
def patient(tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch) -> Patient:
    monkeypatch.chdir(tmp_path)
    return Patient(tmp_path, forge)


def adopted(patient: Patient) -> Read:
    system = System({"HOME": str(patient.folder)}, patient.folder / "machine")
    return read_back(system, patient.folder / "state", patient.config)


def refused(system: System, state: Path, config: Path | None) -> WizardError:
    with pytest.raises(WizardError) as caught:
        read_back(system, state, config)
    return caught.value


def test_of_a_split_pomerium_the_one_configuration_is_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, RICH)
    assert outcome(place.install()) == "done"
    for service in ("proxy", "authenticate", "authorize", "databroker"):
        config = place.directory / service / "config.yaml"
        error = refused(place.system, place.state, config)
        assert error.code == "config-of-service"
        assert str(place.config) in error.hint
    found = read_back(place.system, place.state, place.config)
    assert found.values["mtls.services"] is True


def test_the_doctor_finds_nothing_wrong_between_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, f"shared_secret: {SECRET}\ncookie_secret: {SECRET}\n")
    assert outcome(place.install()) == "done"
    for config in sorted(place.directory.glob("*/config.yaml")):
        findings = Patient(config.parent, Forge(tmp_path)).look(config=config).findings
        assert {one.level for one in findings} == {"good"}, findings


def test_who_trusts_another_root_of_ours_does_not_trust_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = Place(tmp_path, mtls__services=False)
    assert outcome(place.install()) == "done"
    rows = [
        Trusted("another", "java", "some Java", FULL, is_lost=True),
        Trusted("this", "nss", "Firefox", FULL, is_lost=False),
    ]
    monkeypatch.setattr(own, "trust_status", lambda *_: rows)
    shutil.rmtree(place.state / "runs")
    found = read_back(place.system, place.state, place.config)
    assert found.values["local_ca.stores"] == ("nss",)


def test_dozens_of_certificates_are_not_told_one_by_one(patient: Patient) -> None:
    entries = [patient.pair(f"n{number}", "site", "issuing") for number in range(30)]
    patient.write(*entries)
    found = read_back(
        System({"HOME": str(patient.folder)}), patient.folder / "state", patient.config
    )
    assert found.comments.count("Listed as well") == 10
    assert "So are 19 more." in found.comments


def test_a_path_is_where_the_unit_has_pomerium_start(patient: Patient) -> None:
    root = patient.folder / "machine"
    patient.pair("site", "site", "issuing")
    for name, content in {
        UNIT: PACKAGED_UNIT.replace("[Install]", "WorkingDirectory=/srv\n[Install]").encode(),
        "srv/site.pem": (patient.folder / "site.pem").read_bytes(),
        "srv/site.key": (patient.folder / "site.key").read_bytes(),
        "etc/pomerium/config.yaml": f"certificate_file: site.pem\n"
        f"certificate_key_file: site.key\n{ROUTES}".encode(),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    found = read_back(System({"HOME": str(root)}, root), patient.folder / "state")
    assert found.values["existing.certificate"] == str(root / "srv/site.pem")
    (root / "etc/pomerium/config.yaml").unlink()
    error = refused(System({"HOME": str(root)}, root), patient.folder / "state", None)
    assert error.code == "config-of-unit-missing"


def test_an_authority_whose_path_no_file_can_have_is_somebody_elses(patient: Patient) -> None:
    patient.write(
        patient.pair("site", "site", "issuing"), more='downstream_mtls: {ca_file: "/\\0"}\n'
    )
    found = read_back(
        System({"HOME": str(patient.folder)}), patient.folder / "state", patient.config
    )
    assert "client authority that is not" in found.comments


def test_a_cluster_is_not_adopted_from_its_manifests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text("apiVersion: ingress.pomerium.io/v1\nkind: Pomerium\n")
    error = refused(System({"HOME": str(tmp_path)}, tmp_path), tmp_path / "state", None)
    assert isinstance(error, UsageError)
    assert "p.yaml is for a cluster" in error.summary
    assert "manifests" in error.hint


KEYS = {
    "PEM": "|\n      -----BEGIN PRIVATE KEY-----\n      hunter2\n      -----END PRIVATE KEY-----\n",
    "base64 of PEM": "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0taHVudGVyMg==\n",
    "base64 of DER": f"'MIGH{'hunter2' * 30}'\n",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_where_its_path_belongs_is_shown_to_nobody(key: str, patient: Patient) -> None:
    entry = patient.pair("site", "site", "issuing")
    patient.write(f"{entry.partition('    key')[0]}    key: {key}")
    found = patient.found()
    assert found.keys() == {"path-base64"}
    told = " ".join(str(one) for one in patient.look().findings)
    with pytest.raises(UsageError) as caught:
        adopted(patient)
    assert caught.value.code == "certificate-inline"
    told += caught.value.summary + caught.value.hint
    assert "hunter2" not in told
    assert "aHVudGVy" not in told
