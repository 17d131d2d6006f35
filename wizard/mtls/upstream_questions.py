"""What is asked about the applications behind Pomerium, and what an answer wants of a route."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.questions import Kind, Problem, Question, Value
from wizard.core.tables import Line

UPSTREAM: Final = "mtls.upstream"
LONGEST_STEM: Final = 200
"""File systems take names of at most 255 bytes, and more comes behind it."""
FIELDS: Final = {
    "from": "a route: its `from` in Pomerium's configuration",
    "ca": "a file with the authority of the application; the route then trusts no other",
    "certificate": "a file with the client certificate that Pomerium shows, and its issuers",
    "key": "a file with its key, without a passphrase",
    "server_name": "the name in the application's certificate, where its URL has another",
}
ENDS: Final = ("-ca.pem", "-client.pem", "-client-key.pem")
"""How the copies of a route's files end, in the order of their settings."""
PATHS: Final = ("ca", "certificate", "key")


def check(value: Value, _answers: Answers) -> Problem | None:
    """What is wrong with the tables, as far as they say it themselves."""
    lines = [one for one in value if isinstance(one, Line)] if isinstance(value, tuple) else []
    problems = (problem for one in lines for problem in _problems(one.table()))
    origins = [one.table().get("from", "") for one in lines]
    stems = list(map(stem, origins))
    again = (
        Problem("upstream-twice", f"{one} is named twice.", "Say all of a route in one table.")
        for one in origins
        if stems.count(stem(one)) > 1
    )
    return next(problems, None) or next(again, None)


def stem(origin: str) -> str:
    """How the files for a route are called: no two of them the same."""
    said = origin.partition("://")[2].lower().rstrip("/").removesuffix(":443")
    return re.sub(r"[^\w.-]", "_", said.replace("*", "_wildcard"))[:LONGEST_STEM]


def _problems(table: Mapping[str, str]) -> Iterator[Problem]:
    origin = table.get("from", "")
    if "://" not in origin:
        yield Problem(
            "upstream-from",
            f"{origin!r} is not the `from` of a route.",
            "Write it as the configuration has it: https://app.example.com",
        )
    if not any(table.get(name) for name in FIELDS if name != "from"):
        yield Problem(
            "upstream-empty",
            f"There is nothing to set for {origin}.",
            "Give ca, certificate and key, or server_name.",
        )
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if table.get(one) and not table.get(other):
            yield Problem(
                "upstream-half",
                f"For {origin} there is a {one} and no {other}.",
                f"Give {other} too: Pomerium shows a certificate with its key.",
            )
    for name in PATHS:
        problem = validation.absolute_path(table.get(name) or "/", Answers())
        if problem is not None:
            yield problem
    name = table.get("server_name", "")
    if name and not _is_name(name):
        yield Problem(
            "upstream-server-name",
            f"{name!r} is not a name that a certificate can have.",
            "Write a host without https://, such as app.internal.",
        )


def _is_name(name: str) -> bool:
    """Whether a certificate can be for this: a host, or an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", label) for label in name.split("."))
    return True


QUESTIONS: Final = (
    Question(
        UPSTREAM,
        Kind.TABLES,
        "Which applications use certificates of your own?",
        "Those with a private authority, and those that let in only who shows a client "
        "certificate.",
        "Give for each its route and what there is of the rest: https://app.example.com "
        "ca=/srv/ca.pem certificate=/srv/pomerium.pem key=/srv/pomerium-key.pem "
        "server_name=app.internal. The files are copied to where Pomerium's user can read them.",
        default=(),
        optional=True,
        advanced=True,
        check=check,
        fields=FIELDS,
    ),
)


def asked_for(answers: Answers) -> list["Wanted"]:
    """What the answers want of which routes."""
    value = answers.values.get(UPSTREAM)
    lines = value if isinstance(value, tuple) else ()
    return [Wanted.of(one) for one in lines if isinstance(one, Line)]


class Wanted(NamedTuple):
    """What a route is to have: its `from`, the files, a name; files are paths on this machine."""

    origin: str
    ca: Path | None
    certificate: Path | None
    key: Path | None
    server_name: str

    @classmethod
    def of(cls, line: Line) -> "Wanted":
        """What a table says."""
        table = line.table()
        ca, certificate, key = (table.get(name, "") for name in PATHS)
        return cls(
            table["from"],
            Path(ca) if ca else None,
            Path(certificate) if certificate else None,
            Path(key) if key else None,
            table.get("server_name", ""),
        )

    def settings(self, folder: Path) -> dict[str, str | Path]:
        """What its route says."""
        found: dict[str, str | Path] = {}
        ca, certificate, key = (folder / f"{stem(self.origin)}{end}" for end in ENDS)
        if self.ca:
            found["tls_custom_ca_file"] = ca
        if self.certificate:
            found["tls_client_cert_file"] = certificate
            found["tls_client_key_file"] = key
        if self.server_name:
            found["tls_upstream_server_name"] = self.server_name
        return found
