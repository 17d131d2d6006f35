"""The DNS lab itself, asked as a person with dig would: a broken lab is seen here first."""

import os
import socket
import subprocess
import sys
import threading

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver
import dns.update
import pytest
import requests
from dns_https import SERVICES
from dns_lab import TOP_LEVEL, Lab

pytestmark = pytest.mark.e2e

RESOLVER = "127.0.0.53"


def texts(answer: dns.message.Message) -> set[str]:
    """The TXT values of an answer."""
    found = (each for each in answer.answer if each.rdtype == dns.rdatatype.TXT)
    return {b"".join(value.strings).decode() for each in found for value in each}


def code(answer: dns.message.Message) -> str:
    return dns.rcode.to_text(answer.rcode())


def test_a_program_that_knows_nothing_finds_the_zone_and_its_servers(lab: Lab) -> None:
    zone = lab.zone(records=[("www", "A", "192.0.2.1"), ("*", "CNAME", f"www.{lab.zone().name}.")])
    script = (
        "import sys, dns.resolver as d; zone = str(d.zone_for_name(sys.argv[1]));"
        "hosts = sorted(str(each) for each in d.resolve(zone, 'NS'));"
        "print(zone, *(a for host in hosts for kind in ('A', 'AAAA')"
        " for a in d.resolve(host, kind, raise_on_no_answer=False).rrset or ()))"
    )
    with lab.inside():
        found = subprocess.run(
            [sys.executable, "-c", script, f"deep.www.{zone.name}"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert found.stdout.split() == [f"{zone.name}.", "127.0.0.3", "fd00::3", "127.0.0.4"]


def test_both_name_servers_have_what_the_key_added(lab: Lab) -> None:
    zone = lab.zone()
    name = f"_acme-challenge.{zone.name}"
    zone.add("_acme-challenge", "TXT", "one")
    zone.add("_acme-challenge", "TXT", '"two" in quotes')
    for address in ("127.0.0.3", "fd00::3", "127.0.0.4"):
        for tcp in (False, True):
            answer = lab.ask(address, name, "TXT", tcp=tcp)
            assert answer.flags & dns.flags.AA
            assert texts(answer) == {"one", '"two" in quotes'}
    zone.remove("_acme-challenge", "TXT", "one")
    assert texts(lab.ask("127.0.0.4", name, "TXT")) == {'"two" in quotes'}
    assert texts(lab.ask(RESOLVER, name, "TXT", recurse=True)) == {'"two" in quotes'}


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha512"])
def test_an_update_needs_a_key_that_may(lab: Lab, algorithm: str) -> None:
    zone = lab.zone(algorithm=algorithm)

    def update(key: dns.tsig.Key | None) -> dns.message.Message:
        made = dns.update.UpdateMessage(zone.name, keyring=key)
        made.add("_acme-challenge", 60, "TXT", "value")
        with lab.inside():
            return dns.query.tcp(made, "127.0.0.3", timeout=5)

    assert code(update(None)) == "REFUSED"
    assert code(update(lab.stranger.key())) == "REFUSED"
    with pytest.raises(dns.tsig.PeerBadSignature):
        update(zone.tsig._replace(secret=lab.stranger.secret).key())
    assert code(update(zone.tsig.key())) == "NOERROR"


def test_a_frozen_secondary_lags_and_catches_up(lab: Lab) -> None:
    zone = lab.zone(records=[("*", "CNAME", "host.example.com.")])
    name = f"_acme-challenge.{zone.name}"
    with zone.frozen_secondary():
        zone.add("_acme-challenge", "TXT", "value")
        assert texts(lab.ask("127.0.0.3", name, "TXT")) == {"value"}
        lagging = lab.ask("127.0.0.4", name, "TXT")
        assert lagging.flags & dns.flags.AA
        assert lagging.answer[0].rdtype == dns.rdatatype.CNAME  # the trap of a wildcard
    assert texts(lab.ask("127.0.0.4", name, "TXT")) == {"value"}


def test_a_signed_zone_is_secure_and_a_bogus_one_is_not(lab: Lab) -> None:
    signed = lab.zone(records=[("t", "TXT", "v")], dnssec="signed")
    bogus = lab.zone(records=[("t", "TXT", "v")], dnssec="bogus")
    plain = lab.zone(records=[("t", "TXT", "v")])
    for each, secure in ((signed, True), (plain, False)):
        answer = lab.ask(RESOLVER, f"t.{each.name}", "TXT", recurse=True)
        assert texts(answer) == {"v"}
        assert bool(answer.flags & dns.flags.AD) is secure
    assert code(lab.ask(RESOLVER, f"t.{bogus.name}", "TXT", recurse=True)) == "SERVFAIL"
    unchecked = lab.ask(RESOLVER, f"t.{bogus.name}", "TXT", recurse=True, unchecked=True)
    assert texts(unchecked) == {"v"}
    signed.add("late", "TXT", "w")
    assert lab.ask(RESOLVER, f"late.{signed.name}", "TXT", recurse=True).flags & dns.flags.AD
    for each_top in TOP_LEVEL:
        assert lab.ask(RESOLVER, each_top, "SOA", recurse=True).flags & dns.flags.AD


def test_names_delegated_by_cname_and_by_ns_resolve(lab: Lab) -> None:
    target, zone = lab.zone(), lab.zone()
    zone.add("_acme-challenge.a", "CNAME", f"a.{target.name}.")
    target.add("a", "TXT", "by CNAME")
    child = lab.zone(f"_acme-challenge.b.{zone.name}", nameservers={"ns": (lab.other.address,)})
    child.add("@", "TXT", "by NS")
    for label, value in (("a", "by CNAME"), ("b", "by NS")):
        name = f"_acme-challenge.{label}.{zone.name}"
        assert texts(lab.ask(RESOLVER, name, "TXT", recurse=True)) == {value}
    for address in ("127.0.0.3", "127.0.0.4"):
        referral = lab.ask(address, child.name, "TXT")
        assert not referral.flags & dns.flags.AA
        assert referral.authority[0].name == dns.name.from_text(child.name)
    child.drop()
    assert code(lab.ask(RESOLVER, child.name, "TXT", recurse=True)) == "NXDOMAIN"


def test_servers_fail_in_their_own_ways(lab: Lab) -> None:
    with lab.silent() as silent:
        bad = (lab.refusing, lab.lame, lab.failing, silent, lab.nowhere())
        servers = {f"ns{number}": (address,) for number, address in enumerate(bad)}
        zone = lab.zone(nameservers={"ns": ("127.0.0.3",), **servers})
        hosts = lab.ask("127.0.0.3", zone.name, "NS").answer[0]
        assert len(hosts) == 1 + len(bad)
        answers = [lab.ask(address, zone.name, "SOA") for address in bad[:3]]
        assert [code(answer) for answer in answers] == ["REFUSED", "NOERROR", "SERVFAIL"]
        assert not any(answer.flags & dns.flags.AA or answer.answer for answer in answers)
        query = dns.message.make_query(zone.name, "SOA")
        with lab.inside():
            for ask in (dns.query.udp, dns.query.tcp):
                with pytest.raises(dns.exception.Timeout):
                    ask(query, silent, timeout=0.1)
            with pytest.raises(ConnectionRefusedError):
                dns.query.tcp(query, bad[4], timeout=1)


def test_a_server_is_silent_for_a_while(lab: Lab) -> None:
    zone = lab.zone()
    query = dns.message.make_query(zone.name, "SOA")
    with lab.inside(), lab.secondary.silent(), pytest.raises(dns.exception.Timeout):
        dns.query.udp(query, "127.0.0.4", timeout=0.1)
    assert code(lab.ask("127.0.0.4", zone.name, "SOA")) == "NOERROR"


def test_a_stub_answers_what_no_bind_does(lab: Lab) -> None:
    def reply(query: dns.message.Message, tcp: bool) -> dns.message.Message | None:  # noqa: FBT001
        answer = dns.message.make_response(query)
        answer.flags |= 0 if tcp else dns.flags.TC
        return answer

    with lab.stub(reply) as address, lab.inside():
        query = dns.message.make_query("example.com", "TXT")
        answer, by_tcp = dns.query.udp_with_fallback(query, address, timeout=5)
    assert by_tcp
    assert not answer.flags & dns.flags.TC


def test_a_name_of_a_zone_before_is_new_again(lab: Lab) -> None:
    name = "again.example.net"
    lab.zone("example.net")
    for value in ("first", "second"):
        zone = lab.zone(name, [("t", "TXT", value)])
        assert texts(lab.ask(RESOLVER, f"t.{name}", "TXT", recurse=True)) == {value}
        assert zone.primary is lab.primary


def test_powerdns_has_a_zone_that_is_found(lab: Lab) -> None:
    server, zone = lab.powerdns()
    added = {
        "name": f"_acme-challenge.{zone}.",
        "type": "TXT",
        "ttl": 60,
        "changetype": "REPLACE",
        "records": [{"content": '"value"', "disabled": False}],
    }
    server.call("PATCH", f"/zones/{zone}.", {"rrsets": [added]})
    for address, recurse in ((server.address, False), (RESOLVER, True)):
        answer = lab.ask(address, f"_acme-challenge.{zone}", "TXT", recurse=recurse)
        assert texts(answer) == {"value"}


def test_dns_over_https_goes_on_where_port_53_is_blocked(lab: Lab) -> None:
    zone = lab.zone(records=[("t", "TXT", "v")])
    query = dns.message.make_query(f"t.{zone.name}", "TXT")

    def by_https(url: str) -> set[str]:
        reply = requests.post(
            url,
            query.to_wire(),
            headers={"Content-Type": "application/dns-message"},
            verify=str(lab.https_root),
            timeout=5,
        )
        return texts(dns.message.from_wire(reply.content))

    with lab.inside():
        with lab.blocked_port_53():
            for address in ("127.0.0.3", "fd00::3", "127.0.0.4", "1.1.1.1"):
                for ask in (dns.query.udp, dns.query.tcp):
                    with pytest.raises(OSError, match="unreachable"):
                        ask(query, address, timeout=5)
            for host in (*SERVICES, RESOLVER):
                assert by_https(f"https://{host}/dns-query") == {"v"}
            zone.add("new", "TXT", "w")
            assert texts(lab.ask("127.0.0.4", f"new.{zone.name}", "TXT")) == {"w"}
        for address in ("127.0.0.3", "fd00::3", "127.0.0.4"):
            assert texts(dns.query.udp(query, address, timeout=5)) == {"v"}


def test_only_who_goes_inside_is_inside(lab: Lab) -> None:
    """Nothing in there reaches out, and the rest of the tests stays outside."""

    def network() -> int:
        with open("/proc/thread-self/ns/net") as opened:  # noqa: PTH123  its inode is wanted
            return os.fstat(opened.fileno()).st_ino

    outside = network()
    seen: list[int] = []
    with lab.inside():
        inside = network()
        thread = threading.Thread(target=lambda: seen.append(network()))
        thread.start()
        thread.join()
        with lab.inside():
            pass
        assert network() == inside
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("192.0.2.1", 53), timeout=1)
    assert seen == [inside]
    assert network() == outside != inside
