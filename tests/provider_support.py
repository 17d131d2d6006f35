"""What the tests of DNS providers share: each with a real server that it can change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import dns.rdatatype
from dns.rdtypes.txtbase import TXTBase
from dns_lab import Lab
from dns_zones import LabZone

from wizard.core import registry
from wizard.core.answers import Answers
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.dns.providers.base import Provider, Txt

PREFIX = "dns_01.provider."
HOOK = """#!/bin/sh -eu
# As people write them for certbot: it knows nothing but its variables.
nsupdate -y "$(cat "$(dirname "$0")/key")" <<END
server {server}
update {verb}
send
END
"""


def provider(name: str, answers: Mapping[str, Value], system: System | None = None) -> Provider:
    """A provider as the wizard makes it."""
    made = cast("type[Provider]", registry.load(registry.PROVIDERS, name))
    given: dict[str, Value] = {f"{PREFIX}{key}": value for key, value in answers.items()}
    return made(Answers({f"{PREFIX}name": name, **given}), system or System())


def txt(zone: str, *values: str, name: str = "_acme-challenge", primary: str = "127.0.0.3") -> Txt:
    """Records of one name in a zone."""
    whole = f"{name}.{zone}".removeprefix(".")
    proved = whole.removeprefix("_acme-challenge.")
    return Txt(whole, zone, values, whole, primary, (proved,) * len(values))


def texts(lab: Lab, address: str, name: str) -> list[str]:
    """The TXT values that a server has, sorted."""
    answer = lab.ask(address, name, "TXT", tcp=True).answer
    found = (each for rrset in answer if rrset.rdtype == dns.rdatatype.TXT for each in rrset)
    return sorted(b"".join(one.strings).decode() for one in found if isinstance(one, TXTBase))


@dataclass
class Place:
    """A zone, the provider that can change it, and who can say what is in it."""

    zone: str
    make: Callable[[], Provider]
    lab: Lab
    address: str

    def txt(self, *values: str, name: str = "_acme-challenge") -> Txt:
        return txt(self.zone, *values, name=name, primary=self.address)

    def texts(self, name: str = "_acme-challenge") -> list[str]:
        return texts(self.lab, self.address, f"{name}.{self.zone}")


def key_file(zone: LabZone, folder: Path) -> Path:
    """The key of a zone's updates as tsig-keygen writes it."""
    key = zone.tsig
    path = folder / "update.key"
    path.write_text(
        f'key "{key.name}" {{\n\talgorithm {key.algorithm};\n\tsecret "{key.secret}";\n}};\n'
    )
    return path


def rfc2136_answers(zone: LabZone, folder: Path) -> dict[str, Value]:
    """What rfc2136 has to be told to change a zone of BIND."""
    return {
        "tsig_name": zone.tsig.name,
        "tsig_algorithm": zone.tsig.algorithm,
        "tsig_secret": f"file:{key_file(zone, folder)}",
        "port": "53",
    }


def hook(folder: Path, name: str, text: str) -> Path:
    """An executable script."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def command_answers(zone: LabZone, folder: Path) -> dict[str, Value]:
    """Hooks for a zone of BIND."""
    key = zone.tsig
    (folder / "key").write_text(f"{key.algorithm}:{key.name}:{key.secret}")
    add = 'add _acme-challenge.$CERTBOT_DOMAIN. 60 TXT "$CERTBOT_VALIDATION"'
    delete = 'delete _acme-challenge.$CERTBOT_DOMAIN. TXT "$CERTBOT_VALIDATION"'
    server = zone.primary.address
    return {
        "path": str(hook(folder, "auth", HOOK.format(server=server, verb=add))),
        "cleanup_path": str(hook(folder, "cleanup", HOOK.format(server=server, verb=delete))),
    }


def lexicon_answers(url: str, api_key: str, folder: Path) -> dict[str, Value]:
    """What lexicon has to be told to change a zone of PowerDNS."""
    (folder / "api-key").write_text(f"{api_key}\n")
    return {
        "provider": "powerdns",
        "pdns_server": url,
        "auth_token": f"file:{folder}/api-key",
    }


def rfc2136(lab: Lab, folder: Path) -> Place:
    zone = lab.zone()
    answers = rfc2136_answers(zone, folder)
    return Place(zone.name, lambda: provider("rfc2136", answers), lab, zone.primary.address)


def command(lab: Lab, folder: Path) -> Place:
    zone = lab.zone()
    answers = command_answers(zone, folder)
    return Place(zone.name, lambda: provider("command", answers), lab, zone.primary.address)


def lexicon(lab: Lab, folder: Path) -> Place:
    server, zone = lab.powerdns()
    answers = lexicon_answers(server.url, server.api_key, folder)
    return Place(zone, lambda: provider("lexicon", answers), lab, server.address)


PLACES: Mapping[str, Callable[[Lab, Path], Place]] = {
    "rfc2136": rfc2136,
    "command": command,
    "lexicon": lexicon,
}
