"""Answers as files: what is written is read back as it was, and the schema tells the defaults."""

import pytest

from wizard.core.answers import AUTO, Answers, read
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.export import schema, to_toml
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
