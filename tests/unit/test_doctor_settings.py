"""What the doctor says of settings, secrets, variables, autocert and client certificates."""

import base64
from pathlib import Path

import pytest
from bundle_support import CA, HOST, Forge
from conftest import Need
from doctor_support import ROUTES, SECRET, WELL, Patient, crl

from wizard.doctor.grade import Finding, Grade, Level
from wizard.pomerium.store import certificate_file


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    forge = Forge.opened(tmp_path_factory.mktemp("forge"), need)
    forge.issue("people", "", extensions=f"{CA},cRLSign", subject="/CN=People")
    forge.issue("barred", "", extensions=CA, subject="/CN=Barred")
    over = {"since": "20200101000000Z", "until": "20210101000000Z"}
    forge.issue("over", "", extensions=CA, subject="/CN=Over", **over)
    return forge


@pytest.fixture
def patient(tmp_path: Path, forge: Forge) -> Patient:
    patient = Patient(tmp_path, forge)
    patient.well()
    return patient


def with_settings(patient: Patient, more: str, routes: str = ROUTES) -> None:
    patient.write(patient.pair("site", "site", "issuing"), more=more, routes=routes)


# ── names and variables ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("setting", "code", "level"),
    [
        ("client_ca_file: /x.pem", "setting-removed", "error"),
        ("forward_auth_url: https://x", "setting-removed", "warning"),
        ("certificate_keyfile: /x.pem", "setting-unknown", "warning"),
    ],
)
def test_a_setting_that_pomerium_does_not_take(
    patient: Patient, setting: str, code: str, level: str
) -> None:
    with_settings(patient, setting + "\n")
    found = patient.only(code, level)
    assert found.line == 6
    assert "(line" not in found.summary


def test_a_setting_of_a_route_that_is_replaced(patient: Patient) -> None:
    with_settings(patient, "", f"{ROUTES}    tls_server_name: x\n")
    patient.only("setting-replaced", "warning")


def test_what_is_not_yaml_is_an_error_with_its_line(patient: Patient) -> None:
    patient.file("config.yaml", b"routes: [\n")
    assert "line 2" in patient.only("config-not-yaml").summary


def test_names_for_development_are_pinned_unless_the_header_is_set(patient: Patient) -> None:
    names = "DNS:a.localhost.pomerium.io"
    patient.forge.issue("dev", "issuing", extensions=f"subjectAltName={names}")
    dev, routes = patient.pair("dev", "dev", "issuing"), ROUTES.replace(HOST, names[4:])
    patient.write(dev, routes=routes)
    assert names[4:] in patient.only("hsts-development", "warning").summary
    header = "set_response_headers: {Strict-Transport-Security: max-age=0}\n"
    patient.write(dev, routes=routes, more=header)
    assert patient.found() == {}


@pytest.mark.parametrize(
    ("more", "code", "hint"),
    [
        ("insecure_server: ja\n", "boolean-word", "Write one of them."),
        ("override_certificate_name: x\n", "override-name-unused", "Delete it."),
    ],
)
def test_a_trap_is_told_with_its_way_out(patient: Patient, more: str, code: str, hint: str) -> None:
    with_settings(patient, more)
    found = patient.found()[code]
    assert found.hint == hint
    assert "(line" not in found.summary
    assert found.line == 6


def test_files_for_other_hops_are_looked_at(patient: Patient) -> None:
    route = f"{ROUTES}    tls_custom_ca_file: /gone.pem\n"
    with_settings(patient, "", route)
    assert patient.found()["file-missing"].line == 9
    over = patient.file("over.pem", patient.forge.pem("over"))
    with_settings(patient, f"certificate_authority_file: {over}\n")
    patient.only("authority-expired")
    over.write_bytes(b"nothing")
    patient.only("authority-unreadable")


def test_each_service_needs_what_it_serves(patient: Patient) -> None:
    own = "authenticate_service_url: https://login.example.com\n"
    with_settings(patient, f"services: proxy\n{own}")
    assert patient.found() == {}
    with_settings(patient, f"services: authenticate\n{own}")
    assert "login.example.com" in patient.only("host-uncovered").summary
    patient.write(more=f"services: databroker\n{own}")
    assert patient.found() == {}


def test_a_path_that_nobody_wrote_out_is_one_mistake(patient: Patient) -> None:
    patient.write("  - cert: $TLS/a.pem\n    key: /gone.key\n")
    found = [one for one in patient.look().findings if one.line == 4]
    assert [one.code for one in found] == ["path-unfilled"]


def test_plain_http_is_told(patient: Patient) -> None:
    with_settings(patient, "insecure_server: true\n")
    patient.only("insecure-server", "warning")


# ── secrets ────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_that_is_missing_matters_more_where_services_are_apart(patient: Patient) -> None:
    entry = patient.pair("site", "site", "issuing")
    for services, level in (("all", "warning"), ("proxy", "error")):
        text = f"services: {services}\ncertificates:\n{entry}{ROUTES}"
        patient.file("config.yaml", text.encode())
        assert patient.found()["secret-missing"].level == level
    text = f"services: databroker\nshared_secret: {SECRET}\ncertificates:\n{entry}{ROUTES}"
    patient.file("config.yaml", text.encode())
    assert patient.found() == {}


@pytest.mark.parametrize(("secret", "what"), [("AAAA", "holds 3 bytes"), ("a=b", "is not base64")])
def test_a_secret_of_the_wrong_form_is_not_shown(patient: Patient, secret: str, what: str) -> None:
    text = patient.config.read_text().replace(
        WELL, f"{WELL[: WELL.index('cookie')]}cookie_secret: {secret}\n"
    )
    patient.file("config.yaml", text.encode())
    found = patient.only("secret-length")
    assert what in found.summary
    assert found.line == 2
    assert secret not in found.summary + found.hint


def test_no_secret_is_ever_said(patient: Patient) -> None:
    key = base64.b64encode(patient.forge.pem("site.key")).decode()
    with_settings(patient, f"signing_key: {key}\n")
    said = repr(patient.look().findings)
    assert patient.found() == {}
    assert SECRET not in said
    assert key not in said


def test_a_line_end_in_the_file_of_the_shared_secret(patient: Patient) -> None:
    secret = patient.file("secret", f"{SECRET}\n".encode())
    text = patient.config.read_text().replace(
        f"shared_secret: {SECRET}", f"shared_secret_file: {secret}"
    )
    patient.file("config.yaml", text.encode())
    patient.only("secret-line-end")
    patient.file("secret", SECRET.encode())
    assert patient.found() == {}


@pytest.mark.parametrize("value", ["AAAA", "-----BEGIN PUBLIC KEY-----"])
def test_a_signing_key_that_is_none(patient: Patient, value: str) -> None:
    with_settings(patient, f"signing_key: {value}\n")
    patient.only("signing-key-malformed")


# ── autocert ───────────────────────────────────────────────────────────────────────────────────


def by_itself(patient: Patient, more: str = "", routes: str = ROUTES) -> None:
    patient.write(more=f"autocert: true\nhttp_redirect_addr: :80\n{more}", routes=routes)


def test_autocert_covers_what_has_no_star(patient: Patient) -> None:
    by_itself(patient)
    assert patient.found() == {}
    by_itself(
        patient, routes=ROUTES + "  - from: https://*.example.com\n    to: https://x.example\n"
    )
    found = patient.only("host-uncovered")
    assert "dns-01" in found.hint


@pytest.mark.parametrize(
    ("more", "code", "level"),
    [
        ("autocert_must_staple: true\n", "autocert-must-staple", "error"),
        ("autocert_use_staging: true\n", "autocert-staging", "warning"),
    ],
)
def test_what_autocert_is_set_to(patient: Patient, more: str, code: str, level: str) -> None:
    by_itself(patient, more)
    patient.only(code, level)


def test_autocert_without_routes_or_without_port_80(patient: Patient) -> None:
    by_itself(patient, routes="")
    patient.only("autocert-no-routes")
    patient.write(more="autocert: true\n")
    patient.only("autocert-port-80", "warning")


def test_what_autocert_has_got(patient: Patient) -> None:
    folder = patient.folder / "got"
    by_itself(patient, f"autocert_dir: {folder}\n")
    assert patient.found() == {}, "Pomerium did not run yet"
    (folder / "certificates").mkdir(parents=True)
    patient.only("autocert-missing")
    patient.write(
        patient.pair("site", "site", "issuing"),
        more=f"autocert: true\nhttp_redirect_addr: :80\nautocert_dir: {folder}\n",
    )
    patient.only("autocert-manual-wildcard", "warning")
    by_itself(patient, f"autocert_dir: {folder}\n")
    place = certificate_file(folder, HOST, "", staging=False)
    place.parent.mkdir(parents=True)
    place.write_bytes(patient.forge.pem("site", "issuing"))
    assert patient.found() == {}
    place.write_bytes(patient.forge.pem("over"))
    patient.only("certificate-expired")


# ── client certificates ────────────────────────────────────────────────────────────────────────


def ask_for_certificates(
    patient: Patient, *authorities: str, lists: bytes = b"", more: str = ""
) -> None:
    ca = patient.file("ca.pem", patient.forge.pem(*authorities))
    text = f"downstream_mtls:\n  ca_file: {ca}\n{more}"
    if lists:
        text += f"  crl_file: {patient.file('crl.pem', lists)}\n"
    with_settings(patient, text)


STRICT = "  enforcement: reject_connection\n"


def test_an_authority_for_clients_and_its_list(patient: Patient) -> None:
    ask_for_certificates(patient, "people", lists=crl(patient.forge, "people", 30), more=STRICT)
    assert patient.found() == {}
    said = " ".join(finding.summary for finding in patient.look().findings)
    assert "Clients need a certificate of People" in said


def test_an_authority_that_ended_that_is_none_or_that_cannot_be_read(patient: Patient) -> None:
    ask_for_certificates(patient, "over")
    patient.only("client-ca-expired")
    ask_for_certificates(patient, "site")
    patient.only("client-ca-is-none", "warning")
    patient.file("ca.pem", b"nothing")
    patient.only("client-ca-not-pem")
    with_settings(patient, "downstream_mtls:\n  ca: '%'\n")
    assert "downstream_mtls.ca" in patient.only("not-base64").summary


@pytest.mark.parametrize(
    ("authority", "days", "strict", "loose"),
    [
        ("people", -1, ("crl-expired", "error"), ("crl-expired", "warning")),
        ("people", 2, ("crl-ends-soon", "warning"), None),
        ("root", 30, ("crl-foreign", "error"), ("crl-foreign", "warning")),
    ],
)
def test_a_list_that_is_over_or_of_somebody_else(
    patient: Patient,
    authority: str,
    days: int,
    strict: tuple[str, Level],
    loose: tuple[str, Level] | None,
) -> None:
    lists = crl(patient.forge, authority, days)
    ask_for_certificates(patient, "people", lists=lists, more=STRICT)
    patient.only(*strict)
    ask_for_certificates(patient, "people", lists=lists)
    patient.only(*(loose or strict))


def test_a_list_in_another_form_and_an_authority_without_one(patient: Patient) -> None:
    ask_for_certificates(patient, "people", lists=b"nothing")
    patient.only("crl-unreadable")
    lists = crl(patient.forge, "people", 30)
    ask_for_certificates(patient, "people", "barred", lists=lists, more=STRICT)
    assert "Barred" in patient.only("crl-missing").summary


def test_an_authority_that_may_sign_no_list(patient: Patient) -> None:
    ask_for_certificates(patient, "barred", lists=crl(patient.forge, "barred", 30))
    assert "Barred" in patient.only("crl-barred").summary


def test_a_list_without_an_authority(patient: Patient) -> None:
    with_settings(patient, "downstream_mtls:\n  crl_file: /x.pem\n")
    patient.only("client-ca-missing", "warning")


# ── the grade ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("errors", "warnings", "grade"),
    [
        (0, 0, "A"),
        (0, 1, "B"),
        (0, 2, "B"),
        (0, 3, "C"),
        (1, 0, "D"),
        (1, 9, "D"),
        (2, 0, "E"),
        (3, 1, "E"),
        (4, 0, "F"),
    ],
)
def test_the_grade(errors: int, warnings: int, grade: str) -> None:
    levels: list[Level] = ["error"] * errors + ["warning"] * warnings + ["good"] * 2
    found = Grade.of(Finding(level, "code", "What.") for level in levels)
    assert found == (grade, errors, warnings, 2)
