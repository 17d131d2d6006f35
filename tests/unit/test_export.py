"""Answers as files: what is written is read back as it was, and the schema tells the defaults."""

import pytest

from wizard.core.answers import AUTO, Answers, read
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.export import annotated, commented, schema, to_toml
from wizard.parts import known_questions

KNOWN = known_questions(System())


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
    ],
    ids=["lists", "empty", "odd"],
)
def test_what_is_written_is_read_back_as_it_was(values: dict[str, Value]) -> None:
    answers = Answers({"strategy": "local-ca", **values})
    assert read(to_toml(answers, KNOWN), "answers.toml", KNOWN).values == answers.values


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
