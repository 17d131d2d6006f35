"""Fixtures of the tests of the screens."""

from pathlib import Path

import pytest

from tui.challenge_support import Scripted, wildcard
from tui.support import Desk, answers
from wizard.engine import Session


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A machine that is all in the test's own directory."""
    return Desk(tmp_path)


@pytest.fixture
def session(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session whose answers change nothing outside the test's own directory."""
    monkeypatch.chdir(tmp_path)
    return Session(desk, tmp_path / "state", answers(tmp_path))


@pytest.fixture
def order(desk: Desk) -> Scripted:
    """A run that waits for two records, and again once the authority has seen them."""
    session = wildcard(desk)
    session.script = session.whole()
    return session
