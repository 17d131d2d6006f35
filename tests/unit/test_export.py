"""Answers as files: what is written is read back as it was, and the schema tells the defaults."""

import pytest
from jsonschema import Draft202012Validator

from wizard.core.answers import AUTO, Answers, read, read_word
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.core.tables import lines
from wizard.export import schema, to_toml, to_words
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
