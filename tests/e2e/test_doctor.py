"""The command `doctor` beside a running Pomerium: what it says is what Pomerium's visitors get."""

import contextlib
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pomerium_lab
import pytest
from acme_lab import free_port
from bundle_support import CA, HOST, SITE, Forge
from cli_support import Outcome, Wizard, refused, tree
from conftest import REPOSITORY, Need
from doctor_support import Patient, crl
from jsonschema import Draft202012Validator
from pomerium_lab import LOADED, PUBLIC, Application, Pomerium

pytestmark = pytest.mark.e2e

EXACT = SITE[: SITE.index("subjectAltName")] + f"subjectAltName=DNS:{HOST}"
OTHER = SITE[: SITE.index("subjectAltName")] + "subjectAltName=DNS:*.other.example.com"
PERSON = "extendedKeyUsage=clientAuth\nkeyUsage=critical,digitalSignature"
AUTHORITIES = ("people", "visitors")
OVER = {"until": "20210101000000Z"}


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    forge = Forge.opened(tmp_path_factory.mktemp("forge"), need)
    forge.issue("over", "issuing", **OVER)
    forge.issue("exact-over", "issuing", extensions=EXACT, **OVER)
    forge.issue("other", "issuing", extensions=OTHER)
    forge.issue("again", "issuing")
    for authority, person in zip(AUTHORITIES, ("alice", "bob"), strict=True):
        forge.issue(authority, "", extensions=f"{CA},cRLSign", subject=f"/CN={authority}")
        forge.issue(person, authority, extensions=PERSON, subject=f"/CN={person}")
    return forge


@pytest.fixture
def wizard(tmp_path: Path) -> Wizard:
    return Wizard(tmp_path)


@pytest.fixture
def application() -> Iterator[Application]:
    with pomerium_lab.application() as running:
        yield running


class Clinic(Patient):
    """A configuration that Pomerium is started with."""

    port: int
    application: Application

    def write(self, *entries: str, more: str = "", routes: str = "") -> None:
        """A configuration of these entries, for this port and application."""
        to = f"    to: {self.application.url}\n"
        address = f"address: 127.0.0.1:{self.port}\n"
        usual = f"routes:\n  - from: https://{HOST}\n{to}{PUBLIC}"
        super().write(*entries, more=address + more, routes=usual + routes.replace("TO\n", to))

    @contextlib.contextmanager
    def running(self) -> Iterator[Pomerium]:
        with pomerium_lab.pomerium(self.config, self.port, self.folder / "pomerium") as pomerium:
            yield pomerium

    @property
    def root(self) -> Path:
        return self.forge.folder / "root.pem"


@pytest.fixture
def clinic(tmp_path: Path, forge: Forge, application: Application, need: Need) -> Clinic:
    pomerium_lab.check(need)
    clinic = Clinic(tmp_path, forge)
    clinic.port, clinic.application = free_port(), application
    return clinic


def doctor(wizard: Wizard, *words: str) -> Outcome:
    return wizard("doctor", *words)


def codes(done: Outcome) -> Mapping[str, str]:
    """What was found, each code with its level; every row is what the schema says."""
    schema = json.loads((REPOSITORY / "docs/events.schema.json").read_text())
    rows = done.rows()
    for row in rows:
        Draft202012Validator(schema).validate(row)
    *findings, grade = rows
    assert grade["event"] == "grade"
    assert (done.status == 8) == (grade["errors"] != 0)
    return {str(row["code"]): str(row["level"]) for row in findings}


def look(
    wizard: Wizard, clinic: Clinic, *, name: str = HOST, connect: bool = True
) -> Mapping[str, str]:
    """What the doctor says of a configuration, and of the Pomerium that runs with it."""
    server = ("--connect", f"127.0.0.1:{clinic.port}", "--server-name", name) if connect else ()
    done = doctor(wizard, "--json", "--config", str(clinic.config), *server)
    print(done.out)
    return codes(done)


def wrong(found: Mapping[str, str]) -> set[str]:
    return {code for code, level in found.items() if level == "error"}


# ── the command ────────────────────────────────────────────────────────────────────────────────


def test_what_the_wizard_wrote_is_well_and_is_left_as_it_is(wizard: Wizard) -> None:
    wizard.install()
    before = tree(wizard.folder)
    done = doctor(wizard)
    assert done.status == 0, done.out
    assert done.out.splitlines()[-1].startswith("Grade A: no errors, no warnings")
    assert str(wizard.folder / "config.yaml") in done.out
    assert tree(wizard.folder) == before


def test_what_is_wrong_has_a_line_a_code_and_a_way_out(wizard: Wizard) -> None:
    wizard.install()
    (wizard.folder / "tls/_wildcard.localhost.pomerium.io-key.pem").unlink()
    done = doctor(wizard)
    assert done.status == 8
    what, way_out, *_ = done.out.splitlines()
    assert what.startswith(f"✗ {wizard.folder}/config.yaml, line 8: There is no ")
    assert what.endswith("[file-missing]")
    assert way_out.startswith("    ")
    assert done.err == ""


def test_without_a_configuration_it_asks_for_one(wizard: Wizard) -> None:
    refused(doctor(wizard), 2, "config-missing", "--config FILE")
    refused(doctor(wizard, "--config", "gone.yaml"), 2, "config-missing", "gone.yaml")
    refused(doctor(wizard, "--connect", "nowhere:"), 2, "usage", "HOST:PORT")


def test_a_server_is_named_or_it_is_not(wizard: Wizard) -> None:
    refused(doctor(wizard, "--server-name", "app.example.com"), 2, "usage", "--connect HOST:PORT")
    refused(doctor(wizard, "--connect", ""), 2, "usage", "HOST:PORT")


def test_hundreds_of_one_kind_are_not_written_out_for_people(wizard: Wizard) -> None:
    wizard.install()
    config = wizard.folder / "config.yaml"
    route = "  - {{from: 'https://n{}.example.org', to: 'http://n'}}\n"
    config.write_text(config.read_text() + "".join(map(route.format, range(99))))
    done = doctor(wizard)
    assert done.out.count("[host-uncovered]") == 11
    assert "And 89 more like this. [host-uncovered]" in done.out
    assert "Grade F: 99 errors" in done.out
    assert sum(row.get("code") == "host-uncovered" for row in doctor(wizard, "--json").rows()) == 99


# ── beside Pomerium ────────────────────────────────────────────────────────────────────────────


def test_pomerium_on_a_good_configuration(clinic: Clinic, wizard: Wizard) -> None:
    clinic.write(clinic.pair("site", "site", "issuing"))
    wizard.env["SSL_CERT_FILE"] = str(clinic.root)
    with clinic.running() as pomerium:
        assert pomerium.get(clinic.root, HOST) == LOADED
        found = look(wizard, clinic)
    assert set(found.values()) == {"good"}, found
    assert found.keys() >= {"served-as-listed", "trusted", "answer", "protocol", "nameless"}


def test_pomerium_says_nothing_of_a_certificate_that_ended(clinic: Clinic, wizard: Wizard) -> None:
    clinic.write(clinic.pair("over", "over", "issuing"))
    with clinic.running():
        found = look(wizard, clinic)
    assert wrong(found) == {"certificate-expired"}
    assert "served-as-listed" in found


def test_pomerium_does_not_start_with_another_ones_key(clinic: Clinic, wizard: Wizard) -> None:
    clinic.write(clinic.pair("site", "site", "issuing", key="other"))
    with pytest.raises(RuntimeError, match="private key does not match"), clinic.running():
        pass
    found = look(wizard, clinic)
    assert wrong(found) == {"key-mismatch", "connection-refused"}


def test_an_exact_name_that_ended_and_a_host_that_nothing_covers(
    clinic: Clinic, wizard: Wizard
) -> None:
    strange = "strange.example.com"
    entries = [clinic.pair(name, name, "issuing") for name in ("other", "site", "exact-over")]
    clinic.write(*entries, routes=f"  - from: https://{strange}\nTO\n{PUBLIC}")
    with clinic.running():
        exact, uncovered = look(wizard, clinic), look(wizard, clinic, name=strange)
    of_the_config = {"certificate-expired", "host-hidden", "host-uncovered"}
    assert wrong(exact) == of_the_config
    assert "served-as-listed" in exact, "the exact one is served, although it ended"
    assert wrong(uncovered) == {*of_the_config, "name-not-covered"}
    assert "served-as-listed" in uncovered, "the first one is served"


def test_one_certificate_for_each_kind_of_key(clinic: Clinic, wizard: Wizard) -> None:
    clinic.forge.issue("rsa", "issuing", key=("RSA", "rsa_keygen_bits:2048"))
    clinic.write(*(clinic.pair(name, name, "issuing") for name in ("rsa", "site")))
    with clinic.running():
        found = look(wizard, clinic)
    assert not wrong(found)
    assert "served-as-listed" in found, "the second one, which the client prefers"


def test_what_pomerium_makes_when_it_has_none(clinic: Clinic, wizard: Wizard) -> None:
    clinic.write()
    with clinic.running():
        assert wrong(look(wizard, clinic)) == {"certificate-none", "fallback-served"}


def test_a_renewal_that_pomerium_did_not_see(clinic: Clinic, wizard: Wizard) -> None:
    clinic.write(
        clinic.pair("site", "site", "issuing"), more="runtime_flags: {config_hot_reload: false}\n"
    )
    with clinic.running():
        clinic.pair("site", "again", "issuing")
        assert wrong(look(wizard, clinic)) == {"served-other"}


# ── client certificates ────────────────────────────────────────────────────────────────────────


def ask_for_certificates(clinic: Clinic, lists: bytes, *authorities: str) -> None:
    ca = clinic.file("ca.pem", clinic.forge.pem(*authorities))
    clinic.write(
        clinic.pair("site", "site", "issuing"),
        more=f"downstream_mtls:\n  ca_file: {ca}\n  crl_file: {clinic.file('crl.pem', lists)}\n"
        "  enforcement: reject_connection\n",
    )


def gets_in(clinic: Clinic, pomerium: Pomerium, person: str) -> bool:
    client = clinic.file(f"{person}.pem", clinic.forge.pem(f"{person}.key", person))
    try:
        return pomerium.get(clinic.root, HOST, client=client) == LOADED
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.parametrize(
    ("days", "code", "inside"),
    [
        ({"people": 30, "visitors": 30}, set(), {"alice", "bob"}),
        ({"people": 30}, {"crl-missing"}, {"alice"}),
        ({"people": -1, "visitors": 30}, {"crl-expired"}, {"bob"}),
    ],
    ids=["two lists", "one list", "a list that ended"],
)
def test_revocation_lists_lock_out_whom_the_doctor_says(
    clinic: Clinic, wizard: Wizard, days: Mapping[str, int], code: set[str], inside: set[str]
) -> None:
    ask_for_certificates(
        clinic, b"".join(crl(clinic.forge, *one) for one in days.items()), *AUTHORITIES
    )
    with clinic.running() as pomerium:
        assert {who for who in ("alice", "bob") if gets_in(clinic, pomerium, who)} == inside
        found = look(wizard, clinic)
    assert wrong(found) == code
    assert "client-certificate-wanted" in found, found


def test_an_authority_that_may_not_sign_lists_locks_its_clients_out(
    clinic: Clinic, wizard: Wizard
) -> None:
    clinic.forge.issue("barred", "", extensions=CA, subject="/CN=barred")
    clinic.forge.issue("carol", "barred", extensions=PERSON, subject="/CN=carol")
    ask_for_certificates(clinic, crl(clinic.forge, "barred", 30), "barred")
    with clinic.running() as pomerium:
        assert not gets_in(clinic, pomerium, "carol")
        assert wrong(look(wizard, clinic)) == {"crl-barred"}
