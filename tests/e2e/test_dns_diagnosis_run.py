"""Diagnoses as a person reads them: the wizard, a real authority, real name servers."""

from pathlib import Path

import pytest
from acme_lab import Pebble
from dns01_support import Install, records
from dns_lab import Lab

pytestmark = pytest.mark.e2e


def test_a_run_says_what_is_wrong_with_the_domain(
    tmp_path: Path, lab: Lab, authority: Pebble
) -> None:
    install = Install(tmp_path, lab, authority, lab.zone(dnssec="bogus"))
    install.answers('name = "manual"', 'wait = "0"')
    done = install.run("--json")
    assert done.status == 5, done.out + done.err
    assert "dnssec-bogus" in done.out + done.err


def test_a_run_knows_the_value_of_its_last_order(
    tmp_path: Path, lab: Lab, authority: Pebble
) -> None:
    install = Install(tmp_path, lab, authority, lab.zone())
    install.answers('name = "manual"', 'wait = "0"')
    first = records(install.run("--json").rows())
    (kept,) = install.wizard.state.glob("orders/*/0001/order.json")
    # As if the authority had ended it: the next run makes another.
    kept.write_text(kept.read_text().replace('"pending"', '"expired"'))
    for name, value in first:
        install.zone.add(f"{name}.", "TXT", value)
    again = install.run("--json")
    assert again.status == 3, again.out + again.err
    assert not set(records(again.rows())) & set(first)
    assert "old-value" in again.out
