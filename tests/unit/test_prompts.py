"""Plain prompts: what a typed line stands for."""

import io
import sys
from pathlib import Path

import pytest

from wizard.core.errors import UsageError
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session
from wizard.headless.prompts import Prompts, shown
from wizard.headless.text import Text


class Person:
    """Types lines, and reads what is said."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)
        self._patch = monkeypatch
        self.session = Session(System(root=folder / "root"), folder / "state")
        self.heard = io.StringIO()

    def types(self, *lines: str) -> str:
        self._patch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        self._patch.setattr(sys, "stderr", self.heard)
        Prompts(self.session, Text(self.heard)).ask_all()
        return self.heard.getvalue()


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(tmp_path, monkeypatch)


DEFAULTS = ("", "", "", "-", "tls", "-")
"""Strategy, names, target, stores, directory, configuration."""


def test_enter_takes_what_is_proposed(person: Person) -> None:
    person.types(*DEFAULTS)
    given = person.session.given
    assert given.text("strategy") == "local-ca"
    assert given.texts("names") == ("*.localhost.pomerium.io", "localhost.pomerium.io")
    assert given.texts("local_ca.stores") == ()
    assert given.text("output.config") == ""


@pytest.mark.parametrize(
    ("typed", "stores"),
    [
        ("1", ("system",)),
        ("1 3", ("system", "java")),
        ("2,nss", ("nss", "nss")),
        ("nss, java", ("nss", "java")),
        ("auto", ("auto",)),
        ("", ("auto",)),
        ("-", ()),
    ],
)
def test_choices_are_named_or_numbered(person: Person, typed: str, stores: tuple[str, ...]) -> None:
    person.types("", "", "", typed, "tls", "-")
    assert person.session.given.texts("local_ca.stores") == stores


def test_help_and_mistakes_ask_again(person: Person) -> None:
    heard = person.types("?", "9", "-", "1", "co.uk", "-", *DEFAULTS[1:])
    assert "Nothing on this machine changes" in heard
    assert "'9' cannot be chosen" in heard
    assert "[answer-missing]" in heard
    assert "[name-public-suffix]" in heard
    assert "[names-missing]" in heard


def test_back_keeps_what_was_answered(person: Person) -> None:
    heard = person.types("", "a.example.com", "<", "<", "", "", "", "-", "tls", "-")
    assert "[a.example.com] " in heard
    assert person.session.given.texts("names") == ("a.example.com",)


def test_going_back_opens_what_an_answer_had_closed(person: Person) -> None:
    heard = person.types("", "", "", "-", "tls", "new.yaml", "<", "-")
    assert heard.count("Which address should the first route have?") == 1
    heard = person.types("", "", "", "-", "tls", "new.yaml", "", "", "you@example.com")
    assert person.session.given.text("output.route.email") == "you@example.com"
    assert "Who may use it?" in heard


def test_an_optional_answer_can_be_emptied_again(person: Person) -> None:
    route = ("new.yaml", "", "")
    person.types("", "", "", "-", "tls", *route, "you@example.com")
    person.types("", "", "", "-", "tls", *route, "-")
    assert person.session.given.text("output.route.email") == ""


def test_input_that_ends_early_changes_nothing(person: Person) -> None:
    with pytest.raises(UsageError) as caught:
        person.types("", "a.example.com")
    assert caught.value.code == "input-ended"
    assert "--answers" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (False, "no"), (("a", "b"), "a, b"), ((), ""), ("x", "x")],
)
def test_an_answer_is_shown_as_a_person_would_type_it(value: Value, text: str) -> None:
    assert shown(value) == text
