"""Answers as files: what is written is read back as it was, and the schema tells the defaults."""

import pytest
from jsonschema import Draft202012Validator

from wizard.core.answers import AUTO, Answers, read, read_word
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.core.tables import lines
from wizard.export import annotated, commented, schema, to_toml, to_words
from wizard.parts import known_questions

KNOWN = known_questions(System())
FIELDS = tuple(KNOWN["mtls.upstream"].fields)


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("local_ca.stores", "auto"),
        ("local_ca.export", []),
        ("local_ca.key_type", "ecdsa-p256"),
        ("local_ca.constrain_names", True),
    ],
)
def test_the_schema_tells_what_is_taken_without_an_answer(key: str, default: object) -> None:
    branch = schema(KNOWN)
    for part in key.split("."):
        properties = branch["properties"]
        assert isinstance(properties, dict)
        found = properties[part]
        assert isinstance(found, dict)
        branch = found
    assert branch["default"] == default


@pytest.mark.parametrize(
    "values",
    [
        {"names": ("*.example.com", "xn--bcher-kva.example.com"), "local_ca.stores": AUTO},
        {"local_ca.stores": (), "local_ca.export": ("pkcs12",), "local_ca.constrain_names": False},
        {"output.directory": "/tmp/a \"b\" 'c' \\ d/ünï 日本/\t#x = [1]", "output.config": ""},
        {"mtls.upstream": lines("https://a ca='/x y,z.pem' https://b.c server_name=d", FIELDS)},
        {"mtls.upstream": lines(f'https://a ca=/{"x" * 90} https://b ca="/\'\\"=[]#"', FIELDS)},
    ],
    ids=["lists", "empty", "odd", "tables", "long tables"],
)
def test_what_is_written_is_read_back_as_it_was(values: dict[str, Value]) -> None:
    answers = Answers({"strategy": "local-ca", **values})
    written = to_toml(answers, KNOWN)
    again = read(written, "answers.toml", KNOWN)
    assert again.values == answers.values
    assert to_toml(again, KNOWN) == written


def test_tables_are_one_word_of_the_command_line() -> None:
    text = "https://a ca='/x y,z.pem' https://b server_name=c"
    value = lines(text, FIELDS)
    words = to_words(Answers({"mtls.upstream": value}), KNOWN)
    assert words == ["--set", f"mtls.upstream={text}"]
    assert read_word(text, KNOWN["mtls.upstream"], "--set") == value


def test_the_schema_takes_the_tables_that_the_reader_takes() -> None:
    checks = Draft202012Validator(schema(KNOWN))
    Draft202012Validator.check_schema(schema(KNOWN))
    for table, is_right in (
        ({"from": "https://a", "ca": "/x"}, True),
        ({"ca": "/x"}, False),
        ({"from": "https://a", "cert": "/x"}, False),
        ({"from": 1}, False),
    ):
        assert checks.is_valid({"mtls": {"upstream": [table]}}) is is_right, table
        assert not checks.is_valid({"mtls": {"upstream": table}})


def test_an_example_explains_what_it_answers_and_nothing_else() -> None:
    text = commented(Answers({"strategy": "local-ca", "local_ca.lifetime": "9d"}), KNOWN.values())
    lines = text.splitlines()
    assert [line for line in lines[:2] if line.startswith("#")] == lines[:1]
    assert text.count("# How long is a certificate valid?") == 1
    assert "password" not in text


def test_a_comment_stands_above_its_key_or_on_top_and_is_toml_whatever_it_says() -> None:
    answers = Answers({"strategy": "local-ca", "names": ("a.example.com",)})
    notes = [("names", "two\nlines \u0000 [x]"), ("output.owner", "of nothing"), ("", "of all")]
    text = annotated(answers, KNOWN, notes)
    lines = text.splitlines()
    assert lines[1:3] == ["# of nothing", "# of all"]
    assert lines[lines.index("names = [") - 1] == "# two lines   [x]"
    assert read(text, "answers.toml", KNOWN) == answers
