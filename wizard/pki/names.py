"""Host names for certificates: what may stand in a SAN, in A-labels, and what would be refused."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from wizard.core.questions import Problem

MOST_NAMES = 100
"""Certificate authorities take a hundred names; a longer list also bloats every handshake."""

LONGEST_NAME = 253
LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def normalise(name: str) -> str:
    """A name as it stands in a certificate: lower case, A-labels (RFC 5891), no trailing dot.

    A name that IDNA 2008 refuses comes back as it was; `problem` then says so.
    """
    name = name.strip().lower()
    if name.isascii():
        return name.rstrip(".") or name
    import idna  # noqa: PLC0415  only a name in another script needs it

    star, base = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    try:
        return star + idna.encode(base, uts46=True).decode().rstrip(".")
    except idna.IDNAError:
        return name


def problem(name: str) -> Problem | None:
    """What is wrong with a normalised name, or None.

    One label may be a wildcard, the leftmost (RFC 6125, 6.4.3), and not directly below a public
    suffix or a single label, where browsers refuse it.
    """
    return next(_faults(name), None)


def _faults(name: str) -> Iterator[Problem]:
    """Everything wrong with a name; only the first is sure to make sense."""
    base = name.removeprefix("*.")
    labels = base.split(".")
    if not base.isascii() or any(lab[2:4] == "--" and not _is_a_label(lab) for lab in labels):
        yield Problem(
            "name-idna",
            f"{name} is not a valid internationalised name.",
            "Check its spelling; only letters and digits of a script may stand in it.",
        )
    if "*" in base:
        yield Problem(
            "name-wildcard",
            f"{name} has a wildcard that is not its whole first label.",
            "One star, at the front: *.example.com",
        )
    if re.fullmatch(r"\d[\d.]*|[\da-f:]*:[\da-f:.]*|\[[\da-f:.]+\](:\d*)?", base):
        yield Problem(
            "name-is-address", f"{name} is an IP address.", "Pomerium routes by host name; use one."
        )
    if len(name) > LONGEST_NAME or not all(LABEL.fullmatch(label) for label in labels):
        yield Problem("name-invalid", f"{name!r} is not a host name.", _spelling(name))
    # Browsers take it for an IPv4 address (WHATWG URL, "ends in a number").
    if re.fullmatch(r"\d+|0x[\da-f]*", labels[-1]):
        yield Problem("name-invalid", f"{name} ends in a number.", "No top-level domain does.")
    if name.startswith("*.") and len(labels) == 1:
        yield Problem(
            "name-single-label-wildcard",
            f"{name} would be refused by browsers: a wildcard needs two labels behind it.",
            f"Use a longer name, such as *.example.{base}.",
        )
    if base != "localhost" and is_public_suffix(base):
        yield Problem(
            "name-public-suffix",
            f"{base} is a public suffix: many owners share it.",
            f"Use a name below it, such as *.example.{base}.",
        )
    if len(labels) == 1 and base != "localhost":
        yield Problem(
            "name-single-label",
            f"{name} is a single label, which means another host on every network.",
            "Use its full name, such as host.example.com.",
        )


def _spelling(name: str) -> str:
    """What would be a host name, for somebody who pasted a URL or an e-mail address."""
    if not name:
        return "A name is empty: write it out, or remove it."
    if any(mark in name for mark in "/:@,"):
        host = re.split(r"[/:?#,]", re.sub(r"^[a-z]+://|^.*@", "", name))[0]
        return f"Give the host alone, one name at a time: {host}"
    return (
        "Letters, digits and hyphens, parts of at most 63 joined by dots, "
        f"at most {LONGEST_NAME} in all."
    )


def problems(names: Sequence[str]) -> Problem | None:
    """What is wrong with a list of normalised names, or None."""
    if not names:
        return Problem("names-missing", "No name was given.", "Name at least one host.")
    if len(names) > MOST_NAMES:
        return Problem(
            "names-too-many",
            f"{len(names)} names are too many for one certificate.",
            f"Use at most {MOST_NAMES}; one wildcard covers every host of a domain.",
        )
    return next((found for found in map(problem, names) if found), None)


def host_of(name: str) -> str:
    """A host that a name is good for, to try it out: `verify` below a wildcard."""
    below = name.removeprefix("*.")
    label = "verify" if len(below) < LONGEST_NAME - len("verify") else "v"
    return name if below == name else f"{label}.{below}"


def covers(pattern: str, host: str) -> bool:
    """Whether a SAN covers a host: equal, or a wildcard for exactly its first label."""
    return pattern == host or (
        pattern.startswith("*.") and host.partition(".")[2] == pattern[2:] and "*" not in host
    )


def route_problem(url: str, names: Sequence[str]) -> Problem | None:
    """What is wrong with `https://HOST[:PORT]` as a route that a certificate for `names` serves."""
    try:
        parts = urlsplit(url)
        host, port = normalise(parts.hostname or ""), parts.port
    except ValueError:
        return Problem("url", f"{url!r} is not a URL.", "Write it like https://host.example.com.")
    plain = parts.netloc.lower() in {parts.hostname, f"{parts.hostname}:{port}"}
    bare = plain and parts.path in {"", "/"} and not parts.query and not parts.fragment
    if parts.scheme != "https" or not bare or "*" in host:
        return Problem(
            "route-not-concrete",
            f"{url!r} is not the address of one host, which a route needs.",
            "Write it like https://host.example.com, without a path or a star.",
        )
    if names and not any(covers(name, host) for name in names):
        return Problem(
            "route-not-covered",
            f"The certificate is not for {host}, only for {', '.join(names)}.",
            "Choose a route with one of these names, or add its name to names.",
        )
    return None


def bases(names: Sequence[str]) -> tuple[str, ...]:
    """The fewest domains that hold all the names; what a CA for them is constrained to."""
    domains = sorted({name.removeprefix("*.") for name in names}, key=lambda name: name.count("."))
    kept: list[str] = []
    for domain in domains:
        if not any(domain == base or domain.endswith(f".{base}") for base in kept):
            kept.append(domain)
    return tuple(sorted(kept))


def registered_domain(host: str) -> str:
    """The domain somebody registered that a host is below: the label under the public suffix."""
    parent = host.partition(".")[2]
    while parent and not is_public_suffix(parent):
        host, parent = parent, parent.partition(".")[2]
    return host


NEVER_PUBLIC = frozenset(
    {"localhost", "local", "internal", "lan", "home", "corp", "invalid", "onion", "test", "example"}
)
"""Top-level names no public authority certifies (RFC 6761, RFC 6762, RFC 7686, ICANN)."""


def never_public(names: Sequence[str]) -> Problem | None:
    """The first name that no public authority certifies."""
    for name in names:
        if name.rpartition(".")[2] in NEVER_PUBLIC or name.endswith("localhost.pomerium.io"):
            return Problem(
                "name-not-public",
                f"No public authority certifies {name}: nobody can show that it is theirs.",
                "Use a domain of your own, or the strategy local-ca.",
            )
    return None


def is_public_suffix(domain: str) -> bool:
    """Whether the ICANN part of the Public Suffix List gives this domain, or all below it, away.

    Browsers look at that part for wildcards; its private part (github.io) has owners who may.
    """
    unicode = domain
    if "xn--" in domain:
        import idna  # noqa: PLC0415  the list has names in their own script

        try:
            unicode = idna.decode(domain)
        except idna.IDNAError:
            return False
    rules = _rules()
    if f"\n!{unicode}\n".encode() in rules:
        return False
    parent = unicode.partition(".")[2]
    return any(f"\n{rule}\n".encode() in rules for rule in (unicode, f"*.{parent}", f"*.{unicode}"))


@cache
def _rules() -> bytes:
    """The ICANN part of the list as bytes: searching them takes microseconds, a parser 30 ms."""
    spec = find_spec("publicsuffixlist")
    folder = Path((spec.origin if spec else None) or ".").parent
    return (folder / "public_suffix_list.dat").read_bytes().partition(b"===END ICANN")[0]


def _is_a_label(label: str) -> bool:
    import idna  # noqa: PLC0415  only a name in another script needs it

    try:
        return bool(idna.decode(label))
    except idna.IDNAError:
        return False
