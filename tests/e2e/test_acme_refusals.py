"""An authority that refuses, or hands over the wrong thing: said in plain words, nothing wasted."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acme_lab import pebble
from acme_proxy import Answer, Change, Proxy, proxied
from conftest import Need
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from dns01_support import Install, error_of, names, quick_zone
from dns_lab import Lab

from wizard.acme import authorities
from wizard.acme.account import open_account
from wizard.acme.authorities import Authority, custom
from wizard.acme.session import Session as AcmeSession
from wizard.core.answers import read
from wizard.core.events import ActionFailed, DnsChecked, Event, Finished
from wizard.core.system import System
from wizard.dns.providers import rfc2136
from wizard.engine import Session
from wizard.pki import authority as local_authority
from wizard.pki import chain, keys, leaf
from wizard.strategies import dns01_records

pytestmark = pytest.mark.e2e

KID, HMAC = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
EAB = 'eab_key_id = "env:KID"\neab_hmac_key = "env:HMAC"'
NOT_SEEN = "During secondary validation: No TXT record found at _acme-challenge.example.com"


def at(step: str, change: Callable[[Answer], None]) -> Change:
    """Changes the answers to one kind of request."""

    def changes(seen: str, answer: Answer) -> None:
        if seen == step:
            change(answer)

    return changes


def problem(kind: str, status: int, detail: str) -> Callable[[Answer], None]:
    body = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": status}
    return lambda answer: answer.says(body, status)


# ── external accounts ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("refusal", "detail", "said"),
    [
        (
            ("unauthorized", 403),
            "Unknown external account binding (EAB) key. This may be due to the EAB key expiring",
            "is over",
        ),
        (("unauthorized", 403), "External Account Binding JWS verification failed", "HMAC key"),
        (
            ("malformed", 400),
            "[External Account Binding] Invalid MAC on JWS request",
            "HMAC key is not the one of this key id",
        ),
        (
            ("malformed", 400),
            "[External Account Binding] The account is not awaiting external account binding",
            "is over",
        ),
        (
            ("externalAccountRequired", 400),
            'The request must include a value for the "externalAccountBinding" field',
            "Set dns_01.email",
        ),
        (("unauthorized", 401), "Computer says no", "does not take the external account"),
    ],
    ids=["google-expired", "google-mac", "zerossl-mac", "zerossl-used", "zerossl-email", "other"],
)
def test_an_external_account_that_is_not_taken_is_said_in_plain_words(
    install: Install, proxy: Proxy, refusal: tuple[str, int], detail: str, said: str
) -> None:
    install.wizard.env = {"KID": KID, "HMAC": HMAC}
    install.answers(install.rfc2136(), EAB)
    proxy.change = at("newAccount", problem(*refusal, detail))
    made = proxy.authority.orders()
    done = install.run()
    error = error_of(done, 4, "eab-refused")
    assert said in error
    assert detail in error
    assert "new pair of key id and HMAC key" in error
    assert HMAC not in done.err
    assert proxy.authority.orders() == made
    for kept in install.wizard.state.rglob("*"):
        assert kept.is_dir() or HMAC.encode() not in kept.read_bytes()


def test_an_external_account_whose_answer_was_lost_is_not_used_a_second_time(
    tmp_path: Path, lab: Lab, need: Need
) -> None:
    need("pebble")
    config = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {KID: HMAC}}
    with ExitStack() as running:
        with lab.inside():
            server = running.enter_context(pebble(tmp_path / "pebble", config=config))
            proxy = running.enter_context(proxied(server))
        install = Install(tmp_path, lab, proxy.authority, quick_zone(lab))
        install.wizard.env = {"KID": KID, "HMAC": HMAC}
        install.answers(install.rfc2136(), EAB)
        proxy.cut("newAccount", "after")
        error_of(install.run(), 1, "directory-unreachable")
        assert any("externalAccountBinding" in said for step, said in proxy.sent)
        proxy.mend()
        proxy.sent.clear()
        assert install.run().status == 0
        assert "newAccount" in dict(proxy.sent)
        assert not any("externalAccountBinding" in said for step, said in proxy.sent)


def test_an_account_that_was_closed_is_said_to_be(install: Install, proxy: Proxy) -> None:
    proxy.cut("newOrder", "before")
    error_of(install.run(), 1, "directory-unreachable")
    proxy.mend()
    (directory,) = install.wizard.state.glob("accounts/*")
    with install.lab.inside():
        speaking = AcmeSession(System(), proxy.authority.directory, proxy.authority.ca_bundle)
        known = custom(proxy.authority.directory)
        who = open_account(speaking, System(), install.wizard.state, known, accept_terms=True)
        speaking.post(who.url, {"status": "deactivated"})
    error = error_of(install.run(), 4, "acme-unauthorized")
    assert "closed this account" in error
    assert "Move its directory below accounts/" in error
    directory.rename(install.wizard.folder / "away")
    assert install.run().status == 0


# ── what is handed over ────────────────────────────────────────────────────────────────────────


def of_another(hosts: tuple[str, ...], csr: bytes | None) -> bytes:
    """A certificate from elsewhere; for the key of a request where one is given."""
    now = datetime.now(UTC)
    signer = local_authority.create(hosts, now=now)
    issued = leaf.issue(signer, hosts, now=now, lifetime=timedelta(days=9))
    if csr is None:
        return chain.to_pem([issued.certificate, *issued.issuers])
    made = (
        x509.CertificateBuilder()
        .subject_name(issued.certificate.subject)
        .issuer_name(issued.certificate.issuer)
        .public_key(x509.load_der_x509_csr(csr).public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=9))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(one) for one in hosts]), critical=False
        )
        .sign(signer.issuer_key, keys.digest(signer.issuer_key))
    )
    return made.public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("a page", "no certificate in PEM form"),
        ("nothing", "no certificate in PEM form"),
        ("half of it", "no certificate in PEM form"),
        ("another key", "for another key"),
        ("another name", "is not for *.example"),
    ],
)
def test_a_certificate_that_is_not_the_one_is_not_kept_but_fetched_again(
    install: Install, proxy: Proxy, what: str, said: str
) -> None:
    zone = install.zone.name

    def hands_over(answer: Answer) -> None:
        (csr,) = install.wizard.state.glob("orders/*/*/csr.der")
        answer.body = {
            "a page": b"<html>Welcome to the hotel</html>",
            "nothing": b"",
            "half of it": answer.body[:200],
            "another key": of_another((f"*.{zone}", zone), None),
            "another name": of_another((zone,), csr.read_bytes()),
        }[what]

    proxy.change = at("certificate", hands_over)
    made = proxy.authority.orders()
    error = error_of(install.run(), 4, "certificate-wrong")
    assert said in error
    assert not list(install.wizard.state.rglob("chain.pem"))
    assert not install.chain.exists()
    proxy.change = at("certificate", lambda _answer: None)
    done = install.run()
    assert done.status == 0, done.err
    assert names(install.chain) == sorted([f"*.{zone}", zone])
    assert proxy.authority.orders() == made + 1


# ── a proof that failed ────────────────────────────────────────────────────────────────────────


def fails(step: str, answer: Answer) -> None:
    """Makes of an order and its proofs what Let's Encrypt makes of one that failed."""
    if step == "order":
        answer.says({**answer.json, "status": "invalid"})
    if step == "authorization":
        body = answer.json
        failed = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": NOT_SEEN}
        challenges = [{**one, "status": "invalid", "error": failed} for one in body["challenges"]]
        answer.says({**body, "status": "invalid", "challenges": challenges})


def test_what_the_authority_did_not_find_is_explained(install: Install, proxy: Proxy) -> None:
    proxy.change = lambda step, answer: (
        fails(step, answer) if "challenge" in proxy.seen or step == "order" else None
    )
    error = error_of(install.run(), 4, "acme-unauthorized")
    assert install.zone.name in error
    assert "Some of the places that the authority looks from did not see the record" in error
    assert NOT_SEEN in error
    assert "whole world" in error
    assert "Public resolvers see the right values." in error
    assert not list(install.wizard.state.glob("orders/*/published.json"))


def test_failed_proofs_are_counted_and_the_last_try_is_not_wasted(
    tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch, need: Need
) -> None:
    need("pebble")
    monkeypatch.setattr(rfc2136, "TTL", 1)
    monkeypatch.setattr(dns01_records, "REMEMBERED", 1)
    with ExitStack() as running:
        with lab.inside():
            # It asks where nobody answers: every proof fails.
            server = running.enter_context(pebble(tmp_path / "pebble", f"{lab.nowhere()}:53"))
        limited = Authority("letsencrypt", "The strict one", "", server.directory, failures=2)
        monkeypatch.setitem(authorities.AUTHORITIES, "letsencrypt", limited)  # type: ignore[arg-type]
        install = Install(tmp_path, lab, server, quick_zone(lab))
        install.answers(install.rfc2136())
        text = install.for_named('authority = "letsencrypt"\nrehearse = false')
        anchors = {"SSL_CERT_FILE": str(server.ca_bundle), "PATH": ""}

        class Later(System):
            """This machine, some time later."""

            off = timedelta()

            def now(self) -> datetime:
                return super().now() + self.off

        system = Later({"HOME": str(tmp_path / "home"), **anchors})

        def run() -> tuple[list[Event], ActionFailed, int]:
            session = Session(system, tmp_path / "state")
            session.take(read(text, "answers.toml", session.known))
            with lab.inside():
                happened = list(session.apply(session.plan(), may_ask=False, with_clients=False))
            (failed,) = [event for event in happened if isinstance(event, ActionFailed)]
            assert isinstance(happened[-1], Finished)
            return happened, failed, happened[-1].exit_code

        _, first, code = run()
        assert code == 4
        assert "Of 2 tries an hour 1 is left." in first.hint, first
        happened, second, _ = run()
        checked = [event for event in happened if isinstance(event, DnsChecked)]
        warned = [found for event in checked for found in event.findings]
        assert any(found.code == "failures-left" for found in warned)
        assert "Of 2 tries an hour none is left. The next one comes back at" in second.hint
        made = server.orders()
        assert made == 2
        _, third, code = run()
        assert (third.code, code) == ("failures-left", 4)
        assert install.zone.name in third.summary
        assert server.orders() == made
        Later.off = timedelta(minutes=40)
        _, fourth, _ = run()
        assert fourth.code != "failures-left"
        assert server.orders() == made + 1


def test_an_order_that_failed_while_nobody_looked_is_told_and_counted(
    install: Install, proxy: Proxy
) -> None:
    made = proxy.authority.orders()
    proxy.cut("order", "before")
    error_of(install.run(), 1, "directory-unreachable")
    proxy.mend()
    proxy.change = lambda step, answer: (
        fails(step, answer) if "newOrder" not in proxy.seen else None
    )
    proxy.seen.clear()
    # What the authority may remember is waited out elsewhere.
    (install.wizard.state / "orders/seen.json").unlink()
    install.lab.flush(install.zone.name)
    done = install.run("--json")
    assert done.status == 0, done.out
    told = [row for row in done.rows() if row["event"] == "order-changed"]
    assert any("a new one is made" in str(row["detail"]) for row in told), done.out
    assert any("No TXT record found" in str(row["detail"]) for row in told), done.out
    assert proxy.authority.orders() == made + 2
    (first, _) = sorted(install.wizard.state.glob("orders/*/*/order.json"))
    assert all(proof["failed"] for proof in json.loads(first.read_bytes())["proofs"])
