"""The target kubernetes: what is asked and refused, what is kept secret, who renews."""

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_support import tree
from cluster_support import (
    AUTOCERT,
    DNS_01,
    apply,
    beside_a_cluster,
    finished,
    refused,
    resources,
    session,
    spec,
)
from ruamel.yaml import YAML
from target_support import Machine

from wizard import upkeep
from wizard.core.questions import Value
from wizard.parts import known_questions
from wizard.pki import authority, chain

EAB = ("eab_key_id", "eab_hmac_key")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return beside_a_cluster(tmp_path, monkeypatch)


def test_nothing_is_asked_that_means_nothing_there(machine: Machine) -> None:
    for given in (DNS_01, AUTOCERT):
        asked = session(machine, given).answers().values
        assert not {"output.directory", "output.config", "output.owner", "output.form"} & set(asked)
        assert not {"dns.resolvers", "autocert.directory", "dns_01.rehearse"} & set(asked)
        assert not [key for key in asked if key.startswith("dns_01.provider")]
    assert "kubernetes.solver" not in session(machine, AUTOCERT).answers().values
    assert "dns_01.provider.name" in known_questions(machine.system)


def test_only_the_chosen_provider_asks(machine: Machine) -> None:
    error = refused(machine, DNS_01, **{"kubernetes.solver": "rfc2136"})
    assert error.code == "answer-missing"
    assert "kubernetes.rfc2136.server" in error.summary


def test_a_secret_is_in_a_file_of_ones_own_and_nowhere_else(machine: Machine) -> None:
    plan = session(machine, DNS_01).plan()
    shown = str([action.preview() for action in plan.actions]) + str(plan.to_json())
    assert "t0ken" not in shown
    apply(machine, DNS_01)
    folder = machine.root / "srv/kubernetes"
    holding = [
        path for path in folder.rglob("*") if path.is_file() and b"t0ken" in path.read_bytes()
    ]
    assert holding == [folder / "secrets/cloudflare-token"]
    assert holding[0].read_bytes() == b"t0ken"
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(holding[0].parent.stat().st_mode) == 0o700
    assert (folder / "secrets/.gitignore").read_text() == "*\n"
    kept = [path for path in (machine.folder / "state").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"t0ken" in path.read_bytes()]


def test_it_is_done_once_and_undone_to_the_byte(machine: Machine) -> None:
    before = tree(machine.root)
    apply(machine, DNS_01)
    assert session(machine, DNS_01).plan().is_empty
    assert apply(machine, DNS_01).outcome == "nothing-to-do"
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert tree(machine.root) == before


def test_cert_manager_renews_and_status_says_so(machine: Machine) -> None:
    apply(machine, DNS_01)
    before = tree(machine.root)
    # A timer has no token, and needs none.
    (machine.folder / "token").unlink()
    renewed = list(upkeep.renew(machine.system, machine.folder / "state", force=True))
    assert finished(renewed).outcome == "nothing-to-do"
    assert tree(machine.root) == before
    (row,) = upkeep.status(machine.system, machine.folder / "state")
    assert (row.kept_by, row.expires, row.renew_after) == ("cert-manager", None, None)


def test_a_renewal_here_is_handed_to_the_cluster(machine: Machine) -> None:
    given: dict[str, Value] = {"strategy": "local-ca", "names": ("a.example.com",)}
    apply(machine, given)
    end = finished(list(upkeep.renew(machine.system, machine.folder / "state", force=True)))
    assert [step.line for step in end.next_steps if "kubectl" in step.line] == [
        f"kubectl apply --kustomize {machine.root}/srv/kubernetes"
    ]


def test_what_is_asked_for_of_the_authority_is_in_the_issuer(machine: Machine) -> None:
    root = machine.folder / "root.pem"
    made = authority.create(("corp.example.com",), now=datetime.now(UTC)).root
    root.write_bytes(b"# Ours.\n" + chain.to_pem([made]))
    own: dict[str, Value] = {
        "dns_01.authority": "custom",
        "dns_01.directory_url": "https://acme.corp.example.com/directory",
        "dns_01.ca_bundle": str(root),
        "dns_01.email": "you@example.com",
        "dns_01.profile": "short",
        "dns_01.key_type": "rsa-4096",
    }
    apply(machine, DNS_01, **own)
    acme = spec(machine, "issuer.yaml")["acme"]
    assert isinstance(acme, dict)
    assert acme["server"] == own["dns_01.directory_url"]
    assert (acme["email"], acme["profile"]) == ("you@example.com", "short")
    assert base64.b64decode(acme["caBundle"]) == chain.to_pem([made])
    key = spec(machine, "certificate.yaml")["privateKey"]
    assert key == {"algorithm": "RSA", "size": 4096, "rotationPolicy": "Always"}
    assert spec(machine, "certificate.yaml")["dnsNames"] == list(DNS_01["names"])  # type: ignore[arg-type]


def test_what_autocert_asks_for_is_in_the_issuer_too(machine: Machine) -> None:
    root = machine.folder / "root.pem"
    made = authority.create(("corp.example.com",), now=datetime.now(UTC)).root
    root.write_bytes(chain.to_pem([made]))
    keys = {f"autocert.{key}": f"file:{machine.folder / 'token'}" for key in EAB}
    own: dict[str, Value] = {
        "autocert.authority_url": "https://acme.corp.example.com/directory",
        "autocert.trusted_ca": str(root),
        "autocert.email": "you@example.com",
        **keys,
    }
    # A private authority vouches for names that no public one does.
    apply(machine, {**AUTOCERT, "names": ("app.corp.internal",)}, **own)
    acme = spec(machine, "issuer.yaml")["acme"]
    assert isinstance(acme, dict)
    assert (acme["server"], acme["email"]) == (own["autocert.authority_url"], "you@example.com")
    assert base64.b64decode(acme["caBundle"]) == root.read_bytes()
    assert acme["externalAccountBinding"]["keyID"] == "t0ken"
    (route,) = (one for one in resources(machine, "routes.yaml") if one["kind"] == "Ingress")
    said = route["spec"]
    assert isinstance(said, dict)
    # Who answers for the name there must be who has the route.
    assert acme["solvers"] == [
        {"http01": {"ingress": {"ingressClassName": said["ingressClassName"]}}}
    ]


def test_browsers_are_not_told_to_remember_development_names(machine: Machine) -> None:
    apply(machine, {"strategy": "local-ca", "names": ("a.example.com",)})
    assert spec(machine, "pomerium.yaml")["setResponseHeaders"] == {
        "Strict-Transport-Security": "max-age=0"
    }


def test_secrets_keep_the_names_that_pomerium_is_told(machine: Machine) -> None:
    apply(machine, {"strategy": "local-ca", "names": ("a.example.com",)})
    (listing,) = resources(machine, "kustomization.yaml")
    assert listing["generatorOptions"] == {"disableNameSuffixHash": True}


@pytest.mark.parametrize("text", ["", "no certificate\n"])
def test_a_root_that_is_none_is_refused(text: str, machine: Machine) -> None:
    """cert-manager refuses an issuer with it, long after the run."""
    root = machine.folder / "root.pem"
    if text:
        root.write_text(text)
    error = refused(
        machine,
        DNS_01,
        **{
            "dns_01.authority": "custom",
            "dns_01.directory_url": "https://acme.corp.example.com/directory",
            "dns_01.ca_bundle": str(root),
        },
    )
    assert str(root) in error.summary


@pytest.mark.parametrize("follows", [False, True])
def test_a_cname_is_followed_where_that_is_said(
    follows: bool,  # noqa: FBT001
    machine: Machine,
) -> None:
    apply(machine, DNS_01, **{"kubernetes.follow_cname": follows})
    text = (machine.root / "srv/kubernetes/issuer.yaml").read_text()
    assert ("cnameStrategy: Follow\n" in text) == follows


def test_every_name_of_autocert_has_a_route_and_a_certificate_of_its_own(machine: Machine) -> None:
    apply(machine, AUTOCERT, **{"kubernetes.service": "apps/wiki:8080"})
    routes = resources(machine, "routes.yaml")
    assert [one["kind"] for one in routes] == ["Ingress", "Ingress"]
    hosts = [one["spec"]["tls"][0]["hosts"][0] for one in routes]  # type: ignore[index]
    assert hosts == ["a.example.com", "b.example.com"]
    assert {one["metadata"]["namespace"] for one in routes} == {"apps"}  # type: ignore[index]
    assert "certificates" not in spec(machine, "pomerium.yaml")


def test_the_first_route_lets_in_whom_the_answers_name(machine: Machine) -> None:
    assert any("lets nobody in" in notice for notice in session(machine, DNS_01).plan().notices)
    named: dict[str, Value] = {"output.route.email": "o'brien+x@example.com"}
    assert not session(machine, DNS_01, **named).plan().notices
    apply(machine, DNS_01, **named)
    ingress, service = resources(machine, "routes.yaml")
    said = ingress["metadata"]["annotations"]["ingress.pomerium.io/policy"]  # type: ignore[index]
    policy = YAML(typ="safe", pure=True).load(said)
    assert policy == [{"allow": {"or": [{"email": {"is": "o'brien+x@example.com"}}]}}]
    assert service["spec"]["externalName"] == "verify.pomerium.com"  # type: ignore[index]


def test_staging_is_told_and_left_again(machine: Machine) -> None:
    server = {}
    for staging in (True, False):
        apply(machine, AUTOCERT, **{"autocert.staging": staging})
        acme = spec(machine, "issuer.yaml")["acme"]
        assert isinstance(acme, dict)
        server[staging] = acme["server"]
    assert ("staging" in server[True], "staging" in server[False]) == (True, False)
    plan = session(machine, AUTOCERT).plan()
    assert any("no browser trusts them" in notice for notice in plan.notices)
    real = session(machine, AUTOCERT, **{"autocert.staging": False}).plan()
    assert not any("staging" in notice for notice in real.notices)


def test_a_public_authority_is_asked_for_public_names_only(machine: Machine) -> None:
    assert refused(machine, AUTOCERT, names=("app.corp.internal",)).code == "name-not-public"


def test_a_wildcard_needs_a_dns_provider(machine: Machine) -> None:
    error = refused(machine, AUTOCERT, names=("*.corp.example.com",))
    assert error.code == "autocert-wildcard"
    assert "dns-01" in error.hint


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"kubernetes.cloudflare.token": "t0ken"}, "secret-reference"),
        ({"kubernetes.cloudflare.token": "env:NOWHERE"}, "secret-missing"),
        ({"kubernetes.cloudflare.token": "secret:dns"}, "secret-reference"),
        ({"kubernetes.service": "wiki"}, "service"),
        ({"kubernetes.service": "wiki:0"}, "service"),
        ({"kubernetes.namespace": "Pomerium"}, "namespace"),
        (
            {"kubernetes.solver": "route53", "kubernetes.route53.access_key_id": "AKIA"},
            "solver-incomplete",
        ),
        ({"kubernetes.solver": "clouddns", "kubernetes.clouddns.project": "a b"}, "not-one-word"),
        ({"names": ("*.corp.internal",)}, "name-not-public"),
    ],
)
def test_what_no_cluster_could_use_is_refused(
    more: dict[str, Value], code: str, machine: Machine
) -> None:
    if "kubernetes.cloudflare.token" in more:
        assert "t0ken" not in refused(machine, DNS_01, **more).summary
    assert refused(machine, DNS_01, **more).code == code


@pytest.mark.parametrize("text", ['"t0ken"', "t0ken t0ken", "one\ntwo\n", "\nt0ken", "' '"])
def test_a_file_that_holds_more_than_the_token_is_refused(text: str, machine: Machine) -> None:
    """cert-manager would send it as it is, and the provider refuse it months later."""
    (machine.folder / "token").write_text(text)
    error = refused(machine, DNS_01)
    assert error.code == "secret-not-one-word"
    assert "kubernetes.cloudflare.token" in error.summary
    assert "t0ken" not in f"{error.summary}{error.hint}"


def test_a_service_account_is_json(machine: Machine) -> None:
    google: dict[str, Value] = {
        "kubernetes.solver": "clouddns",
        "kubernetes.clouddns.project": "corp-1",
        "kubernetes.clouddns.service_account": f"file:{machine.folder / 'token'}",
    }
    assert refused(machine, DNS_01, **google).code == "secret-not-json"
    (machine.folder / "token").write_text('{\n  "type": "service_account"\n}\n')
    apply(machine, DNS_01, **google)
    held = machine.root / "srv/kubernetes/secrets/clouddns-service-account"
    assert held.read_text() == '{\n  "type": "service_account"\n}'


def test_an_authority_that_binds_accounts_is_known_by_its_directory(machine: Machine) -> None:
    url = "https://acme.zerossl.com/v2/DV90"
    assert refused(machine, AUTOCERT, **{"autocert.authority_url": url}).code == "eab-missing"


def test_half_of_an_external_account_is_refused(machine: Machine) -> None:
    half = {
        "autocert.authority_url": "https://acme.zerossl.com/v2/DV90",
        "autocert.eab_key_id": f"file:{machine.folder / 'token'}",
    }
    error = refused(machine, AUTOCERT, **half)
    assert error.code == "eab-missing"
