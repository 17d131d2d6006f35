"""What is wrong when a record is not seen, in sentences for a person, with what to do about it.

    probes = Probes(view)                                # kept as long as records are watched
    findings = diagnose(look, probes, old_values=old)    # after each look of `Watch`
    error = explain(error, "www.example.com", probes)    # where `View.locate` failed
    findings = vantage(watch.vantage())                  # once the gate is open, for information

All codes are in `CODES`. A look where nothing is missing costs no question, and a question that a
diagnosis asked is not asked again for half a minute.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from wizard.core.errors import ExitCode, WizardError
from wizard.core.events import Finding, NameserverAnswer
from wizard.dns.ask import at_once
from wizard.dns.diagnosis_codes import CODES, by_importance, finding, listed, span
from wizard.dns.diagnosis_domains import bogus, domain_findings
from wizard.dns.diagnosis_order import about_order, not_public
from wizard.dns.diagnosis_places import Place, places, remembered
from wizard.dns.diagnosis_records import record_findings
from wizard.dns.diagnosis_servers import (
    abilities,
    blocked,
    disagreement,
    intercepted,
    on_the_way,
    seen_in_look,
)
from wizard.dns.diagnosis_values import too_many, value_findings
from wizard.dns.probes import RECURSIVELY, Probes
from wizard.dns.propagation import Look
from wizard.dns.served import LACKING
from wizard.dns.zone import Zone

__all__ = ["CODES", "Probes", "about_order", "diagnose", "explain", "vantage"]

MOST_PROBED: Final = 4
"""Names for which more is asked; what is wrong with a hundred is mostly wrong with the first."""
MOST_TOLD: Final = 3
"""Findings of one code; a person needs no hundred of the same."""
UNVERIFIED: Final = "DNSSEC does not verify"
"""What `Watch.vantage` says of a resolver that hands a record out only unchecked."""


def diagnose(
    look: Look, probes: Probes, *, old_values: Collection[str] = ()
) -> tuple[Finding, ...]:
    """What is wrong, the most important first; nothing where all is well.

    Args:
        look: what `Watch.look` saw.
        probes: to ask a little more with, and to remember it.
        old_values: TXT values of earlier orders for the same names.
    """
    if look.port_53 != "open":
        return _in_order((*look.notices, *_seen_by_https(look, old_values)))
    every, hops = places(look.served), places(look.hops)
    if not every:
        return ()
    if found := intercepted(every):
        return (found,)
    lacking = [place for place in every if not place.is_well]
    if lacking and (found := blocked(every, probes)):
        return (found,)
    told = [*look.notices, *seen_in_look((*every, *hops)), *on_the_way(look.hops)]
    told += _piled_up(every)
    if lacking:
        told += _missing(lacking, every, probes, old_values)
    return _in_order(told)


def _seen_by_https(look: Look, old: Collection[str]) -> Iterator[Finding]:
    """What public resolvers tell of values where name servers cannot be asked."""
    every = places(look.by_https)
    yield from _piled_up(every)
    for place in every:
        if place.telling and place.missing:
            values, ttl = place.seen
            yield from value_findings(place.name, place.wanted, values, old, ttl)
    yield from _not_yet([place for place in every if place.telling and place.missing])


def _piled_up(every: Sequence[Place]) -> Iterator[Finding]:
    for place in every:
        if found := too_many(place.name, place.seen[0], place.wanted):
            yield found


def _missing(
    lacking: Sequence[Place], every: Sequence[Place], probes: Probes, old: Collection[str]
) -> Iterator[Finding]:
    """What more questions tell where something is missing; servers are asked at the same time."""
    nowhere = [place for place in lacking if place.telling and place.missing]
    gone: set[str] = set()
    for found in at_once(
        lambda place: tuple(record_findings(place, probes, old)), nowhere[:MOST_PROBED]
    ):
        gone |= {one.code for one in found} & {"domain-unregistered", "cname-dangling"}
        yield from found
    for place in nowhere[MOST_PROBED:]:
        values, ttl = place.seen
        yield from value_findings(place.name, place.wanted, values, old, ttl)
    if gone:
        # Nothing more can be said of a domain that nobody has.
        return
    yield from _not_yet(nowhere)
    yield from filter(None, at_once(lambda place: disagreement(place, probes), lacking))
    yield from abilities(every, probes)
    zones = dict.fromkeys(place.zone for place in lacking)
    yield from _domains(tuple(zones), lacking, probes)


def _domains(zones: Sequence[Zone], lacking: Sequence[Place], probes: Probes) -> Iterator[Finding]:
    def domain(zone: Zone) -> tuple[Finding, ...]:
        return tuple(
            domain_findings(zone, [place for place in lacking if place.zone == zone], probes)
        )

    for found in at_once(domain, zones[:MOST_PROBED]):
        yield from found


def _not_yet(nowhere: Iterable[Place]) -> Iterator[Finding]:
    """Names that no server has: mostly nobody got round to it, and resolvers remember a miss."""
    for state, code in (
        ("nxdomain", "nxdomain-everywhere"),
        ("nodata", "nodata-everywhere"),
    ):
        blank = [
            place
            for place in nowhere
            if not place.cname and all(one.answer.state == state for one in place.telling)
        ]
        for zone, group in groupby(blank, key=lambda place: place.zone):
            here = list(group)
            replies = [one.reply for place in here for one in place.telling if one.reply]
            kept = max(
                (seconds for one in replies if (seconds := remembered(one)) is not None),
                default=zone.negative_ttl,
            )
            yield finding(
                code,
                f"No name server of {zone.apex} "
                f"{'knows' if state == 'nxdomain' else 'has a TXT record at'} "
                f"{listed([place.name for place in here])} yet.",
                f"Create {'it' if len(here) == 1 else 'them'} at the DNS provider that runs "
                f"{listed([server.host for server in zone.nameservers])}. A resolver that asked "
                f"meanwhile remembers for {span(kept)} that there was nothing.",
            )


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return _few(sorted(dict.fromkeys(findings), key=by_importance))


def _few(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Not more than some of each code, the last saying how many more there are."""
    told: list[Finding] = []
    for _, group in groupby(findings, key=lambda one: (one.level, one.code)):
        same = list(group)
        more = len(same) - MOST_TOLD
        shown = same[:MOST_TOLD]
        if more > 0:
            last = shown[-1]
            shown[-1] = last._replace(summary=f"{last.summary} So it is {more} times more.")
        told += shown
    return tuple(told)


def explain(error: WizardError, identifier: str, probes: Probes) -> WizardError:
    """A clearer error where `View.locate` failed for a name; the same one where there is none.

    Args:
        error: `zone-not-found`, `resolvers-silent` or any other.
        identifier: the name to be certified, without `*.`.
        probes: to ask a little more with.
    """
    if error.code == "zone-not-found":
        return _as_error(not_public(identifier) or _unregistered(identifier))
    if error.code != "resolvers-silent":
        return error
    labels = identifier.split(".")
    # From the top: below a zone that is bogus everything fails.
    for depth in range(len(labels) - 1, -1, -1):
        if found := bogus(".".join(labels[depth:]), probes):
            return _as_error(found)
    answers = at_once(
        lambda address: probes.ask(".", "NS", address, RECURSIVELY),
        dict.fromkeys((*probes.view.resolvers, *probes.public)),
    )
    if any(reply.message is not None for reply in answers):
        return error
    return _as_error(
        finding(
            "port-53-blocked",
            f"No resolver answers, not for {identifier} and not for anything else: this network "
            "lets no DNS out (port 53).",
            "Open port 53 for UDP and TCP, or name resolvers that answer in dns.resolvers.",
        )
    )


def _unregistered(identifier: str) -> Finding:
    return finding(
        "domain-unregistered",
        f"No zone of the public DNS holds {identifier}.",
        "Check the spelling of the name, and whether the domain was registered and paid for.",
    )


def _as_error(found: Finding) -> WizardError:
    return WizardError(found.code, found.summary, found.hint, exit_code=ExitCode.NOT_PROPAGATED)


def vantage(answers: Iterable[NameserverAnswer]) -> tuple[Finding, ...]:
    """What is to be said of what resolvers of the world saw, once every name server was right.

    Args:
        answers: of `Watch.vantage`.
    """
    found: list[Finding] = []
    for one in answers:
        if UNVERIFIED in one.detail:
            found.append(
                finding(
                    "dnssec-bogus",
                    f"The resolver {one.nameserver} refuses {one.name}: {one.detail}.",
                    "Compare the DS records at the registrar with the keys of the DNS provider.",
                )
            )
        elif one.state in LACKING:
            left = f" for {span(one.ttl)}" if one.ttl else ""
            found.append(
                finding(
                    "caches-behind",
                    f"The resolver {one.nameserver} still remembers {one.name} as it was "
                    f"before{left}.",
                    "That does no harm: authorities ask the name servers themselves.",
                )
            )
    return _in_order(found)
