"""Answers as files: TOML that gives the same plan again, commented examples, a JSON Schema."""

import textwrap
from collections.abc import Collection, Iterable, Mapping

from wizard.core.answers import AUTO, SCHEMA_VERSION, Answers, document, line_of
from wizard.core.events import Json
from wizard.core.questions import Kind, Question, Value
from wizard.core.tables import joined

HEADER = "# Repeat this install: pomcert-wizard --answers FILE\n"


def to_toml(answers: Answers, order: Iterable[str]) -> str:
    """Answers as an answers file."""
    import tomli_w  # noqa: PLC0415  only exports need it

    return HEADER + tomli_w.dumps(document(answers, tuple(order)))


def to_words(answers: Answers, order: Iterable[str]) -> list[str]:
    """Answers as options of the command line, for who wants no file."""
    words = []
    for key in order:
        if key in answers.values:
            words += ["--set", f"{key}={_word(answers.values[key])}"]
    return words


def _word(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return joined(value, ",") if isinstance(value, tuple) else value


def commented(answers: Answers, questions: Iterable[Question]) -> str:
    """An answers file with every key and, above each, what it means and what else it could be."""
    known = {question.key: question for question in questions}
    said = [key for key in known if key in answers.values]
    return annotated(answers, known, [(key, _meaning(known[key])) for key in said])


def annotated(answers: Answers, order: Collection[str], notes: Iterable[tuple[str, str]]) -> str:
    """An answers file with comments, each above the key that it is about.

    One about no key that is answered stands on top.
    """
    comments: dict[str, list[str]] = {}
    for key, text in notes:
        about = key if key in answers.values else ""
        comments.setdefault(about, []).extend(_comment(text))
    lines = to_toml(answers, order).splitlines()
    for key in reversed([key for key in order if key in comments]):
        at = line_of("\n".join(lines), key) - 1
        lines[at:at] = ["", *comments[key]] if lines[at - 1] else comments[key]
    top = HEADER.count("\n")
    lines[top:top] = comments.get("", [])
    return "\n".join(lines) + "\n"


def _meaning(question: Question) -> str:
    text = f"{question.prompt} {question.why}"
    if question.kind in {Kind.CHOICE, Kind.MANY}:
        text += f" One of: {', '.join(choice.value for choice in question.offered())}."
    if question.kind is Kind.TABLES:
        text += f" Each is a table [[{question.key}]] with {', '.join(question.fields)}."
    return text


def _comment(text: str) -> list[str]:
    # A path stays whole, to be copied; TOML takes no control characters.
    return textwrap.wrap(
        "".join(one if one.isprintable() else " " for one in text),
        98,
        initial_indent="# ",
        subsequent_indent="# ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def schema(questions: Mapping[str, Question]) -> dict[str, Json]:
    """The JSON Schema (2020-12) of an answers file, made from the questions.

    A key whose last word is a pattern stands for all that it matches, whatever they are.
    """
    root = _object("Answers for pomcert-wizard")
    _properties(root)["schema_version"] = {"const": SCHEMA_VERSION}
    for key, question in questions.items():
        *tables, leaf = key.split(".")
        branch = root
        for table in tables:
            inner = _properties(branch).setdefault(table, _object(table))
            branch = inner if isinstance(inner, dict) else branch
        if leaf.isidentifier():
            _properties(branch)[leaf] = _property(question)
        else:
            any_of: Json = {**_described(question), "type": ["string", "boolean"]}
            branch["patternProperties"] = {f"^{leaf}$": any_of}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root}


def _object(title: str) -> dict[str, Json]:
    return {"title": title, "type": "object", "properties": {}, "additionalProperties": False}


def _properties(branch: dict[str, Json]) -> dict[str, Json]:
    found = branch["properties"]
    return found if isinstance(found, dict) else {}


def _described(question: Question) -> dict[str, Json]:
    return {"title": question.prompt, "description": f"{question.why} {question.help}".strip()}


def _table(question: Question) -> Json:
    """One table of many."""
    made = _object(question.key.rpartition(".")[2])
    for name, what in question.fields.items():
        _properties(made)[name] = {"type": "string", "description": what}
    return {**made, "required": [next(iter(question.fields))]}


def _property(question: Question) -> Json:
    row = _described(question)
    default = question.constant()
    if default == AUTO:
        row["default"] = "auto"
    elif default is not None:
        row["default"] = list(default) if isinstance(default, tuple) else default
    words: list[Json] = [choice.value for choice in question.offered()]
    text: dict[str, Json] = {"type": "string"}
    match question.kind:
        case Kind.FLAG:
            return {**row, "type": "boolean"}
        case Kind.CHOICE:
            return {**row, "enum": words}
        case Kind.MANY:
            items: dict[str, Json] = {"type": "array", "items": {"enum": words}}
            every: list[Json] = ["auto", ["auto"]]
            return {**row, "anyOf": [{"enum": every}, items]}
        case Kind.NAMES:
            return {**row, "type": "array", "items": text, "minItems": 1}
        case Kind.LIST | Kind.TABLES:
            return {**row, "type": "array", "items": _table(question) if question.fields else text}
        case _:
            return {**row, **text}
