"""DNS providers against real servers: where something is wrong, or the records go elsewhere."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import dns.rcode
import pytest
from acme_lab import Pebble
from conftest import Need
from dns01_support import Install, names, quick_zone, records
from dns_lab import Lab
from dns_zones import LabZone
from provider_support import (
    command_answers,
    hook,
    lexicon_answers,
    provider,
    rfc2136_answers,
    texts,
    txt,
)

from wizard.core.errors import WizardError
from wizard.core.questions import Value
from wizard.dns.providers import lexicon as lexicon_module
from wizard.dns.providers.base import Provider, Txt

pytestmark = pytest.mark.e2e

RESOLVER = "127.0.0.53"


def told(made: Provider, record: Txt, lab: Lab) -> WizardError:
    """The error that publishing ends with; removing ends with the same."""
    found = []
    for change in (made.publish, made.remove):
        with lab.inside(), pytest.raises(WizardError) as caught:
            change([record])
        found.append(caught.value)
    first, second = found
    assert (first.code, first.summary) == (second.code, second.summary)
    assert first.hint
    assert "{" not in first.hint.replace("{ grant", "")
    return first


# ── rfc2136 ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def zone(lab: Lab) -> LabZone:
    return lab.zone()


def test_a_wrong_secret_is_told(lab: Lab, zone: LabZone, tmp_path: Path) -> None:
    wrong = {**rfc2136_answers(zone, tmp_path), "tsig_secret": f"file:{tmp_path}/wrong"}
    (tmp_path / "wrong").write_text(lab.stranger.secret)
    error = told(provider("rfc2136", wrong), txt(zone.name, "value"), lab)
    assert error.code == "tsig-secret-wrong"
    assert zone.tsig.name in error.summary
    assert lab.stranger.secret not in f"{error.summary}{error.hint}"


@pytest.mark.parametrize("wrong", [{"tsig_name": "nobody"}, {"tsig_algorithm": "hmac-sha224"}])
def test_a_key_that_the_server_does_not_know_is_told(
    lab: Lab, zone: LabZone, tmp_path: Path, wrong: dict[str, Value]
) -> None:
    made = provider("rfc2136", {**rfc2136_answers(zone, tmp_path), **wrong})
    error = told(made, txt(zone.name, "value"), lab)
    assert error.code == "tsig-unknown"
    assert all(str(value) in error.summary for value in wrong.values())


def test_a_key_that_may_not_is_told_how_to_allow_it(
    lab: Lab, zone: LabZone, tmp_path: Path
) -> None:
    (tmp_path / "stranger").write_text(lab.stranger.secret)
    answers: dict[str, Value] = {
        "tsig_name": lab.stranger.name,
        "tsig_algorithm": lab.stranger.algorithm,
        "tsig_secret": f"file:{tmp_path}/stranger",
    }
    error = told(provider("rfc2136", answers), txt(zone.name, "value"), lab)
    assert error.code == "update-refused"
    assert f"grant {lab.stranger.name} wildcard *.{zone.name} TXT" in error.hint
    assert texts(lab, zone.primary.address, f"_acme-challenge.{zone.name}") == []


def test_a_server_without_the_zone_is_told(lab: Lab, zone: LabZone, tmp_path: Path) -> None:
    made = provider("rfc2136", rfc2136_answers(zone, tmp_path))
    error = told(made, txt("example.org", "value"), lab)
    assert error.code == "update-not-primary"
    assert "example.org" in error.summary


def test_a_record_below_a_delegation_is_told(lab: Lab, zone: LabZone, tmp_path: Path) -> None:
    made = provider("rfc2136", rfc2136_answers(zone, tmp_path))
    elsewhere = txt(zone.name, "value")._replace(name="_acme-challenge.example.org")
    assert told(made, elsewhere, lab).code == "update-outside-zone"


def test_clocks_that_differ_are_told(
    lab: Lab, zone: LabZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, real = provider("rfc2136", rfc2136_answers(zone, tmp_path)), time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    assert told(made, txt(zone.name, "value"), lab).code == "tsig-clock"


def test_a_server_that_is_not_there_is_told(lab: Lab, zone: LabZone, tmp_path: Path) -> None:
    made = provider("rfc2136", {**rfc2136_answers(zone, tmp_path), "server": "127.0.0.254"})
    error = told(made, txt(zone.name, "value"), lab)
    assert error.code == "update-unreachable"
    assert "127.0.0.254" in error.summary


@pytest.mark.parametrize("algorithm", ["hmac-sha384", "hmac-sha512"])
def test_longer_keys_are_taken(lab: Lab, tmp_path: Path, algorithm: str) -> None:
    zone = lab.zone(algorithm=algorithm)
    with lab.inside():
        provider("rfc2136", rfc2136_answers(zone, tmp_path)).publish([txt(zone.name, "value")])
    assert texts(lab, zone.primary.address, f"_acme-challenge.{zone.name}") == ["value"]


def test_a_zone_is_changed_by_one_message_however_many_names(
    lab: Lab, zone: LabZone, tmp_path: Path
) -> None:
    before = zone.serial(zone.primary)
    wanted = [txt(zone.name, "one", "two", name=f"_acme-challenge.h{each}") for each in range(100)]
    with lab.inside():
        provider("rfc2136", rfc2136_answers(zone, tmp_path)).publish(wanted)
    assert before is not None
    assert zone.serial(zone.primary) == before + 1
    zone.settled()
    assert texts(lab, "127.0.0.4", f"_acme-challenge.h99.{zone.name}") == ["one", "two"]


# ── delegation ─────────────────────────────────────────────────────────────────────────────────

RECORD_HOOK = """#!/bin/sh -eu
nsupdate -y "$(cat "$(dirname "$0")/key")" <<END
server {server}
zone $POMCERT_ZONE.
update add $POMCERT_RECORD. 60 TXT "$CERTBOT_VALIDATION"
send
END
"""


def by_updates(lab: Lab, folder: Path) -> tuple[str, str, Callable[[], Provider]]:
    zone = lab.zone()
    answers = rfc2136_answers(zone, folder)
    return zone.name, zone.primary.address, lambda: provider("rfc2136", answers)


def by_script(lab: Lab, folder: Path) -> tuple[str, str, Callable[[], Provider]]:
    zone = lab.zone()
    answers = command_answers(zone, folder)
    hook(folder, "auth", RECORD_HOOK.format(server=zone.primary.address))
    return zone.name, zone.primary.address, lambda: provider("command", answers)


def by_api(lab: Lab, folder: Path) -> tuple[str, str, Callable[[], Provider]]:
    server, zone = lab.powerdns()
    answers = lexicon_answers(server.url, server.api_key, folder)
    return zone, server.address, lambda: provider("lexicon", answers)


@pytest.mark.parametrize("way", [by_updates, by_script, by_api])
def test_a_name_that_leads_into_another_zone_is_set_there(
    lab: Lab,
    tmp_path: Path,
    need: Need,
    way: Callable[[Lab, Path], tuple[str, str, Callable[[], Provider]]],
) -> None:
    need("nsupdate")
    target, address, make = way(lab, tmp_path)
    proved = lab.zone(records=[("_acme-challenge", "CNAME", f"proof.{target}.")])
    asked = f"_acme-challenge.{proved.name}"
    record = Txt(
        f"proof.{target}", target, ("one", "two"), asked, address, (proved.name, f"*.{proved.name}")
    )
    with lab.inside():
        make().publish([record])
    answer = lab.ask(RESOLVER, asked, "TXT", recurse=True)
    assert answer.rcode() == dns.rcode.NOERROR
    assert texts(lab, address, f"proof.{target}") == ["one", "two"]
    assert "one" in answer.to_text()


def test_a_zone_of_its_own_for_the_challenge_takes_values_at_its_top(
    lab: Lab, zone: LabZone, tmp_path: Path
) -> None:
    nameservers = {"ns": (lab.other.address,)}
    child = lab.zone(f"_acme-challenge.{zone.name}", nameservers=nameservers)
    server, other = lab.powerdns()
    for made, name, address in (
        (provider("rfc2136", rfc2136_answers(child, tmp_path)), child.name, lab.other.address),
        (provider("lexicon", lexicon_answers(server.url, server.api_key, tmp_path)), other, ""),
    ):
        where = address or server.address
        record = txt(name, "one", "two", name="", primary=where)
        with lab.inside():
            made.publish([record])
            assert texts(lab, where, name) == ["one", "two"]
            made.remove([record])
        assert texts(lab, where, name) == []


# ── lexicon ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The library writes whole requests into its log."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert not caplog.records


@pytest.mark.usefixtures("nothing_logged")
def test_a_wrong_api_key_is_told_and_not_shown(
    lab: Lab, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server, zone = lab.powerdns()
    made = provider("lexicon", lexicon_answers(server.url, "WRONGSECRET", tmp_path))
    error = told(made, txt(zone, "value"), lab)
    assert error.code == "provider-authentication"
    shown = f"{error.summary}{error.hint}{error!r}{made!r}{vars(made)!r}{capfd.readouterr()}"
    assert "WRONGSECRET" not in shown
    assert "powerdns" in error.summary


@pytest.mark.usefixtures("nothing_logged")
def test_a_zone_of_another_account_is_told(lab: Lab, tmp_path: Path) -> None:
    server, _ = lab.powerdns()
    made = provider("lexicon", lexicon_answers(server.url, server.api_key, tmp_path))
    error = told(made, txt("example.org", "value"), lab)
    assert error.code == "provider-zone-unknown"
    assert "example.org" in error.summary


def test_an_api_that_is_not_there_is_told(lab: Lab, tmp_path: Path) -> None:
    made = provider("lexicon", lexicon_answers("http://127.0.0.254:8081", "key", tmp_path))
    assert told(made, txt("example.org", "value"), lab).code == "provider-unreachable"


def test_an_api_that_never_answers_is_not_waited_for(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexicon_module, "SECONDS", 0.3)
    with lab.silent() as address:
        made = provider("lexicon", lexicon_answers(f"http://{address}:53", "key", tmp_path))
        assert told(made, txt("example.org", "value"), lab).code == "provider-unreachable"


# ── the whole wizard ───────────────────────────────────────────────────────────────────────────


def lines(name: str, answers: Mapping[str, Value]) -> str:
    """A provider in an answers file."""
    return "\n".join(f'{key} = "{value}"' for key, value in {"name": name, **answers}.items())


def with_hooks(folder: Path, lab: Lab, authority: Pebble, need: Need) -> Install:
    need("nsupdate")
    install = Install(folder, lab, authority, quick_zone(lab))
    install.answers(lines("command", command_answers(install.zone, folder)))
    return install


def test_hooks_of_certbot_bring_a_wildcard(
    tmp_path: Path, lab: Lab, authority: Pebble, need: Need
) -> None:
    install = with_hooks(tmp_path, lab, authority, need)
    done = install.run()
    assert done.status == 0, done.err
    assert names(install.chain) == sorted([f"*.{install.zone.name}", install.zone.name])
    assert texts(lab, install.zone.primary.address, f"_acme-challenge.{install.zone.name}") == []


def test_the_api_of_powerdns_brings_a_wildcard(tmp_path: Path, lab: Lab, authority: Pebble) -> None:
    server, target = lab.powerdns()
    proved = lab.zone(records=[("_acme-challenge", "CNAME", f"proof.{target}.")])
    install = Install(tmp_path, lab, authority, proved)
    install.answers(lines("lexicon", lexicon_answers(server.url, server.api_key, tmp_path)))
    done = install.run("--json")
    assert done.status == 0, done.out
    assert names(install.chain) == sorted([f"*.{proved.name}", proved.name])
    assert texts(lab, server.address, f"proof.{target}") == []
    assert server.api_key not in f"{done.out}{done.err}"


def test_a_hook_that_fails_ends_the_run_and_the_order_stays(
    tmp_path: Path, lab: Lab, authority: Pebble, need: Need
) -> None:
    install = with_hooks(tmp_path, lab, authority, need)
    working = (tmp_path / "auth").read_text()
    hook(tmp_path, "auth", "#!/bin/sh\necho no credentials >&2\nexit 7\n")
    failed = install.run("--json")
    assert failed.status == 1
    assert "status 7 when it had to publish" in failed.out
    assert "it said: no credentials" in failed.out
    hook(tmp_path, "auth", working)
    mended = install.run("--json")
    assert mended.status == 0, mended.out
    assert records(mended.rows()) == records(failed.rows())
