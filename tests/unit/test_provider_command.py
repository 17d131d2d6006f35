"""A hook is called as certbot calls it, and what it says when it fails is passed on."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Need
from dns_servers import until
from provider_support import PREFIX, hook, provider, txt

from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.dns.providers import command
from wizard.dns.providers.base import Provider, Txt

WRITES = """#!/bin/sh
{ LC_ALL=C; env | grep -aE '^(CERTBOT|POMCERT)_' | sort; echo; } >> "$(dirname "$0")/calls"
echo progress >&2
echo "id of $CERTBOT_VALIDATION"
"""
RECORDS = [
    Txt(
        "_acme-challenge.corp.example.com",
        "example.com",
        ("one", "two"),
        "_acme-challenge.corp.example.com",
        "192.0.2.1",
        ("*.corp.example.com", "corp.example.com"),
    ),
    Txt(
        "proof.example.net",
        "example.net",
        ("three",),
        "_acme-challenge.example.org",
        "192.0.2.1",
        ("example.org",),
    ),
]


def made(folder: Path, auth: str, cleanup: str = "", system: System | None = None) -> Provider:
    answers: dict[str, Value] = {"path": str(hook(folder, "auth", auth))}
    if cleanup:
        answers["cleanup_path"] = str(hook(folder, "cleanup", cleanup))
    return provider("command", answers, system)


def calls(folder: Path) -> list[Mapping[str, str]]:
    """The variables of each call."""
    written = (folder / "calls").read_text().strip().split("\n\n")
    return [dict(line.split("=", 1) for line in call.splitlines()) for call in written]


def test_it_is_called_once_for_each_value_with_certbots_variables(tmp_path: Path) -> None:
    made(tmp_path, WRITES).publish(RECORDS)
    everybody = "corp.example.com,corp.example.com,example.org"
    wanted = [
        ("corp.example.com", "one", "_acme-challenge.corp.example.com", "example.com"),
        ("corp.example.com", "two", "_acme-challenge.corp.example.com", "example.com"),
        ("example.org", "three", "proof.example.net", "example.net"),
    ]
    assert calls(tmp_path) == [
        {
            "CERTBOT_DOMAIN": domain,
            "CERTBOT_IDENTIFIER": domain,
            "CERTBOT_VALIDATION": value,
            "CERTBOT_REMAINING_CHALLENGES": str(2 - number),
            "CERTBOT_ALL_DOMAINS": everybody,
            "CERTBOT_ALL_IDENTIFIERS": everybody,
            "POMCERT_RECORD": record,
            "POMCERT_ZONE": zone,
        }
        for number, (domain, value, record, zone) in enumerate(wanted)
    ]


def test_the_hook_for_clean_up_is_told_what_the_other_printed(tmp_path: Path) -> None:
    kept: list[tuple[str, str, str]] = []
    made(tmp_path, WRITES).publish(RECORDS, lambda *note: kept.append(note))
    assert kept == [
        (record.name, value, f"id of {value}") for record in RECORDS for value in record.values
    ]
    first = calls(tmp_path)
    (tmp_path / "calls").unlink()
    notes = [one._replace(notes=tuple(f"id of {value}" for value in one.values)) for one in RECORDS]
    made(tmp_path, WRITES, WRITES).remove(notes)
    said = [f"id of {value}" for value in ("one", "two", "three")]
    assert calls(tmp_path) == [
        {**call, "CERTBOT_AUTH_OUTPUT": words} for call, words in zip(first, said, strict=True)
    ]


def test_what_no_variable_can_hold_is_cut_from_what_it_printed(tmp_path: Path) -> None:
    talks = "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' ä\nprintf '\\0the id'\n"
    kept: list[tuple[str, str, str]] = []
    made(tmp_path, talks).publish(RECORDS[1:], lambda *note: kept.append(note))
    ((_, _, said),) = kept
    made(tmp_path, talks, WRITES).remove([RECORDS[1]._replace(notes=(said,))])
    assert calls(tmp_path)[0]["CERTBOT_AUTH_OUTPUT"].endswith("the id")


def test_without_a_hook_for_clean_up_the_records_stay(tmp_path: Path) -> None:
    made(tmp_path, WRITES).remove(RECORDS)
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("verb", ["publish", "remove"])
def test_how_it_failed_and_what_it_said_is_told(tmp_path: Path, verb: str) -> None:
    fails = "#!/bin/sh\necho out of luck\necho no credentials >&2\nexit 7\n"
    publisher = made(tmp_path, fails, fails)
    with pytest.raises(WizardError) as caught:
        (publisher.publish if verb == "publish" else publisher.remove)(RECORDS)
    assert caught.value.code == "hook-failed"
    for part in ("status 7", verb, "out of luck", "no credentials", "_acme-challenge.corp"):
        assert part in caught.value.summary


def test_it_stops_at_the_first_value_that_fails(tmp_path: Path) -> None:
    stops = WRITES + 'test "$CERTBOT_VALIDATION" = one\n'
    with pytest.raises(WizardError):
        made(tmp_path, stops).publish(RECORDS)
    assert [call["CERTBOT_VALIDATION"] for call in calls(tmp_path)] == ["one", "two"]


def test_a_hook_that_was_killed_and_said_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(WizardError, match=r"signal 9.*said nothing"):
        made(tmp_path, "#!/bin/sh\nkill -9 $$\n").publish(RECORDS)


def test_only_the_last_words_of_a_long_speech_are_shown(tmp_path: Path) -> None:
    talks = "#!/bin/sh\nseq 100000\necho the reason\nexit 1\n"
    with pytest.raises(WizardError, match="the reason") as caught:
        made(tmp_path, talks).publish(RECORDS)
    assert len(caught.value.summary) < 700


def test_a_hook_that_never_ends_is_ended_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "SECONDS", 0.5)
    with pytest.raises(WizardError) as caught:
        made(tmp_path, '#!/bin/sh\nsleep 600 &\necho $! >"$0.child"\nwait\n').publish(RECORDS)
    assert caught.value.code == "command-timeout"
    state = Path("/proc") / (tmp_path / "auth.child").read_text().strip() / "stat"

    def ended() -> bool:
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] in {"Z", "X"}

    until(ended, "the hook's child to end")


def test_a_hook_that_is_no_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(WizardError) as caught:
        made(tmp_path, "\0").publish(RECORDS)
    assert str(tmp_path / "auth") in caught.value.summary


def test_under_sudo_it_runs_as_root_as_it_does_with_certbot(tmp_path: Path, need: Need) -> None:
    need.that(os.geteuid() == 0, "this is not root", "run the tests as root")
    system = System(env={**os.environ, "SUDO_UID": "65534"})
    made(tmp_path, '#!/bin/sh\nid -u >"$0.id"\n', system=system).publish(RECORDS)
    assert (tmp_path / "auth.id").read_text() == "0\n"


def check(key: str, value: str) -> str | None:
    question = next(one for one in command.QUESTIONS if one.key == f"{PREFIX}{key}")
    problem = question.check(value, Answers())
    return problem.code if problem else None


def test_a_path_that_leads_to_no_program_is_refused(tmp_path: Path) -> None:
    path = hook(tmp_path, "auth", WRITES)
    assert check("path", str(path)) is None
    assert check("path", "auth") == "path"
    assert check("path", str(tmp_path)) == "hook-missing"
    assert check("cleanup_path", str(tmp_path / "none")) == "hook-missing"
    path.chmod(0o644)
    assert check("path", str(path)) == "hook-not-executable"


def test_a_value_is_no_shells_business(tmp_path: Path) -> None:
    made(tmp_path, WRITES).publish([txt("example.com", "$(touch /tmp/x); `id`")])
    assert calls(tmp_path)[0]["CERTBOT_VALIDATION"] == "$(touch /tmp/x); `id`"
