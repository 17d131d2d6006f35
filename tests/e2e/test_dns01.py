"""A wildcard by dns-01, whole: the wizard, a real authority, and real name servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from acme_lab import Pebble, pebble
from cli_support import Outcome, Wizard
from conftest import Need
from cryptography import x509
from dns_lab import Lab
from dns_zones import LabZone

pytestmark = pytest.mark.e2e

ANSWERS = """
schema_version = 1
strategy = "dns-01"
names = ["*.{zone}", "{zone}"]

[dns_01]
authority = "custom"
directory_url = "{directory}"
ca_bundle = "{ca_bundle}"
accept_terms = true
{dns_01}

[dns_01.provider]
{provider}

[dns]
resolvers = ["127.0.0.53"]

[output]
directory = "tls"
config = "config.yaml"
owner = ""
"""


@pytest.fixture(scope="module")
def authority(lab: Lab, need: Need, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    need("pebble")
    need("openssl")
    with lab.inside(), pebble(tmp_path_factory.mktemp("pebble")) as server:
        yield server


class Install:
    """An installation of one zone's wildcard, in a folder of its own."""

    def __init__(self, folder: Path, lab: Lab, authority: Pebble, zone: LabZone) -> None:
        self.lab, self.authority, self.zone = lab, authority, zone
        (folder / "home").mkdir()
        self.wizard = Wizard(folder)
        self.chain = folder / f"tls/_wildcard.{zone.name}.pem"

    def answers(self, provider: str, dns_01: str = "", **changed: str) -> str:
        values = {
            "zone": self.zone.name,
            "directory": self.authority.directory,
            "ca_bundle": str(self.authority.ca_bundle),
            "provider": provider,
            "dns_01": dns_01,
            **changed,
        }
        return self.wizard.answers(ANSWERS.format(**values))

    def run(self, *words: str, stdin: str = "") -> Outcome:
        with self.lab.inside():
            return self.wizard("--answers", "answers.toml", *words, stdin=stdin)

    def rfc2136(self) -> str:
        key = self.zone.tsig
        (self.wizard.folder / "tsig").write_text(key.secret)
        return (
            f'name = "rfc2136"\ntsig_name = "{key.name}"\ntsig_algorithm = "{key.algorithm}"\n'
            f'tsig_secret = "file:{self.wizard.folder}/tsig"'
        )


@pytest.fixture
def install(tmp_path: Path, lab: Lab, authority: Pebble) -> Install:
    return Install(tmp_path, lab, authority, lab.zone())


def names(chain: Path) -> list[str]:
    leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return sorted(san.value.get_values_for_type(x509.DNSName))


def test_dns_updates_bring_a_wildcard_without_a_person(install: Install) -> None:
    install.answers(install.rfc2136())
    done = install.run()
    assert done.status == 0, done.err
    assert names(install.chain) == sorted([f"*.{install.zone.name}", install.zone.name])
    assert "✓ handshake accepted" in done.err
    assert str(install.chain) in (install.wizard.folder / "config.yaml").read_text()
    assert "records removed" in done.err
    with install.lab.inside():
        again = install.wizard("--answers", "answers.toml")
    assert "Nothing to do" in again.err


def records(done: Outcome) -> list[tuple[str, str]]:
    (row,) = [row for row in done.rows() if row["event"] == "dns-records"]
    found = row["records"]
    assert isinstance(found, list)
    return [(record["name"], record["value"]) for record in found]


def test_by_hand_the_second_run_goes_on_with_the_same_values(install: Install) -> None:
    install.answers('name = "manual"', 'wait = "0"')
    first = install.run("--json")
    assert first.status == 3, first.out
    wanted = records(first)
    assert len({name for name, _ in wanted}) == 1
    assert len({value for _, value in wanted}) == 2
    assert not install.chain.exists()
    for _, value in wanted:
        install.zone.add("_acme-challenge", "TXT", value)
    second = install.run("--json")
    assert second.status == 0, second.out + second.err
    assert records(second) == wanted
    assert names(install.chain)
