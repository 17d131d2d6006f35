"""What the doctor says keeps Pomerium from starting does, and what it warns of does not.

Judged by Pomerium's own loader of configurations, v0.32.9.
"""

import base64
from pathlib import Path

import pytest
from bundle_support import CA, HOST, SITE, Forge
from conftest import Need
from doctor_support import ROUTES, SECRET, WELL, Patient, crl, other_forms

from .pomerium import RULES, judge

pytestmark = pytest.mark.e2e

OVER = {"until": "20210101000000Z"}
OTHER = SITE[: SITE.index("subjectAltName")] + "subjectAltName=DNS:*.other.example.com"
FATAL = frozenset(
    {
        *("file-missing", "not-base64", "config-certificates-not-a-list", "certificate-half"),
        *("certificate-not-pem", "certificate-is-key", "certificate-missing"),
        *("certificate-request", "key-mismatch", "key-encrypted", "key-not-pem"),
        *("key-is-certificate", "key-missing", "secret-line-end", "setting-removed"),
        *("boolean-word", "crl-unreadable", "secret-missing"),
    }
)
"""Codes of errors with which Pomerium does not start."""


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    need.that(RULES.exists(), "Pomerium's rules are not built", "`make test` builds them")
    forge = Forge.opened(tmp_path_factory.mktemp("forge"), need)
    other_forms(forge)
    forge.issue("over", "issuing", **OVER)
    forge.issue("other", "issuing", extensions=OTHER)
    forge.issue("rsa", "issuing", key=("RSA", "rsa_keygen_bits:1024"))
    forge.issue("alone", "issuing", extensions=SITE)
    forge.issue("people", "", extensions=CA, subject="/CN=People")
    return forge


@pytest.fixture
def patient(tmp_path: Path, forge: Forge) -> Patient:
    return Patient(tmp_path, forge)


def agrees(patient: Patient, *codes: str) -> None:
    """The doctor finds these, and Pomerium starts or does not as they say."""
    found = patient.found()
    assert found.keys() >= {*codes}, found
    fatal = FATAL & {code for code, one in found.items() if one.level == "error"}
    error = judge(patient.config).error
    assert bool(error) == bool(fatal), (error, found)


@pytest.mark.parametrize(
    ("cert", "key", "code"),
    [
        ("der", "key", "certificate-not-pem"),
        ("pkcs12", "key", "certificate-not-pem"),
        ("key", "pem", "certificate-is-key"),
        ("csr", "key", "certificate-request"),
        ("nothing", "key", "certificate-missing"),
        ("gone", "key", "file-missing"),
        ("pem", "pem", "key-is-certificate"),
        ("pem", "encrypted", "key-encrypted"),
        ("pem", "derkey", "key-not-pem"),
        ("pem", "nothing", "key-missing"),
        ("pem", "foreign", "key-mismatch"),
    ],
)
def test_a_pair_that_pomerium_does_not_load(
    patient: Patient, cert: str, key: str, code: str
) -> None:
    folder = patient.forge.folder
    patient.write(f"  - cert: {folder}/site.{cert}\n    key: {folder}/site.{key}\n")
    agrees(patient, code)


@pytest.mark.parametrize(
    ("certificates", "code"),
    [
        (["over", "issuing"], "certificate-expired"),
        (["other", "issuing"], "host-uncovered"),
        (["rsa", "issuing"], "key-type"),
        (["root"], "certificate-is-ca"),
        (["site", "root", "issuing"], "issuer-order"),
        (["site", "people"], "issuer-foreign"),
    ],
)
def test_a_pair_that_pomerium_loads_without_a_word(
    patient: Patient, certificates: list[str], code: str
) -> None:
    patient.write(patient.pair("odd", *certificates))
    agrees(patient, code)
    assert code not in FATAL


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("certificates: 5\n", "config-certificates-not-a-list"),
        ("certificate: '%'\ncertificate_key: '%'\n", "not-base64"),
        ("certificate_file: /gone.pem\n", "certificate-half"),
        ("client_ca: x\n", "setting-removed"),
        ("certificate_authority_file: /gone.pem\n", "authority-missing"),
        ("autocert_trusted_ca_file: /gone.pem\n", "file-missing"),
        ("metrics_certificate_file: /gone.pem\nmetrics_certificate_key_file: /x\n", "file-missing"),
        ("downstream_mtls: {ca_file: /gone.pem}\n", "file-missing"),
        ("downstream_mtls: {ca: '%'}\n", "not-base64"),
        ("autocert: yes\n", "boolean-word"),
    ],
)
def test_settings_that_are_wrong(patient: Patient, more: str, code: str) -> None:
    patient.write(more=more)
    agrees(patient, code)


def test_secrets(patient: Patient) -> None:
    pair = patient.pair("site", "site", "issuing")
    for setting, content, code in (
        ("shared_secret_file", f"{SECRET}\n", "secret-line-end"),
        ("cookie_secret_file", f"{SECRET}\n", ""),
    ):
        name = setting.removesuffix("_file")
        file = patient.file(setting, content.encode())
        well = WELL.replace(f"{name}: {SECRET}", f"{setting}: {file}")
        patient.file("config.yaml", f"{well}certificates:\n{pair}{ROUTES}".encode())
        agrees(patient, *filter(None, [code]))
    patient.file("config.yaml", f"services: databroker\n{ROUTES}".encode())
    agrees(patient, "secret-missing")
    lines = "".join(f"  {SECRET[at : at + 11]}\n" for at in range(0, 44, 11))
    well = WELL.replace(f"cookie_secret: {SECRET}\n", f"cookie_secret: |\n{lines}")
    patient.file("config.yaml", f"{well}certificates:\n{pair}{ROUTES}".encode())
    agrees(patient)
    assert patient.found() == {}


def test_base64_over_several_lines(patient: Patient) -> None:
    values = {
        "certificate": patient.forge.pem("site", "issuing"),
        "certificate_key": patient.forge.pem("site.key"),
    }
    text = ""
    for name, content in values.items():
        word = base64.b64encode(content).decode()
        lines = "".join(f"  {word[at : at + 64]}\n" for at in range(0, len(word), 64))
        text += f"{name}: |\n{lines}"
    patient.write(more=text)
    agrees(patient)
    assert patient.found() == {}


def test_a_revocation_list_has_to_be_one_and_may_be_over(patient: Patient) -> None:
    ca = patient.file("ca.pem", patient.forge.pem("people"))
    for lists, code in (
        (b"nothing", "crl-unreadable"),
        (crl(patient.forge, "people", -1), "crl-expired"),
    ):
        file = patient.file("crl.pem", lists)
        patient.write(
            patient.pair("site", "site", "issuing"),
            more=f"downstream_mtls: {{ca_file: {ca}, crl_file: {file}}}\n",
        )
        agrees(patient, code)


@pytest.mark.parametrize(
    "setting", ["tls_custom_ca_file: /gone.pem", "tls_client_cert_file: /gone"]
)
def test_files_of_routes(patient: Patient, setting: str) -> None:
    key = "    tls_client_key_file: /gone\n" if "client" in setting else ""
    patient.write(patient.pair("site", "site", "issuing"), routes=f"{ROUTES}    {setting}\n{key}")
    agrees(patient, "file-missing")


def test_the_host_of_a_route_is_covered_as_pomerium_says(patient: Patient) -> None:
    patient.write(patient.pair("site", "site", "issuing"))
    assert judge(patient.config).hosts == {HOST: True}
    agrees(patient)
