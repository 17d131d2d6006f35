"""Every diagnosis, shown on real name servers; small liars show what no BIND does."""

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
    served_by,
)
from dns_lab import Lab

from wizard.core.errors import WizardError
from wizard.dns.diagnosis import Probes, explain

pytestmark = pytest.mark.e2e


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
