"""What is wrong with a record that is missing: where it went, what stands in its place."""

from collections.abc import Callable, Collection, Iterator
from typing import Final

import dns.rdatatype

from wizard.core.errors import WizardError
from wizard.core.events import Finding
from wizard.dns.address import Address
from wizard.dns.diagnosis_codes import finding
from wizard.dns.diagnosis_places import Place
from wizard.dns.diagnosis_values import VAGUE, classify, value_findings
from wizard.dns.probes import Probes
from wizard.pki.names import is_public_suffix

LONGEST: Final = 253
LABEL: Final = 63
OTHER_TYPES: Final = ("A", "AAAA", "SPF", "MX")


def record_findings(place: Place, probes: Probes, old: Collection[str]) -> Iterator[Finding]:
    """Why a record that every server lacks is not there, as far as more questions can tell.

    Args:
        place: a name of which at least one server spoke, and none has every value.
        probes: to ask more with.
        old: the values of earlier orders.
    """
    address = place.speaker
    if address is None:
        return
    if is_public_suffix(place.zone.apex):
        yield _no_such_domain(place)
        return
    values, ttl = place.seen
    yield from _instead(place, probes, address)
    if not _is_wildcard_txt(place, probes, address):
        yield from value_findings(place.name, place.wanted, values, old, ttl)
    yield from _elsewhere(place, probes, address)


# ── what stands in its place ───────────────────────────────────────────────────────────────────


def _instead(place: Place, probes: Probes, address: Address) -> Iterator[Finding]:
    """CNAME, wildcard or another type where the TXT record should be."""
    if place.cname:
        yield from _cname(place, probes)
    elif _is_wildcard_txt(place, probes, address):
        star = f"*.{place.name.partition('.')[2]}"
        yield finding(
            "wildcard-swallows",
            f"The TXT record of {star} answers for {place.name}, which has none of its own.",
            f"Create the TXT record at {place.name} all the same: it comes before the wildcard's.",
        )
    elif all(one.answer.state == "nodata" for one in place.telling):
        yield from _other_type(place, probes, address)
    if place.located.path and not place.seen[0] and not place.cname:
        yield finding(
            "cname-at-challenge",
            f"{place.located.asked} is a CNAME that leads to {place.name}, "
            f"in the zone {place.zone.apex}.",
            f"Create the TXT record at {place.name}; there can be none at {place.located.asked}.",
            level="info",
        )


def _cname(place: Place, probes: Probes) -> Iterator[Finding]:
    """A CNAME that was not there when the name was looked up, or that no delegation is."""
    name, target = place.name, place.cname
    holders = [one for one in place.telling if one.reply and one.reply.cname(name)]
    first = holders[0]
    if first.reply and first.reply.texts(name)[0]:
        yield finding(
            "cname-and-txt",
            f"{first.host} has a CNAME (to {target}) and TXT records at {name}, which cannot be.",
            f"Remove the CNAME at {name}, and keep the TXT record.",
        )
        return
    value = next((one for one in place.wanted if target.partition(".")[0] == one.lower()), "")
    if value:
        yield finding(
            "wrong-type",
            f"The value of {name} was entered as a CNAME record, to {target}.",
            f"Remove the CNAME and create a record of the type TXT: {value}",
        )
        return
    above = name.partition(".")[2]
    sibling = f"{probes.label}.{above}"
    if probes.ask(sibling, "TXT", first.address).cname(sibling) == target:
        yield finding(
            "wildcard-swallows",
            f"The CNAME of *.{above} (to {target}) answers for {name} at {first.host} until the "
            "TXT record exists there.",
            f"Create the TXT record at {name}; the wildcard may stay, and {target} is not the "
            "place for it.",
        )
        return
    yield _led_away(place, probes, target)


def _led_away(place: Place, probes: Probes, target: str) -> Finding:
    name = place.name
    there = probes.locate(name, place.parent)
    if isinstance(there, WizardError):
        code = there.code if there.code == "cname-loop" else "cname-dangling"
        return finding(code, there.summary, f"Remove the CNAME at {name}, or mend its target.")
    if is_public_suffix(there.zone.apex):
        return _no_such_domain(place, there.name)
    end = target if there.name == name else there.name
    return finding(
        "cname-at-challenge",
        f"{name} is a CNAME that leads to {end}, so no TXT record at {name} counts.",
        f"Remove the CNAME; or keep it, create the TXT record at {end}, and run again.",
    )


def _no_such_domain(place: Place, target: str = "") -> Finding:
    """Nobody has registered the domain: the zone of its name is a public suffix."""
    where, above = target or place.name, place.zone.apex
    if target or place.located.path:
        return finding(
            "cname-dangling",
            f"{place.located.asked} is a CNAME to {where}, in a domain that does not exist.",
            f"Correct the CNAME of {place.located.asked}, or register the domain of {where}.",
        )
    owner = ".".join(place.name.removesuffix(f".{above}").split(".")[-1:])
    return finding(
        "domain-unregistered",
        f"{owner}.{above} is not registered: the zone {above} does not know it.",
        "Check the spelling of the name, and whether the domain was paid for.",
    )


def _is_wildcard_txt(place: Place, probes: Probes, address: Address) -> bool:
    """Whether the values come from a wildcard: a sibling nobody made has the same (RFC 4592)."""
    if not place.seen[0] or place.seen[0] & place.wanted:
        return False
    sibling = f"{probes.label}.{place.name.partition('.')[2]}"
    return frozenset(probes.ask(sibling, "TXT", address).texts(sibling)[0]) == place.seen[0]


def _other_type(place: Place, probes: Probes, address: Address) -> Iterator[Finding]:
    for kind in OTHER_TYPES:
        reply = probes.ask(place.name, kind, address)
        wanted = dns.rdatatype.from_text(kind)
        found = [
            rdata.to_text()
            for rrset in (reply.message.answer if reply.message else ())
            if rrset.rdtype == wanted
            for rdata in rrset
        ]
        if found:
            yield finding(
                "wrong-type",
                f"{place.name} has a record of the type {kind} ({found[0]}), and no TXT record.",
                "Create a record of the type TXT with the same name; remove the other if it was "
                "meant for this.",
            )
            return


# ── where it went ──────────────────────────────────────────────────────────────────────────────


def _elsewhere(place: Place, probes: Probes, address: Address) -> Iterator[Finding]:
    """The record at a name nearby; told only where a wanted value is really found there."""
    for tell, name in _nearby(place):
        if len(name) > LONGEST or any(len(label) > LABEL for label in name.split(".")):
            continue
        values = probes.ask(name, "TXT", address).texts(name)[0]
        is_ours = any(
            value in place.missing
            or any(one.code not in VAGUE for one in classify(place.missing, (value,)))
            for value in values
        )
        if is_ours:
            yield tell(place, name)
            return
    yield from _swapped(place, probes, address)


def _nearby(place: Place) -> Iterator[tuple[Callable[[Place, str], Finding], str]]:
    name, apex = place.name, place.zone.apex
    label, _, above = name.partition(".")
    given = {name}
    candidates = [
        (_doubled, f"{name}.{apex}"),
        (_label_only, f"{label}.{apex}"),
        (_at_apex, above),
        (_at_apex, apex),
        *(
            (_misspelt, f"{spelt}.{above}")
            for spelt in (label.lstrip("_"), label.replace("-", "_"), f"{label}.*")
        ),
    ]
    for tell, candidate in candidates:
        # Nothing above the zone's apex is asked here: another zone's servers have that.
        if candidate not in given and (candidate == apex or candidate.endswith(f".{apex}")):
            given.add(candidate)
            yield tell, candidate


def _host(place: Place) -> str:
    return f"Write only {place.located.host} into the field for the name"


def _doubled(place: Place, name: str) -> Finding:
    return finding(
        "name-doubled",
        f"The record is at {name}: your provider appended {place.zone.apex} to a name that had it.",
        f"{_host(place)}, or end the name with a dot: {place.name}.",
    )


def _label_only(place: Place, name: str) -> Finding:
    return finding(
        "name-label-only",
        f"The record is at {name}, but it belongs at {place.name}.",
        f"{_host(place)}: all of it, not just {name.partition('.')[0]}.",
    )


def _at_apex(place: Place, name: str) -> Finding:
    return finding(
        "value-at-apex",
        f"The value is at {name} itself, but it belongs at {place.name}.",
        f"{_host(place)}.",
    )


def _misspelt(place: Place, name: str) -> Finding:
    return finding(
        "name-misspelt",
        f"The record is at {name}, but it belongs at {place.name}.",
        f"Copy the name as it is shown, with its underscore and its hyphen: {place.name}",
    )


def _swapped(place: Place, probes: Probes, address: Address) -> Iterator[Finding]:
    label, _, above = place.name.partition(".")
    for value in sorted(place.missing):
        if len(value) > LABEL or not value.replace("-", "").replace("_", "").isalnum():
            continue
        for zone in dict.fromkeys((above, place.zone.apex)):
            name = f"{value}.{zone}"
            if not name.endswith(place.zone.apex):
                continue
            texts = probes.ask(name, "TXT", address).texts(name)[0]
            if any(label in text for text in texts):
                yield finding(
                    "swapped",
                    f"Name and value are swapped: there is a TXT record {name} with {texts[0]!r}.",
                    f"{_host(place)}, and {value} into the field for the value.",
                )
                return
