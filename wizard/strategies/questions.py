"""What several strategies ask: kinds of keys, resolvers, an ACME directory's address."""

from typing import Final

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.questions import Choice, Kind, Problem, Question, Value

KEY_TYPES: Final = (
    Choice("ecdsa-p256", "ECDSA P-256", "the default of Pomerium and of the web"),
    Choice("ecdsa-p384", "ECDSA P-384", "where a policy asks for 192-bit strength"),
    Choice("rsa-2048", "RSA 2048", "for old clients"),
    Choice("rsa-3072", "RSA 3072", "RSA where a policy asks for 128-bit strength"),
    Choice("rsa-4096", "RSA 4096", "RSA where a policy asks for it; slow"),
)
"""The kinds of keys that certificates can have."""


def name_servers(value: Value, _answers: Answers) -> Problem | None:
    """A check for a list of name servers' addresses."""
    from wizard.dns.address import parse  # noqa: PLC0415  only where somebody names one

    wrong = [one for one in (value if isinstance(value, tuple) else ()) if parse(one) is None]
    return (
        Problem(
            "resolver",
            f"{wrong[0]!r} is not the address of a name server.",
            "Write an IP address, with a port where it is not 53: 192.0.2.53, [2001:db8::53]:5353.",
        )
        if wrong
        else None
    )


def directory_url(value: Value, answers: Answers) -> Problem | None:
    """A check for the address of an ACME directory."""
    problem = validation.https_url(value, answers)
    if problem is None and not str(value).startswith("https://"):
        return Problem(
            "directory-not-https",
            f"{value} is not protected by TLS, which ACME asks for (RFC 8555, 6.1).",
            "Write the directory's https:// address.",
        )
    return problem


RESOLVERS: Final = Question(
    "dns.resolvers",
    Kind.LIST,
    "Which resolvers are asked?",
    "This machine's own may show the zone as it is inside a company, not as the world sees it.",
    "ADDRESS or ADDRESS:PORT. None means the system's, then public ones, then DNS over HTTPS.",
    default=(),
    advanced=True,
    check=name_servers,
)
