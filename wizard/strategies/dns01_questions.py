"""What dns-01 asks: whose certificate, how the records get into DNS, what the certificate is."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from wizard.acme.authorities import AUTHORITIES, Authority, custom
from wizard.core import registry, validation
from wizard.core.answers import Answers
from wizard.core.flow import Step
from wizard.core.questions import Choice, Kind, Problem, Question, Value
from wizard.dns.providers.lexicon_options import chosen_options
from wizard.pki.names import MOST_NAMES
from wizard.strategies.questions import KEY_TYPES, RESOLVERS, directory_url, name_servers

if TYPE_CHECKING:
    from wizard.dns.providers.base import Provider

CUSTOM: Final = "custom"
USUAL: Final = "letsencrypt"
MANUAL: Final = "manual"
LONGEST_WAIT: Final = timedelta(days=7)


def steps(given: Answers) -> Sequence[Step]:
    """The questions, grouped as screens; of a library's providers those of the one chosen."""
    every = [question for name in registry.PROVIDERS for question in provider(name).questions()]
    every += chosen_options(given)
    return (
        Step("authority", "Authority", AUTHORITY),
        Step("dns", "DNS", (PROVIDER, *every, *DNS)),
        Step("certificate", "Certificate", CERTIFICATE),
    )


@cache
def provider(name: str) -> "type[Provider]":
    """A DNS provider by its name in answers."""
    return cast("type[Provider]", registry.load(registry.PROVIDERS, name))


def authority(answers: Answers) -> Authority:
    """The authority chosen; the usual one as long as none is."""
    name = answers.text("dns_01.authority")
    if name == CUSTOM:
        return custom(answers.text("dns_01.directory_url"))
    return AUTHORITIES.get(name, AUTHORITIES[USUAL])


def _is_custom(answers: Answers) -> bool:
    return answers.text("dns_01.authority") == CUSTOM


def _has_eab(answers: Answers) -> bool:
    name = answers.text("dns_01.authority")
    return name == CUSTOM or (name in AUTHORITIES and AUTHORITIES[name].needs_eab)


def _needs_eab(answers: Answers) -> bool:
    return _has_eab(answers) and not _is_custom(answers)


def can_rehearse(answers: Answers) -> bool:
    """Whether the authority has another one for tests."""
    name = answers.text("dns_01.authority")
    return name in AUTHORITIES and bool(AUTHORITIES[name].staging)


def is_manual(answers: Answers) -> bool:
    """Whether a person publishes the records."""
    return answers.text("dns_01.provider.name") in {"", MANUAL}


def _accepted(value: Value, answers: Answers) -> Problem | None:
    if value is True:
        return None
    page = "" if _is_custom(answers) else authority(answers).terms
    return Problem(
        "terms-not-accepted",
        "Without a yes to the authority's terms there is no certificate.",
        f"Read them: {page}" if page else "Its directory names the page where they stand.",
    )


def _eab(value: Value, answers: Answers) -> Problem | None:
    if value == "" and _needs_eab(answers):
        return Problem(
            "eab-missing",
            f"{authority(answers).title} ties accounts to one that you have there already (EAB).",
            "Its web site gives a key id and an HMAC key; write where they are: env:NAME, "
            "file:/PATH.",
        )
    return None if value == "" else validation.secret_reference(value, answers)


def _wait(value: Value, _answers: Answers) -> Problem | None:
    span = timedelta() if value == "0" else validation.duration(str(value))
    if span is not None and span <= LONGEST_WAIT:
        return None
    return Problem(
        "wait", f"{value!r} is not how long to wait.", "Write it like 30m or 2h; 0 does not wait."
    )


def _profile(value: Value, answers: Answers) -> Problem | None:
    most = MOST_NAMES
    if not _is_custom(answers):
        most = authority(answers).most_names.get(str(value), MOST_NAMES)
    count = len(answers.texts("names"))
    if count <= most:
        return None
    return Problem(
        "names-too-many",
        f"{count} names are too many for the profile {value} of {authority(answers).title}.",
        f"Use at most {most} names, or leave dns_01.profile empty.",
    )


def _authorities() -> tuple[Choice, ...]:
    known = tuple(Choice(one.id, one.title, one.summary) for one in AUTHORITIES.values())
    return (*known, Choice(CUSTOM, "Another one", "any directory that speaks ACME (RFC 8555)"))


AUTHORITY: Final = (
    Question(
        "dns_01.authority",
        Kind.CHOICE,
        "Which authority should issue the certificate?",
        "Let's Encrypt is free and trusted everywhere; its staging is for practice only.",
        "Certificates of a staging authority are like real ones, but no browser trusts them.",
        default=USUAL,
        choices=_authorities,
    ),
    Question(
        "dns_01.directory_url",
        Kind.TEXT,
        "Where is the authority's directory?",
        "It is the one address that an ACME authority is known by.",
        "It begins with https:// and often ends in /directory.",
        when=_is_custom,
        check=directory_url,
    ),
    Question(
        "dns_01.ca_bundle",
        Kind.PATH,
        "Which root vouches for the directory itself?",
        "An authority inside a company often has a TLS certificate of its own making.",
        "A PEM file. Empty means what this machine's Python trusts.",
        default="",
        optional=True,
        when=_is_custom,
        check=validation.absolute_path,
    ),
    Question(
        "dns_01.accept_terms",
        Kind.FLAG,
        "Do you accept the authority's terms of service?",
        "Every authority asks for it before it opens an account.",
        "Let's Encrypt's stand at https://letsencrypt.org/repository/ and others' on their sites.",
        default=False,
        check=_accepted,
    ),
    Question(
        "dns_01.email",
        Kind.TEXT,
        "An e-mail address for the account?",
        "Some authorities write before a certificate ends; Let's Encrypt no longer does.",
        "It is sent to the authority and to nobody else.",
        default="",
        optional=True,
        check=validation.email,
    ),
    Question(
        "dns_01.eab_key_id",
        Kind.TEXT,
        "Where is the key id of your account there (EAB)?",
        "This authority ties ACME accounts to one that you have with it.",
        "env:NAME or file:/PATH. Its web site shows the key id and the HMAC key together.",
        default="",
        optional=True,
        when=_has_eab,
        check=_eab,
    ),
    Question(
        "dns_01.eab_hmac_key",
        Kind.TEXT,
        "Where is the HMAC key that belongs to it (EAB)?",
        "It proves that the account is yours.",
        "env:NAME or file:/PATH; the key itself never stands in answers.",
        default="",
        optional=True,
        when=_has_eab,
        check=_eab,
    ),
)

PROVIDER: Final = Question(
    "dns_01.provider.name",
    Kind.CHOICE,
    "Who publishes the DNS records?",
    "Only a provider that the wizard can reach lets it renew without you.",
    "By hand you paste two or three values into your DNS provider's web form, and they are watched "
    "until every name server has them.",
    default=MANUAL,
    choices=lambda: tuple(
        Choice(info.id, info.title, info.summary)
        for info in (provider(name).info for name in registry.PROVIDERS)
    ),
)

DNS: Final = (
    Question(
        "dns_01.rehearse",
        Kind.FLAG,
        "Rehearse with the authority's staging first?",
        "A mistake then costs none of the few tries that the real one allows.",
        "By hand it means pasting every value twice, so it is off there unless you say yes.",
        default=lambda answers: not is_manual(answers),
        when=can_rehearse,
        advanced=True,
    ),
    Question(
        "dns_01.wait",
        Kind.TEXT,
        "How long may a run without a person wait for the records?",
        "After that it ends, and the next run goes on with the same records.",
        "Write 30m or 2h. 0 prints the records and ends at once with exit code 3.",
        default="30m",
        advanced=True,
        check=_wait,
    ),
    RESOLVERS,
    Question(
        "dns.authoritative",
        Kind.LIST,
        "Which name servers hold the zone?",
        "Found out by themselves, unless another view of the zone is meant.",
        "ADDRESS or ADDRESS:PORT: only these are asked, and nothing is looked up. For split "
        "horizons and laboratories.",
        default=(),
        advanced=True,
        check=name_servers,
    ),
)

CERTIFICATE: Final = (
    Question(
        "dns_01.key_type",
        Kind.CHOICE,
        "Which kind of key?",
        "P-256 is fast and accepted everywhere; RSA is for clients from before 2012.",
        "A new key is made with every certificate.",
        default="ecdsa-p256",
        choices=KEY_TYPES,
        advanced=True,
    ),
    Question(
        "dns_01.profile",
        Kind.TEXT,
        "Which of the authority's profiles?",
        "A profile decides how long the certificate lives and how long you have for the records.",
        "Empty means classic where it is offered, else the authority's own choice. Let's Encrypt: "
        "classic leaves a week to publish records, tlsserver and shortlived one hour, which is "
        "little by hand.",
        default="",
        optional=True,
        check=_profile,
        advanced=True,
    ),
    Question(
        "dns_01.challenge",
        Kind.CHOICE,
        "How is the domain proved?",
        "dns-01 is what every authority offers.",
        "dns-persist-01 is experimental: one record that stays, and renewals need no DNS access.",
        default="dns-01",
        choices=(
            Choice("dns-01", "A record for each order", "RFC 8555, 8.4"),
            Choice("dns-persist-01", "One record that stays", "experimental; few authorities"),
        ),
        advanced=True,
    ),
)
