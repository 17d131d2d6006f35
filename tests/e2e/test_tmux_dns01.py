"""Records pasted by hand, in a real terminal: shown, watched, left, come back to, and answered."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from acme_lab import Pebble
from cli_support import Wizard
from conftest import Need
from dns_lab import Lab
from dns_zones import LabZone

from .test_tmux import Tmux

pytestmark = pytest.mark.e2e

VALUE = re.compile(r"TXT +([A-Za-z0-9_-]{43})\b")


@pytest.fixture
def zone(lab: Lab) -> LabZone:
    return lab.zone()


@pytest.fixture
def wizard(tmp_path: Path, authority: Pebble, zone: LabZone) -> Wizard:
    (tmp_path / "home").mkdir()
    given = {
        "STRATEGY": "dns-01",
        "NAMES": f"*.{zone.name},{zone.name}",
        "DNS_01_AUTHORITY": "custom",
        "DNS_01_DIRECTORY_URL": authority.directory,
        "DNS_01_CA_BUNDLE": str(authority.ca_bundle),
        "DNS_01_ACCEPT_TERMS": "yes",
        "DNS_RESOLVERS": "127.0.0.53",
        "OUTPUT_DIRECTORY": str(tmp_path / "tls"),
        "OUTPUT_CONFIG": str(tmp_path / "config.yaml"),
    }
    return Wizard(tmp_path, env={f"POMCERT_{name}": value for name, value in given.items()})


@pytest.fixture
def start(lab: Lab, need: Need) -> Iterator[list[Tmux]]:
    """Terminals; a new one is opened by the test, inside the lab's network."""
    need("tmux")
    opened: list[Tmux] = []
    with lab.inside():
        yield opened
        for each in opened:
            each("kill-server")


def to_the_records(wizard: Wizard, need: Need, opened: list[Tmux]) -> Tmux:
    """From the start to the records, with the answers that stand."""
    tmux = Tmux(need("tmux"), wizard, 80, 24)
    opened.append(tmux)
    tmux.sees("Nothing on this machine changes before", "Start")
    for _ in range(40):
        tmux.rest()
        screen = tmux.screen()
        if "Create these 2 TXT records" in screen:
            return tmux
        tmux.press("Enter")
    raise AssertionError(tmux.screen())


def values(screen: str) -> list[str]:
    return VALUE.findall(screen)


def test_records_are_shown_left_come_back_to_and_answered(
    start: list[Tmux], wizard: Wizard, need: Need, zone: LabZone, authority: Pebble
) -> None:
    made = authority.orders()
    tmux = to_the_records(wizard, need, start)
    screen = tmux.sees(f"_acme-challenge.{zone.name}", "not there yet", "Next look in")
    shown = values(screen)
    assert len(shown) == 2
    tmux.press("C-c")
    tmux.sees("The order is kept", "Finish")
    tmux.rest()
    tmux.press("Enter")
    tmux.sees("exit 130")
    tmux("kill-server")
    start.clear()

    tmux = to_the_records(wizard, need, start)
    assert values(tmux.sees("not there yet")) == shown
    zone.add("_acme-challenge", "TXT", shown[0])
    tmux.press("F5")
    tmux.sees("lacks value")
    zone.add("_acme-challenge", "TXT", shown[1])
    tmux.press("F5")
    tmux.sees("✓ handshake accepted", "Finish")
    assert (wizard.folder / f"tls/_wildcard.{zone.name}.pem").exists()
    assert authority.orders() == made + 1
