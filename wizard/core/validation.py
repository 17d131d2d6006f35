"""Checks of single answers: None, or the problem in words."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import PurePath
from urllib.parse import urlsplit

from wizard.core.answers import AUTO, Answers
from wizard.core.nearest import nearest
from wizard.core.questions import Kind, Problem, Question, Value
from wizard.core.secrets import is_reference
from wizard.core.tables import Line, shape

HIGHEST_PORT = 65535
UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def check(question: Question, value: Value, answers: Answers) -> Problem | None:
    """What is wrong with an answer, or None; a list may be empty where its question says so."""
    chosen = question.kind in {Kind.CHOICE, Kind.MANY}
    if value == "":
        hint = f"{question.prompt} {_every(question) if chosen else question.help}"
        return None if question.optional else Problem(question.absent, "There is no answer.", hint)
    # What can be chosen is looked up on the whole machine: never for an answer that names nothing.
    if chosen and value not in {AUTO, ()}:
        items = value if isinstance(value, tuple) else (str(value),)
        problem = next(filter(None, (_not_a_choice(item, question) for item in items)), None)
        if problem is not None:
            return problem
    for line in value if isinstance(value, tuple) else ():
        problem = _not_a_table(line, question) if isinstance(line, Line) else None
        if problem is not None:
            return problem
    return question.check(value, answers)


def _not_a_table(line: Line, question: Question) -> Problem | None:
    first = next(iter(question.fields))
    hint = f"Write it like: {shape(question.fields)}"
    names = [name for name, _ in line.pairs()]
    for name in names:
        if name not in question.fields:
            near = nearest(name, question.fields, 0.4)
            more = f"Did you mean {near}?" if near else hint
            return Problem("table-field", f"Nothing is called {name} in {str(line)!r}.", more)
        if names.count(name) > 1:
            return Problem("table-field", f"{str(line)!r} says {name} twice.", hint)
    if first not in names:
        return Problem("table-field", f"{str(line)!r} does not say {first}.", hint)
    return None


def _not_a_choice(item: str, question: Question) -> Problem | None:
    if item in question.among:
        return None
    offered = {choice.value: choice for choice in question.offered()}
    if item in offered:
        reason = offered[item].unavailable
        return Problem("unavailable", f"{item}: {reason}.", "Choose another.") if reason else None
    if (item,) == AUTO:
        return Problem("not-a-choice", "auto stands for all there is.", "Give it alone.")
    near = nearest(item, offered, 0.4)
    hint = f"Did you mean {near}?" if near else _every(question)
    return Problem("not-a-choice", f"{item!r} cannot be chosen.", hint)


def _every(question: Question) -> str:
    return f"One of: {', '.join(choice.value for choice in question.offered())}."


def duration(text: str) -> timedelta | None:
    """`90d`, `36h` or `30m` as a time span; None when it is none of these."""
    match = re.fullmatch(r"([0-9]{1,6})([dhm])", text)
    return timedelta(**{UNITS[match[2]]: int(match[1])}) if match else None


def lifetime(longest: timedelta) -> Callable[[Value, Answers], Problem | None]:
    """A check for a certificate's lifetime: at least an hour, at most `longest`."""

    def check(value: Value, _answers: Answers) -> Problem | None:
        span = duration(str(value))
        if span is None:
            return Problem(
                "lifetime", f"{value!r} is not a time span.", "Write it like 90d or 36h."
            )
        if not timedelta(hours=1) <= span <= longest:
            return Problem(
                "lifetime", f"{value} is out of range.", f"Choose 1h to {longest.days}d."
            )
        return None

    return check


def absolute_path(value: Value, _answers: Answers) -> Problem | None:
    """Pomerium takes paths as they are and resolves relative ones against its own directory."""
    text = str(value)
    if re.search(r"[\x00-\x1f\x7f-\x9f]", text):
        return Problem("path", "The path has a control character in it.", "Type it again.")
    if text.startswith("~") or "$" in text:
        return Problem(
            "path",
            f"{text} would not be expanded by Pomerium.",
            "Write the path out from the root.",
        )
    return (
        None
        if PurePath(text).is_absolute()
        else Problem("path", f"{text!r} is not an absolute path.", "Start it with /.")
    )


def email(value: Value, _answers: Answers) -> Problem | None:
    """One address, as Pomerium's policy language compares it."""
    if re.fullmatch(r"[^\s@\"<>]+@[^\s@\"'<>]+\.[^\s@\"'<>]+", str(value)):
        return None
    return Problem(
        "email", f"{value!r} is not an e-mail address.", "Write it like you@example.com."
    )


def secret_reference(value: Value, _answers: Answers) -> Problem | None:
    """Where a secret is, never the secret itself: answers are saved and shown."""
    if is_reference(str(value)):
        return None
    return Problem(
        "secret-reference",
        "That does not say where the secret is.",
        "Write env:NAME or file:/PATH; the secret itself does not belong into an answer.",
    )


def listen_address(value: Value, _answers: Answers) -> Problem | None:
    """`HOST:PORT`, `:PORT` or `[IPv6]:PORT`, as Go's net.Listen takes it."""
    match = re.fullmatch(r"(\[[\da-fA-F:.]+\]|[\w.-]*):(\d{1,5})", str(value), re.ASCII)
    if match is not None and 0 < int(match[2]) <= HIGHEST_PORT:
        return None
    return Problem(
        "address",
        f"{value!r} is not an address to listen on.",
        "Write a port as :443, or an address and a port as 127.0.0.1:8443.",
    )


def https_url(value: Value, _answers: Answers) -> Problem | None:
    """A URL with a scheme that Pomerium serves or reaches."""
    try:
        parts = urlsplit(str(value))
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_ok = urlsplit(""), False
    if parts.password:
        return Problem(
            "url-password",
            "The URL has a password in it, which answers and records would show.",
            "Leave it out here, and write it into Pomerium's configuration afterwards.",
        )
    if parts.scheme in {"https", "http"} and parts.hostname and port_ok:
        return None
    return Problem("url", f"{value!r} is not a URL.", "Write it like https://host.example.com.")
