"""What a plan for dns-01 says before anything is done."""

from pathlib import Path

import pytest

from wizard.core.answers import Answers
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session

BY_HAND: dict[str, Value] = {"dns_01.provider.name": "manual"}
BY_UPDATES: dict[str, Value] = {
    "dns_01.provider.name": "rfc2136",
    "dns_01.provider.tsig_name": "update",
    "dns_01.provider.tsig_secret": "env:SECRET",
}
CUSTOM: dict[str, Value] = {
    "dns_01.authority": "custom",
    "dns_01.directory_url": "https://acme.example.com/directory",
}


def notices(tmp_path: Path, profile: str, given: dict[str, Value]) -> str:
    answers: dict[str, Value] = {
        "strategy": "dns-01",
        "names": ("corp.example.com",),
        "dns_01.accept_terms": True,
        "dns_01.profile": profile,
        "output.directory": str(tmp_path / "tls"),
        "output.config": "",
        "output.owner": "",
        **given,
    }
    system = System(env={"HOME": str(tmp_path), "SECRET": "c2VjcmV0"})
    return " ".join(Session(system, tmp_path / "state", Answers(answers)).plan().notices)


@pytest.mark.parametrize("profile", ["tlsserver", "shortlived"])
@pytest.mark.parametrize("authority", ["letsencrypt", "letsencrypt-staging"])
def test_a_profile_that_leaves_an_hour_is_warned_of_by_hand(
    tmp_path: Path, profile: str, authority: str
) -> None:
    said = notices(tmp_path, profile, {**BY_HAND, "dns_01.authority": authority})
    assert f"{profile} leaves one hour" in said
    assert "classic leaves a week" in said


@pytest.mark.parametrize(
    ("profile", "given"),
    [
        ("", BY_HAND),
        ("classic", BY_HAND),
        ("tlsserver", BY_UPDATES),
        ("tlsserver", {**BY_HAND, **CUSTOM}),
    ],
    ids=["none", "classic", "by updates", "of another authority"],
)
def test_else_nobody_is_hurried(tmp_path: Path, profile: str, given: dict[str, Value]) -> None:
    assert "hour" not in notices(tmp_path, profile, given)
