"""Writes docs/answers.md: every key of an answers file, made from the questions themselves."""

from pathlib import Path

from wizard.core import registry
from wizard.core.answers import Answers
from wizard.core.flow import Step
from wizard.core.questions import Kind, Question
from wizard.core.system import System
from wizard.parts import asked_of_hops, first_steps, strategy, target, where_it_runs

PAGE = Path(__file__).parent.parent / "docs" / "answers.md"
HEAD = """# The answers file

Everything that the wizard asks can be answered in a TOML file instead:

    pomcert-wizard --answers FILE            # plan and apply, no prompt ever
    pomcert-wizard --answers FILE --dry-run  # show the plan, change nothing

`pomcert-wizard answers example` prints a commented file to begin with, `answers schema` its JSON
Schema, and the wizard's last page saves the answers that were typed into it. Editors complete and
check by the schema; where the extra `lexicon` is installed it has every provider's options as well.

An answer is taken from the first of these that has it: `--set KEY=VALUE`, the variable named below,
the file, what is found on this machine, the default. Keys are dotted here and tables in TOML:
`local_ca.key_type` is `key_type` under `[local_ca]`. A key that nobody asks for is an error, with
its line and the nearest key there is. A secret is never an answer itself: `env:NAME` or
`file:/PATH` say where it is.

A list of tables is TOML's own, `[[mtls.upstream]]`. Everywhere else a table is a line of words such
as `https://app.example.com ca=/srv/ca.pem`, quoted as in a shell, and the next one follows it.

<!-- Made by `make docs` from the questions in wizard/. -->
"""
KINDS = {
    Kind.TEXT: "text",
    Kind.PATH: "path",
    Kind.NAMES: "list of names",
    Kind.LIST: "a list of texts",
    Kind.TABLES: "a list of tables",
    Kind.FLAG: "true or false",
    Kind.CHOICE: "one of these",
    Kind.MANY: "list of these",
}


def page() -> str:
    """The whole page."""
    system = System(env={"HOME": "/home/you"})
    parts = [("Everybody", [*first_steps(system)])]
    parts += [
        (f"`{name}`", [*strategy(name).steps(system, Answers())]) for name in registry.STRATEGIES
    ]
    parts += [(f"Target `{name}`", [*target(name).steps(system)]) for name in registry.TARGETS]
    parts.append(("Mutual TLS", [Step("mtls", "Mutual TLS", tuple(asked_of_hops()))]))
    lines, listed = [HEAD], set[str]()
    for title, steps in parts:
        questions = [question for step in steps for question in step.questions]
        if title == "Everybody":
            questions.append(where_it_runs(system))
        lines += [f"## {title}\n", *(entry(one) for one in questions if one.key not in listed)]
        again = [f"`{question.key}`" for question in questions if question.key in listed]
        lines += [f"As above, found in its own way: {', '.join(again)}.\n"] if again else []
        listed |= {question.key for question in questions}
    return "\n".join(lines)


def entry(question: Question) -> str:
    """One key: what it is, what it is for, what it may be."""
    default = question.constant()
    shown = {(): "nothing", "": "empty", True: "true", False: "false"}.get(
        default, ", ".join(default) if isinstance(default, tuple) else default
    )
    if default is None:
        shown = "nothing" if question.default is None else "found on this machine"
    rows = [
        f"### `{question.key}`\n",
        f"{question.prompt} {question.why} {question.help}".strip().replace("*", "\\*") + "\n",
        f"- {KINDS[question.kind]}; default: {shown}",
        f"- variable: `{question.variable}`",
    ]
    if isinstance(question.choices, tuple):
        rows += [f"- `{c.value}`: {c.title}, {c.summary}" for c in question.choices]
    elif question.kind in {Kind.CHOICE, Kind.MANY}:
        rows += [f"- `{choice.value}`: {choice.title}" for choice in question.offered()]
    rows += [f"- `{name}`: {what}" for name, what in question.fields.items()]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
