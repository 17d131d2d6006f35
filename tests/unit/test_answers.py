"""Answers as values, as TOML, and as words."""

import tomllib
from types import MappingProxyType

import pytest
import tomli_w

from wizard.core.answers import (
    AUTO,
    Answers,
    document,
    example,
    line_of,
    read,
    read_tree,
    read_word,
    unknown_key,
)
from wizard.core.errors import UsageError
from wizard.core.questions import Kind, Question, Value


def question(key: str, kind: Kind, default: Value | None = None) -> Question:
    return Question(key, kind, "What?", "Because.", "More.", default=default)


KNOWN = {
    one.key: one
    for one in (
        question("names", Kind.NAMES, ("a.example.com",)),
        question("local_ca.stores", Kind.MANY, AUTO),
        question("local_ca.limit", Kind.FLAG, default=True),
        question("output.directory", Kind.PATH),
        question("output.route.from", Kind.TEXT),
        question("strategy", Kind.CHOICE, "local-ca"),
    )
}
TEXT = """\
schema_version = 1
strategy = "local-ca"

names = [
    "a.example.com",
]
[local_ca]
stores = "auto"   # a comment
"limit" = false

[ output . route ]
from = "https://a"
[output]
directory = "x"
"""


def failure(text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(text, "a.toml", KNOWN)
    return caught.value


def test_a_file_becomes_values_by_dotted_key() -> None:
    answers = read(TEXT, "a.toml", KNOWN)
    assert dict(answers.values) == {
        "strategy": "local-ca",
        "names": ("a.example.com",),
        "local_ca.stores": AUTO,
        "local_ca.limit": False,
        "output.route.from": "https://a",
        "output.directory": "x",
    }
    assert read("output.route = { from = 'x' }", "a.toml", KNOWN).text("output.route.from") == "x"


def test_values_are_read_by_their_kind_and_empty_when_unanswered() -> None:
    answers = Answers(MappingProxyType({"a": "x", "b": ("y",), "c": True}))
    assert (answers.text("a"), answers.texts("b"), answers.flag("c")) == ("x", ("y",), True)
    assert (answers.text("b"), answers.texts("a"), answers.flag("a")) == ("", (), False)
    more = answers.having("a", "z")
    assert (more.text("a"), answers.text("a"), more.without("a").text("a")) == ("z", "x", "")


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("strategy", 2),
        ("names", 4),
        ("local_ca.stores", 8),
        ("local_ca.limit", 9),
        ("output.route.from", 12),
        ("output.directory", 14),
        ("local_ca", 7),
    ],
)
def test_the_line_of_a_key_is_found(key: str, line: int) -> None:
    assert line_of(TEXT, key) == line


def test_the_line_of_an_inline_table_is_the_line_of_its_key() -> None:
    text = 'names = ["x"]\n[output]\nroute = { from = "x" }\n'
    assert line_of(text, "output.route.from") == 3


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("names = [", "answers-not-toml", "a.toml"),
        ("a = 1\na = 2\nb = 3", "answers-not-toml", "line 2"),
        ("schema_version = 2", "answers-version", "is 2"),
        ('schema_version = "1"', "answers-version", 'is "1"'),
        ("schema_version = 1.0", "answers-version", "is 1.0"),
        ("\n\nname = ['x']", "answers-unknown-key", "a.toml, line 3"),
        (
            "[local_ca]\nstore = []",
            "answers-unknown-key",
            "line 2: nothing is called local_ca.store",
        ),
        ("[local]\nstores = []", "answers-unknown-key", "local"),
        ("names = 'a'", "answers-type", "line 1: names must be a list of texts"),
        ("names = [1]", "answers-type", "list of texts"),
        ("local_ca.stores = 'nss'", "answers-type", "list of texts"),
        ("local_ca.limit = 'yes'", "answers-type", "true or false"),
        ("local_ca.limit = 1", "answers-type", "true or false"),
        ("strategy = true", "answers-type", "a text in quotes"),
        ("output.directory = 1979-05-27", "answers-type", "a text in quotes"),
        ("local_ca = 1", "answers-type", "local_ca must be a table"),
        ("names = { a = 1 }", "answers-type", "names must be a list of texts"),
        ("output = [{ directory = 'x' }]", "answers-type", "output must be a table"),
        ("'' = 1", "answers-unknown-key", 'nothing is called ""'),
        ("'a\\n' = 1".replace("'", '"'), "answers-unknown-key", r'nothing is called "a\n"'),
        (f"names = {'[' * 5000}", "answers-not-toml", "nested too deep"),
        (f"schema_version = {'9' * 5000}", "answers-not-toml", "digits"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, code: str, said: str) -> None:
    error = failure(text)
    assert error.code == code
    assert "a.toml" in error.summary
    assert said in error.summary
    assert error.hint


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("nmaes", "names"),
        ("store", "local_ca.stores"),
        ("local-ca.stores", "local_ca.stores"),
        ("output.from", "output.route.from"),
        ("from", "output.route.from"),
        ("LOCAL_CA.STORES", "local_ca.stores"),
    ],
)
def test_an_unknown_key_gets_the_nearest_known_one(key: str, near: str) -> None:
    assert unknown_key(key, "here", KNOWN).hint == f"Did you mean {near}?"


def test_a_key_like_no_other_gets_the_schema() -> None:
    assert "answers schema" in unknown_key("zzz", "here", KNOWN).hint


@pytest.mark.parametrize(
    ("key", "word", "value"),
    [
        ("names", "a.example.com", ("a.example.com",)),
        ("names", " a, b,,c\td\n", ("a", "b", "c", "d")),
        ("names", "", ()),
        ("names", " , ", ()),
        ("local_ca.stores", "auto", AUTO),
        ("local_ca.stores", "nss,java", ("nss", "java")),
        ("local_ca.stores", "", ()),
        ("local_ca.stores", "[]", ()),
        ("local_ca.stores", " [\"nss\", 'java'] ", ("nss", "java")),
        ("names", '["*.example.com"]', ("*.example.com",)),
        ("local_ca.limit", "yes", True),
        ("local_ca.limit", "TRUE", True),
        ("local_ca.limit", "0", False),
        ("local_ca.limit", " no ", False),
        ("strategy", " local-ca ", "local-ca"),
        ("output.directory", "/a b", "/a b"),
    ],
)
def test_a_word_becomes_the_value_of_its_question(key: str, word: str, value: Value) -> None:
    assert read_word(word, KNOWN[key], "here") == value


@pytest.mark.parametrize("word", ["", "maybe", "2"])
def test_a_word_that_is_neither_yes_nor_no_is_refused(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_word(word, KNOWN["local_ca.limit"], "--set x")
    assert caught.value.code == "answers-type"
    assert "--set x" in caught.value.summary


@pytest.mark.parametrize("word", ["[nss]", '["nss"', "[1]", '["nss"]\nx = 1', "[" * 5000])
def test_a_list_that_is_not_toml_is_refused(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_word(word, KNOWN["local_ca.stores"], "--set local_ca.stores")
    assert caught.value.code == "answers-type"
    assert "--set local_ca.stores" in caught.value.summary
    assert len(caught.value.summary) < 200


@pytest.mark.parametrize("kind", list(Kind))
def test_an_example_is_toml_that_answers_the_question(kind: Kind) -> None:
    for default in (None, "x", True, ("x", 'y"')):
        one = question("a.b", kind, default)
        tree = tomllib.loads(f"[a]\n{example(one)}")
        assert "b" in tree["a"]


def test_a_document_has_the_order_of_the_questions_and_reads_back() -> None:
    answers = read(TEXT, "a.toml", KNOWN)
    order = ("output.route.from", "names", "local_ca.stores", "local_ca.limit", "strategy")
    tree = document(answers, order)
    assert list(tree) == ["schema_version", "output", "names", "local_ca", "strategy"]
    assert tree["local_ca"] == {"stores": "auto", "limit": False}
    again = read(tomli_w.dumps(tree), "b.toml", KNOWN)
    assert again == answers.without("output.directory")
    assert read_tree(tree, "c", KNOWN) == again
