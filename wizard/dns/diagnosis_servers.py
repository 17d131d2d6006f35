"""What is wrong with name servers and with the way to them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from wizard.core.events import Finding
from wizard.dns.address import Address
from wizard.dns.ask import at_once
from wizard.dns.diagnosis_codes import finding, listed
from wizard.dns.diagnosis_places import Place, circle
from wizard.dns.probes import RARELY, RECURSIVELY, How, Probes, targets
from wizard.dns.served import LACKING, Served
from wizard.dns.zone import Zone

MIXED: Final = "pOmCeRt-CaSe"
FAILED_STATES: Final = frozenset({"lame", "servfail", "timeout"})
ASKED_RESOLVERS: Final = 3
ASKED_PARENTS: Final = 2


# ── seen in the look itself ────────────────────────────────────────────────────────────────────


def seen_in_look(places: Sequence[Place]) -> Iterator[Finding]:
    """Servers that fail, from nothing but the look; several names of one server are told once."""
    told: set[tuple[str, Address]] = set()
    for place in places:
        if refers := [one for one in place.served if one.answer.state == "referral"]:
            yield _became_a_zone(place, refers[0])
        if looping := next((path for one in place.served if (path := _circle(one))), ()):
            yield finding(
                "cname-loop",
                f"The CNAMEs of {place.name} lead in a circle: {' → '.join(looping)}.",
                f"Remove the CNAME at {place.name}, and create the TXT record there.",
            )
            continue
        if _is_delegated(place) and not place.telling:
            yield _delegation_down(place)
            continue
        well = {one.host for one in place.telling}
        for one in place.served:
            state = one.answer.state
            if state in FAILED_STATES and (state, one.address) not in told:
                told.add((state, one.address))
                yield _failed(one, place, well)
    for zone in _zones(places):
        for server in zone.nameservers:
            if not server.addresses:
                yield finding(
                    "server-no-address",
                    f"{server.host}, a name server of {zone.apex}, has no address.",
                    f"Give {server.host} an address, or take it out of the name servers of "
                    f"{zone.apex}.",
                )


def _circle(one: Served) -> tuple[str, ...]:
    return circle(one.reply, one.located.name) if one.reply else ()


def on_the_way(hops: Sequence[Served]) -> Iterator[Finding]:
    """CNAMEs that lead to a record and that some server does not serve any more, or not yet."""
    for name in dict.fromkeys(one.answer.name for one in hops):
        here = [one for one in hops if one.answer.name == name]
        behind = [f"{one.host} [{one.address}]" for one in here if one.answer.state in LACKING]
        if not behind:
            continue
        (shown,) = here[0].wanted
        is_spreading = any(one.answer.state == "ok" for one in here)
        apex = here[0].located.zone.apex
        yield finding(
            "cname-missing",
            f"{name} leads to the record by its {shown}, which {listed(behind)} "
            f"{'lacks' if len(behind) == 1 else 'lack'}.",
            f"Wait, if it is new; else see why not every name server of {apex} has it."
            if is_spreading
            else f"Create it again, or remove what is left of it and run again: {name} {shown}",
            level="warning" if is_spreading else None,
        )


def _zones(places: Iterable[Place]) -> tuple[Zone, ...]:
    return tuple(dict.fromkeys(place.zone for place in places))


def _is_delegated(place: Place) -> bool:
    """Whether the record belongs to another zone than that of the name it proves."""
    return bool(place.located.path) or place.zone.apex.startswith("_")


def _hosts(place: Place) -> str:
    return listed([server.host for server in place.zone.nameservers])


def _delegation_down(place: Place) -> Finding:
    where = f"to {place.name} " if place.located.path else ""
    return finding(
        "delegation-server-down",
        f"{place.located.asked} is delegated {where}into the zone {place.zone.apex}, but none of "
        f"its name servers answers for it: {_hosts(place)}.",
        f"Start the name server of {place.zone.apex}, or remove the delegation of "
        f"{place.located.asked}.",
    )


def _became_a_zone(place: Place, one: Served) -> Finding:
    hosts = targets(one.reply, "NS", authority=True) if one.reply else frozenset[str]()
    return finding(
        "ns-at-challenge",
        f"{one.host} says that {place.name} is in a zone of its own, at "
        f"{listed(sorted(hosts)) or 'other name servers'}.",
        f"Create the record there, or remove the NS records of {place.name}; then run again.",
    )


def _failed(one: Served, place: Place, well: set[str]) -> Finding:
    who, zone = f"{one.host} [{one.address}]", place.zone.apex
    reply = one.reply
    others = "Authorities ask the others, too, but may happen to ask this one." if well else ""
    if one.answer.state == "servfail":
        because = f" It says: {', '.join(reply.reasons)}." if reply and reply.reasons else ""
        return finding(
            "server-servfail",
            f"{who} answers SERVFAIL for {place.name}: it has trouble with the zone {zone}."
            f"{because}",
            f"See in the log of {one.host} why it could not load or transfer {zone}. {others}",
        )
    if one.answer.state == "lame":
        said = "refers elsewhere" if reply and reply.rcode == "NOERROR" else "refuses"
        if reply and reply.rcode not in {"NOERROR", "REFUSED", ""}:
            said = f"answers {reply.rcode}"
        return finding(
            "server-lame",
            f"{who} is a name server of {zone} but does not serve it: it {said}.",
            f"Have {one.host} serve {zone}, or take it out of the zone's name servers. {others}",
        )
    trouble = {
        "unreachable": "refuses connections on port 53",
        "garbled": "answers what is no DNS message",
    }.get(reply.trouble if reply else "", "does not answer")
    return finding(
        "server-timeout",
        f"{who}, a name server of {zone}, {trouble}.",
        f"See whether it runs, and whether port 53 is open there for UDP and TCP. {others}",
        level="info" if one.host in well else None if well else "error",
    )


def intercepted(places: Sequence[Place]) -> Finding | None:
    """Whether a resolver answers in the name servers' place: RA without AA, from all of them."""
    replies = [one.reply for place in places for one in place.served if one.reply]
    messages = [reply for reply in replies if reply.message is not None]
    if not messages or not all(reply.is_rewritten for reply in messages):
        return None
    one = messages[0]
    return finding(
        "port-53-intercepted",
        f"At {one.address}, where a name server of {places[0].zone.apex} should be, a resolver "
        "answers: this network rewrites DNS.",
        "What it says does not count. Let port 53 out unchanged, or run this in another network; "
        "the order and its records stay the same.",
    )


def blocked(places: Sequence[Place], probes: Probes) -> Finding | None:
    """Whether nothing on port 53 is reached at all: no name server, no public resolver either."""
    answered = any(
        one.reply and one.reply.message is not None for place in places for one in place.served
    )
    if answered or any(_answers(address, probes) for address in probes.public):
        return None
    zone = places[0].zone
    return finding(
        "port-53-blocked",
        f"None of the name servers of {zone.apex} is reached, nor any public resolver: this "
        "network lets no DNS out (port 53).",
        "Open port 53 for UDP and TCP to the outside, or run this in another network; the order "
        "and its records stay the same.",
    )


def _answers(address: Address, probes: Probes) -> bool:
    return probes.ask(".", "NS", address, RECURSIVELY).message is not None


# ── seen with some more questions ──────────────────────────────────────────────────────────────


def disagreement(place: Place, probes: Probes) -> Finding | None:
    """Which servers have what others lack, with the serial numbers of the zone there."""
    leader = place.leader
    if leader is None or not leader.answer.found:
        return None
    behind = [one for one in place.telling if len(one.answer.found) < len(leader.answer.found)]
    if not behind:
        return None
    addresses = [leader.address, *(one.address for one in behind)]
    serials = dict(
        zip(
            addresses,
            at_once(lambda one: probes.serial(place.zone.apex, one), addresses),
            strict=True,
        )
    )
    newest = serials[leader.address]
    same = all(serials[one.address] == newest for one in behind)
    if same and all(_has_caught_up(one, leader, probes) for one in behind):
        return None
    lagging = listed(
        [f"{one.host} [{one.address}] (serial {serials[one.address]})" for one in behind]
    )
    return finding(
        "nameservers-disagree",
        f"{leader.host} (serial {newest}) has more of {place.name} than {lagging}.",
        "They call it the same version of the zone, so this does not pass by itself: see that "
        f"every name server of {place.zone.apex} gets the zone from one source."
        if same
        else "Wait: they fetch the zone from it soon. If it takes more than some minutes, see why "
        "they are not told of changes (NOTIFY) or may not transfer the zone.",
        level="warning" if same else "info",
    )


def _has_caught_up(one: Served, leader: Served, probes: Probes) -> bool:
    """Whether a server has since the look what the leader had."""
    name = one.located.name
    now = probes.ask(name, "TXT", one.address, keep=0.0).texts(name)[0]
    return set(leader.answer.found) <= set(now)


def abilities(places: Sequence[Place], probes: Probes) -> Iterator[Finding]:
    """Servers that answer, but not as authorities' resolvers want it: TCP, EDNS, upper case."""
    asked: dict[Address, tuple[Place, Served]] = {}
    for place in places:
        for one in place.served:
            if one.reply and one.reply.message is not None:
                asked.setdefault(one.address, (place, one))
    for found in at_once(lambda item: tuple(_abilities(*item, probes)), asked.values()):
        yield from found


def _abilities(place: Place, one: Served, probes: Probes) -> Iterator[Finding]:
    who, apex, reply = f"{one.host} [{one.address}]", place.zone.apex, one.reply
    if refused := probes.edns_refusal(apex, one.reply) if one.reply else "":
        yield finding(
            "server-no-edns",
            f"{who} refuses questions with EDNS ({refused}), which resolvers use today.",
            f"Bring the software of {one.host} up to date, or the firewall in front of it.",
        )
    if one.answer.state in FAILED_STATES:
        return
    by_tcp = probes.ask(apex, "SOA", one.address, How(tcp=True), RARELY)
    if by_tcp.trouble in {"timeout", "unreachable"} and not (reply and reply.over_tcp):
        yield finding(
            "server-no-tcp",
            f"{who} answers over UDP and not over TCP, so big answers never arrive.",
            f"Open TCP port 53 of {one.host}, too.",
        )
    mixed = f"{MIXED}.{apex}"
    answer = probes.ask(mixed, "A", one.address, keep=RARELY).message
    if answer is not None and answer.question:
        back = answer.question[0].name.to_text(omit_final_dot=True)
        if back != mixed and back.lower() == mixed.lower():
            yield finding(
                "case-not-preserved",
                f"{who} gives the name in a question back with other capital letters.",
                f"Resolvers take that for a forgery (0x20): bring the software of {one.host} up "
                "to date, or the firewall in front of it.",
            )
