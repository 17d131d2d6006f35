"""Client certificates as part of an installation: what is written, kept and taken back."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import upstream_support
from conftest import Need
from cryptography import x509
from ruamel.yaml import YAML

from wizard.clients import clients, issue, revoke
from wizard.core.errors import WizardError
from wizard.core.events import Event, Finished
from wizard.core.questions import Value
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.engine import Session
from wizard.pki.clients import Client
from wizard.pomerium.document import parse
from wizard.pomerium.merge import with_settings
from wizard.upkeep import renew, undo

CONFIG = """\
# Ours since 2021.
address: :443   # everywhere
routes:
  - from: https://a.localhost.pomerium.io
    to: http://a
"""


class Place(upstream_support.Place):
    """The same where browsers must show a certificate."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CONFIG)

    def session(self, *lines: str, **more: Value) -> Session:
        wanted = {f"mtls__{key}": value for key, value in more.items()}
        return super().session(*lines, mtls__downstream=True, **wanted)

    def texts(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.glob("tls/client-*")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def outcome(events: list[Event]) -> str:
    (last,) = [event.outcome for event in events if isinstance(event, Finished)]
    return last


def test_the_configuration_asks_for_certificates_and_keeps_every_other_byte(place: Place) -> None:
    assert outcome(place.install()) == "done"
    text = place.config.read_text()
    assert text.startswith(CONFIG)
    tls = place.folder / "tls"
    assert (
        f"downstream_mtls:\n  ca_file: {tls}/client-ca.pem\n  crl_file: {tls}/client-crl.pem\n"
        "  enforcement: policy_with_default_deny\n"
    ) in text
    assert outcome(place.install()) == "nothing-to-do"
    assert place.config.read_text() == text
    # Another enforcement is one word.
    place.install(enforcement="reject_connection")
    assert place.config.read_text() == text.replace("policy_with_default_deny", "reject_connection")


def test_undo_leaves_nothing_of_it(place: Place) -> None:
    place.install()
    list(undo(place.system, place.state))
    assert place.config.read_text() == CONFIG
    assert place.texts() == {}
    assert not (place.state / "clients").exists()


def test_who_is_revoked_is_in_the_list_that_pomerium_reads(place: Place) -> None:
    place.install()
    list(issue(place.system, place.state, "ann", place.folder / "ann.p12", Secret(b"pw")))
    before = place.texts()
    list(revoke(place.system, place.state, "ann"))
    after = place.texts()
    assert after["client-ca.pem"] == before["client-ca.pem"]
    assert after["client-crl.pem"] != before["client-crl.pem"]
    assert after["client-crl.pem"] == (place.state / "clients/revoked.pem").read_bytes()


def test_what_pomerium_reads_is_its_users(place: Place, need: Need) -> None:
    need.that(os.geteuid() == 0, "only root gives files away", "run as root")
    session = place.session()
    session.answer_word("output.owner", "nobody", "x")
    list(session.apply(session.plan(), may_ask=False, with_clients=False))
    tls = place.folder / "tls"
    assert {path.owner() for path in (tls, *tls.iterdir())} == {"nobody"}
    assert (place.state / "clients/authority.pem").owner() != "nobody"


def revoked_at(place: Place) -> bool:
    """Whether Pomerium has the list that was kept."""
    kept = (place.state / "clients/revoked.pem").read_bytes()
    return place.texts()["client-crl.pem"] == kept


def issued(place: Place, name: str) -> Client:
    list(issue(place.system, place.state, name, place.folder / "out.p12", Secret(b"pw")))
    (place.folder / "out.p12").unlink()
    return clients(place.system, place.state)[-1]


def test_revoking_again_mends_a_list_that_pomerium_lost(place: Place) -> None:
    place.install()
    issued(place, "ann")
    before = place.texts()["client-crl.pem"]
    list(revoke(place.system, place.state, "ann"))
    # As a backup brings it back.
    (place.folder / "tls/client-crl.pem").write_bytes(before)
    assert outcome(list(revoke(place.system, place.state, "ann"))) == "done"
    assert revoked_at(place)
    assert outcome(list(revoke(place.system, place.state, "ann"))) == "nothing-to-do"


def test_who_is_revoked_is_kept_out_also_where_the_answers_ask_for_no_certificates_any_more(
    place: Place,
) -> None:
    place.install()
    issued(place, "ann")
    session = place.session()
    session.answer_word("mtls.downstream", "false", "x")
    session.answer_word("names", "*.localhost.pomerium.io,b.localhost.pomerium.io", "x")
    plan = session.plan()
    (said,) = [one for one in plan.notices if "downstream_mtls" in one]
    assert str(place.config) in said
    list(session.apply(plan, may_ask=False, with_clients=False))
    assert "client-crl.pem" in place.config.read_text()
    list(revoke(place.system, place.state, "ann"))
    assert revoked_at(place)
    # Taken out of the configuration there is nothing more to say; a list of others stays theirs.
    place.config.write_text(CONFIG)
    assert not any("downstream_mtls" in one for one in session.plan().notices)
    (place.folder / "tls/client-crl.pem").write_text("theirs")
    issued(place, "ben")
    list(revoke(place.system, place.state, "ben"))
    assert place.texts()["client-crl.pem"] == b"theirs"


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("ann@example.com", {"email": "ann@example.com"}),
        ("o'hara+x@example.com", {"email": "o'hara+x@example.com"}),
        ("laptop.example.com", {"dns": "laptop.example.com"}),
        ("ann", {}),
        ("a<b@c", {}),
        ("ann(home)@example.com", {}),
        ("ann,ben@example.com", {}),
        (".ann@example.com", {}),
        ("\u017fomebody.com", {}),
        ("bücher@example.com", {}),
        ("../../ann", {}),
    ],
)
def test_a_name_of_any_kind_is_a_client(place: Place, name: str, named: dict[str, str]) -> None:
    client = issued(place, name)
    assert client.name == name
    try:
        sans = client.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        assert named == {}
    else:
        kinds = {"email": x509.RFC822Name, "dns": x509.DNSName}
        found = {kind: sans.value.get_values_for_type(it) for kind, it in kinds.items()}
        assert {kind: one[0] for kind, one in found.items() if one} == named
    (record,) = (place.state / "clients/issued").iterdir()
    assert record.parent == place.state / "clients/issued"
    assert outcome(list(revoke(place.system, place.state, name))) == "done"


@pytest.mark.parametrize(
    ("name", "criterion"),
    [
        ("ann", {"fingerprint": ""}),
        ("o'hara#1@example.com", {"san_email": {"is": "o'hara#1@example.com"}}),
        ("laptop.example.com", {"san_dns": {"is": "laptop.example.com"}}),
    ],
)
def test_a_policy_for_a_client_alone_is_shown(
    place: Place, name: str, criterion: dict[str, object]
) -> None:
    events = issue(place.system, place.state, name, place.folder / "a.p12", Secret(b"pw"))
    (event,) = [one for one in events if isinstance(one, Finished)]
    (client,) = clients(place.system, place.state)
    if "fingerprint" in criterion:
        criterion = {"fingerprint": client.fingerprint}
    (shown,) = [step.line for step in event.next_steps if "policy" in step.what]
    assert YAML(typ="safe", pure=True).load(shown) == {
        "policy": [
            {"allow": {"or": [{"client_certificate": criterion}]}},
            {"deny": {"or": [{"invalid_client_certificate": True}]}},
        ]
    }


def test_where_policies_decide_a_policy_is_shown(place: Place) -> None:
    def shown(**more: str) -> list[object]:
        steps = place.session(**more).plan().next_steps
        lines = [step.line for step in steps if "invalid_client_certificate" in step.line]
        return [YAML(typ="safe", pure=True).load(line) for line in lines]

    assert shown() == []
    assert shown(enforcement="policy") == [
        [{"deny": {"or": [{"invalid_client_certificate": True}]}}]
    ]


def test_an_authority_that_has_ended_issues_nothing_and_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued(place, "ann")
    later = datetime.now(UTC) + timedelta(3651)
    monkeypatch.setattr(System, "now", lambda _: later)
    with pytest.raises(WizardError) as caught:
        issued(place, "ben")
    assert caught.value.code == "clients-ended"
    with pytest.raises(WizardError) as caught:
        place.session().plan()
    assert caught.value.code == "clients-ended"


def test_a_list_that_somebody_changed_is_written_again(place: Place) -> None:
    place.install()
    before = place.texts()
    (place.folder / "tls/client-crl.pem").write_text("")
    assert outcome(place.install()) == "done"
    assert place.texts() == before


def test_a_renewal_leaves_clients_alone(place: Place) -> None:
    place.install()
    (place.folder / "tls/client-crl.pem").unlink()
    assert outcome(list(renew(place.system, place.state, force=True))) == "done"
    assert set(place.texts()) == {"client-ca.pem"}


FLOW = "downstream_mtls: {ca_file: /ca, enforcement: policy}\n"
OWN = "downstream_mtls: # ours\n    max_verify_depth: 2\n    enforcement: 'policy'\n"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a: 1\n", "a: 1\ndownstream_mtls:\n  ca_file: /ca\n  enforcement: policy\n"),
        (OWN, f"{OWN}    ca_file: /ca\n"),
        ("downstream_mtls: {ca_file: /x}\n", FLOW),
        ("downstream_mtls:\n", FLOW),
    ],
    ids=["none", "block", "flow", "empty"],
)
def test_settings_below_another_join_it_where_it_stands(text: str, result: str) -> None:
    wanted = {"downstream_mtls.ca_file": Path("/ca"), "downstream_mtls.enforcement": "policy"}
    made = with_settings(parse(text.encode(), "config.yaml"), wanted).text
    assert made.decode() == result
    assert with_settings(parse(made, "config.yaml"), wanted).changed is False


def test_an_authority_inside_the_configuration_is_not_joined_by_a_file(place: Place) -> None:
    place.config.write_text(f"{CONFIG}downstream_mtls:\n  ca: LS0t\n")
    with pytest.raises(WizardError) as caught:
        place.session().plan()
    assert caught.value.code == "client-ca-inline"
