"""Renewal windows (RFC 9773): the authority says when, and hears which certificate is replaced."""

import json
import ssl
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acme_lab import Pebble
from cli_support import Outcome
from cryptography import x509
from dns01_support import Install, quick_zone, records
from dns_lab import Lab

from wizard.acme import renewal_info
from wizard.acme.account import KEY, RECORD
from wizard.acme.session import Session
from wizard.core.system import System
from wizard.pki import keys

pytestmark = pytest.mark.e2e

LONG_AGO = '{"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}%s}'
WHY = "https://authority.example/incident"


class Renewed(Install):
    """An installation that needs nobody any more: one record that stays proves all."""

    def __init__(self, folder: Path, lab: Lab, authority: Pebble) -> None:
        super().__init__(folder, lab, authority, quick_zone(lab))
        self.answers('name = "manual"', 'wait = "0"\nchallenge = "dns-persist-01"')
        ((_, value),) = records(self.run("--json").rows())
        self.zone.add("_validation-persist", "TXT", value)
        done = self.run()
        assert done.status == 0, done.err

    def renew(self, *words: str) -> Outcome:
        with self.lab.inside():
            done = self.wizard("renew", *words)
        assert done.status == 0, done.out + done.err
        return done

    def status(self) -> str:
        rows = self.wizard("status", "--json").rows()
        (row,) = [row for row in rows if row["event"] == "certificate"]
        return str(row["renew_after"])

    def suggests(self, answer: str) -> None:
        """Has the authority suggest this for what is installed."""
        body = {"Certificate": self.chain.read_text(), "ARIResponse": answer}
        context = ssl.create_default_context(cafile=str(self.authority.ca_bundle))
        with self.lab.inside():
            url = f"{self.authority.management}/set-renewal-info/"
            urllib.request.urlopen(url, json.dumps(body).encode(), context=context).close()

    def kept(self) -> Path:
        """What is kept of the suggestion for the newest certificate."""
        return max(self.wizard.state.glob("orders/*/*/chain.pem")).with_name("renewal.json")

    def time_passes(self) -> None:
        """Until the authority may be asked again."""
        row = json.loads(self.kept().read_text())
        row["ask_after"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        self.kept().write_text(json.dumps(row))

    def replaced(self) -> str:
        """What the newest order replaces, as the authority has it."""
        system, (directory,) = System(), self.wizard.state.glob("accounts/*")
        account = json.loads((directory / RECORD).read_text())
        key = keys.from_pem((directory / KEY).read_bytes(), str(directory))
        order = json.loads(self.kept().with_name("order.json").read_text())
        with self.lab.inside():
            session = Session(system, self.authority.directory, self.authority.ca_bundle)
            session.sign_as(key, account["url"])
            return str(session.post(order["url"], None).json.get("replaces", ""))

    def questions(self) -> int:
        return self.authority.log.read_text().count("GET /draft-ietf-acme-ari-03/renewalInfo/")


def leaf(chain: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain.read_bytes())[0]


@pytest.fixture
def installed(tmp_path: Path, lab: Lab, authority: Pebble) -> Renewed:
    return Renewed(tmp_path, lab, authority)


def test_the_authority_says_when_and_is_asked_no_more_than_it_wants(installed: Renewed) -> None:
    before, chain = installed.questions(), installed.chain.read_bytes()
    for _ in range(3):
        assert "Nothing to do" in installed.renew().err
    assert installed.questions() == before + 1
    assert installed.status() == json.loads(installed.kept().read_text())["moment"]
    # It changes its mind, as after an incident.
    installed.suggests(LONG_AGO % f', "explanationURL": "{WHY}"')
    assert "Nothing to do" in installed.renew().err
    installed.time_passes()
    done = installed.renew()
    assert installed.chain.read_bytes() != chain
    assert WHY in done.err
    assert installed.status() > datetime.now(UTC).isoformat()
    assert "Nothing to do" in installed.renew().err


def test_a_renewal_says_what_it_replaces_and_goes_on_without(installed: Renewed) -> None:
    first = leaf(installed.chain)
    installed.suggests(LONG_AGO % "")
    installed.renew()
    # Pebble does not find a serial number whose DER begins with a zero.
    is_found = first.serial_number.bit_length() % 8
    assert installed.replaced() == (renewal_info.identifier(first) if is_found else "")
    # The same certificate cannot be replaced twice: as if the first renewal were lost.
    newest = installed.kept().parent
    newest.rename(installed.wizard.folder / "lost")
    second = leaf(installed.chain)
    installed.renew()
    assert leaf(installed.chain) != second
    assert installed.replaced() == ""


@pytest.mark.parametrize("answer", ["{", "{}", LONG_AGO.replace("2020-01-02", "2019-01-01") % ""])
def test_an_answer_of_no_use_leaves_it_to_the_life_of_the_certificate(
    installed: Renewed, answer: str
) -> None:
    due = installed.status()
    installed.suggests(answer)
    assert "Nothing to do" in installed.renew().err
    assert not installed.kept().exists()
    assert installed.status() == due


def test_an_authority_that_does_not_answer_is_no_trouble_while_nothing_is_due(
    installed: Renewed,
) -> None:
    # Outside the lab's network nobody listens at its address.
    done = installed.wizard("renew")
    assert done.status == 0, done.err
    assert "Nothing to do" in done.err
