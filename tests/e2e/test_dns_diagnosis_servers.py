"""Diagnoses of name servers, of domains and of the way there; liars show what no BIND does."""

from contextlib import ExitStack

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from conftest import REPOSITORY
from dns_diagnosis_support import (
    CHALLENGE,
    RESOLVER,
    VALUE,
    Watched,
    relay,
    second_copy,
    served_by,
)
from dns_lab import Lab

from wizard.core.errors import WizardError
from wizard.dns import caa
from wizard.dns.diagnosis import CODES, Probes, diagnose, explain
from wizard.dns.zone import View

pytestmark = pytest.mark.e2e


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


# ── CAA ──────────────────────────────────────────────────────────────────────────────────────────


def forbidden(lab: Lab, *names: str) -> str:
    """The code with which CAA stops letsencrypt.org; empty where it does not."""
    with lab.inside():
        try:
            caa.check(
                names, ["letsencrypt.org"], View([RESOLVER]), account_url="https://ca.example/1"
            )
        except WizardError as error:
            return error.code
    return ""


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("", '0 issue "letsencrypt.org"'),
        ("", '0 iodef "mailto:hostmaster@example.com"'),
        ("caa-forbids", '0 issue "sectigo.com"'),
        ("caa-forbids-wildcard", '0 issuewild ";"'),
        ("caa-other-account", '0 issue "letsencrypt.org; accounturi=https://ca.example/2"'),
        ("caa-other-method", '0 issue "letsencrypt.org; validationmethods=http-01"'),
        ("caa-critical", '128 tomorrow "x"'),
    ],
)
def test_caa_is_looked_up_as_authorities_do(lab: Lab, code: str, value: str) -> None:
    made = lab.zone(records=[("@", "CAA", value), ("open", "CAA", '0 issue "letsencrypt.org"')])
    # The nearest records above a name decide, and only they.
    assert forbidden(lab, f"*.a.b.{made.name}") == code
    assert not forbidden(lab, f"www.open.{made.name}")


def test_a_zone_without_caa_is_open_to_all(lab: Lab) -> None:
    made = lab.zone()
    assert not forbidden(lab, made.name, f"*.{made.name}")


def test_caa_that_cannot_be_looked_up(lab: Lab, closing: ExitStack) -> None:
    def refuse(
        query: dns.message.Message,
        answer: dns.message.Message,
        tcp: bool,  # noqa: ARG001, FBT001
    ) -> dns.message.Message:
        if query.question[0].rdtype == dns.rdatatype.CAA:
            answer = dns.message.make_response(query)
            answer.set_rcode(dns.rcode.NOTIMP)
        return answer

    address = relay(lab, closing, refuse)
    # The relay hands on the primary's zone, which names the relay alone as its server.
    made = lab.zone(nameservers={"ns1": ("127.0.0.3",)}, delegated={"ns1": (address,)})
    made.add("ns1", "A", address)
    made.remove("ns1", "A", "127.0.0.3")
    lab.flush(made.name)
    assert forbidden(lab, made.name) == "caa-lookup-failed"


def test_every_code_is_shown_by_a_test() -> None:
    files = (
        "e2e/test_acme_clock.py",
        "e2e/test_acme_refusals.py",
        "e2e/test_dns01.py",
        "e2e/test_dns_diagnosis.py",
        "e2e/test_dns_diagnosis_servers.py",
        "unit/test_dns_diagnosis.py",
    )
    texts = [(REPOSITORY / "tests" / each).read_text() for each in files]
    assert [code for code in CODES if not any(f'"{code}"' in text for text in texts)] == []
