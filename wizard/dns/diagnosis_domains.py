"""What is wrong with a domain as a whole: signatures, delegation, another view of it inside."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final

from wizard.core.events import Finding
from wizard.dns.address import Address
from wizard.dns.ask import Reply
from wizard.dns.diagnosis_codes import finding, listed
from wizard.dns.diagnosis_places import Place
from wizard.dns.probes import KEEP, RARELY, RECURSIVELY, How, Probes, targets
from wizard.dns.zone import Zone

ASKED_RESOLVERS: Final = 3
ASKED_PARENTS: Final = 2


def domain_findings(zone: Zone, lacking: Sequence[Place], probes: Probes) -> Iterator[Finding]:
    """What is wrong with a zone as a whole: signatures, delegation, another view of it inside."""
    if zone.apex.startswith("_"):
        # A zone made for the challenge alone: resolvers are not asked for its name.
        return
    if found := bogus(zone.apex, probes):
        yield found
    if not probes.view.authoritative:
        yield from _horizon(zone, lacking, probes)
        yield from _delegation(zone, lacking, probes)


def bogus(apex: str, probes: Probes) -> Finding | None:
    """Whether a resolver that checks DNSSEC refuses what it hands out unchecked (RFC 4035, 5.5)."""
    for address in probes.view.resolvers[:ASKED_RESOLVERS]:
        reply = probes.ask(apex, "SOA", address, RECURSIVELY, KEEP)
        if reply.rcode != "SERVFAIL":
            continue
        unchecked = probes.ask(apex, "SOA", address, How(recurse=True, unchecked=True), KEEP)
        if unchecked.rcode == "NOERROR" and _has_answer(unchecked):
            because = f" It says: {', '.join(reply.reasons)}." if reply.reasons else ""
            return finding(
                "dnssec-bogus",
                f"The DNSSEC signatures of {apex} do not verify, so authorities refuse all of it "
                f"(resolver {address}).{because}",
                f"Compare the DS records at the registrar of {apex} with the keys of its DNS "
                "provider; after a move, remove the old DS.",
            )
    return None


def _has_answer(reply: Reply) -> bool:
    """Whether there is an answer at all."""
    return reply.message is not None and bool(reply.message.answer)


def _horizon(zone: Zone, lacking: Sequence[Place], probes: Probes) -> Iterator[Finding]:
    """Whether the world sees other name servers than this machine (split horizon)."""
    own = [address for address in probes.view.resolvers if address not in probes.public]
    served = {address for _, address in zone.addresses}
    hosts = [server.host for server in zone.nameservers]
    for address in own:
        inside = probes.ask(zone.apex, "SOA", address, RECURSIVELY, RARELY)
        if address in served or not inside.is_authoritative:
            continue
        # It serves a zone of its own, so it is no cache that a question would spoil.
        place = next((one for one in lacking if _has(one, address, probes)), None)
        if place:
            yield finding(
                "split-horizon",
                f"The record {place.name} is only at {address}, in the copy of {zone.apex} that "
                "this network keeps for itself.",
                f"Create it in the public zone as well, at {listed(hosts)}.",
            )
            return
    public = probes.at_resolvers(zone.apex, "NS", probes.public) if own else None
    if public is None:
        return
    outside = targets(public, "NS")
    if outside.intersection(hosts) and not _has_other_addresses(zone, probes):
        return
    there = f"at {listed(sorted(outside))}" if outside else "not at all"
    yield finding(
        "split-horizon",
        f"From here {zone.apex} is at {listed(hosts)}, but the world finds it {there}"
        f"{', with other addresses' if outside.intersection(hosts) else ''}.",
        "Create the record in the public zone. To watch what the world sees, set dns.resolvers "
        "to a public resolver.",
    )


def _has_other_addresses(zone: Zone, probes: Probes) -> bool:
    """Whether a name server has a private address here and another one for the world."""
    for server in zone.nameservers:
        here = {address.ip for address in server.addresses}
        if any(ip_address(one).is_private for one in here):
            reply = probes.at_resolvers(server.host, "A", probes.public)
            outside = targets(reply, "A") if reply else frozenset[str]()
            return bool(outside) and not outside & here
    return False


def _has(place: Place, address: Address, probes: Probes) -> bool:
    """Whether a server has a value that the others lack."""
    lacking = place.missing or place.wanted
    return bool(lacking & set(probes.ask(place.name, "TXT", address).texts(place.name)[0]))


def _delegation(zone: Zone, lacking: Sequence[Place], probes: Probes) -> Iterator[Finding]:
    """Whether the zone is delegated to the servers that it names, and the record at those."""
    delegated = _delegated(zone.apex, probes)
    named = {server.host for server in zone.nameservers}
    if not delegated:
        return
    strangers = (named | {zone.primary}) - delegated
    for place in lacking:
        asked = [one for one in place.telling if one.host in delegated]
        if any(one.answer.state == "ok" for one in asked):
            continue
        who = next((host for host in sorted(strangers) if _is_at(place, host, probes)), "")
        if who:
            yield finding(
                "not-authoritative-provider",
                f"{who} has the record {place.name}, but {zone.apex} is delegated to "
                f"{listed(sorted(delegated))}, which have not.",
                f"Create it at the provider that runs {listed(sorted(delegated))}, or change the "
                f"name servers of {zone.apex} at its registrar.",
            )
            break
    if named != delegated:
        yield finding(
            "delegation-differs",
            f"The registrar of {zone.apex} names {listed(sorted(delegated))}, the zone itself "
            f"{listed(sorted(named))}.",
            "Make both the same: the record has to be on every one of these servers.",
        )


def _is_at(place: Place, host: str, probes: Probes) -> bool:
    watched = [one.address for one in place.served if one.host == host]
    addresses = watched or sorted(probes.addresses(host))
    return any(_has(place, address, probes) for address in addresses)


def _delegated(apex: str, probes: Probes) -> frozenset[str]:
    """The name servers that the zone above names (RFC 1034, 4.2.1); none where none tells."""
    labels = apex.split(".")
    for depth in range(1, len(labels)):
        reply = probes.at_resolvers(".".join(labels[depth:]), "NS", probes.view.resolvers)
        hosts = sorted(targets(reply, "NS")) if reply else []
        for host in hosts[:ASKED_PARENTS]:
            for address in sorted(probes.addresses(host)):
                referral = probes.ask(apex, "NS", address, keep=RARELY)
                found = targets(referral, "NS", authority=True) or targets(referral, "NS")
                if referral.rcode == "NOERROR" and found:
                    return found
        if hosts:
            break
    return frozenset()
