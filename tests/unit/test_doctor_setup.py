"""What the doctor takes for Pomerium's setup: the unit's, a container's, a file of variables."""

import base64
import os
import re
from pathlib import Path

import pytest
from bundle_support import HOST, Forge
from cli_support import REPR
from conftest import Need
from corpus_support import CORPUS, VARIABLES
from doctor_support import ROUTES, SECRET, WELL, Patient
from target_support import PACKAGED_UNIT, UNIT

from wizard.core.errors import UsageError, WizardError
from wizard.core.system import System
from wizard.doctor.checks import look
from wizard.doctor.grade import Finding
from wizard.pomerium.settings import MTLS, SETTINGS


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    return Forge.opened(tmp_path_factory.mktemp("forge"), need)


@pytest.fixture
def patient(tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch) -> Patient:
    monkeypatch.chdir(tmp_path)
    return Patient(tmp_path, forge)


def of(findings: tuple[Finding, ...], code: str) -> Finding:
    (found, *_) = (finding for finding in findings if finding.code == code)
    return found


# ── a unit of systemd ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def root(patient: Patient) -> Path:
    """A machine with Pomerium's package on it, which runs as daemon."""
    root = patient.folder / "machine"
    unit = root / UNIT
    unit.parent.mkdir(parents=True)
    unit.write_text(PACKAGED_UNIT)
    (root / "etc/pomerium").mkdir(parents=True)
    patient.well()
    (root / "etc/pomerium/config.yaml").write_text(patient.config.read_text())
    return root


def looked_at(patient: Patient, root: Path) -> tuple[Finding, ...]:
    return look(System(patient.env, root), None).findings


def test_the_units_configuration_is_found_and_its_user_has_to_read_the_key(
    patient: Patient, root: Path, need: Need
) -> None:
    need.that(os.geteuid() == 0, "nobody else's files can be made", "run as root")
    findings = looked_at(patient, root)
    read = of(findings, "config-read").summary
    assert "etc/pomerium/config.yaml, which Pomerium reads as the user daemon" in read
    closed = of(findings, "file-closed")
    assert closed.level == "error"
    assert "daemon" in closed.summary


def test_a_variable_of_the_unit_wins_over_the_file(patient: Patient, root: Path) -> None:
    config = root / "etc/pomerium/config.yaml"
    config.write_text(f"autocert_dir: /elsewhere\n{config.read_text()}")
    found = of(looked_at(patient, root), "variable-wins")
    assert "AUTOCERT_DIR" in found.summary
    assert found.line == 1
    config.write_text(config.read_text().replace("/elsewhere", "/etc/pomerium/"))
    assert "variable-wins" not in {one.code for one in looked_at(patient, root)}


def test_a_configuration_that_the_unit_does_not_read_has_not_its_variables(
    patient: Patient, root: Path
) -> None:
    patient.file("config.yaml", f"autocert_dir: /x\n{patient.config.read_text()}".encode())
    assert patient.found(root) == {}


def test_a_certificate_that_a_variable_names_is_looked_at(patient: Patient, root: Path) -> None:
    unit = root / UNIT
    lines = "Environment=CERTIFICATE_FILE=/gone.pem\nEnvironment=CERTIFICATE_KEY_FILE=/gone.key\n"
    unit.write_text(PACKAGED_UNIT.replace("[Install]", f"{lines}[Install]"))
    found = of(looked_at(patient, root), "file-missing")
    assert "/gone.pem" in found.summary
    assert found.file == str(unit)


def test_the_page_of_the_sign_in_may_be_a_variables(patient: Patient, root: Path) -> None:
    unit = root / UNIT
    line = "Environment=AUTHENTICATE_SERVICE_URL=https://login.example.com\n"
    unit.write_text(PACKAGED_UNIT.replace("[Install]", f"{line}[Install]"))
    assert "login.example.com" in of(looked_at(patient, root), "host-uncovered").summary


def test_routes_of_a_variable_are_those_that_count(patient: Patient, root: Path) -> None:
    unit = root / UNIT
    routes = base64.b64encode(b"- from: https://other.example.org\n  to: https://x.example\n")
    line = f"Environment=ROUTES={routes.decode()}\n"
    unit.write_text(PACKAGED_UNIT.replace("[Install]", f"{line}[Install]"))
    findings = looked_at(patient, root)
    assert "`routes`" in of(findings, "variable-wins").summary
    assert "other.example.org" in of(findings, "host-uncovered").summary
    assert HOST not in "".join(one.summary for one in findings if one.code == "hosts-covered")
    unit.write_text(PACKAGED_UNIT.replace("[Install]", "Environment=ROUTES=-\n[Install]"))
    (found,) = looked_at(patient, root)
    assert found.code == "variable-routes"


def test_the_unit_says_where_pomerium_looks_for_a_path_that_is_not_whole(
    patient: Patient, root: Path
) -> None:
    unit = root / UNIT
    unit.write_text(PACKAGED_UNIT.replace("[Install]", "WorkingDirectory=-/srv\n[Install]"))
    config = root / "etc/pomerium/config.yaml"
    config.write_text(config.read_text().replace(f"{patient.folder}/", "tls/"))
    missing = [one for one in looked_at(patient, root) if one.code == "file-missing"]
    assert str(root / "srv") in missing[0].hint
    (root / "srv/tls").mkdir(parents=True)
    for name in ("site.pem", "site.key"):
        (root / "srv/tls" / name).write_bytes((patient.folder / name).read_bytes())
    assert "file-missing" not in {one.code for one in looked_at(patient, root)}


def test_a_unit_that_starts_pomerium_with_what_it_does_not_read(
    patient: Patient, root: Path
) -> None:
    unit = root / UNIT
    unit.write_text(PACKAGED_UNIT.replace("config.yaml", "gone.yaml"))
    (found,) = looked_at(patient, root)
    assert (found.level, found.code) == ("error", "config-of-unit-missing")
    unit.write_text(PACKAGED_UNIT.replace("config.yaml", "config.conf"))
    (root / "etc/pomerium/config.yaml").rename(root / "etc/pomerium/config.conf")
    (found,) = looked_at(patient, root)
    assert (found.level, found.code) == ("error", "config-name")
    assert ".yaml" in found.summary


# ── a container ────────────────────────────────────────────────────────────────────────────────

COMPOSE = """\
services:
  pomerium:
    image: pomerium/pomerium:v0.33.1
    user: "{user}"
    volumes:
      - ./config.yaml:/pomerium/config.yaml:ro
      - ./tls:/pomerium/tls:ro
"""


def contained(patient: Patient, cert: str, user: str = "65532") -> None:
    tls = patient.folder / "tls"
    tls.mkdir(exist_ok=True)
    (tls / "site.pem").write_bytes(patient.forge.pem("site", "issuing"))
    (tls / "site.key").write_bytes(patient.forge.pem("site.key"))
    (tls / "site.key").chmod(0o600)
    patient.file("compose.yaml", COMPOSE.format(user=user).encode())
    entry = f"certificates:\n  - cert: {cert}\n    key: /pomerium/tls/site.key\n"
    patient.file("config.yaml", f"{WELL}{entry}{ROUTES}".encode(), 0o644)


def test_paths_are_the_containers_and_its_user_has_to_read_the_key(patient: Patient) -> None:
    contained(patient, "/pomerium/tls/site.pem", user=f"{os.geteuid()}:0")
    assert patient.found().keys() <= {"mount-single-file"}
    contained(patient, "/pomerium/tls/site.pem", user="4242")
    assert "4242" in patient.found()["file-closed"].summary


def test_what_is_not_mounted_and_what_is_mounted_alone(patient: Patient) -> None:
    contained(patient, "/elsewhere/site.pem", user=f"{os.geteuid()}:0")
    found = patient.found()["file-not-mounted"]
    assert "/elsewhere/site.pem" in found.summary
    assert found.level == "warning", "a volume that is not looked into may hold it"
    assert "config.yaml" in patient.found()["mount-single-file"].summary


def test_a_file_of_variables_of_the_container_wins_over_its_configuration(
    patient: Patient,
) -> None:
    contained(patient, "/pomerium/tls/site.pem", user=f"{os.geteuid()}:0")
    compose = patient.folder / "compose.yaml"
    compose.write_text(compose.read_text() + "    env_file: more.env\n")
    assert "more.env" in patient.found()["variables-unread"].summary
    patient.file("more.env", b"SHARED_SECRET=AAAA\n")
    found = patient.found()
    assert found.keys() == {"mount-single-file", "variable-wins", "secret-length"}
    assert found["secret-length"].file.endswith("more.env")


def test_a_container_that_is_started_with_variables_alone(patient: Patient) -> None:
    contained(patient, "/unused.pem", user=f"{os.geteuid()}:0")
    patient.config.unlink()
    routes = base64.b64encode(f"- from: https://{HOST}\n  to: https://x.example\n".encode())
    values = {
        **dict.fromkeys(("SHARED_SECRET", "COOKIE_SECRET"), SECRET),
        "ROUTES": routes.decode(),
        "CERTIFICATE_FILE": "/pomerium/tls/site.pem",
        "CERTIFICATE_KEY_FILE": "/pomerium/tls/site.key",
    }
    text = "    environment:\n" + "".join(f"      {k}: {v}\n" for k, v in values.items())
    compose = patient.folder / "compose.yaml"
    single = "      - ./config.yaml:/pomerium/config.yaml:ro\n"
    compose.write_text(compose.read_text().replace(single, "") + text)
    system = System({"HOME": str(patient.folder)}, patient.folder / "machine")
    findings = look(system, None).findings
    assert {one.level for one in findings} == {"good"}, findings
    assert HOST in of(findings, "hosts-covered").summary
    compose.write_text(compose.read_text().replace("tls/site.key", "tls/gone.key"))
    assert of(look(system, None).findings, "file-missing").file == str(compose)


def test_a_container_may_be_started_with_another_configuration(patient: Patient) -> None:
    contained(patient, "/pomerium/tls/site.pem", user=f"{os.geteuid()}:0")
    compose = patient.folder / "compose.yaml"
    elsewhere = compose.read_text().replace("./config.yaml:/pomerium/config.yaml", "./own:/own")
    compose.write_text(f"{elsewhere}    command: [--config, /own/my.yaml]\n")
    (patient.folder / "own").mkdir()
    patient.config.rename(patient.folder / "own/my.yaml")
    system = System({"HOME": str(patient.folder)}, patient.folder / "machine")
    findings = look(system, None).findings
    assert "own/my.yaml" in of(findings, "config-read").summary
    assert {one.level for one in findings} == {"good"}, findings


def test_of_several_services_the_one_counts_that_is_started_with_it(patient: Patient) -> None:
    contained(patient, "/pomerium/tls/site.pem", user=f"{os.geteuid()}:0")
    compose = patient.folder / "compose.yaml"
    own = compose.read_text().removeprefix("services:\n")
    other = COMPOSE.format(user="4242").replace("pomerium:\n", "inner:\n")
    compose.write_text(f"{other}    command: [--config, /pomerium/tls/inner.yaml]\n{own}")
    assert patient.found().keys() == {"mount-single-file"}
    patient.file("tls/inner.yaml", patient.config.read_bytes())
    seen = patient.look(config=patient.folder / "tls/inner.yaml")
    assert seen.setup is not None
    assert seen.setup.start.user == "4242"


def test_what_compose_fills_in_is_filled_in_or_told(patient: Patient) -> None:
    contained(patient, "/pomerium/tls/site.pem", user=f"{os.geteuid()}:0")
    compose = patient.folder / "compose.yaml"
    lines = (
        "SHARED_SECRET: ${MINE:?say it}",
        "COOKIE_SECRET:",
        "LOG_LEVEL: $${x}",
        "ADDRESS: ${A:-:443}",
    )
    text = compose.read_text() + "    environment:\n" + "".join(f"      {one}\n" for one in lines)
    compose.write_text(text)
    patient.config.write_text(patient.config.read_text().replace(WELL, "address: :443\n"))
    found = patient.found()
    assert found.keys() == {"mount-single-file", "variables-unread"}
    assert "SHARED_SECRET, COOKIE_SECRET" in found["variables-unread"].summary
    patient.file(".env", b"MINE=short\n")
    found = patient.found()
    assert found.keys() == {"mount-single-file", "variables-unread", "secret-length"}
    assert "SHARED_SECRET" not in found["variables-unread"].summary


def test_a_file_of_variables_that_need_not_be_there(patient: Patient) -> None:
    contained(patient, "/pomerium/tls/site.pem", user=f"{os.geteuid()}:0")
    compose = patient.folder / "compose.yaml"
    text = compose.read_text() + "    env_file: [{path: more.env, required: REQUIRED}]\n"
    compose.write_text(text.replace("REQUIRED", "false"))
    assert patient.found().keys() == {"mount-single-file"}
    compose.write_text(text.replace("REQUIRED", "true"))
    found = patient.found()["variables-unread"]
    assert "There is no" in found.summary
    assert "root" not in found.hint


# ── variables ──────────────────────────────────────────────────────────────────────────────────


def test_a_file_of_variables_is_read_as_pomerium_gets_it(patient: Patient) -> None:
    patient.pair("site", "site", "issuing")
    lines = [
        *(f"{name}={SECRET}" for name in ("SHARED_SECRET", "COOKIE_SECRET")),
        f"CERTIFICATE_FILE={patient.folder}/site.pem",
        f"CERTIFICATE_KEY_FILE={patient.folder}/gone.key",
    ]
    path = patient.file("pomerium.env", "\n".join(lines).encode())
    (found,) = (f for f in patient.look(config=path).findings if f.level == "error")
    assert (found.code, found.file, found.line) == ("file-missing", str(path), 4)


NONE = {
    "197-compose-file": "config-of-others",
    "198-k8s-configmap": "config-of-others",
    "223-docker-only-comments": "config-missing",
}
"""What is no configuration of Pomerium's, and what is said of it."""


@pytest.mark.parametrize("path", [*CORPUS, *VARIABLES], ids=lambda path: path.stem)
def test_of_any_configuration_each_finding_has_words_and_a_way_out(
    path: Path, patient: Patient
) -> None:
    if path.stem in NONE:
        with pytest.raises(WizardError) as caught:
            patient.look(config=path)
        assert caught.value.code == NONE[path.stem]
        return
    seen = patient.look(config=path)
    for finding in seen.findings:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", finding.code)
        assert finding.summary.endswith("."), finding
        assert finding.level == "good" or finding.hint, finding
        assert not REPR.search(finding.summary + finding.hint), finding
    assert seen.setup is not None
    for setting in (one for one in SETTINGS if one.secret):
        said = seen.setup.said(setting.name)
        # A word such as `secret` stands for one in some, and in sentences too.
        assert said is None or len(said.text) < 12 or said.text not in repr(seen.findings)


def test_every_variable_of_pomeriums_is_known(patient: Patient) -> None:
    names = {one.environment for one in (*SETTINGS, *MTLS) if one.environment}
    names -= {"ROUTES", "POLICY"}
    path = patient.file("pomerium.env", "\n".join(f"{name}=true" for name in names).encode())
    codes = {finding.code for finding in patient.look(config=path).findings}
    assert not codes & {"setting-unknown", "setting-removed", "setting-replaced", "variable-wins"}


def test_routes_in_a_variable_that_are_no_base64(patient: Patient) -> None:
    path = patient.file("pomerium.env", b"ROUTES=-\n")
    assert [finding.code for finding in patient.look(config=path).findings] == ["variable-routes"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("services: {pomerium: {image: pomerium/pomerium}}\n", "config-of-others"),
        ("apiVersion: v1\nkind: ConfigMap\n", "config-of-others"),
        (None, "config-is-a-directory"),
    ],
)
def test_what_is_no_configuration_has_no_grade(
    text: str | None, code: str, patient: Patient
) -> None:
    place = patient.folder / "other.yaml"
    if text is None:
        place = patient.folder / "folder"
        place.mkdir()
    else:
        place.write_text(text)
    with pytest.raises(WizardError) as caught:
        patient.look(config=place)
    assert caught.value.code == code


def test_a_path_that_no_file_can_have_is_a_missing_file(patient: Patient) -> None:
    patient.write(more='certificate_file: "/a\\0"\ncertificate_key_file: "/b"\n')
    assert patient.only("file-missing")
    patient.write(more='certificate_file: "/\\ud83d"\n')
    assert patient.only("config-half-character")


def test_a_cluster_has_no_configuration_to_look_at(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = patient.folder / "cluster"
    folder.mkdir()
    (folder / "pomerium.yaml").write_text("apiVersion: ingress.pomerium.io/v1\nkind: Pomerium\n")
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError) as caught:
        look(System({"HOME": str(folder)}, folder), None)
    assert caught.value.code == "config-missing"
    assert "pomerium.yaml is for a cluster" in caught.value.summary
    assert "--connect" in caught.value.hint


def test_a_file_of_settings_in_small_letters_sets_no_variable(patient: Patient) -> None:
    path = patient.file("pomerium.toml", b"certificate_file = '/x.pem'\n")
    with pytest.raises(UsageError) as caught:
        patient.look(config=path)
    assert "sets no variable" in caught.value.summary


def test_nothing_is_found_where_nothing_is(patient: Patient, home: Path) -> None:
    with pytest.raises(UsageError) as caught:
        look(System({"HOME": str(home)}, patient.folder / "machine"), None)
    assert caught.value.code == "config-missing"
    with pytest.raises(UsageError) as caught:
        patient.look()
    assert str(patient.config) in caught.value.summary
    assert HOST not in caught.value.summary
