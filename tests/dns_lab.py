"""A small internet of name servers in a network namespace: real BIND, found as in the world.

The fixture `lab` starts it once for each worker. Every server listens on port 53 of an address of
its own on the namespace's loopback device, so discovery starts at the root and needs no override:

    127.0.0.2             the root, and the signed top-level zones in TOP_LEVEL
    127.0.0.3, fd00::3    lab.primary
    127.0.0.4             lab.secondary, which transfers from the primary
    127.0.0.5             lab.other, for zones that another server has (a delegated child)
    127.0.0.6             lab.powerdns(), also its HTTP API
    127.0.0.53            lab.recursive, which validates; it also has the addresses of RESOLVERS and
                          those in this machine's resolv.conf, so programs need no setting; also
                          as DNS over HTTPS for SERVICES with lab.https_root

    with lab.inside():                      # this thread, its new threads and its subprocesses
        zone = lab.zone(records=[("www", "A", "192.0.2.1")])    # example1.com, example2.com, ...
        zone.add("_acme-challenge", "TXT", "value")             # both name servers have it now
        with zone.frozen_secondary():                           # a secondary that lags
            zone.add("_acme-challenge", "TXT", "more")

Methods of the lab enter the namespace by themselves. `lab.zone` says what a zone can be.
"""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.update
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS
from dns_https import SERVICES, blocked, serve_https
from dns_oddities import Reply, odd_views, silence, stub
from dns_servers import (
    Named,
    Namespace,
    PowerDns,
    start_powerdns,
    system_resolvers,
    until,
)
from dns_zones import (
    NOBODY,
    Addresses,
    LabZone,
    Row,
    Tsig,
    glue,
    whole_names,
    wrong,
    zone_text,
)

TOP_LEVEL = ("com", "net", "org", "test", "google")
RESOLVERS = ("1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9")
ALGORITHMS = ("hmac-sha256", "hmac-sha384", "hmac-sha512")
SIGNED = "dnssec-policy lab; inline-signing no;"
AUTHORITATIVE = "recursion no; dnssec-validation no;"
OURSELVES = "127.0.0.99"  # who asks where the lab's own methods do
# The one server of the root and the top-level zones.
ROOT = {"a.root-servers.net": ("127.0.0.2",)}


class Lab:
    """The servers; see the module."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self.net = Namespace(closing)
        self._closing = closing
        self._folder = folder
        self._rndc = Tsig.make("rndc", "hmac-sha256").secret
        self._keys = {each: Tsig.make(f"lab-{each}", each) for each in ALGORITHMS}
        self.stranger = Tsig.make("stranger", "hmac-sha256")  # known, but allowed nothing
        self._known = "\n".join(
            f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};'
            for key in (*self._keys.values(), self.stranger)
        )
        self._allowed = " ".join(f'key "{key.name}";' for key in self._keys.values())
        self._zones: dict[str, LabZone] = {}
        self._numbers = itertools.count(1)
        self._spare = map("127.0.1.{}".format, itertools.count(1))
        self.root = Named(self.net, folder / "root", "127.0.0.2")
        self.primary = Named(self.net, folder / "primary", "127.0.0.3", "fd00::3")
        self.secondary = Named(self.net, folder / "secondary", "127.0.0.4")
        self._other = Named(self.net, folder / "other", "127.0.0.5")
        self._odd = Named(self.net, folder / "odd", "127.0.0.7", "127.0.0.8", "127.0.0.9")
        resolvers = dict.fromkeys(("127.0.0.53", *RESOLVERS, *system_resolvers()))
        self.recursive = Named(self.net, folder / "recursive", *resolvers)
        self._servers = [self.root, self.primary, self.secondary, self.recursive]
        self._servers += [self._other, self._odd]
        self._start()

    # ── the servers ──────────────────────────────────────────────────────────────────────────

    def inside(self) -> AbstractContextManager[None]:
        """Moves this thread, and what it starts meanwhile, into the lab's network."""
        return self.net.inside()

    @cached_property
    def other(self) -> Named:
        """A server that no zone uses unless its `nameservers` say 127.0.0.5."""
        self._other.launch(self._rndc, AUTHORITATIVE, self._known)
        until(self._other.answers, "BIND")
        return self._other

    @property
    def refusing(self) -> str:
        """The address of a server that answers REFUSED to everything."""
        return self._oddities.addresses[0]

    @property
    def lame(self) -> str:
        """The address of a server that has none of the zones: no AA, a referral upwards."""
        return self._oddities.addresses[1]

    @property
    def failing(self) -> str:
        """The address of a server that has never got its zones: SERVFAIL for those that name it."""
        return self._oddities.addresses[2]

    @contextmanager
    def silent(self) -> Iterator[str]:
        """An address that takes packets and connections and answers none."""
        address = next(self._spare)
        with silence(self.net, address):
            yield address

    @contextmanager
    def stub(self, reply: Reply) -> Iterator[str]:
        """The address of a server that answers what a function says, for what no BIND does.

        Args:
            reply: gets the query and whether it came by TCP; gives a message, the bytes of one, or
                None for no answer.
        """
        address = next(self._spare)
        with stub(self.net, address, reply):
            yield address

    @cached_property
    def https_root(self) -> Path:
        """The certificate to trust for DNS over HTTPS, which starts with the first to ask this."""
        return serve_https(self.net, self._folder, self.recursive.address, self._closing)

    def blocked_port_53(self) -> AbstractContextManager[None]:
        """Only the system's resolver is reached by DNS; DNS over HTTPS goes on.

        The lab's own methods, such as `ask` by v4 and `LabZone.add`, go on as well.
        """
        everybody = [each for server in self._servers for each in server.addresses]
        open_ones = {"127.0.0.53", *system_resolvers()}
        servers = [each for each in everybody if ":" not in each]
        targets = [*dict.fromkeys(everybody), "127.0.0.6", "127.0.1.0/24"]
        return blocked(
            self.net, [OURSELVES, *servers], [each for each in targets if each not in open_ones]
        )

    def nowhere(self) -> str:
        """An address where nothing listens: connections are refused."""
        return next(self._spare)

    @cached_property
    def _powerdns(self) -> PowerDns:
        return start_powerdns(self.net, self._folder / "powerdns", "127.0.0.6", self._rndc)

    def powerdns(self, name: str = "") -> tuple[PowerDns, str]:
        """PowerDNS with an HTTP API, and the name of a new zone of it, which is delegated."""
        name = name or f"example{next(self._numbers)}.net"
        hosts = {f"ns1.{name}": (self._powerdns.address,)}
        self._powerdns.add_zone(name, hosts)
        self.delegate(name, hosts)
        return self._powerdns, name

    def server(self, address: str) -> Named | None:
        """The lab's server with this address, of those that zones are put on."""
        if address in self._other.addresses:
            return self.other
        found = (each for each in (self.primary, self.secondary) if address in each.addresses)
        return next(found, None)

    # ── zones ────────────────────────────────────────────────────────────────────────────────

    def zone(
        self,
        name: str = "",
        records: Iterable[Row] = (),
        *,
        nameservers: Addresses | None = None,
        delegated: Addresses | None = None,
        dnssec: Literal["signed", "bogus"] | None = None,
        algorithm: str = "hmac-sha256",
        negative_ttl: int = 60,
    ) -> LabZone:
        """A new zone, served and delegated when this returns.

        Args:
            name: a new name unless told; one that was there before is replaced. It is delegated
                from the zone of the lab above it, else from its top-level domain.
            records: what is in it besides SOA, NS and the addresses of its name servers; values
                as `LabZone.add` takes them.
            nameservers: hosts and addresses. One without a dot is below the zone. The zone is put
                on the lab's servers that these addresses name, the first being its primary; any
                other address stays as lame, refusing, silent as it is. ns1 and ns2, on the primary
                and the secondary, unless told.
            delegated: what the parent says instead, for parents that disagree.
            dnssec: "signed" with the chain to the root; "bogus" has a wrong DS in the parent.
            algorithm: of the key that may update the zone, `LabZone.tsig`.
            negative_ttl: seconds, the last field of the SOA.
        """
        number = next(self._numbers)
        name = name or f"example{number}.com"
        if name in self._zones:
            self._zones[name].drop()
        hosts = whole_names(
            {"ns1": self.primary.addresses, "ns2": self.secondary.addresses}
            if nameservers is None
            else nameservers,
            name,
        )
        made = self._zones[name] = LabZone(self, name, hosts, self._keys[algorithm], number)
        if made.servers:
            text = zone_text(name, hosts, records, negative_ttl)
            options = f"allow-update {{ {self._allowed} }}; {SIGNED if dnssec else ''}"
            made.primary.rndc("addzone", name, made.as_primary(text, options))
            if dnssec:
                # BIND may look for keys before the zone is loaded, and then not for ten minutes.
                made.primary.rndc("loadkeys", name)
            for server in made.secondaries:
                server.rndc("addzone", name, made.as_secondary(made.primary.address))
        if self._fails_for(made):
            self._oddities.rndc("addzone", name, "IN", "failing", made.as_secondary(NOBODY))
        signer = self._signer(made.primary.address, name) if dnssec else ()
        if dnssec == "bogus":
            signer = [wrong(each) for each in signer]
        self.delegate(name, hosts if delegated is None else whole_names(delegated, name), signer)
        made.settled()
        return made

    def delegate(self, name: str, hosts: Addresses, signer: Iterable[DS] = ()) -> None:
        """Puts NS, the addresses of hosts below the name, and DS into the zone above it."""
        address, update = self._parent(name)
        update.delete(f"{name}.", "NS")
        update.delete(f"{name}.", "DS")
        for host in hosts:
            update.add(f"{name}.", 60, "NS", f"{host}.")
        for host, kind, each in glue(name, hosts):
            update.add(f"{host}.", 60, kind, each)
        for digest in signer:
            update.add(f"{name}.", 60, digest)
        self.update(address, update)

    def undelegate(self, name: str) -> None:
        """Takes a name out of the zone above it, and out of the resolver's memory."""
        address, update = self._parent(name)
        zone = self._zones.pop(name, None)
        for owner in (name, *(host for host, _, _ in glue(name, zone.nameservers if zone else {}))):
            update.delete(f"{owner}.")
        self.update(address, update)
        if zone and self._fails_for(zone):
            self._oddities.rndc("delzone", name, "IN", "failing")
        self.flush(name)

    def flush(self, name: str = "") -> None:
        """The resolver forgets the name and all below it, or everything."""
        self.recursive.rndc(*(("flushtree", name) if name else ("flush",)))

    # ── questions ────────────────────────────────────────────────────────────────────────────

    def ask(
        self,
        address: str,
        name: str,
        kind: str,
        *,
        recurse: bool = False,
        unchecked: bool = False,
        tcp: bool = False,
    ) -> dns.message.Message:
        """One question; by TCP too if the answer was cut. `unchecked` sets CD, for no DNSSEC."""
        query = dns.message.make_query(name, kind, use_edns=0, payload=1232, want_dnssec=True)
        query.flags &= ~dns.flags.RD
        query.flags |= dns.flags.AD
        query.flags |= dns.flags.RD if recurse else 0
        query.flags |= dns.flags.CD if unchecked else 0
        with self.inside():
            source = None if ":" in address else OURSELVES
            if tcp:
                return dns.query.tcp(query, address, timeout=15, source=source)
            return dns.query.udp_with_fallback(query, address, timeout=15, source=source)[0]

    def update(self, address: str, update: dns.update.UpdateMessage) -> None:
        """Sends an update; fails unless it is accepted, and waits until it has spread."""
        with self.inside():
            code = dns.query.tcp(update, address, timeout=15, source=OURSELVES).rcode()
        assert code == dns.rcode.NOERROR, f"the update got {dns.rcode.to_text(code)}: {update}"
        assert update.origin is not None
        if zone := self._zones.get(update.origin.to_text(omit_final_dot=True)):
            zone.settled()

    # ── the inside of it ─────────────────────────────────────────────────────────────────────

    def _start(self) -> None:
        self.net.carry(each for server in self._servers for each in server.addresses)
        for server in (self.primary, self.secondary):
            server.launch(self._rndc, AUTHORITATIVE, self._known)
        zones = {"": zone_text("", ROOT, [], 60)}
        for each in TOP_LEVEL:
            services = ((f"{name}.", "A", at) for name, at in SERVICES.items())
            zones[each] = zone_text(
                each, ROOT, (row for row in services if row[0].endswith(f".{each}.")), 60
            )
        lines = [
            f'zone "{name or "."}" {{ type primary; file "{self._folder}/{number}.db"; {SIGNED} '
            f"allow-update {{ {self._allowed} }}; }};"
            for number, name in enumerate(zones)
        ]
        for number, text in enumerate(zones.values()):
            (self._folder / f"{number}.db").write_text(text)
        self.root.launch(self._rndc, AUTHORITATIVE, "\n".join((self._known, *lines)))
        until(self.root.answers, "BIND")
        for each in TOP_LEVEL:
            self.delegate(each, ROOT, self._signer(self.root.address, each))
        anchors = " ".join(
            f'. static-ds {each.key_tag} {int(each.algorithm)} 2 "{each.digest.hex()}";'
            for each in self._signer(self.root.address, ".")
        )
        hints = self._folder / "hints"
        hints.write_text(". 3600 NS a.root-servers.net.\na.root-servers.net. 3600 A 127.0.0.2\n")
        self.recursive.launch(
            self._rndc,
            # Names that a signed zone denied a moment ago may be there now.
            "recursion yes; allow-recursion { any; }; allow-query-cache { any; }; "
            "dnssec-validation yes; synth-from-dnssec no; servfail-ttl 0;",
            f'trust-anchors {{ {anchors} }};\nzone "." {{ type hint; file "{hints}"; }};\n',
        )
        for server in (self.primary, self.secondary, self.recursive):
            until(server.answers, "BIND")

    @cached_property
    def _oddities(self) -> Named:
        self._odd.launch(self._rndc, "dnssec-validation no;", odd_views(self._odd.addresses))
        until(self._odd.answers, "BIND")
        return self._odd

    def _fails_for(self, zone: LabZone) -> bool:
        return any(self._odd.addresses[2] in each for each in zone.nameservers.values())

    def _parent(self, name: str) -> tuple[str, dns.update.UpdateMessage]:
        above = name.partition(".")[2]
        while above and above not in self._zones and "." in above:
            above = above.partition(".")[2]
        if above in self._zones:
            zone = self._zones[above]
            return zone.primary.address, dns.update.UpdateMessage(above, keyring=zone.tsig.key())
        assert not above or above in TOP_LEVEL, f"the lab has no {above}"
        key = next(iter(self._keys.values())).key()
        return self.root.address, dns.update.UpdateMessage(f"{above}.", keyring=key)

    def _signer(self, address: str, name: str) -> list[DS]:
        """The DS records of a zone, as soon as it is signed."""
        owner = dns.name.from_text(name)
        found: list[DS] = []

        def signed() -> bool:
            answer = self.ask(address, name, "DNSKEY").answer
            if not any(each.rdtype == dns.rdatatype.RRSIG for each in answer):
                return False
            keys = [key for each in answer for key in each if isinstance(key, DNSKEY)]
            found.extend(dns.dnssec.make_ds(owner, key, "SHA256") for key in keys)
            return True

        until(signed, f"{name} to be signed")
        return found


@contextmanager
def running() -> Iterator[Lab]:
    """Starts the lab; ends every process of it."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as closing:
        yield Lab(Path(folder), closing)
