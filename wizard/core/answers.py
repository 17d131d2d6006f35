"""Answers: one frozen value that a person fills in on screens and a file fills in headless."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from wizard.core.errors import UsageError
from wizard.core.events import Json
from wizard.core.nearest import nearest
from wizard.core.questions import Kind, Question, Value
from wizard.core.tables import Line, lines

SCHEMA_VERSION = 1
LISTED = re.compile(r"[^\s,]+")
LISTS = frozenset({Kind.NAMES, Kind.MANY, Kind.LIST, Kind.TABLES})
"""The kinds whose answers are lists."""
Place: TypeAlias = Callable[[str, int], str]
"""Says where a key stands, in the nth of its tables where there are many."""
ALIKE, VERY_ALIKE = 0.6, 0.8
AUTO = ("auto",)
"""For a list of choices: everything that is found here."""


class Answers(NamedTuple):
    """What was answered, by dotted key: `names`, `local_ca.key_type`, `output.route.from`."""

    values: Mapping[str, Value] = MappingProxyType({})

    def text(self, key: str) -> str:
        """A text, path or choice; empty when it was not answered."""
        value = self.values.get(key, "")
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list; empty when it was not answered."""
        value = self.values.get(key, ())
        return value if isinstance(value, tuple) else ()

    def flag(self, key: str) -> bool:
        """A yes or no; no when it was not answered."""
        return self.values.get(key, False) is True

    def having(self, key: str, value: Value) -> "Answers":
        """These answers with one more."""
        return Answers(MappingProxyType({**self.values, key: value}))

    def without(self, key: str) -> "Answers":
        """These answers with one less."""
        return Answers(MappingProxyType({k: v for k, v in self.values.items() if k != key}))


def read(text: str, name: str, known: Mapping[str, Question]) -> Answers:
    """Reads an answers file.

    Args:
        text: TOML.
        name: what to call the file in errors.
        known: every question that may be answered, by key.

    Raises:
        UsageError: `answers-not-toml`, `answers-version`, `answers-unknown-key` or `answers-type`,
            each with the file and the line.
    """
    return read_tree(_parsed(text, name), name, known, text)


def _parsed(text: str, name: str) -> Mapping[str, object]:
    import tomllib  # noqa: PLC0415  answers can come without a file

    try:
        return tomllib.loads(text)
    except ValueError as error:
        problem = str(error)
    except RecursionError:
        problem = "It is nested too deep"
    raise UsageError(
        "answers-not-toml", f"{name}: {problem}.", "Mend that line; the file must be TOML."
    )


def read_tree(
    tree: Mapping[str, object], name: str, known: Mapping[str, Question], text: str = ""
) -> Answers:
    """Reads answers from nested tables; `text` is where their lines are looked up for errors.

    Raises:
        UsageError: as `read`.
    """
    version = tree.get("schema_version", SCHEMA_VERSION)
    if type(version) is not int or version != SCHEMA_VERSION:
        shown = json.dumps(version, default=str)
        raise UsageError(
            "answers-version",
            f"{name}: schema_version is {shown}; this version reads {SCHEMA_VERSION}.",
            f"Set schema_version = {SCHEMA_VERSION}, or use a pomcert-wizard that reads it.",
        )

    def place(key: str, nth: int = 0) -> str:
        return f"{name}, line {line_of(text, key, nth)}" if text else name

    values: dict[str, Value] = {}
    for key, value in _flatten(tree, "", known):
        if key == "schema_version":
            continue
        question, where = known.get(key), place(key)
        if question is None and any(other.startswith(f"{key}.") for other in known):
            hint = f"Write [{key}] on a line of its own, and its answers below it."
            raise UsageError("answers-type", f"{where}: {key} must be a table.", hint)
        if question is None:
            raise unknown_key(key, where, known)
        values[key] = _typed(question, value, place)
    return Answers(MappingProxyType(values))


def read_word(word: str, question: Question, where: str) -> Value:
    """One answer from a word: `--set KEY=VALUE`, a POMCERT_ variable, or a line typed at a prompt.

    Lists are separated by commas or blanks, or written as in TOML; an empty word is the empty list.
    Tables are written as lines, one behind the other.
    """
    if question.kind is Kind.FLAG:
        answer = word.strip().lower()
        if answer in {"true", "yes", "y", "1", "on"}:
            return True
        if answer in {"false", "no", "n", "0", "off"}:
            return False
        raise UsageError(
            "answers-type", f"{where}: {word!r} is neither yes nor no.", "Write true or false."
        )
    word = word.strip()
    if question.kind not in LISTS:
        return word
    if word.startswith("["):
        return _list(word, question, where)
    if question.kind is Kind.TABLES:
        return lines(word, tuple(question.fields))
    return tuple(LISTED.findall(word))


def _list(word: str, question: Question, where: str) -> Value:
    import tomllib  # noqa: PLC0415  only a list needs it

    try:
        tree: Mapping[str, object] = tomllib.loads(f"list = {word}")
    except (ValueError, RecursionError):
        tree = {}
    return _typed(question, tree.get("list") if len(tree) == 1 else None, lambda *_: where)


def document(answers: Answers, order: Sequence[str]) -> dict[str, Json]:
    """Answers as nested tables, in the order of the questions; what TOML and JSON are made of."""
    tree: dict[str, Json] = {"schema_version": SCHEMA_VERSION}
    for key in order:
        if key not in answers.values:
            continue
        value = answers.values[key]
        *tables, leaf = key.split(".")
        branch: dict[str, Json] = tree
        for table in tables:
            found = branch.setdefault(table, {})
            branch = found if isinstance(found, dict) else {}
        branch[leaf] = "auto" if value == AUTO else _json(value)
    return tree


def _json(value: Value) -> Json:
    if not isinstance(value, tuple):
        return value
    return [{**one.table()} if isinstance(one, Line) else one for one in value]


def _flatten(
    table: Mapping[str, object], prefix: str, known: Mapping[str, Question]
) -> list[tuple[str, object]]:
    leaves: list[tuple[str, object]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        inner = isinstance(value, Mapping) and key not in known
        if inner and any(other.startswith(f"{key}.") for other in known):
            leaves += _flatten(value, f"{key}.", known) if isinstance(value, Mapping) else []
        else:
            leaves.append((key, value))
    return leaves


def _typed(question: Question, value: object, place: Place) -> Value:
    match question.kind, value:
        case (Kind.FLAG, bool()):
            return value
        case (Kind.TEXT | Kind.PATH | Kind.CHOICE, str()):
            return value
        case (Kind.MANY, "auto"):
            return AUTO
        case (Kind.NAMES | Kind.MANY | Kind.LIST, list()) if all(
            isinstance(item, str) for item in value
        ):
            return tuple(str(item) for item in value)
        case (Kind.TABLES, list()) if all(isinstance(item, Mapping) for item in value):
            return tuple(
                Line.of(_table(question, item, nth, place), tuple(question.fields))
                for nth, item in enumerate(value)
            )
        case _:
            pass
    wanted = {
        Kind.FLAG: "true or false",
        Kind.NAMES: "a list of texts",
        Kind.MANY: "a list of texts",
        Kind.LIST: "a list of texts",
        Kind.TABLES: "a list of tables",
    }.get(question.kind, "a text in quotes")
    raise UsageError(
        "answers-type",
        f"{place(question.key, 0)}: {question.key} must be {wanted}.",
        f"Example: {example(question)}",
    )


def _table(
    question: Question, table: Mapping[str, object], nth: int, place: Place
) -> dict[str, str]:
    """The nth table of an answer, which holds texts and no other fields than there are."""
    for name, text in table.items():
        key = f"{question.key}.{name}"
        if name not in question.fields:
            known = [f"{question.key}.{field}" for field in question.fields]
            raise unknown_key(key, place(key, nth), known)
        if not isinstance(text, str):
            raise UsageError(
                "answers-type",
                f"{place(key, nth)}: {key} must be a text in quotes.",
                f'Example: {name} = "…"',
            )
    return {name: str(text) for name, text in table.items()}


def example(question: Question) -> str:
    """A line of TOML that answers the question; JSON's texts, lists and flags are TOML's too."""
    if question.kind is Kind.TABLES:
        inner = ", ".join(f'{name} = "…"' for name in question.fields)
        return f"{question.key.rpartition('.')[2]} = [{{ {inner} }}]"
    lists = question.kind in LISTS
    blank: Value = ("…",) if lists else question.kind is Kind.FLAG or "…"
    default = question.constant()
    value = blank if default is None else default
    return f"{question.key.rpartition('.')[2]} = {json.dumps(value, ensure_ascii=False)}"


def unknown_key(key: str, where: str, known: Collection[str]) -> UsageError:
    """The error for a key that nobody asks for, with the nearest one that somebody does."""
    leaves = {name.rpartition(".")[2]: name for name in known}
    leaf = nearest(key.rpartition(".")[2], leaves, ALIKE)
    near = nearest(key, known, VERY_ALIKE) or leaves.get(leaf) or nearest(key, known)
    shown = key if key and key.isprintable() else json.dumps(key)
    return UsageError(
        "answers-unknown-key",
        f"{where}: nothing is called {shown}.",
        f"Did you mean {near}?" if near else "See: pomcert-wizard answers schema",
    )


def line_of(text: str, key: str, nth: int = 0) -> int:
    """Where a dotted key stands in TOML text, in the nth of its tables where there are many.

    tomllib keeps no positions.
    """
    table, begun = "", list[int]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = re.sub(r"[\s\"']", "", header[1]) + "."
            if line.lstrip().startswith("[[") and f"{key}.".startswith(table):
                begun.append(number)
            if table == f"{key}." and len(begun) in {0, nth + 1}:
                return number
        elif assignment := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            full = table + re.sub(r"[\s\"']", "", assignment[1])
            if (full == key or key.startswith(f"{full}.")) and len(begun) in {0, nth + 1}:
                return number
    return begun[nth] if len(begun) > nth else 1
