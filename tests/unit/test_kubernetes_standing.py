"""The target kubernetes among what is there: files of others and its own, a list that changes."""

import base64
from pathlib import Path

import pytest
from cluster_support import DNS_01, apply, beside_a_cluster, finished, refused, session, spec
from target_support import Machine

from wizard import upkeep
from wizard.clients import issue, revoke
from wizard.core.answers import Answers
from wizard.core.secrets import Secret
from wizard.engine import Session
from wizard.pomerium.mark import is_ours


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return beside_a_cluster(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "name", ["kustomization.yaml", "issuer.yaml", "routes.yaml", "secrets/cloudflare-token"]
)
def test_a_file_of_somebody_else_is_never_overwritten(name: str, machine: Machine) -> None:
    machine.put(f"srv/kubernetes/{name}", "kind: Ours\n")
    error = refused(machine, DNS_01)
    assert error.code == "file-not-ours"
    assert str(machine.root / "srv/kubernetes" / name) in error.summary


def test_a_key_of_somebody_else_is_never_overwritten(machine: Machine) -> None:
    key = machine.put("srv/kubernetes/secrets/a.example.com-key.pem", "theirs\n")
    key.chmod(0o600)
    error = refused(machine, {"strategy": "local-ca", "names": ("a.example.com",)})
    assert (error.code, str(key) in error.summary) == ("file-not-ours", True)


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
    assert is_ours((folder / "pomerium.yaml").read_bytes())
    assert session(machine, DNS_01, **given).plan().is_empty
    list(upkeep.undo(machine.system, state))
    assert downstream(machine) == held


def test_another_authority_is_in_the_manifest_at_once(machine: Machine) -> None:
    given = {"mtls.downstream": True}
    apply(machine, DNS_01, **given)
    held = downstream(machine)
    (machine.folder / "state/clients").rename(machine.folder / "away")
    apply(machine, DNS_01, **given)
    now = downstream(machine)
    assert now["ca"] != held["ca"]
    ca = machine.root / "srv/kubernetes/client-ca.pem"
    assert base64.b64decode(now["ca"]) == ca.read_bytes()
    assert session(machine, DNS_01, **given).plan().is_empty


def test_a_plan_is_the_same_each_time_also_where_an_authority_is_made(machine: Machine) -> None:
    first, second = (session(machine, DNS_01, **{"mtls.downstream": True}).plan() for _ in "12")
    assert first.to_json() == second.to_json()


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
    assert told[f"Add to the spec in {theirs}, and apply it"] == (
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
    (line,) = (step.line for step in told if str(theirs) in step.what)
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
