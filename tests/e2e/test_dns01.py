"""A wildcard by dns-01, whole: the wizard, a real authority, and real name servers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acme_lab import Pebble
from conftest import Need
from dns01_support import Install, names, records
from dns_lab import Lab
from provider_support import command_answers, texts

from wizard.dns.zone import View

pytestmark = pytest.mark.e2e


@pytest.fixture
def install(tmp_path: Path, lab: Lab, authority: Pebble) -> Install:
    return Install(tmp_path, lab, authority, lab.zone())


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


def test_a_providers_api_brings_a_wildcard_without_a_person(install: Install, lab: Lab) -> None:
    server, zone = lab.powerdns()
    install.wizard.env = {
        "API_KEY": server.api_key,
        "POMCERT_DNS_01_PROVIDER_AUTH_TOKEN": "env:API_KEY",
    }
    install.answers(
        f'name = "lexicon"\nprovider = "powerdns"\npdns_server = "{server.url}"', zone=zone
    )
    done = install.run()
    assert done.status == 0, done.err
    chain = install.wizard.folder / f"tls/_wildcard.{zone}.pem"
    assert names(chain) == sorted([f"*.{zone}", zone])
    assert "records removed" in done.err
    assert texts(lab, server.address, f"_acme-challenge.{zone}") == []
    assert server.api_key not in done.out + done.err
    for kept in install.wizard.state.rglob("*"):
        assert kept.is_dir() or server.api_key.encode() not in kept.read_bytes()
    del install.wizard.env["POMCERT_DNS_01_PROVIDER_AUTH_TOKEN"]
    # The timer has no answers but those of the first run.
    with lab.inside():
        renewed = install.wizard("renew", "--force", "--json", seconds=120)
    assert renewed.status == 0, renewed.out + renewed.err
    # The authority saw the first run's values a moment ago.
    assert "authority-remembers" in renewed.out


def test_a_script_of_ones_own_brings_a_wildcard_without_a_person(
    install: Install, need: Need
) -> None:
    need("nsupdate")
    zone, folder = install.zone, install.wizard.folder
    answers = {"name": "command", **command_answers(zone, folder)}
    install.answers("\n".join(f'{key} = "{value}"' for key, value in answers.items()))
    done = install.run()
    assert done.status == 0, done.err
    assert names(install.chain) == sorted([f"*.{zone.name}", zone.name])
    assert "records removed" in done.err
    assert texts(install.lab, zone.primary.address, f"_acme-challenge.{zone.name}") == []


def test_by_hand_the_second_run_goes_on_with_the_same_values(install: Install) -> None:
    install.answers('name = "manual"', 'wait = "0"')
    first = install.run("--json")
    assert first.status == 3, first.out
    wanted = records(first.rows())
    assert len({name for name, _ in wanted}) == 1
    assert len({value for _, value in wanted}) == 2
    # The authority ends a proof that is not given after an hour, the order after a day.
    ends = {row["expires"] for row in first.rows() if "expires" in row}
    assert len(ends) == 1
    assert datetime.fromisoformat(str(*ends)) < datetime.now(UTC) + timedelta(hours=1)
    assert not install.chain.exists()
    # What a person does most often: the zone's name a second time, and only one of the two values.
    name, value = wanted[0]
    install.zone.add(f"{name}.{install.zone.name}.", "TXT", value)
    told = install.run("--json")
    assert told.status == 3
    assert "name-doubled" in told.out
    for _, value in wanted:
        install.zone.add("_acme-challenge", "TXT", value)
    second = install.run("--json")
    assert second.status == 0, second.out + second.err
    assert records(second.rows()) == wanted
    assert names(install.chain)


def test_a_server_that_refers_upwards_is_not_followed(lab: Lab) -> None:
    zone = lab.zone(nameservers={"ns1": (lab.lame,), "ns2": ("127.0.0.3",)})
    name = f"_acme-challenge.{zone.name}"
    with lab.inside():
        found = View(["127.0.0.53"]).locate(name, zone.name)
    assert (found.name, found.zone.apex) == (name, zone.name)


def test_a_domain_that_forbids_the_authority_costs_no_order(
    install: Install, authority: Pebble
) -> None:
    install.zone.add("@", "CAA", '0 issue "other.example.net"')
    install.answers(install.rfc2136())
    made = authority.orders()
    done = install.run()
    assert done.status == 4, done.err
    assert "[caa-forbids]" in done.err
    assert authority.orders() == made


def test_one_record_that_stays_proves_apex_and_wildcard(install: Install) -> None:
    install.answers('name = "manual"', 'wait = "0"\nchallenge = "dns-persist-01"')
    first = install.run("--json")
    assert first.status == 3, first.out + first.err
    ((name, value),) = records(first.rows())
    assert name == f"_validation-persist.{install.zone.name}"
    assert value.startswith("pebble.letsencrypt.org; accounturi=https://localhost:")
    assert value.endswith("; policy=wildcard")
    install.zone.add("_validation-persist", "TXT", value)
    second = install.run("--json")
    assert second.status == 0, second.out + second.err
    assert names(install.chain)
    assert "records-left" not in second.out
    # Nobody touches DNS again.
    with install.lab.inside():
        renewed = install.wizard("renew", "--force", "--json")
    assert renewed.status == 0, renewed.out + renewed.err
