"""Every diagnosis as data: its code, how grave it is, and what it means in a line."""

from typing import Final, Literal, NamedTuple, TypeAlias

from wizard.core.events import Finding

Level: TypeAlias = Literal["error", "warning", "info"]


class Meaning(NamedTuple):
    """One diagnosis: `level` as in `Finding`, `meaning` one line for a list."""

    level: Level
    meaning: str


CODES: Final[dict[str, Meaning]] = {
    # What makes every other look at DNS worthless.
    "port-53-blocked": Meaning("error", "no name server is reached from this network"),
    "port-53-intercepted": Meaning("error", "this network answers in the name servers' place"),
    # The domain.
    "name-not-public": Meaning("error", "no public authority certifies such a name"),
    "name-public-suffix": Meaning("error", "the name is a public suffix, shared by many owners"),
    "name-redundant": Meaning("error", "a wildcard of the list covers another name of it"),
    "domain-unregistered": Meaning("error", "the domain is not in the public DNS"),
    "dnssec-bogus": Meaning("error", "the zone's DNSSEC signatures do not verify"),
    "split-horizon": Meaning("error", "the zone looks different from inside than for the world"),
    "not-authoritative-provider": Meaning(
        "error", "the record is at a server that the domain is not delegated to"
    ),
    "delegation-server-down": Meaning("error", "the servers that the name is delegated to are off"),
    "delegation-differs": Meaning("warning", "registrar and zone name different name servers"),
    # CNAME and NS at the name.
    "cname-loop": Meaning("error", "the CNAMEs of the name lead in a circle"),
    "cname-dangling": Meaning("error", "the name's CNAME leads into a domain that is not there"),
    "cname-missing": Meaning("error", "a CNAME that leads to the record is not served"),
    "cname-and-txt": Meaning("error", "CNAME and TXT stand at the same name"),
    "cname-at-challenge": Meaning("error", "a CNAME at the name leads elsewhere"),
    "ns-at-challenge": Meaning("error", "the name became a zone of its own on other servers"),
    # A record that is somewhere else.
    "name-doubled": Meaning("error", "the zone was appended to a name that had it already"),
    "name-label-only": Meaning("error", "the record is at the zone's own _acme-challenge"),
    "name-misspelt": Meaning("error", "the record is at a name that is spelt a little differently"),
    "value-at-apex": Meaning("error", "the value is at the domain itself, without _acme-challenge"),
    "swapped": Meaning("error", "name and value were put into each other's fields"),
    "wrong-type": Meaning("error", "there is a record of another type than TXT"),
    # A value that is not quite right.
    "value-quoted": Meaning("error", "the value was stored with quotation marks"),
    "value-whitespace": Meaning("error", "the value has blanks or line breaks in it"),
    "value-dot": Meaning("error", "the value ends in a dot"),
    "value-padded": Meaning("error", "the value has = signs at its end"),
    "value-case": Meaning("error", "capital and small letters of the value were changed"),
    "value-truncated": Meaning("error", "a part of the value is missing"),
    "value-decorated": Meaning("error", "the value stands among other text"),
    "values-joined": Meaning("error", "several values stand in one record"),
    "one-of-two": Meaning("error", "one value is there, another one at the same name is not"),
    "old-value": Meaning("error", "the value is that of an earlier order"),
    "value-unknown": Meaning("error", "the name has another value than the one wanted"),
    "wildcard-swallows": Meaning("info", "a wildcard answers until the TXT record exists"),
    "too-many-values": Meaning("warning", "so many values that answers get too big"),
    # Name servers.
    "nameservers-disagree": Meaning("warning", "some name servers have the record, others not"),
    "server-servfail": Meaning("warning", "a name server answers SERVFAIL"),
    "server-timeout": Meaning("warning", "a name server does not answer"),
    "server-lame": Meaning("warning", "a name server does not serve the zone"),
    "server-no-address": Meaning("warning", "a name server has no address"),
    "server-no-tcp": Meaning("warning", "a name server does not answer over TCP"),
    "server-no-edns": Meaning("warning", "a name server refuses EDNS"),
    "case-not-preserved": Meaning("warning", "a name server changes the case of the question"),
    # Caches.
    "nxdomain-everywhere": Meaning("info", "no name server has the name yet"),
    "nodata-everywhere": Meaning("info", "the name is there, a TXT record is not yet"),
    "authority-remembers": Meaning("info", "former values are waited out before the answer"),
    "caches-behind": Meaning("info", "a public resolver still remembers what was there before"),
    # CAA.
    "caa-forbids": Meaning("error", "CAA does not let this authority issue"),
    "caa-forbids-wildcard": Meaning("error", "CAA does not let this authority issue wildcards"),
    "caa-other-account": Meaning("error", "CAA lets only another account of the authority issue"),
    "caa-other-method": Meaning("error", "CAA does not let the name be proved by DNS"),
    "caa-critical": Meaning("error", "CAA has a critical property that nobody knows"),
    "caa-lookup-failed": Meaning("error", "the CAA records cannot be looked up"),
    # The order.
    "order-expires-soon": Meaning("warning", "little time is left to publish the records"),
    "failures-left": Meaning("warning", "few or no tries are left this hour"),
    "clock-skew": Meaning("warning", "this machine's clock is wrong"),
}
"""Every code, the most important first: the order in which findings are told."""
RANKS: Final = {"error": 0, "warning": 1, "info": 2}
PLACES: Final = {code: place for place, code in enumerate(CODES)}


def finding(code: str, summary: str, hint: str, level: Level | None = None) -> Finding:
    """A finding of a known code, as grave as the code is unless told otherwise."""
    return Finding(code, level or CODES[code].level, summary, hint)


def by_importance(one: Finding) -> tuple[int, int]:
    """A key to sort findings with: what has to be mended first, what explains the rest first."""
    return RANKS[one.level], PLACES.get(one.code, len(PLACES))


def listed(names: "tuple[str, ...] | list[str]", most: int = 3) -> str:
    """Some names in a sentence: `a, b and 5 more`."""
    if len(names) <= most:
        return ", ".join(names[:-1]) + (" and " if names[1:] else "") + "".join(names[-1:])
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def span(seconds: float) -> str:
    """A time in words of minutes and seconds: `90 s` is `1:30 min`, 45 stays `45 s`."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004  a minute
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02} h" if hours else f"{minutes}:{left:02} min"
