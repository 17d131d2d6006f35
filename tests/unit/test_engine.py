"""A session: answers taken over, questions opened and closed, what a plan is made from."""

from pathlib import Path

import pytest

from wizard.core.answers import AUTO, Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.system import System
from wizard.engine import Session
from wizard.strategies.local_ca import LocalCa


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.chdir(tmp_path)
    session = Session(System(root=tmp_path / "root"), tmp_path / "state")
    for key, value in {
        "local_ca.stores": (),
        "output.directory": "tls",
        "output.config": "config.yaml",
        "output.owner": "",
    }.items():
        assert session.answer(session.question(key), value) is None
    return session


def answer(session: Session, key: str, value: str | tuple[str, ...] | bool) -> str:  # noqa: FBT001
    """Gives an answer; the code of what is wrong with it, or nothing."""
    problem = session.answer(session.question(key), value)
    return problem.code if problem else ""


def test_an_answer_is_taken_over_in_the_form_it_is_used_in(session: Session, home: Path) -> None:
    assert answer(session, "names", ("A.Example.com.", "a.example.com", "bücher.example.com")) == ""
    assert session.given.texts("names") == ("a.example.com", "xn--bcher-kva.example.com")
    for typed, path in (("~", home), ("~/tls", home / "tls"), ("tls", Path.cwd() / "tls")):
        assert answer(session, "output.directory", typed) == ""
        assert session.given.text("output.directory") == str(path)


def test_a_wrong_answer_leaves_the_one_before(session: Session) -> None:
    answer(session, "names", ("a.example.com",))
    assert answer(session, "names", ("router",)) == "name-single-label"
    assert session.given.texts("names") == ("a.example.com",)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("strategy", "locla-ca", "not-a-choice"),
        ("strategy", "", "answer-missing"),
        ("local_ca.stores", ("nss", "jave"), "not-a-choice"),
        ("local_ca.stores", ("auto", "nss"), "not-a-choice"),
        ("local_ca.stores", (), ""),
        ("local_ca.stores", AUTO, ""),
        ("output.directory", "", "answer-missing"),
        ("output.directory", "~nobody/x", "path"),
        ("output.config", "", ""),
        ("output.route.email", "", ""),
        ("names", (), "names-missing"),
    ],
)
def test_what_is_wrong_with_an_answer_has_a_code(
    session: Session, key: str, value: str | tuple[str, ...], code: str
) -> None:
    assert answer(session, key, value) == code


def test_defaults_follow_the_answers_before_them(session: Session) -> None:
    assert session.answers().texts("names") == LocalCa.names
    assert session.answers().text("output.route.from") == "https://verify.localhost.pomerium.io"
    assert session.answers().text("output.address") == "127.0.0.1:443"
    answer(session, "names", ("a.example.com",))
    assert session.answers().text("output.route.from") == "https://a.example.com"
    assert session.answers().text("output.address") == ":443"


def test_a_later_answer_that_no_longer_fits_is_named_with_the_ways_to_answer(
    session: Session,
) -> None:
    answer(session, "names", ("*.one.example.com",))
    assert answer(session, "output.route.from", "https://a.one.example.com") == ""
    answer(session, "names", ("*.two.example.com",))
    with pytest.raises(UsageError) as caught:
        session.plan()
    error = caught.value
    assert error.code == "route-not-covered"
    assert error.summary.startswith("output.route.from: ")
    for way in ("--set output.route.from=", "POMCERT_OUTPUT_ROUTE_FROM", "answers file"):
        assert way in error.hint


def test_a_hidden_question_keeps_its_answer_and_has_no_say(session: Session) -> None:
    answer(session, "output.route.email", "you@example.com")
    answer(session, "output.config", "")
    assert "output.route.email" not in session.answers().values
    answer(session, "output.config", "config.yaml")
    assert session.answers().text("output.route.email") == "you@example.com"


def test_the_source_of_an_answer_is_told(session: Session, tmp_path: Path) -> None:
    names = session.question("names")
    assert session.value(names).source == "the default"
    (tmp_path / "config.yaml").write_text("routes:\n  - from: https://found.example.com\n")
    assert session.value(names).value == ("found.example.com",)
    assert str(tmp_path / "config.yaml") in session.value(names).source
    answer(session, "names", ("mine.example.com",))
    assert session.value(names).source == "your answer"


def test_equal_answers_make_equal_plans_and_planning_changes_nothing(
    session: Session, tmp_path: Path
) -> None:
    first = session.plan()
    again = Session(session.system, session.state, session.given).plan()
    assert first.to_json() == again.to_json()
    assert not list(tmp_path.iterdir())


def test_taken_answers_say_where_they_were_given(session: Session) -> None:
    with pytest.raises(UsageError, match=r"^line of names: "):
        session.take(Answers({"names": ("router",)}), lambda key: f"line of {key}")


def test_a_word_says_where_it_was_given(session: Session) -> None:
    with pytest.raises(UsageError, match=r"^--set names: router "):
        session.answer_word("names", "router", "--set names")


def test_a_plan_that_another_run_overtook_is_not_applied(session: Session, tmp_path: Path) -> None:
    other = session.journal
    with other.lock():
        run = other.begin({"begin": {}})
        plan = session.plan()
        run.record({"outcome": "applied"})
    with pytest.raises(WizardError, match="Another run has changed") as caught:
        list(session.apply(plan, may_ask=False, with_clients=False))
    assert caught.value.code == "changed-since-plan"
    assert not (tmp_path / "tls").exists()
    assert list(session.apply(session.plan(), may_ask=False, with_clients=False))
    assert (tmp_path / "tls").exists()
