"""Every diagnosis, shown on real name servers; small liars show what no BIND does."""

import functools
from collections.abc import Iterator
from contextlib import ExitStack

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from dns_diagnosis_support import (
    CHALLENGE,
    OTHER,
    RESOLVER,
    VALUE,
    Watched,
    relay,
    second_copy,
)
from dns_lab import Lab

from wizard.core.errors import WizardError
from wizard.dns import propagation
from wizard.dns.address import Address
from wizard.dns.ask import ask
from wizard.dns.diagnosis import Probes, diagnose, explain
from wizard.dns.zone import Located, Nameserver, View

pytestmark = pytest.mark.e2e


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that do not answer are given up soon."""
    soon = functools.partial(ask, seconds=0.1)
    monkeypatch.setattr(propagation, "ask", soon)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


# ── nothing to tell ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dnssec", [None, "signed"])
def test_a_zone_that_is_well_is_not_spoken_of_nor_asked_more(lab: Lab, dnssec: None) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", VALUE), (CHALLENGE, "TXT", OTHER)], dnssec=dnssec)
    watched = Watched(lab, made.name, values=(VALUE, OTHER))
    assert watched.findings() == ()
    assert watched.probes.asked == 0
    assert watched.vantage() == ()


def test_pomeriums_wildcard_beside_the_record_is_well(lab: Lab) -> None:
    made = lab.zone(records=[("*", "CNAME", "host.example.com."), (CHALLENGE, "TXT", VALUE)])
    watched = Watched(lab, made.name)
    assert watched.findings() == ()
    assert watched.probes.asked == 0


def test_a_delegation_that_works_is_well(lab: Lab) -> None:
    target, made = lab.zone(records=[("a", "TXT", VALUE)]), lab.zone()
    made.add(f"{CHALLENGE}.a", "CNAME", f"a.{target.name}.")
    child = lab.zone(f"{CHALLENGE}.b.{made.name}", nameservers={"ns": (lab.other.address,)})
    child.add("@", "TXT", VALUE)
    watched = Watched(lab, f"a.{made.name}", f"b.{made.name}")
    assert watched.findings() == ()
    assert watched.probes.asked == 0


def test_an_old_value_beside_the_new_one_is_well(lab: Lab) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", VALUE), (CHALLENGE, "TXT", "old")])
    assert Watched(lab, made.name).findings({"old"}) == ()


# ── nothing there yet ────────────────────────────────────────────────────────────────────────────


def test_a_name_that_is_not_there_yet_and_how_long_that_is_remembered(lab: Lab) -> None:
    made = lab.zone(negative_ttl=50)
    watched = Watched(lab, made.name, f"www.{made.name}")
    (found,) = watched.findings()
    assert (found.code, found.level) == ("nxdomain-everywhere", "info")
    assert f"{CHALLENGE}.{made.name} and {CHALLENGE}.www.{made.name}" in found.summary
    assert "50 s" in found.hint
    assert f"ns1.{made.name}" in found.hint


def test_resolvers_are_never_asked_for_the_name_before_it_is_there(lab: Lab) -> None:
    made = lab.zone(negative_ttl=600)
    watched = Watched(lab, made.name)
    watched.findings()
    made.add(CHALLENGE, "TXT", VALUE)
    answer = lab.ask(RESOLVER, f"{CHALLENGE}.{made.name}", "TXT", recurse=True)
    assert answer.answer  # a miss would be in its memory now


def test_a_hundred_names_that_are_not_there_are_told_once(lab: Lab) -> None:
    made = lab.zone()
    watched = Watched(lab, *(f"host{number}.{made.name}" for number in range(100)))
    (found,) = watched.findings()
    assert "and 97 more" in found.summary


def test_a_name_without_a_txt_record(lab: Lab) -> None:
    made = lab.zone(records=[(f"below.{CHALLENGE}", "TXT", "x")])
    assert Watched(lab, made.name).codes() == ["nodata-everywhere"]


def test_nothing_is_asked_twice_within_half_a_minute(lab: Lab) -> None:
    now = [0.0]
    watched = Watched(lab, lab.zone().name)
    watched.probes = Probes(watched.view, clock=lambda: now[0])
    first, asked = watched.findings(), watched.probes.asked
    assert 0 < asked < 30
    assert watched.findings() == first
    assert watched.probes.asked == asked
    now[0] += 31
    watched.findings()
    assert asked < watched.probes.asked < 2 * asked  # what hardly changes is kept longer


# ── the record is somewhere else ─────────────────────────────────────────────────────────────────


def test_a_name_with_the_zone_appended_twice(lab: Lab) -> None:
    made = lab.zone()
    made.add(f"{CHALLENGE}.{made.name}", "TXT", VALUE)
    found = Watched(lab, made.name).one("name-doubled")
    assert f"{CHALLENGE}.{made.name}.{made.name}" in found.summary
    assert found.hint.startswith(f"Write only {CHALLENGE} into")


def test_a_name_doubled_below_the_zone_with_a_quoted_value(lab: Lab) -> None:
    made = lab.zone()
    made.add(f"{CHALLENGE}.a.{made.name}", "TXT", f'"{VALUE}"')
    found = Watched(lab, f"a.{made.name}").one("name-doubled")
    assert f"Write only {CHALLENGE}.a into" in found.hint


def test_only_the_label_at_the_zone_itself(lab: Lab) -> None:
    made = lab.zone()
    made.add(CHALLENGE, "TXT", VALUE)
    found = Watched(lab, f"a.{made.name}").one("name-label-only")
    assert f"at {CHALLENGE}.{made.name}, but it belongs at {CHALLENGE}.a." in found.summary


def test_the_names_own_record_at_the_zone_is_not_another_ones(lab: Lab) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", OTHER)])
    assert Watched(lab, f"a.{made.name}").codes() == ["nxdomain-everywhere"]


@pytest.mark.parametrize("name", ["@", "a"])
def test_the_value_at_the_domain_itself(lab: Lab, name: str) -> None:
    made = lab.zone()
    made.add(name, "TXT", VALUE)
    assert f"Write only {CHALLENGE}.a" in Watched(lab, f"a.{made.name}").one("value-at-apex").hint


@pytest.mark.parametrize("name", ["acme-challenge", "_acme_challenge", f"{CHALLENGE}.*"])
def test_a_name_that_is_spelt_differently(lab: Lab, name: str) -> None:
    made = lab.zone()
    made.add(name, "TXT", VALUE)
    assert f"{name}.{made.name}" in Watched(lab, made.name).one("name-misspelt").summary


def test_name_and_value_swapped(lab: Lab) -> None:
    made = lab.zone()
    made.add(VALUE, "TXT", f"{CHALLENGE}.{made.name}")
    assert VALUE in Watched(lab, made.name).one("swapped").hint


@pytest.mark.parametrize(
    ("kind", "value"), [("A", "192.0.2.1"), ("SPF", f'"{VALUE}"'), ("CNAME", f"{VALUE}.example.")]
)
def test_a_record_of_another_type(lab: Lab, kind: str, value: str) -> None:
    made = lab.zone()
    watched = Watched(lab, made.name)
    made.add(CHALLENGE, kind, value)
    found = watched.one("wrong-type")
    assert kind in found.summary
    assert "TXT" in found.hint


# ── the value is not right ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "stored"),
    [
        ("value-quoted", f'"{VALUE}"'),
        ("value-quoted", f"\u201c{VALUE}\u201d"),
        ("value-whitespace", f"{VALUE} "),
        ("value-whitespace", f"{VALUE[:20]}\n{VALUE[20:]}"),
        ("value-dot", f"{VALUE}."),
        ("value-padded", f"{VALUE}="),
        ("value-case", VALUE.lower()),
        ("value-truncated", VALUE[:32]),
        ("value-decorated", f"acme={VALUE}"),
        ("values-joined", f"{VALUE} {OTHER}"),
        ("value-unknown", "v=spf1 -all"),
    ],
)
def test_a_value_that_is_not_quite_right(lab: Lab, code: str, stored: str) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", stored)])
    found = Watched(lab, made.name, values=(VALUE, OTHER)).findings()
    assert [one.code for one in found] == [code]
    assert f"{CHALLENGE}.{made.name}" in found[0].summary


def test_one_value_of_two(lab: Lab) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", VALUE)])
    (found,) = Watched(lab, made.name, values=(VALUE, OTHER)).findings()
    assert found.code == "one-of-two"
    assert OTHER in found.summary
    assert "keep the first" in found.hint


def test_the_value_of_an_earlier_order(lab: Lab) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", OTHER, 300)])
    (found,) = Watched(lab, made.name).findings({OTHER})
    assert found.code == "old-value"
    assert "300 s" in found.hint


def test_a_dozen_values_are_told_even_though_all_is_there(lab: Lab) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", f"old value {number}") for number in range(12)])
    made.add(CHALLENGE, "TXT", VALUE)
    (found,) = Watched(lab, made.name).findings()
    assert (found.code, found.level) == ("too-many-values", "warning")
    assert "13 TXT values" in found.summary


# ── CNAME, NS and wildcards ──────────────────────────────────────────────────────────────────────


def test_a_cname_leads_the_record_elsewhere_from_the_start(lab: Lab) -> None:
    target, made = lab.zone(), lab.zone()
    made.add(CHALLENGE, "CNAME", f"proof.{target.name}.")
    found = Watched(lab, made.name).one("cname-at-challenge")
    assert found.level == "info"
    assert f"Create the TXT record at proof.{target.name}" in found.hint


def test_a_cname_that_came_later(lab: Lab) -> None:
    target, made = lab.zone(), lab.zone()
    watched = Watched(lab, made.name)
    made.add(CHALLENGE, "CNAME", f"proof.{target.name}.")
    found = watched.one("cname-at-challenge")
    assert found.level == "error"
    assert f"proof.{target.name}" in found.summary


@pytest.mark.parametrize("late", [False, True])
def test_a_cname_into_a_domain_that_is_not_there(lab: Lab, late: bool) -> None:  # noqa: FBT001
    made = lab.zone()
    watched = Watched(lab, made.name)
    made.add(CHALLENGE, "CNAME", "proof.nobody-has-this.com.")
    if not late:
        watched = Watched(lab, made.name)
    (found,) = watched.findings()
    assert found.code == "cname-dangling"
    assert "nobody-has-this.com" in found.summary


def test_cnames_in_a_circle_within_the_zone(lab: Lab) -> None:
    made = lab.zone()
    made.add(CHALLENGE, "CNAME", f"a.{made.name}.")
    made.add("a", "CNAME", f"{CHALLENGE}.{made.name}.")
    (found,) = Watched(lab, made.name).findings()
    assert found.code == "cname-loop"
    assert f"{CHALLENGE}.{made.name} → a.{made.name} → {CHALLENGE}.{made.name}" in found.summary


def test_cnames_in_a_circle_through_another_zone(lab: Lab) -> None:
    made, other = lab.zone(), lab.zone(nameservers={"ns": (lab.other.address,)})
    watched = Watched(lab, made.name)
    made.add(CHALLENGE, "CNAME", f"a.{other.name}.")
    other.add("a", "CNAME", f"{CHALLENGE}.{made.name}.")
    assert "→" in watched.one("cname-loop").summary
    with pytest.raises(WizardError) as raised:
        Watched(lab, made.name)
    assert raised.value.code == "cname-loop"
    assert explain(raised.value, made.name, watched.probes) is raised.value


def test_a_cname_that_a_server_does_not_have_yet(lab: Lab) -> None:
    target, made = lab.zone(records=[("proof", "TXT", VALUE)]), lab.zone()
    with made.frozen_secondary():
        made.add(CHALLENGE, "CNAME", f"proof.{target.name}.")
        watched = Watched(lab, made.name)
        (found,) = watched.findings()
        assert (found.code, found.level) == ("cname-missing", "warning")
        assert f"ns2.{made.name} [127.0.0.4] lacks" in found.summary
    assert watched.findings() == ()
    made.remove(CHALLENGE, "CNAME")
    (found,) = watched.findings()
    assert (found.code, found.level) == ("cname-missing", "error")


def test_cname_and_txt_at_one_name(lab: Lab, closing: ExitStack) -> None:
    def both(
        query: dns.message.Message,
        answer: dns.message.Message,
        tcp: bool,  # noqa: ARG001, FBT001
    ) -> dns.message.Message:
        name = query.question[0].name
        if name.labels[0] == CHALLENGE.encode():
            answer.answer = [
                dns.rrset.from_text(name, 60, "IN", "CNAME", "host.example.com."),
                dns.rrset.from_text(name, 60, "IN", "TXT", '"x"'),
            ]
        return answer

    made = lab.zone(nameservers={"ns0": (lab.primary.address,)})
    address = relay(lab, closing, both)
    watched = Watched(lab, made.name).moved(lambda one: served_by(one, address))
    assert "host.example.com" in watched.one("cname-and-txt").summary


def served_by(located: Located, *addresses: str) -> Located:
    """The same place at other addresses, as when a network sends packets there."""
    servers = tuple(
        Nameserver(f"ns{number}.{located.zone.apex}", (Address(each),))
        for number, each in enumerate(addresses)
    )
    return located._replace(zone=located.zone._replace(nameservers=servers))


def test_pomeriums_wildcard_answers_until_the_record_is_there(lab: Lab) -> None:
    made = lab.zone(records=[("*", "CNAME", "host.example.com.")])
    watched = Watched(lab, made.name)
    assert watched.located[0].name == f"{CHALLENGE}.{made.name}"
    (found,) = watched.findings()
    assert (found.code, found.level) == ("wildcard-swallows", "info")
    assert "may stay" in found.hint


def test_a_lagging_secondary_with_pomeriums_wildcard(lab: Lab) -> None:
    made = lab.zone(records=[("*", "CNAME", "host.example.com.")])
    watched = Watched(lab, made.name)
    with made.frozen_secondary():
        made.add(CHALLENGE, "TXT", VALUE)
        (found,) = watched.findings()
        assert found.code == "nameservers-disagree"
    assert watched.findings() == ()


def test_a_wildcard_txt_record_answers_in_its_place(lab: Lab) -> None:
    made = lab.zone(records=[("*", "TXT", "v=spf1 -all")])
    (found,) = Watched(lab, made.name).findings()
    assert found.code == "wildcard-swallows"
    assert "TXT" in found.summary


def test_a_name_that_became_a_zone(lab: Lab) -> None:
    made = lab.zone()
    watched = Watched(lab, made.name)
    watched.looks_up = False
    child = lab.zone(f"{CHALLENGE}.{made.name}", nameservers={"ns": (lab.other.address,)})
    found = watched.one("ns-at-challenge")
    assert f"ns.{child.name}" in found.summary
    assert f"ns.{child.name}" in Watched(lab, made.name).one("nodata-everywhere").hint


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("by", ["NS", "CNAME"])
def test_the_server_of_a_delegation_is_down(lab: Lab, by: str) -> None:
    made, target = lab.zone(), lab.zone(nameservers={"ns": (lab.other.address,)})
    if by == "NS":
        lab.zone(f"{CHALLENGE}.{made.name}", nameservers={"ns": (lab.other.address,)})
    else:
        made.add(CHALLENGE, "CNAME", f"proof.{target.name}.")
    watched = Watched(lab, made.name)
    with lab.other.silent():
        (found,) = watched.findings()
    assert found.code == "delegation-server-down"
    assert f"{CHALLENGE}.{made.name} is delegated" in found.summary


# ── name servers ─────────────────────────────────────────────────────────────────────────────────


def test_a_secondary_lags(lab: Lab) -> None:
    made = lab.zone()
    watched = Watched(lab, made.name)
    with made.frozen_secondary():
        made.add(CHALLENGE, "TXT", VALUE)
        (found,) = watched.findings()
        assert (found.code, found.level) == ("nameservers-disagree", "info")
        serials = [made.serial(server) for server in (lab.primary, lab.secondary)]
        assert f"ns1.{made.name} (serial {serials[0]})" in found.summary
        assert f"ns2.{made.name} [127.0.0.4] (serial {serials[1]})" in found.summary
    assert watched.findings() == ()


def test_servers_with_the_same_serial_and_other_records(lab: Lab) -> None:
    """A lag passes; two sources of one zone do not."""
    made = lab.zone(
        records=[(CHALLENGE, "TXT", VALUE)], nameservers={"ns1": (lab.primary.address,)}
    )
    address = second_copy(lab, made, [])
    watched = Watched(lab, made.name).moved(lambda one: served_by(one, "127.0.0.3", address))
    found = watched.one("nameservers-disagree")
    assert found.level == "warning"
    assert found.summary.count("serial 1)") == 2
    made.add("other", "TXT", "x")
    watched.probes = Probes(watched.view)
    assert watched.one("nameservers-disagree").level == "info"


def test_a_secondary_that_has_just_caught_up_is_not_accused(lab: Lab) -> None:
    made = lab.zone()
    watched = Watched(lab, made.name)
    with made.frozen_secondary():
        made.add(CHALLENGE, "TXT", VALUE)
        look = watched.look()
    with lab.inside():
        assert diagnose(look, watched.probes) == ()


@pytest.mark.parametrize("kind", ["refusing", "lame"])
def test_a_server_that_does_not_serve_the_zone(lab: Lab, kind: str) -> None:
    bad = getattr(lab, kind)
    made = lab.zone(
        records=[(CHALLENGE, "TXT", VALUE)], nameservers={"ns1": ("127.0.0.3",), "bad": (bad,)}
    )
    (found,) = Watched(lab, made.name).findings()
    assert (found.code, found.level) == ("server-lame", "warning")
    assert f"bad.{made.name} [{bad}]" in found.summary


def test_a_server_that_fails(lab: Lab) -> None:
    made = lab.zone(
        records=[(CHALLENGE, "TXT", VALUE)],
        nameservers={"ns1": ("127.0.0.3",), "bad": (lab.failing,)},
    )
    (found,) = Watched(lab, made.name).findings()
    assert found.code == "server-servfail"
    assert f"bad.{made.name} [{lab.failing}]" in found.summary


@pytest.mark.usefixtures("quick")
def test_a_server_that_does_not_answer(lab: Lab) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", VALUE)])
    watched = Watched(lab, made.name)
    with lab.secondary.silent():
        (found,) = watched.findings()
        assert watched.look().ready
    assert (found.code, found.level) == ("server-timeout", "warning")
    assert f"ns2.{made.name} [127.0.0.4], a name server of {made.name}, does not" in found.summary


@pytest.mark.usefixtures("quick")
def test_a_server_with_an_address_that_does_not_answer_is_no_more_than_that(lab: Lab) -> None:
    with lab.silent() as silent:
        made = lab.zone(
            records=[(CHALLENGE, "TXT", VALUE)], nameservers={"ns1": ("127.0.0.3", silent)}
        )
        assert Watched(lab, made.name).one("server-timeout").level == "info"


def test_a_server_without_an_address(lab: Lab) -> None:
    made = lab.zone(
        records=[(CHALLENGE, "TXT", VALUE)],
        nameservers={"ns1": ("127.0.0.3",), "gone.nobody-has-this.com": ()},
    )
    (found,) = Watched(lab, made.name).findings()
    assert found.code == "server-no-address"
    assert "gone.nobody-has-this.com" in found.summary


def test_a_server_without_tcp(lab: Lab, closing: ExitStack) -> None:
    address = relay(lab, closing, lambda _, answer, tcp: None if tcp else answer)
    made = lab.zone(nameservers={"ns1": (address,), "ns0": ("127.0.0.3",)})
    watched = Watched(lab, made.name)
    found = watched.one("server-no-tcp")
    assert f"ns1.{made.name} [{address}]" in found.summary
    made.add(CHALLENGE, "TXT", VALUE)
    assert watched.findings() == ()


def test_a_server_without_edns(lab: Lab, closing: ExitStack) -> None:
    def refuse(
        query: dns.message.Message,
        answer: dns.message.Message,
        tcp: bool,  # noqa: ARG001, FBT001
    ) -> dns.message.Message:
        if query.edns >= 0:
            answer = dns.message.make_response(query)
            answer.use_edns(edns=False)
            answer.set_rcode(dns.rcode.FORMERR)
        return answer

    made = lab.zone(nameservers={"ns1": (relay(lab, closing, refuse),), "ns0": ("127.0.0.3",)})
    assert f"ns1.{made.name}" in Watched(lab, made.name).one("server-no-edns").summary


def test_a_server_that_changes_the_case_of_questions(lab: Lab, closing: ExitStack) -> None:
    def lower(
        _query: dns.message.Message,
        answer: dns.message.Message,
        tcp: bool,  # noqa: ARG001, FBT001
    ) -> dns.message.Message:
        asked = answer.question[0]
        name = dns.name.from_text(asked.name.to_text().lower())
        answer.question[0] = dns.rrset.RRset(name, asked.rdclass, asked.rdtype)
        return answer

    made = lab.zone(nameservers={"ns1": (relay(lab, closing, lower),), "ns0": ("127.0.0.3",)})
    found = Watched(lab, made.name).one("case-not-preserved")
    assert f"ns1.{made.name}" in found.summary


# ── the domain, and the way to it ────────────────────────────────────────────────────────────────


def test_the_record_at_a_provider_that_the_domain_is_not_delegated_to(lab: Lab) -> None:
    made = lab.zone(
        nameservers={"old": (lab.other.address,), "ns1": ("127.0.0.3",)},
        delegated={"ns1": ("127.0.0.3",)},
    )
    watched = Watched(lab, made.name)
    with made.frozen_secondary():
        made.add(CHALLENGE, "TXT", VALUE)
        found = watched.one("not-authoritative-provider")
        assert found.summary.startswith(f"old.{made.name} has the record")
        assert f"delegated to ns1.{made.name}" in found.summary


def test_registrar_and_zone_name_different_servers(lab: Lab) -> None:
    made = lab.zone(delegated={"ns1": ("127.0.0.3",)})
    found = Watched(lab, made.name).one("delegation-differs")
    assert f"names ns1.{made.name}, the zone itself ns1.{made.name} and ns2.{made.name}" in (
        found.summary
    )


def test_signatures_that_do_not_verify(lab: Lab) -> None:
    made = lab.zone(dnssec="bogus")
    view = View([RESOLVER], [lab.primary.address])
    assert made.name in Watched(lab, made.name, view=view).one("dnssec-bogus").summary
    with pytest.raises(WizardError) as raised:
        Watched(lab, made.name)
    with lab.inside():
        error = explain(raised.value, f"a.{made.name}", Probes(View([RESOLVER])))
    assert error.code == "dnssec-bogus"
    assert f"signatures of {made.name} do" in error.summary


def test_a_record_in_the_copy_inside_only(lab: Lab) -> None:
    made = lab.zone()
    inside = second_copy(lab, made, [(CHALLENGE, "TXT", VALUE)])
    found = Watched(lab, made.name, view=View([RESOLVER, inside])).one("split-horizon")
    assert f"only at {inside}" in found.summary
    assert f"ns1.{made.name}" in found.hint


def test_a_zone_that_has_other_servers_inside(lab: Lab) -> None:
    made = lab.zone()
    inside = second_copy(lab, made, [])
    found = Watched(lab, made.name, view=View([inside, RESOLVER])).one("split-horizon")
    assert f"is at inside.{made.name}" in found.summary
    assert f"at ns1.{made.name} and ns2.{made.name}" in found.summary


def test_a_network_that_lets_no_dns_out(lab: Lab) -> None:
    made = lab.zone()
    watched = Watched(lab, made.name)
    with lab.blocked_port_53():
        (found,) = watched.findings()
    assert (found.code, found.level) == ("port-53-blocked", "error")


def test_values_are_explained_over_https_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", f'"{VALUE}"')])
    watched = Watched(lab, made.name, f"www.{made.name}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(lab.https_root))
    with lab.blocked_port_53():
        told = [(found.code, found.level) for found in watched.findings()]
    assert told == [
        ("value-quoted", "error"),
        ("port-53-blocked", "warning"),
        ("nxdomain-everywhere", "info"),
    ]


def test_a_network_that_lets_not_even_resolvers_be_asked(lab: Lab) -> None:
    probes = Probes(View(["1.0.0.1"]))
    with lab.blocked_port_53(), lab.inside():
        with pytest.raises(WizardError) as raised:
            probes.view.locate("_acme-challenge.example.com", "example.com")
        assert explain(raised.value, "example.com", probes).code == "port-53-blocked"


def test_a_network_that_answers_in_the_name_servers_place(lab: Lab) -> None:
    made = lab.zone()
    watched = Watched(lab, made.name).moved(lambda one: served_by(one, RESOLVER, "9.9.9.9"))
    (found,) = watched.findings()
    assert found.code == "port-53-intercepted"
    assert RESOLVER in found.summary


def test_a_domain_that_nobody_has(lab: Lab) -> None:
    (found,) = Watched(lab, "www.nobody-has-this.com").findings()
    assert found.code == "domain-unregistered"
    assert found.summary.startswith("nobody-has-this.com is not")


@pytest.mark.parametrize(
    ("name", "code"),
    [("host.local", "name-not-public"), ("host.nosuchtopleveldomain", "domain-unregistered")],
)
def test_a_name_outside_the_public_dns(lab: Lab, name: str, code: str) -> None:
    probes = Probes(View([RESOLVER]))
    with lab.inside():
        with pytest.raises(WizardError) as raised:
            probes.view.locate(f"{CHALLENGE}.{name}", name)
        assert explain(raised.value, name, probes).code == code


# ── once it is there ─────────────────────────────────────────────────────────────────────────────


def test_a_resolver_that_was_asked_too_early_remembers(lab: Lab) -> None:
    made = lab.zone(negative_ttl=120)
    watched = Watched(lab, made.name)
    lab.ask(RESOLVER, f"{CHALLENGE}.{made.name}", "TXT", recurse=True)
    made.add(CHALLENGE, "TXT", VALUE)
    (found,) = watched.vantage()
    assert (found.code, found.level) == ("caches-behind", "info")
    assert f"{CHALLENGE}.{made.name}" in found.summary


def test_a_resolver_that_refuses_what_dnssec_does_not_verify(lab: Lab) -> None:
    made = lab.zone(records=[(CHALLENGE, "TXT", VALUE)], dnssec="bogus")
    watched = Watched(lab, made.name, view=View([RESOLVER], [lab.primary.address]))
    assert watched.findings() == ()
    (found,) = watched.vantage()
    assert (found.code, found.level) == ("dnssec-bogus", "error")


def test_findings_come_the_most_important_first(lab: Lab) -> None:
    made = lab.zone(
        records=[(CHALLENGE, "TXT", f'"{VALUE}"')],
        nameservers={"ns1": ("127.0.0.3",), "bad": (lab.refusing,)},
    )
    found = Watched(lab, made.name, f"a.b.{made.name}").findings()
    assert [one.level for one in found] == ["error", "error", "warning", "info"]
