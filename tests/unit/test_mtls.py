"""Client certificates as part of an installation: what is written, kept and taken back."""

from pathlib import Path

import pytest

from wizard.clients import issue, revoke
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Event, Finished
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.engine import Session
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


class Place:
    """A machine with a configuration of somebody's own."""

    def __init__(self, folder: Path) -> None:
        self.system = System(env={"HOME": str(folder)}, root=folder)
        self.folder, self.state = folder, folder / "state"
        self.config = folder / "config.yaml"
        self.config.write_text(CONFIG)

    def session(self, **more: str) -> Session:
        values = {
            "names": ("*.localhost.pomerium.io",),
            "local_ca.stores": (),
            "output.directory": str(self.folder / "tls"),
            "output.config": str(self.config),
            "output.owner": "",
            "output.target": "files",
            "mtls.downstream": True,
            **{f"mtls.{key}": value for key, value in more.items()},
        }
        return Session(self.system, self.state, Answers(values))

    def install(self, **more: str) -> list[Event]:
        session = self.session(**more)
        return list(session.apply(session.plan(), may_ask=False, with_clients=False))

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
