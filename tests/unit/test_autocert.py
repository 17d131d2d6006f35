"""Pomerium's autocert: what is written, what is proposed, and what is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from autocert_support import CONFIG, HMAC, HOST, OTHER, Machine

from wizard import upkeep
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import to_json
from wizard.core.questions import Value
from wizard.engine import Session
from wizard.pki import authority, chain


@pytest.fixture
def machine(tmp_path: Path, resolver: str) -> Machine:
    return Machine.begun(tmp_path, resolver)


# ── what is written ────────────────────────────────────────────────────────────────────────────


def test_the_settings_join_a_configuration_and_everything_else_stays(machine: Machine) -> None:
    text = machine.install(autocert__email="me@example.com")
    assert text == CONFIG + (
        "http_redirect_addr: :80\n"
        "autocert: true\n"
        f"autocert_dir: {machine.folder}/autocert\n"
        "autocert_email: me@example.com\n"
        "autocert_use_staging: true\n"
    )
    assert machine.plan(autocert__email="me@example.com").is_empty


def test_undo_gives_every_byte_back(machine: Machine) -> None:
    machine.install()
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert machine.config.read_text() == CONFIG


def test_from_staging_to_the_real_one_and_to_another_authority(machine: Machine) -> None:
    staged = machine.install()
    real = machine.install(autocert__staging=False)
    assert real == staged.replace("autocert_use_staging: true", "autocert_use_staging: false")
    other = machine.install(autocert__authority_url="https://ca.corp.example.com/acme/directory")
    assert "autocert_ca: https://ca.corp.example.com/acme/directory" in other
    assert "autocert_use_staging: false" in other
    again = machine.install()
    assert "autocert_ca: ''\n" in again
    assert "autocert_use_staging: true" in again


@pytest.mark.parametrize("written", ["':80'", "0.0.0.0:80", "'[::]:80' # both"])
def test_an_address_with_port_80_stays(machine: Machine, written: str) -> None:
    machine.config.write_text(CONFIG + f"http_redirect_addr: {written}\n")
    assert f"http_redirect_addr: {written}\n" in machine.install()


@pytest.mark.parametrize("written", ["':8080'", "0.0.0.0:8080", ""])
def test_authorities_come_to_no_other_port_than_80(machine: Machine, written: str) -> None:
    machine.config.write_text(CONFIG + f"http_redirect_addr: {written}\n")
    (line,) = [one for one in machine.install().splitlines() if one.startswith("http_redirect")]
    assert line.replace("'", "").strip() == "http_redirect_addr: :80"


def test_a_switch_that_is_on_already_stays_as_it_is_written(machine: Machine) -> None:
    machine.config.write_text(CONFIG + "Autocert: True   # since 2021\nautocert_use_staging: 1\n")
    assert "Autocert: True   # since 2021\nautocert_use_staging: 1\n" in machine.install()


def test_the_key_of_an_account_is_in_pomeriums_file_and_nowhere_else(machine: Machine) -> None:
    more: dict[str, Value] = {
        "autocert__authority_url": "https://ca.example.com/directory",
        "autocert__eab_key_id": "env:EAB_ID",
        "autocert__eab_hmac_key": "env:EAB_KEY",
    }
    plan = machine.plan(**more)
    assert HMAC not in str(plan.to_json())
    assert HMAC not in repr(plan)
    ready = machine.session(**more)
    events = list(ready.apply(ready.plan(), may_ask=False))
    assert HMAC not in str([to_json(event) for event in events])
    text = machine.config.read_text()
    # Pomerium takes no padding.
    assert f"autocert_eab_mac_key: {HMAC}\n" in text
    assert "autocert_eab_key_id: kid-1\n" in text
    journals = [p for p in (machine.folder / "state").rglob("*") if p.is_file()]
    assert [path for path in journals if HMAC.encode() in path.read_bytes()] == []
    assert machine.plan(**more).is_empty


def test_without_a_configuration_a_whole_one_is_made_and_shows_no_key(machine: Machine) -> None:
    machine.config.unlink()
    more: dict[str, Value] = {
        "autocert__authority_url": "https://ca.example.com/directory",
        "autocert__eab_key_id": "env:EAB_ID",
        "autocert__eab_hmac_key": "env:EAB_KEY",
    }
    assert HMAC not in str(machine.plan(**more).to_json())
    text = machine.install(**more)
    assert f"autocert_eab_mac_key: {HMAC}\n" in text
    assert f"from: https://{HOST}" in text
    assert "certificates:" not in text
    assert machine.config.stat().st_mode & 0o777 == 0o600
    assert machine.plan(**more).is_empty


def test_without_a_file_to_edit_it_says_what_to_write(machine: Machine) -> None:
    plan = machine.plan(output__config="")
    (step,) = [one for one in plan.next_steps if "Set this" in one.what]
    assert "autocert: true" in step.line
    assert plan.is_empty


def test_renewing_is_pomeriums_own_affair(machine: Machine) -> None:
    text = machine.install()
    for force in (False, True):
        events = list(upkeep.renew(machine.system, machine.folder / "state", force=force))
        assert getattr(events[-1], "outcome", "") == "nothing-to-do"
    assert machine.config.read_text() == text


def test_a_file_that_everybody_reads_is_no_place_for_a_key(machine: Machine) -> None:
    more: dict[str, Value] = {
        "autocert__authority_url": "https://ca.example.com/directory",
        "autocert__eab_key_id": "env:EAB_ID",
        "autocert__eab_hmac_key": "env:EAB_KEY",
    }
    machine.config.chmod(0o644)
    assert machine.codes(**more) == {"autocert-key-readable"}
    machine.config.chmod(0o640)
    assert machine.codes(**more) == set()


def test_a_root_that_pomerium_does_not_use_is_told(machine: Machine) -> None:
    root = machine.folder / "root.pem"
    made = authority.create((HOST,), now=datetime.now(UTC))
    ca = {"autocert__trusted_ca": str(root), **OTHER}
    assert machine.codes(**ca) == {"autocert-trusted-ca", "autocert-trusted-ca-unreadable"}
    root.write_bytes(chain.to_pem([made.root]))
    assert machine.codes(**ca) == {"autocert-trusted-ca"}
    assert f"autocert_trusted_ca_file: {root}\n" in machine.install(**ca)


# ── what is proposed ───────────────────────────────────────────────────────────────────────────


def test_the_hosts_of_the_routes_are_proposed_one_by_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine.folder)
    wiki = "  - from: https://wiki.example.com\n    to: http://a\n"
    machine.config.write_text(CONFIG + wiki + "  - from: https://*.example.com\n    to: http://a\n")
    session = Session(machine.system, machine.folder / "state", Answers({"strategy": "autocert"}))
    assert session.value(session.question("names")).value == (HOST, "wiki.example.com")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("usr/lib/systemd/system/pomerium.service", "[Service]\nEnvironment=AUTOCERT_DIR=/x/y\n"),
        (
            "etc/systemd/system/pomerium.service.d/a.conf",
            '[Service]\nEnvironment="A=1" \\\n  "AUTOCERT_DIR=/x/y"\n',
        ),
    ],
)
def test_the_directory_of_the_unit_is_proposed(machine: Machine, path: str, text: str) -> None:
    machine.put("usr/lib/systemd/system/pomerium.service", "[Service]\nUser=pomerium\n")
    machine.put(path, text)
    session = Session(machine.system, machine.folder / "state", Answers({"strategy": "autocert"}))
    value, source = session.value(session.question("autocert.directory"))
    assert value == "/x/y"
    assert path in source


# ── what is refused ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("names", ("*.example.com",), "autocert-wildcard"),
        ("autocert.directory", "s3://bucket.s3.eu-west-1.amazonaws.com/certs", ""),
        ("autocert.directory", "s3://bucket.s3.eu-west-1.amazonaws.com", ""),
        ("autocert.directory", "s3://minio.example.com:9000/bucket/", ""),
        ("autocert.directory", "gs://bucket", ""),
        ("autocert.directory", "gs://bucket/certs", ""),
        ("autocert.directory", "s3://minio.example.com:9000/bucket", "bucket-without-prefix"),
        ("autocert.directory", "s3://my.bucket.s3.eu-west-1.amazonaws.com/certs", "bucket"),
        ("autocert.directory", "s3://bucket", "bucket"),
        ("autocert.directory", "azure://bucket/certs", "bucket"),
        ("autocert.directory", "s3://me:secret@minio.example.com/bucket/", "bucket-password"),
        ("autocert.directory", "certs", "path"),
        ("autocert.authority_url", "http://ca.example.com/directory", "directory-not-https"),
        ("autocert.eab_hmac_key", HMAC, "secret-reference"),
        ("autocert.email", "me", "email"),
    ],
)
def test_answers(machine: Machine, key: str, value: Value, code: str) -> None:
    session = Session(machine.system, machine.folder / "state", Answers({"strategy": "autocert"}))
    problem = session.answer(session.question(key), value)
    assert (problem.code if problem else "") == code


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("address: :443\n", {}, "autocert-no-routes"),
        (CONFIG.replace(HOST, "'*.example.com'"), {}, "autocert-no-routes"),
        (CONFIG, {"names": ("app.localhost.pomerium.io",)}, "name-not-public"),
        (
            CONFIG,
            {"autocert__authority_url": "https://a.example/", "autocert__eab_key_id": "env:EAB_ID"},
            "eab-missing",
        ),
        (CONFIG, {"autocert__authority_url": "https://acme.zerossl.com/v2/DV90"}, "eab-missing"),
        (
            CONFIG,
            {
                "names": ("app.test",),
                "autocert__authority_url": "https://dv.acme-v02.api.pki.goog/directory",
            },
            "name-not-public",
        ),
    ],
)
def test_what_can_bring_no_certificate_is_refused(
    machine: Machine, text: str, more: dict[str, Value], code: str
) -> None:
    machine.config.write_text(text)
    with pytest.raises(WizardError) as caught:
        machine.plan(**more)
    assert caught.value.code == code
    assert caught.value.hint
    assert machine.config.read_text() == text


def test_must_staple_from_a_variable_is_refused(machine: Machine) -> None:
    machine.put(
        "etc/systemd/system/pomerium.service", "[Service]\nEnvironment=AUTOCERT_MUST_STAPLE=true\n"
    )
    with pytest.raises(WizardError) as caught:
        machine.plan()
    assert caught.value.code == "autocert-must-staple"
    assert "pomerium.service" in caught.value.summary
