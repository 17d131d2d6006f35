"""A run that is killed after any of its events: the next one goes on, nothing is spent twice."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from acme_lab import Pebble
from conftest import Need
from dns01_support import Install, names, quick_zone, records
from dns_lab import Lab
from provider_support import command_answers, hook, texts

pytestmark = pytest.mark.e2e

EVENTS = 25
"""More than a run has."""


def killed_after(install: Install, number: int) -> list[dict[str, object]]:
    """The events of a run that got a SIGKILL right after the one with this number."""
    seen: list[dict[str, object]] = []
    wizard = install.wizard
    with (
        install.lab.inside(),
        subprocess.Popen(
            wizard.argv("--state-dir", str(wizard.state), "--json", "--answers", "answers.toml"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=wizard.folder,
            env=wizard.environment(),
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            seen.append(json.loads(line))
            if len(seen) == number:
                process.send_signal(signal.SIGKILL)
                break
    return seen


def orders(install: Install) -> list[Path]:
    return sorted(install.wizard.state.glob("orders/*/*/order.json"))


def private(folder: Path) -> bool:
    return all(not path.stat().st_mode & 0o077 for path in folder.rglob("*"))


@pytest.mark.parametrize("provider", ["rfc2136", "manual"])
def test_whenever_it_is_killed_one_order_is_enough(
    tmp_path: Path, lab: Lab, authority: Pebble, provider: str
) -> None:
    install = Install(tmp_path, lab, authority, quick_zone(lab))
    by_hand = provider == "manual"
    wait = 'wait = "0"' if by_hand else ""
    install.answers('name = "manual"' if by_hand else install.rfc2136(), wait)
    made = authority.orders()
    values = None
    for number in range(1, EVENTS):
        seen = killed_after(install, number)
        assert private(install.wizard.state)
        shown = [row for row in seen if row["event"] == "dns-records"]
        if shown:
            found = records(shown)
            # One that the authority has seen already is asked for no more.
            assert values is None or set(found) <= set(values), "the values have changed"
            values = values or found
        if len(seen) < number:
            break
    done = install.run("--json")
    if by_hand:
        assert done.status == 3, done.out
        for _, value in records(done.rows()):
            install.zone.add("_acme-challenge", "TXT", value)
        for number in range(1, EVENTS):
            if len(killed_after(install, number)) < number:
                break
        done = install.run("--json")
    assert done.status == 0, done.out + done.err
    assert names(install.chain)
    assert authority.orders() == made + 1
    assert len(orders(install)) == 1
    assert not list(install.wizard.state.glob("orders/*/published.json"))
    if not by_hand:
        answer = install.lab.ask(
            install.zone.primary.address, f"_acme-challenge.{install.zone.name}", "TXT"
        )
        assert not answer.answer, "a record was left behind"


AUTH = """#!/bin/sh -eu
cd "$(dirname "$0")"
test ! -e "set-$CERTBOT_VALIDATION" || exit 0   # as hooks do: nothing to do, nothing to say
nsupdate -y "$(cat key)" <<END
server {server}
update add _acme-challenge.$CERTBOT_DOMAIN. 60 TXT "$CERTBOT_VALIDATION"
send
END
if test $CERTBOT_REMAINING_CHALLENGES = 0 && rm kill-in-auth; then kill -9 $PPID; exit; fi
touch "set-$CERTBOT_VALIDATION"
echo "id of $CERTBOT_VALIDATION"
"""
CLEANUP = """#!/bin/sh -eu
cd "$(dirname "$0")"
if rm kill-in-cleanup; then kill -9 $PPID; exit; fi
echo "$CERTBOT_VALIDATION $CERTBOT_AUTH_OUTPUT" >>cleaned
nsupdate -y "$(cat key)" <<END
server {server}
update delete _acme-challenge.$CERTBOT_DOMAIN. TXT "$CERTBOT_VALIDATION"
send
END
"""


@pytest.mark.parametrize("when", ["kill-in-auth", "kill-in-cleanup"])
def test_the_next_run_tells_the_hook_for_clean_up_what_the_other_printed(
    tmp_path: Path, lab: Lab, authority: Pebble, need: Need, when: str
) -> None:
    need("nsupdate")
    install = Install(tmp_path, lab, authority, quick_zone(lab))
    command_answers(install.zone, tmp_path)
    server = install.zone.primary.address
    auth = hook(tmp_path, "auth", AUTH.format(server=server))
    cleanup = hook(tmp_path, "cleanup", CLEANUP.format(server=server))
    install.answers(f'name = "command"\npath = "{auth}"\ncleanup_path = "{cleanup}"')
    (tmp_path / when).touch()
    killed = install.run("--json")
    assert killed.status == -signal.SIGKILL
    values = [value for _, value in records(killed.rows())]
    assert private(install.wizard.state)
    done = install.run("--json")
    assert done.status == 0, done.out + done.err
    cleaned = (tmp_path / "cleaned").read_text().splitlines()
    assert sorted(cleaned) == sorted(f"{value} id of {value}" for value in values)
    assert texts(lab, server, f"_acme-challenge.{install.zone.name}") == []
    assert not list(install.wizard.state.glob("orders/*/published.json"))
