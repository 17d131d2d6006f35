"""Which certificate Envoy serves for each host of the configuration, and whether that is right.

An exact name is taken before a wildcard, in whatever order and even when it has ended; of the same
name the first one listed; without a match, or without a name (SNI), the first of all. Measured with
Envoy 1.37 and 1.40 and Pomerium's TLS context.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from wizard.doctor.certificates import Listed, some
from wizard.doctor.grade import Finding
from wizard.pki import names
from wizard.pki.path import is_valid
from wizard.pomerium.document import elements, lookup
from wizard.pomerium.routes import autocert_hosts, hosts
from wizard.pomerium.setup import Said, Setup
from wizard.pomerium.variables import document_of

BROWSERS: Final = frozenset({"all", "proxy", "authenticate"})
"""Services that browsers come to."""


def fitting(listed: Sequence[Listed], host: str) -> tuple[Listed, ...]:
    """The certificates that are served for a host, none or one for each kind of key."""
    exact = [one for one in listed if host in one.names]
    starred = [one for one in listed if f"*.{host.partition('.')[2]}" in one.names]
    found: dict[str, Listed] = {}
    for one in exact or starred:
        found.setdefault(_kind(one), one)
    return tuple(found.values())


def expected(setup: Setup, listed: Sequence[Listed], host: str) -> tuple[Listed, ...]:
    """What of the listed is served to whoever asks for a host; nothing where autocert decides."""
    found = fitting(listed, host)
    if host in _by_itself(setup) and not any(host in one.names for one in found):
        return ()
    return found or tuple(one for one in listed if one.leaf is not None)[:1]


def _by_itself(setup: Setup) -> tuple[str, ...]:
    """The hosts that Pomerium gets certificates for."""
    return autocert_hosts(setup.routed) if setup.is_on("autocert") else ()


def findings(setup: Setup, listed: Sequence[Listed]) -> Iterator[Finding]:
    """Hosts without a certificate or with the wrong one, and certificates that nobody gets."""
    yield from _none(setup, listed)
    own = _by_itself(setup)
    # What cannot be read may be for any host; and Pomerium has not even started with it.
    is_known = all(one.leaf is not None for one in listed)
    is_plain = setup.is_on("insecure_server")
    served: dict[str, list[str]] = {}
    for host, line in _hosts(setup).items():
        found = fitting(listed, host)
        if found and (host in found[0].names or host not in own):
            served.setdefault(" and ".join(one.where for one in found), []).append(host)
            yield from _ended(setup, listed, host, found[0], line)
        elif host not in own and (listed or own) and is_known and not is_plain:
            yield _uncovered(setup, listed, host, line)
    for where, covered in served.items():
        yield Finding("good", "hosts-covered", f"{where} is served for {some(covered)}.")
    yield from _idle(listed)
    if is_known and len(listed) > 1:
        yield Finding(
            "good",
            "fallback",
            f"Whoever asks for a name that none is for gets {listed[0].where}, the first one.",
        )


def _none(setup: Setup, listed: Sequence[Listed]) -> Iterator[Finding]:
    name = setup.document.name
    if setup.is_on("insecure_server"):
        yield Finding(
            "warning",
            "insecure-server",
            "`insecure_server` is on: Pomerium speaks plain HTTP and serves no certificate.",
            "That is well only behind something that ends TLS; else take it out.",
            name,
        )
    elif not (listed or setup.is_on("autocert")) and setup.services & BROWSERS:
        yield Finding(
            "error",
            "certificate-none",
            "No certificate is listed and autocert is off: Pomerium makes one that every browser "
            "warns of.",
            "Have one made and listed: pomcert-wizard",
            name,
        )


def _ended(
    setup: Setup, listed: Sequence[Listed], host: str, one: Listed, line: int
) -> Iterator[Finding]:
    """An exact name that ended hides a wildcard that has not."""
    now = setup.system.now()
    if one.leaf is None or is_valid(one.leaf, now):
        return
    good = [
        other
        for other in listed
        if other.leaf is not None
        and is_valid(other.leaf, now)
        and any(names.covers(name, host) for name in other.names)
    ]
    if good:
        yield Finding(
            "error",
            "host-hidden",
            f"{host} gets {one.where}, which is not valid now, although {good[0].where} is for it "
            "too: an exact name is served before a wildcard, and of the same names the first.",
            f"Take {one.where} out of the configuration.",
            setup.document.name,
            line,
        )


def _uncovered(setup: Setup, listed: Sequence[Listed], host: str, line: int) -> Finding:
    hint = "Have one made that is for it, and listed: pomcert-wizard"
    if setup.is_on("autocert") and "*" in host:
        hint = "autocert gets none with a star. Have one made: the strategy dns-01."
    return Finding(
        "error",
        "host-uncovered",
        f"No certificate is for {host}; whoever goes there gets "
        f"{listed[0].where if listed else 'that of another'} and a warning.",
        hint,
        setup.document.name,
        line,
    )


def _idle(listed: Sequence[Listed]) -> Iterator[Finding]:
    """Certificates whose every name an earlier one has, with a key of the same kind.

    Clients that can get an ECDSA certificate, others an RSA one of the same name.
    """
    taken: set[tuple[str, str]] = set()
    for one in listed:
        if one.leaf is None:
            continue
        own = {(name, _kind(one)) for name in one.names}
        if own and own <= taken:
            place = one.pair.place
            yield Finding(
                "warning",
                "certificate-idle",
                f"{one.where} is never served: one above it is for the same names.",
                "Take one of the two out of the configuration.",
                place.file,
                place.line,
            )
        taken |= own


def _kind(one: Listed) -> str:
    return one.leaf.public_key_algorithm_oid.dotted_string if one.leaf is not None else ""


def _hosts(setup: Setup) -> dict[str, int]:
    """The hosts that this Pomerium serves, each with the line that has it first, or 0."""
    routed, services, every = setup.routed, setup.services, set(hosts(setup.routed))
    said: list[Said | None] = []
    if services & {"all", "proxy"}:
        routes = [one for key in ("routes", "policy") for one in elements(lookup(routed.root, key))]
        said += [setup.at(lookup(route, "from")) for route in routes]
    own = setup.said("authenticate_service_url")
    if own is not None and services & {"all", "authenticate"}:
        said.append(own)
        every |= {*hosts(document_of({"AUTHENTICATE_SERVICE_URL": own.text}, setup.config))}
    found: dict[str, int] = {}
    for one in filter(None, said):
        with suppress(ValueError):
            host = names.normalise(urlsplit(one.text.strip()).hostname or "")
            if host in every:
                found.setdefault(host, one.line if routed is setup.document else 0)
    return found
