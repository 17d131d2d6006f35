"""What an authority's refusal means and what to do next, in plain words (RFC 8555, 6.7)."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from wizard.core.errors import ExitCode, WizardError

PREFIX: Final = "urn:ietf:params:acme:error:"
TOO_MANY, UNAVAILABLE = 429, 500
GONE: Final = frozenset({404, 410})

NEXT: Final[Mapping[str, tuple[str, str]]] = {
    "accountDoesNotExist": ("does not know this account", "Run again: a new one is made."),
    "alreadyReplaced": ("has renewed that certificate already", "Run again."),
    "alreadyRevoked": ("has revoked that certificate already", "There is nothing left to do."),
    "badCSR": ("refuses the certificate request", "Check names and dns_01.key_type."),
    "badNonce": ("keeps refusing nonces", "Run again in a minute; the order is kept."),
    "badPublicKey": ("refuses the kind of key", "Choose another dns_01.key_type."),
    "badSignatureAlgorithm": ("does not take ECDSA signatures", "Choose another authority."),
    "caa": (
        "is forbidden by the domain's CAA records",
        "Add a CAA record that names this authority, or choose another one.",
    ),
    "connection": ("could not reach the name servers", "See whether the world can reach them."),
    "dns": (
        "could not look the record up",
        "See whether the zone's name servers answer from everywhere, over UDP and TCP.",
    ),
    "externalAccountRequired": (
        "wants an external account (EAB)",
        "Set dns_01.eab_key_id and dns_01.eab_hmac_key from its web site.",
    ),
    "incorrectResponse": (
        "did not see the value it asked for",
        (
            "Wait for the old record's TTL, remove other values, and run again: new values will be "
            "shown, for a failed order cannot be gone on with."
        ),
    ),
    "invalidContact": ("refuses the e-mail address", "Mend or leave out dns_01.email."),
    "invalidProfile": ("does not offer that profile", "Leave dns_01.profile out."),
    "malformed": ("does not understand the request", "Please report this with the detail."),
    "orderNotReady": ("says that the order is not ready", "Run again."),
    "rateLimited": ("has had too many requests", "Wait as long as it says and run again."),
    "rejectedIdentifier": (
        "does not certify this name",
        "Its policy forbids it. Use another name or another authority.",
    ),
    "serverInternal": ("has a trouble of its own", "Run again in some minutes."),
    "unauthorized": (
        "does not accept the proof",
        "Look at the detail: mostly a wrong or an old TXT value. Run again for new values.",
    ),
    "unsupportedContact": ("takes no such contact", "Give a plain e-mail address, or none."),
    "unsupportedIdentifier": ("does not certify this kind of name", "Use DNS names."),
    "userActionRequired": (
        "wants you to do something first",
        "Open the page that its message names, mostly new terms to accept, then run again.",
    ),
}

SAID: Final = (
    (
        r"(?i)account\b.*\bdeactivated",
        "The authority has closed this account",
        "Move its directory below accounts/ in the state directory away, and run again.",
    ),
    (
        r"During secondary validation",
        "Some of the places that the authority looks from did not see the record",
        "See whether every name server answers from the whole world, by v4 and v6, then run again.",
    ),
    (
        r"DNSSEC|Bogus",
        "The zone's DNSSEC signatures do not verify",
        "Compare the DS records at the registrar with the keys of the DNS provider.",
    ),
    (
        r"NXDOMAIN looking up TXT",
        "The authority found no such name",
        "Somebody removed the record, or caches are behind: wait for the negative TTL, run again.",
    ),
    (
        r"No TXT record found at",
        "The authority found the name but no TXT record",
        "Keep the records until the order is through; run again, for it needs new values.",
    ),
    (
        r"Incorrect TXT record",
        "The authority saw another value",
        "Remove old TXT records at the name, wait for their TTL and run again for new values.",
    ),
    (
        r"SERVFAIL looking up CAA|looking up CAA",
        "The authority could not look up CAA records",
        "Name servers must answer questions for CAA, if only with nothing: mend or change them.",
    ),
    (
        r"SERVFAIL",
        "The zone's name servers failed when the authority asked",
        "See their logs, and whether DNSSEC and the delegation are right.",
    ),
    (
        r"query timed out|timed out",
        "The zone's name servers did not answer the authority in time",
        "Open port 53 for UDP and TCP to the whole world, and see whether one server is down.",
    ),
)
"""What an authority writes, mostly of a proof that failed, its cause and the next step.

The texts are those of Boulder (va/dns.go, bdns/problem.go) and, of accounts, of Pebble as well.
"""


class RefusedError(WizardError):
    """What an authority refused; `detail` is its own words for it."""

    exit_code = ExitCode.REFUSED_BY_AUTHORITY

    def __init__(self, code: str, summary: str, hint: str, detail: str = "") -> None:
        super().__init__(code, summary, hint)
        self.detail = detail


def refused(
    status: int,
    problem: Mapping[str, object],
    url: str,
    retry_after: float | None,
    now: datetime,
) -> RefusedError:
    """The error for an HTTP answer that refuses."""
    kind, detail = kind_of(problem), str(problem.get("detail", "")).rstrip(".")
    until = f" It may be tried again at {_at(retry_after, now)}." if retry_after else ""
    if kind == "rateLimited" or status == TOO_MANY:
        return RefusedError(
            "rate-limited",
            f"The authority has had too many requests: {detail or f'HTTP {status} from {url}'}.",
            f"Wait and run again; nothing is lost.{until}",
        )
    if status >= UNAVAILABLE and not kind.startswith("un"):
        return RefusedError(
            "authority-busy",
            f"The authority cannot answer now: {detail or f'HTTP {status} from {url}'}.",
            f"Nothing is lost; run again in some minutes.{until}",
        )
    if not kind:
        return RefusedError(
            "acme-not-found" if status in GONE else "directory-not-acme",
            f"{url} answers with HTTP {status}, and not as an ACME server does.",
            "Check dns_01.directory_url.",
        )
    return told(problem, "The authority")


def told(problem: Mapping[str, object], who: str, identifier: str = "") -> RefusedError:
    """The error for a problem document: which, what it means, what the authority says, the fix.

    Args:
        problem: the document (RFC 7807).
        who: the authority, to begin a sentence with.
        identifier: whose proof it is about.
    """
    kind, detail = kind_of(problem), str(problem.get("detail", "")).rstrip(".")
    meaning, hint = NEXT.get(kind, ("refuses", "Its message says why."))
    parts = problem.get("subproblems")
    named = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    more = "".join(f"; {_name(part)}{str(part.get('detail', '')).rstrip('.')}" for part in named)
    says = f"{who} {meaning}"
    for pattern, cause, step in SAID:
        if re.search(pattern, detail):
            says, hint = cause, step
            break
    return RefusedError(
        f"acme-{_kebab(kind)}" if kind else "acme-refused",
        f"{identifier}{': ' if identifier else ''}{says}: {detail}{more}.",
        hint,
        detail,
    )


def unproved(body: Mapping[str, object], identifier: str, who: str) -> RefusedError:
    """The error for an authorization that failed."""
    challenges = body.get("challenges")
    for found in challenges if isinstance(challenges, list) else []:
        problem = found.get("error") if isinstance(found, dict) else None
        if isinstance(problem, dict) and kind_of(problem):
            return told(problem, who, identifier)
    return RefusedError(
        "authorization-failed",
        f"{who} says that the proof for {identifier} is {body.get('status')}, and not why.",
        "Run again: a new order is made, with new values to publish.",
    )


def dead(problem: object, status: str, who: str) -> RefusedError:
    """The error for an order that leads nowhere any more; `problem` is the order's, if it has."""
    if isinstance(problem, dict):
        return told(problem, who)
    return RefusedError(
        "order-dead",
        f"{who} says that the order is {status}.",
        "Run again: a new order is made, with new values to publish.",
    )


def kind_of(problem: Mapping[str, object]) -> str:
    """The problem's type without its prefix, such as `badCSR`; empty for another's."""
    found = str(problem.get("type", ""))
    return found.removeprefix(PREFIX) if found.startswith(PREFIX) else ""


def _name(part: Mapping[str, object]) -> str:
    identifier = part.get("identifier")
    return f"{identifier.get('value')}: " if isinstance(identifier, dict) else ""


def _kebab(kind: str) -> str:
    return "".join(f"-{sign.lower()}" if sign.isupper() else sign for sign in kind).replace(
        "c-s-r", "csr"
    )


def _at(seconds: float, now: datetime) -> str:
    return f"{now + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
