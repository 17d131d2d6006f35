"""A rehearsal: the authority's staging first, then the authority, each with an order of its own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from acme_lab import Pebble, pebble
from dns01_support import Install, names, quick_zone
from dns_lab import Lab

from wizard.acme import authorities
from wizard.acme.authorities import Authority
from wizard.core.answers import read
from wizard.core.events import DnsRecords, Event, Finished
from wizard.core.system import System
from wizard.dns.providers import rfc2136
from wizard.engine import Session
from wizard.strategies import dns01_records

pytestmark = pytest.mark.e2e


@pytest.fixture
def staging(lab: Lab, tmp_path: Path) -> Iterator[Pebble]:
    with contextlib.ExitStack() as running:
        with lab.inside():
            server = running.enter_context(pebble(tmp_path / "staging"))
        yield server


def test_what_is_rehearsed_costs_the_authority_nothing(
    tmp_path: Path,
    lab: Lab,
    authority: Pebble,
    staging: Pebble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Both authorities are anchored in one file, as public ones are.
    anchors = tmp_path / "anchors.pem"
    anchors.write_bytes(authority.ca_bundle.read_bytes() + staging.ca_bundle.read_bytes())
    known = {
        "letsencrypt": Authority(
            "letsencrypt", "The real one", "", authority.directory, staging="letsencrypt-staging"
        ),
        "letsencrypt-staging": Authority(
            "letsencrypt-staging", "The rehearsal", "", staging.directory
        ),
    }
    for name, one in known.items():
        monkeypatch.setitem(authorities.AUTHORITIES, name, one)  # type: ignore[arg-type]
    monkeypatch.setattr(rfc2136, "TTL", 1)
    monkeypatch.setattr(dns01_records, "REMEMBERED", 1)
    install = Install(tmp_path, lab, authority, quick_zone(lab))
    install.answers(install.rfc2136())
    text = install.for_named('authority = "letsencrypt"')
    system = System({"HOME": str(tmp_path / "home"), "SSL_CERT_FILE": str(anchors), "PATH": ""})
    session = Session(system, tmp_path / "state")
    session.take(read(text, "answers.toml", session.known))
    made = authority.orders(), staging.orders()
    with lab.inside():
        plan = session.plan()
        titles = [action.title for action in plan.actions[:2]]
        happened: list[Event] = list(session.apply(plan, may_ask=False, with_clients=False))
        assert titles == ["rehearse with The rehearsal", "obtain a certificate from The real one"]
        assert isinstance(happened[-1], Finished)
        assert happened[-1].outcome == "done", happened
        assert session.plan().is_empty
    shown = [event.authority for event in happened if isinstance(event, DnsRecords)]
    assert shown == ["The rehearsal", "The real one"]
    assert (authority.orders(), staging.orders()) == (made[0] + 1, made[1] + 1)
    assert names(install.chain)
