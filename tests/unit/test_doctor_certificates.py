"""What the doctor says of the certificates that a configuration lists, and of who gets which."""

import base64
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bundle_support import APEX, CA, HOST, NAME, SITE, Forge
from conftest import Need
from doctor_support import Patient, other_forms

from wizard.doctor.readers import User, closed_to, open_to_all

EXACT = SITE.replace(f"DNS:{NAME},DNS:{APEX}", f"DNS:{HOST}")
OTHER = SITE.replace(f"DNS:{NAME},DNS:{APEX}", "DNS:*.other.example.com")
OVER = {"since": "20200101000000Z", "until": "20210101000000Z"}
AIA = "\nauthorityInfoAccess=caIssuers;URI:http://ca.example.com/issuing.crt"


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    forge = Forge.opened(tmp_path_factory.mktemp("forge"), need)
    forge.issue("over", "issuing", **OVER)
    forge.issue("exact-over", "issuing", extensions=EXACT, subject=f"/CN={HOST}", **OVER)
    forge.issue("other", "issuing", extensions=OTHER)
    return forge


@pytest.fixture
def patient(tmp_path: Path, forge: Forge) -> Patient:
    return Patient(tmp_path, forge)


def test_of_a_good_configuration_nothing_but_good_is_said(patient: Patient) -> None:
    patient.well()
    assert patient.found() == {}
    said = " ".join(finding.summary for finding in patient.look().findings)
    assert f"site.pem is for {NAME}, {APEX}, until 2099-12-31" in said
    assert f"site.pem is served for {HOST}" in said


# ── what Pomerium does not start with ──────────────────────────────────────────────────────────


def test_a_file_that_is_not_there(patient: Patient) -> None:
    patient.well()
    (patient.folder / "site.pem").unlink()
    found = patient.only("file-missing")
    assert (found.file, found.line) == (str(patient.config), 4)
    assert "Put it there" in found.hint


def test_a_path_that_means_something_else_to_pomerium(patient: Patient) -> None:
    patient.write("  - cert: tls/site.pem\n    key: tls/site.key\n")
    assert "from the root" in patient.found()["file-missing"].hint


def test_a_pipe_is_not_waited_for(patient: Patient) -> None:
    patient.well()
    (patient.folder / "site.pem").unlink()
    os.mkfifo(patient.folder / "site.pem")
    assert "not-a-file" in patient.found()


@pytest.mark.parametrize(
    ("cert", "key", "code"),
    [
        ("der", "key", "certificate-not-pem"),
        ("pkcs12", "key", "certificate-not-pem"),
        ("key", "pem", "certificate-is-key"),
        ("csr", "key", "certificate-request"),
        ("nothing", "key", "certificate-missing"),
        ("pem", "pem", "key-is-certificate"),
        ("pem", "encrypted", "key-encrypted"),
        ("pem", "derkey", "key-not-pem"),
        ("pem", "nothing", "key-missing"),
        ("pem", "foreign", "key-mismatch"),
    ],
)
def test_what_go_does_not_load(patient: Patient, cert: str, key: str, code: str) -> None:
    forge = patient.forge
    other_forms(forge)
    named = [
        patient.file(f"in.{role}", forge.pem(f"site.{end}"))
        for role, end in (("cert", cert), ("key", key))
    ]
    patient.write(f"  - cert: {named[0]}\n    key: {named[1]}\n")
    found = patient.found()[code]
    assert found.level == "error"
    assert found.line == (5 if code.startswith("key-") and code != "key-mismatch" else 4)


def test_a_certificate_without_its_key_beside_it(patient: Patient) -> None:
    patient.pair("site", "site")
    patient.write(more=f"certificate_file: {patient.folder}/site.pem\n")
    assert "`certificate_key_file` is missing" in patient.found()["certificate-half"].summary


def test_certificates_that_are_no_list_or_no_certificates(patient: Patient) -> None:
    patient.write(more="certificates: site.pem\n")
    assert patient.found()["config-certificates-not-a-list"].line == 3
    patient.write(more="certificates: [site.pem, {cert: [1]}, null]\n")
    halves = [one for one in patient.look().findings if one.code == "certificate-half"]
    assert len(halves) == 3


def test_an_issuer_that_stands_first_hides_the_certificate(patient: Patient) -> None:
    patient.write(patient.pair("site", "issuing", "site", key="site"))
    assert "front of the file" in patient.found()["key-mismatch"].hint


def test_base64_that_is_none_and_base64_that_is(patient: Patient) -> None:
    pem, key = patient.forge.pem("site", "issuing"), patient.forge.pem("site.key")
    good = base64.b64encode(pem).decode(), base64.b64encode(key).decode()
    patient.write(more=f"certificate: {good[0]}\ncertificate_key: {good[1]}\n")
    assert patient.found() == {}
    lines = "".join(f"  {good[0][at : at + 64]}\n" for at in range(0, len(good[0]), 64))
    patient.write(more=f"certificate: |\n{lines}certificate_key: {good[1]}\n")
    assert patient.found() == {}
    patient.write(more=f"certificate: site.pem\ncertificate_key: {good[1]}\n")
    assert patient.found()["not-base64"].level == "error"


# ── what Pomerium serves without a word ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"until": "20210101000000Z"}, "certificate-expired"),
        ({"since": "20980101000000Z"}, "certificate-not-yet-valid"),
        ({"key": ("RSA", "rsa_keygen_bits:1024")}, "key-type"),
        ({"extensions": f"{SITE}\ntlsfeature=status_request"}, "must-staple"),
        ({"extensions": SITE.replace("serverAuth", "clientAuth")}, "certificate-not-for-servers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_browsers_or_envoy_refuse(patient: Patient, words: dict[str, str], code: str) -> None:
    patient.forge.issue("odd", "issuing", **words)  # type: ignore[arg-type]
    patient.write(patient.pair("odd", "odd", "issuing"))
    found = patient.only(code)
    assert "odd.pem" in found.summary
    assert found.line == 4


def test_a_certificate_that_ends_soon_is_a_warning(patient: Patient) -> None:
    patient.forge.issue("soon", "issuing", until=_days_from_now(3))
    patient.write(patient.pair("soon", "soon", "issuing"))
    assert "in 2 days" in patient.only("certificate-expires-soon", "warning").summary


def test_the_last_day_is_not_counted_as_none(patient: Patient) -> None:
    patient.forge.issue("soon", "issuing", until=_days_from_now(1))
    patient.write(patient.pair("soon", "soon", "issuing"))
    assert "in less than a day." in patient.only("certificate-expires-soon", "warning").summary
    patient.forge.issue("soon", "issuing", until=_days_from_now(2))
    patient.write(patient.pair("soon", "soon", "issuing"))
    assert "in 1 day." in patient.only("certificate-expires-soon", "warning").summary


def test_what_a_variable_names_is_told_where_the_variable_is(patient: Patient) -> None:
    patient.well()
    patient.write(more=f"certificate_file: /old\ncertificate_key_file: {patient.folder}/site.key\n")
    patient.file(
        "compose.yaml",
        b"services:\n  a:\n    image: pomerium/pomerium\n    env_file: more.env\n"
        b"    volumes: ['./config.yaml:/pomerium/config.yaml']\n",
    )
    path = patient.file("more.env", b"CERTIFICATE_FILE=/pomerium/config.yaml\n")
    assert patient.found()["certificate-missing"].file == str(path)


def test_a_root_instead_of_a_certificate(patient: Patient) -> None:
    patient.write(patient.pair("root", "root"))
    assert "Corp Root" in patient.found()["certificate-is-ca"].summary
    assert "certificate-self-signed" not in patient.found()


def test_one_that_vouches_for_itself(patient: Patient) -> None:
    own = f"basicConstraints=CA:TRUE\nsubjectAltName=DNS:{HOST}"
    patient.forge.issue("own", "", extensions=own)
    patient.write(patient.pair("own", "own"))
    patient.only("certificate-self-signed")


def test_an_issuer_that_is_missing(patient: Patient) -> None:
    patient.forge.issue("alone", "issuing", extensions=SITE + AIA)
    patient.write(patient.pair("alone", "alone"))
    assert "http://ca.example.com/issuing.crt" in patient.only("chain-incomplete").hint


def test_issuers_in_the_wrong_order_and_of_somebody_else(patient: Patient) -> None:
    patient.forge.issue("middle", "issuing", extensions=CA, subject="/CN=Middle")
    patient.forge.issue("deep", "middle")
    patient.write(patient.pair("deep", "deep", "issuing", "middle"))
    patient.only("issuer-order", "warning")
    patient.write(patient.pair("deep", "deep", "middle", "issuing"))
    assert patient.found() == {}
    patient.write(patient.pair("deep", "deep", "root"))
    patient.only("issuer-foreign")


# ── who gets which ─────────────────────────────────────────────────────────────────────────────


def test_a_host_that_no_certificate_is_for(patient: Patient) -> None:
    patient.write(patient.pair("other", "other", "issuing"))
    found = patient.only("host-uncovered")
    assert HOST in found.summary
    assert "other.pem" in found.summary
    assert found.line == 7


def test_a_certificate_for_many_names_covers_each(patient: Patient) -> None:
    many = ",".join(f"DNS:h{number}.example.com" for number in range(150))
    patient.forge.issue("many", "issuing", extensions=f"subjectAltName={many},DNS:{HOST}")
    patient.write(patient.pair("many", "many", "issuing"))
    assert patient.found() == {}


def test_without_any_certificate_pomerium_makes_one_up(patient: Patient) -> None:
    patient.write()
    patient.only("certificate-none")


def test_the_page_of_the_sign_in_needs_a_certificate_too(patient: Patient) -> None:
    own = "authenticate_service_url: https://login.example.com\n"
    patient.write(patient.pair("site", "site", "issuing"), more=own)
    assert "login.example.com" in patient.only("host-uncovered").summary


@pytest.mark.parametrize("first", ["exact-over", "site"])
def test_an_exact_name_that_ended_hides_a_wildcard_in_any_order(
    patient: Patient, first: str
) -> None:
    pairs = [patient.pair(name, name, "issuing") for name in ("exact-over", "site")]
    patient.write(*(pairs if first == "exact-over" else reversed(pairs)))
    found = patient.found()
    assert found.keys() == {"certificate-expired", "host-hidden"}
    assert "exact-over.pem" in found["host-hidden"].summary


def test_of_the_same_names_the_first_is_served_unless_the_kind_of_key_differs(
    patient: Patient,
) -> None:
    patient.forge.issue("rsa", "issuing", key=("RSA", "rsa_keygen_bits:2048"))
    site, twin, rsa = (
        patient.pair(name, own, "issuing")
        for name, own in (("site", "site"), ("twin", "site"), ("rsa", "rsa"))
    )
    patient.write(site, rsa)
    assert patient.found() == {}
    patient.write(site, twin)
    assert "twin.pem" in patient.only("certificate-idle", "warning").summary


def test_the_first_of_several_is_for_whoever_asks_for_something_else(patient: Patient) -> None:
    patient.write(
        patient.pair("other", "other", "issuing"), patient.pair("site", "site", "issuing")
    )
    said = [finding for finding in patient.look().findings if finding.code == "fallback"]
    assert "other.pem" in said[0].summary


# ── who can read them ──────────────────────────────────────────────────────────────────────────


def test_a_key_that_everybody_can_read(forge: Forge) -> None:
    # Below pytest's own directory nobody else can read anything.
    with tempfile.TemporaryDirectory() as name:
        patient = Patient(Path(name), forge)
        patient.well()
        key = patient.folder / "site.key"
        key.chmod(0o644)
        patient.config.chmod(0o644)
        assert patient.found() == {}
        patient.folder.chmod(0o755)
        found = patient.found()
        assert found.keys() == {"key-open-to-all", "config-open-to-all"}
        assert found["key-open-to-all"].hint == f"Close it: chmod o= {key}"
        assert "cookie_secret" in found["config-open-to-all"].summary


SOMEBODY = User("somebody", 4242, frozenset({4343}))


@pytest.mark.parametrize(
    ("mode", "owner", "folder", "closed"),
    [
        (0o600, (4242, 0), 0o755, ""),
        (0o640, (0, 4343), 0o755, ""),
        (0o604, (0, 0), 0o755, ""),
        (0o600, (0, 4343), 0o755, "key"),
        (0o044, (4242, 4343), 0o755, "key"),
        (0o640, (0, 4343), 0o700, "folder"),
        (0o640, (0, 4343), 0o711, ""),
    ],
)
def test_who_may_read_a_file(
    mode: int, owner: tuple[int, int], folder: int, closed: str, need: Need
) -> None:
    need.that(os.geteuid() == 0, "nobody else's files can be made", "run as root")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(folder)
        key = Path(name, "key")
        key.touch()
        os.chown(key, *owner)
        key.chmod(mode)
        what = {"": None, "key": key, "folder": Path(name)}[closed]
        assert closed_to(SOMEBODY, key) == what
        assert closed_to(User("root", 0, frozenset()), key) is None


def test_a_link_leads_where_it_leads(need: Need) -> None:
    need.that(os.geteuid() == 0, "nobody else's files can be made", "run as root")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        real, link = Path(name, "real"), Path(name, "link")
        real.mkdir(0o700)
        (real / "key").touch(0o644)
        link.symlink_to(real / "key")
        assert closed_to(SOMEBODY, link) == real
        assert not open_to_all(link)
        real.chmod(0o755)
        assert closed_to(SOMEBODY, link) is None
        assert open_to_all(link)


def test_what_only_root_may_read_is_a_warning(forge: Forge, need: Need) -> None:
    need.that(os.geteuid() == 0, "nobody else's files can be made", "run as root")
    with tempfile.TemporaryDirectory() as name:
        patient = Patient(Path(name), forge)
        patient.well()
        patient.folder.chmod(0o755)
        patient.config.chmod(0o644)
        patient.look()  # what is imported on the way is root's to read
        os.seteuid(SOMEBODY.uid)
        try:
            found = [one for one in patient.look().findings if one.code == "permission-denied"]
        finally:
            os.seteuid(0)
    assert [one.level for one in found] == ["warning"]
    assert "as root" in found[0].hint


def _days_from_now(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days):%Y%m%d%H%M%SZ}"
