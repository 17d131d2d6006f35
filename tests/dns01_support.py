"""What the tests of dns-01 share: an installation in the lab's network, and how it is looked at."""

from collections.abc import Iterable
from pathlib import Path

from acme_lab import Pebble
from cli_support import REPR, Outcome, Wizard
from cryptography import x509
from dns_lab import Lab
from dns_zones import LabZone

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

    def for_named(self, authority: str) -> str:
        """The answers for an authority that has a name, and for no folder in particular.

        Args:
            authority: the lines that name it.
        """
        folder = self.wizard.folder
        text = (folder / "answers.toml").read_text()
        for old, new in {
            'authority = "custom"': authority,
            f'directory_url = "{self.authority.directory}"': "",
            f'ca_bundle = "{self.authority.ca_bundle}"': "",
            '"tls"': f'"{folder}/tls"',
            '"config.yaml"': f'"{folder}/config.yaml"',
        }.items():
            assert old in text
            text = text.replace(old, new)
        return text

    def rfc2136(self) -> str:
        key = self.zone.tsig
        (self.wizard.folder / "tsig").write_text(key.secret)
        return (
            f'name = "rfc2136"\ntsig_name = "{key.name}"\ntsig_algorithm = "{key.algorithm}"\n'
            f'tsig_secret = "file:{self.wizard.folder}/tsig"'
        )


def error_of(done: Outcome, status: int, code: str) -> str:
    """The one error of a run, with its hint."""
    assert done.status == status, done.err
    lines = done.err.splitlines()
    (at,) = [number for number, line in enumerate(lines) if "✗" in line]
    assert f"[{code}]" in lines[at], done.err
    assert not REPR.search(done.err), done.err
    return f"{lines[at]} {lines[at + 1]}"


def quick_zone(lab: Lab) -> LabZone:
    """A zone of one name server: a second that has a record a moment later would be waited for."""
    return lab.zone(nameservers={"ns1": lab.primary.addresses})


def names(chain: Path) -> list[str]:
    leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return sorted(san.value.get_values_for_type(x509.DNSName))


def records(rows: Iterable[dict[str, object]]) -> list[tuple[str, str]]:
    """Name and value of every record that a run asked for."""
    (row,) = [row for row in rows if row["event"] == "dns-records"]
    found = row["records"]
    assert isinstance(found, list)
    return [(record["name"], record["value"]) for record in found]
