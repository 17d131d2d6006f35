"""What dns-lexicon's providers need to know, as questions made from how it describes them itself.

One that the library learns about is known here too. Nothing of it is loaded before it is chosen.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.nearest import nearest
from wizard.core.questions import Choice, Kind, Problem, Question, Value, fine

if TYPE_CHECKING:
    import argparse

    from lexicon.interfaces import Provider as Library

LEXICON: Final = "lexicon"
PREFIX: Final = "dns_01.provider."
VARIABLE: Final = "POMCERT_DNS_01_PROVIDER_"
# The public client is no way to them: it guesses a name's zone from a list that it downloads, and
# nothing public names the providers or their options.
MODULES: Final = "lexicon._private.providers"
GUESSES: Final = "auto"
"""A provider of the library that looks for another; a person knows better."""
FOR_SRV: Final = frozenset({"port", "weight"})
PLAIN: Final = frozenset(
    {
        *("account", "entrypoint", "file", "fingerprint", "global", "id", "ip", "profile"),
        *("region", "sandbox", "server", "subid", "subuser", "tenancy", "type", "user", "username"),
    }
)
"""How the name of an option ends that is no secret though it begins with auth_."""
HIDDEN: Final = frozenset({"key", "pass", "password", "secret", "token"})
MAYBE: Final = "(?!tsig_|cleanup_)[a-z0-9]+(_[a-z0-9]+)+"
"""How an option may be called, as far as one can tell without the library."""
WRAPPED: Final = "base64::"
"""What some options want in front of a file's content, and say so in their description."""
INSTALL: Final = (
    "Run: pip install 'pomcert-wizard[lexicon]' (pipx: pipx inject pomcert-wizard "
    "'dns-lexicon>=3.25,<4')."
)


class Option(NamedTuple):
    """One option of one provider: a question, and how the library takes its answer."""

    name: str
    question: Question
    convert: Callable[[str], object]
    is_secret: bool
    is_wrapped: bool


@cache
def providers() -> tuple[str, ...]:
    """The names of the providers; loads nothing of the library.

    Raises:
        UsageError: `lexicon-missing`.
    """
    from importlib.util import find_spec  # noqa: PLC0415  only where it was chosen
    from pkgutil import iter_modules  # noqa: PLC0415

    spec = find_spec(LEXICON)
    places = spec.submodule_search_locations if spec else None
    inside = [f"{place}/_private/providers" for place in places or ()]
    found = sorted({module.name for module in iter_modules(inside)} - {"base", GUESSES})
    if not found:
        raise UsageError(
            "lexicon-missing",
            "The library dns-lexicon is not installed, or in a version that is not known here.",
            INSTALL,
        )
    return tuple(found)


def options(provider: str) -> tuple[Question, ...]:
    """What a provider has to be told, each asked only where that provider is chosen.

    Raises:
        UsageError: `lexicon-missing`.
        ImportError: there is no such provider.
    """
    return tuple(option.question for option in described(provider))


def chosen_options(given: Answers) -> tuple[Question, ...]:
    """What the provider that was chosen has to be told; nothing while none is."""
    chosen = given.text(PROVIDER.key)
    good = _chosen(given) and chosen and PROVIDER.check(chosen, given) is None
    return options(chosen) if good else ()


def known_option(key: str) -> Question | None:
    """The question of that key, of whichever providers have it; None where none has.

    Loads the library where the key may be one of its; without it such a key gets a question whose
    every answer is refused with how to install it.
    """
    name = key.removeprefix(PREFIX)
    if name == key or not re.fullmatch(r"[a-z][a-z\d_]*", name):
        return None
    try:
        return _every().get(name)
    except UsageError as error:
        missing = Problem(error.code, error.summary, error.hint)
    if not re.fullmatch(MAYBE, name):
        return None
    return Question(key, Kind.TEXT, name, "", "", check=lambda _value, _answers: missing)


def known_options(name: str) -> Mapping[str, Question]:
    """The questions of all providers, by key, where a key or a variable may mean one of them.

    For the table itself with which providers there are, or without the library with a pattern.
    """
    key = PREFIX + name.removeprefix(VARIABLE).lower() if name.startswith(VARIABLE) else name
    if not key.startswith(PREFIX):
        return {}
    try:
        found = {question.key: question for question in _every().values()}
    except UsageError as error:
        if key == PREFIX:
            what = "An option of dns-lexicon"
            return {PREFIX + MAYBE: Question(key, Kind.TEXT, what, error.summary, error.hint)}
        one = known_option(key)
        return {key: one} if one else {}
    if key == PREFIX:
        names = tuple(Choice(name, name) for name in providers())
        found[PROVIDER.key] = PROVIDER._replace(kind=Kind.CHOICE, choices=names)
    return found


def load(provider: str) -> "type[Library]":
    """The library's class of a provider.

    Raises:
        UsageError: `lexicon-missing`.
        ImportError: there is no such provider.
    """
    from importlib import import_module  # noqa: PLC0415  as above

    providers()
    return cast("type[Library]", import_module(f"{MODULES}.{provider}").Provider)


@cache
def described(provider: str) -> tuple[Option, ...]:
    """The options of a provider.

    Raises:
        UsageError: `lexicon-missing`.
        ImportError: there is no such provider.
    """
    import argparse  # noqa: PLC0415  as above

    parser = argparse.ArgumentParser(add_help=False)
    load(provider).configure_parser(parser)
    found = [one for one in parser._actions if one.dest not in FOR_SRV]  # noqa: SLF001  no other way
    secrets = [one.dest for one in found if is_secret(one.dest)]
    more = " ".join((parser.description or "").split())
    made: list[Option] = []
    for action in found:
        # It does not say what it cannot do without, but with one secret that is clear.
        question = _question(provider, action, is_needed=secrets == [action.dest])
        if not made and more:
            question = question._replace(help=f"{question.help} {more}")
        convert = cast("Callable[[str], object]", action.type or str)
        is_wrapped = WRAPPED in (action.help or "")
        made.append(Option(action.dest, question, convert, is_secret(action.dest), is_wrapped))
    return tuple(made)


def is_secret(option: str) -> bool:
    """Whether an option of that name may be seen by nobody; in doubt it may not."""
    words = option.split("_")
    if words[-1] in PLAIN:
        return False
    return words[0] == "auth" or not HIDDEN.isdisjoint(words)


def _question(provider: str, action: "argparse.Action", *, is_needed: bool) -> Question:
    """An option as a question; its description is the library's own."""
    name = action.dest.removeprefix("auth_").replace("_", " ")
    said = " ".join((action.help or name).split()).removeprefix("specify ")
    # How the library wants a file instead of a secret is no matter of the person's.
    said = (said.partition(": ")[0] if WRAPPED in said else said).rstrip(".")
    key = PREFIX + action.dest
    asked = Question(
        key,
        Kind.TEXT,
        f"Which {name}, for {provider}?",
        f"{said[:1].upper()}{said[1:]}.",
        "Empty leaves it out.",
        default="" if action.default is None else str(action.default),
        optional=True,
        when=lambda answers: _chosen(answers) and answers.text(PROVIDER.key) == provider,
        check=_text,
    )
    if action.nargs == 0:
        return asked._replace(
            kind=Kind.FLAG,
            prompt=f"{name.capitalize()}, for {provider}?",
            help="Mostly it is not.",
            default=False,
            check=fine,
        )
    if action.choices is not None:
        offered = tuple(Choice(str(one), str(one)) for one in action.choices)
        return asked._replace(kind=Kind.CHOICE, choices=offered)
    if is_secret(action.dest):
        return asked._replace(
            prompt=f"Where is the {name} for {provider}?",
            help="env:NAME or file:/PATH; the secret itself never stands in answers.",
            default=None if is_needed else "",
            optional=not is_needed,
            check=validation.secret_reference,
        )
    return asked


@cache
def _every() -> dict[str, Question]:
    """One question for each option there is; where providers differ it takes what any of them does.

    Raises:
        UsageError: `lexicon-missing`.
    """
    found: dict[str, dict[str, Question]] = {}
    for provider in providers():
        try:
            described_here = described(provider)
        except ImportError:
            continue  # it needs a library that is not there
        for option in described_here:
            found.setdefault(option.name, {})[provider] = option.question
    return {name: _merged(questions) for name, questions in found.items()}


def _merged(asked: Mapping[str, Question]) -> Question:
    """The question for an option that several providers have."""
    kinds = (Kind.FLAG, Kind.TEXT, Kind.CHOICE)
    one = min(asked.values(), key=lambda question: kinds.index(question.kind))
    choices = dict.fromkeys(choice for each in asked.values() for choice in each.offered())
    one = one._replace(when=_chosen, choices=tuple(choices))
    if len(asked) == 1:
        return one
    return one._replace(
        prompt=re.sub(r",? for \S+\?$", "?", one.prompt),
        why=f"For {', '.join(asked)}.",
        # The others go on with what only one provider has to say.
        help=min((each.help for each in asked.values()), key=len),
        default=False if one.kind is Kind.FLAG else "",
        optional=True,
    )


def _chosen(answers: Answers) -> bool:
    return answers.text(f"{PREFIX}name") == LEXICON


def _provider(value: Value, _answers: Answers) -> Problem | None:
    try:
        known = providers()
    except UsageError as error:
        return Problem(error.code, error.summary, error.hint)
    name = str(value)
    if name not in known:
        near = nearest(name, known)
        hint = f"Did you mean {near}?" if near else f"One of: {', '.join(known)}."
        return Problem("lexicon-unknown", f"dns-lexicon knows no provider {name!r}.", hint)
    from lexicon._private.discovery import find_providers  # noqa: PLC0415  as above

    if not find_providers()[name]:
        summary = f"dns-lexicon needs more libraries for {name}."
        return Problem("lexicon-extra-missing", summary, f"Run: pip install 'dns-lexicon[{name}]'")
    return None


def _text(value: Value, answers: Answers) -> Problem | None:
    """A URL may have no password in it; any other text may be right."""
    return validation.https_url(value, answers) if "://" in str(value) else None


PROVIDER: Final = Question(
    PREFIX + "provider",
    Kind.TEXT,
    "Who hosts the zone?",
    "Their API is called through the library dns-lexicon, which knows some ninety providers.",
    "A name such as cloudflare, digitalocean, gandi, hetzner, ovh, powerdns or route53. Of a name "
    "that is not known you are told which ones are.",
    when=_chosen,
    check=_provider,
)
