"""The target kubernetes: what is asked, refused, kept secret, found again and handed on."""

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_support import tree
from ruamel.yaml import YAML
from target_support import Machine, desk

from wizard import upkeep
from wizard.clients import issue, revoke
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Event, Finished
from wizard.core.questions import Value
from wizard.core.secrets import Secret
from wizard.engine import Session
from wizard.parts import known_questions
from wizard.pki import authority, chain

DNS_01: dict[str, Value] = {
    "strategy": "dns-01",
    "names": ("*.corp.example.com", "corp.example.com"),
    "dns_01.accept_terms": True,
}
AUTOCERT: dict[str, Value] = {
    "strategy": "autocert",
    "names": ("a.example.com", "b.example.com"),
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = desk(tmp_path)
    (machine.root / "srv").mkdir()
    monkeypatch.chdir(machine.root / "srv")
    return machine


def session(machine: Machine, given: dict[str, Value], **more: Value) -> Session:
    values = {"output.target": "kubernetes", "local_ca.stores": (), **machine.answers, **given}
    return Session(machine.system, machine.folder / "state", Answers({**values, **more}))


def apply(machine: Machine, given: dict[str, Value], **more: Value) -> Finished:
    ready = session(machine, given, **more)
    return finished(list(ready.apply(ready.plan(), may_ask=False)))


def finished(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    assert events[-1].exit_code == 0
    return events[-1]


def resources(machine: Machine, name: str) -> list[dict[str, object]]:
    text = (machine.root / "srv/kubernetes" / name).read_text()
    return list(YAML(typ="safe", pure=True).load_all(text))


def spec(machine: Machine, name: str) -> dict[str, object]:
    (one,) = resources(machine, name)
    found = one["spec"]
    assert isinstance(found, dict)
    return found


def refused(machine: Machine, given: dict[str, Value], **more: Value) -> WizardError:
    with pytest.raises(WizardError) as caught:
        session(machine, given, **more).plan()
    return caught.value


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


def test_staging_is_told_and_left_again(machine: Machine) -> None:
    plan = session(machine, AUTOCERT).plan()
    assert any("no browser trusts them" in notice for notice in plan.notices)
    real = session(machine, AUTOCERT, **{"autocert.staging": False}).plan()
    assert not any("staging" in notice for notice in real.notices)


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


def test_half_of_an_external_account_is_refused(machine: Machine) -> None:
    half = {
        "autocert.authority_url": "https://acme.zerossl.com/v2/DV90",
        "autocert.eab_key_id": f"file:{machine.folder / 'token'}",
    }
    error = refused(machine, AUTOCERT, **half)
    assert error.code == "eab-missing"


@pytest.mark.parametrize("name", ["kustomization.yaml", "issuer.yaml", "routes.yaml"])
def test_a_file_of_somebody_else_is_never_overwritten(name: str, machine: Machine) -> None:
    machine.put(f"srv/kubernetes/{name}", "kind: Ours\n")
    error = refused(machine, DNS_01)
    assert error.code == "file-not-ours"
    assert str(machine.root / "srv/kubernetes" / name) in error.summary


def test_ours_is_replaced_with_a_diff_until_it_is_changed(machine: Machine) -> None:
    apply(machine, DNS_01)
    plan = session(machine, DNS_01, **{"dns_01.email": "you@example.com"}).plan()
    (action,) = plan.actions
    change = action.preview()
    assert change.what.endswith("issuer.yaml")
    assert "+    email: you@example.com" in change.diff
    issuer = machine.root / "srv/kubernetes/issuer.yaml"
    issuer.write_text(issuer.read_text() + "# Mine.\n")
    error = refused(machine, DNS_01, **{"dns_01.email": "you@example.com"})
    assert (error.code, "issuer.yaml" in error.summary) == ("file-not-ours", True)


def test_an_example_that_was_changed_is_left_alone(machine: Machine) -> None:
    apply(machine, DNS_01)
    routes = machine.root / "srv/kubernetes/routes.yaml"
    routes.write_text(routes.read_text().replace("name: verify", "name: wiki"))
    assert session(machine, DNS_01).plan().is_empty


def test_a_secret_that_others_can_read_is_told(machine: Machine) -> None:
    apply(machine, DNS_01)
    (machine.root / "srv/kubernetes/secrets/cloudflare-token").chmod(0o644)
    assert refused(machine, DNS_01).code == "key-mode"


def test_another_token_replaces_the_first(machine: Machine) -> None:
    apply(machine, DNS_01)
    (machine.folder / "token").write_text("an0ther\n")
    apply(machine, DNS_01)
    secret = machine.root / "srv/kubernetes/secrets/cloudflare-token"
    assert secret.read_text() == "an0ther"


# ── mutual TLS ─────────────────────────────────────────────────────────────────────────────────


def downstream(machine: Machine) -> dict[str, str]:
    found = spec(machine, "pomerium.yaml")["downstreamMtls"]
    assert isinstance(found, dict)
    return found


def test_a_revoked_client_is_revoked_in_the_manifest(machine: Machine) -> None:
    given = {"mtls.downstream": True}
    apply(machine, DNS_01, **given)
    folder = machine.root / "srv/kubernetes"
    held = downstream(machine)
    assert held["enforcement"] == "policy_with_default_deny"
    assert base64.b64decode(held["ca"]) == (folder / "client-ca.pem").read_bytes()
    assert session(machine, DNS_01, **given).plan().is_empty
    state, password = machine.folder / "state", Secret(b"secret")
    list(issue(machine.system, state, "alice", machine.folder / "alice.p12", password))
    end = finished(list(revoke(machine.system, state, "alice")))
    now = downstream(machine)
    assert now["crl"] != held["crl"]
    assert base64.b64decode(now["crl"]) == (folder / "client-crl.pem").read_bytes()
    assert end.next_steps[0].line == f"kubectl apply --kustomize {folder}"
    assert session(machine, DNS_01, **given).plan().is_empty
    list(upkeep.undo(machine.system, state))
    assert downstream(machine) == held


@pytest.mark.parametrize("has_list", [True, False])
def test_a_revocation_reaches_a_manifest_that_was_changed(
    has_list: bool,  # noqa: FBT001
    machine: Machine,
) -> None:
    apply(machine, DNS_01, **{"mtls.downstream": True})
    path = machine.root / "srv/kubernetes/pomerium.yaml"
    held = downstream(machine)["crl"]
    theirs = path.read_text().replace("# Pomerium's settings.", "# Ours.")
    path.write_text(theirs if has_list else theirs.replace(held, "c2VjcmV0"))
    state, password = machine.folder / "state", Secret(b"secret")
    list(issue(machine.system, state, "alice", machine.folder / "alice.p12", password))
    end = finished(list(revoke(machine.system, state, "alice")))
    now = base64.b64encode((path.parent / "client-crl.pem").read_bytes()).decode()
    if has_list:
        assert path.read_text() == theirs.replace(held, now)
    else:
        assert path.read_text() == theirs.replace(held, "c2VjcmV0")
        line = f"base64 --wrap=0 {path.parent / 'client-crl.pem'}"
        assert end.next_steps[0].line == line


def test_a_resource_of_ones_own_is_left_alone_and_told_what_to_add(machine: Machine) -> None:
    theirs = machine.put("srv/ours.yaml", "apiVersion: ingress.pomerium.io/v1\nkind: Pomerium\n")
    before = theirs.read_bytes()
    told = {step.what: step.line for step in apply(machine, DNS_01).next_steps}
    assert told[f"Add to the spec in {theirs}"] == (
        "certificates:\n  - pomerium/wildcard-corp-example-com"
    )
    assert not (machine.root / "srv/kubernetes/pomerium.yaml").exists()
    assert theirs.read_bytes() == before
    theirs.write_text(
        f"{before.decode()}spec:\n  certificates: [pomerium/wildcard-corp-example-com]\n"
    )
    plan = session(machine, DNS_01).plan()
    assert not any("Add to the spec" in step.what for step in plan.next_steps)


def test_client_certificates_for_a_resource_of_ones_own(machine: Machine) -> None:
    theirs = machine.put("srv/ours.yaml", "apiVersion: ingress.pomerium.io/v1\nkind: Pomerium\n")
    told = apply(machine, DNS_01, **{"mtls.downstream": True}).next_steps
    (line,) = (step.line for step in told if step.what.endswith(str(theirs)))
    folder = machine.root / "srv/kubernetes"
    assert f"ca: '(what this prints: base64 --wrap=0 {folder}/client-ca.pem)'" in line
    assert "enforcement: policy_with_default_deny" in line


# ── detection ──────────────────────────────────────────────────────────────────────────────────


def test_manifests_that_are_here_are_found(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = Session(machine.system, machine.folder / "state", Answers(DNS_01))
    target, directory = (
        empty.question(f"{key}") for key in ("output.target", "kubernetes.directory")
    )
    assert empty.value(target).value == "files"
    assert empty.value(directory).value == str(machine.root / "srv/pomerium-cluster")
    apply(machine, DNS_01, **{"kubernetes.directory": str(machine.root / "srv/pomerium-cluster")})
    assert empty.value(target).value == "kubernetes"
    assert "pomerium.yaml" in empty.value(target).source
    empty.given = empty.given.without("names")
    assert empty.value(empty.question("names")).value == DNS_01["names"]
    monkeypatch.chdir(machine.root / "srv/pomerium-cluster")
    assert empty.value(target).value == "kubernetes"
    assert empty.value(directory).value == str(machine.root / "srv/pomerium-cluster")


@pytest.mark.parametrize(
    ("name", "text", "is_found"),
    [
        ("a.yaml", "apiVersion: ingress.pomerium.io/v1\nkind: Pomerium\n", True),
        ("a.yml", "---\nkind: Pomerium\napiVersion: 'ingress.pomerium.io/v1'\n", True),
        ("a.txt", "apiVersion: ingress.pomerium.io/v1\n", False),
        ("a.yaml", "# apiVersion: ingress.pomerium.io/v1\n", False),
        ("a.yaml", "apiVersion: v1\nkind: Pomerium\n", False),
    ],
)
def test_a_manifest_is_told_by_its_version(
    name: str,
    text: str,
    is_found: bool,  # noqa: FBT001
    machine: Machine,
) -> None:
    machine.put(f"srv/{name}", text)
    found = machine.session().answers().text("output.target")
    assert (found == "kubernetes") == is_found
