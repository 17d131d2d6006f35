"""Several certificates in one cluster, and answers that change: nothing is lost in silence."""

import itertools
from pathlib import Path

import pytest
from cluster_support import (
    AUTOCERT,
    DNS_01,
    apply,
    beside_a_cluster,
    refused,
    resources,
    session,
    spec,
)
from ruamel.yaml import YAML
from target_support import Machine

from wizard import upkeep
from wizard.core.events import Finished
from wizard.core.questions import Value
from wizard.targets.kubernetes_manifests import resource_name

DELETE = "kubectl delete --ignore-not-found"
OTHER: dict[str, Value] = {"names": ("*.other.example.com",)}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return beside_a_cluster(tmp_path, monkeypatch)


def told(finished: Finished, word: str) -> list[str]:
    """The lines of the steps whose title has a word."""
    return [
        line for step in finished.next_steps if word in step.what for line in step.line.splitlines()
    ]


def made(folder: Path) -> set[tuple[str, str, str]]:
    """Kind, namespace and name of what a directory makes, Secrets of the kustomization included."""
    yaml = YAML(typ="safe", pure=True)
    found = set()
    for path in folder.glob("*.yaml"):
        for one in yaml.load_all(path.read_text()):
            about = one.get("metadata")
            rows = [(one["kind"], about)] if about else []
            rows += [("Secret", secret) for secret in one.get("secretGenerator", ())]
            found |= {(kind, row.get("namespace", ""), row["name"]) for kind, row in rows}
    return found


# ── names ──────────────────────────────────────────────────────────────────────────────────────


def test_names_that_look_alike_are_not_one_resource() -> None:
    alike = (
        *("a.b.example.com", "a-b.example.com", "a.b-example.com", "a--b.example.com"),
        *("*.example.com", "wildcard.example.com", "wildcard-example.com"),
        *("a" * 63 + ".b.example.com", "a" * 63 + ".c.example.com"),
    )
    for one, other in itertools.combinations(alike, 2):
        assert resource_name(one) != resource_name(other), (one, other)


def test_routes_of_names_that_look_alike_are_two(machine: Machine) -> None:
    apply(machine, AUTOCERT, names=("a.b.example.com", "a-b.example.com"))
    routes = [one for one in resources(machine, "routes.yaml") if one["kind"] == "Ingress"]
    assert len({one["metadata"]["name"] for one in routes}) == 2  # type: ignore[index]
    secrets = {one["spec"]["tls"][0]["secretName"] for one in routes}  # type: ignore[index]
    assert len(secrets) == 2


# ── a second certificate ───────────────────────────────────────────────────────────────────────


def test_the_directory_of_a_certificate_is_not_taken_for_another(machine: Machine) -> None:
    apply(machine, DNS_01)
    error = refused(machine, DNS_01, **OTHER)
    assert error.code == "directory-of-another"
    assert "pomerium/wildcard-corp-example-com" in error.summary
    assert "kubernetes.directory" in error.hint
    # One more name is no other certificate.
    more = {"names": (*DNS_01["names"], "*.more.example.com")}  # type: ignore[misc]
    assert not session(machine, DNS_01, **more).plan().is_empty


def test_a_second_certificate_leaves_the_first_one_served(machine: Machine) -> None:
    first, second = (machine.root / "srv" / name for name in ("pomerium-cluster", "second"))
    apply(machine, DNS_01, **{"kubernetes.directory": str(first)})
    there = {**OTHER, "kubernetes.directory": str(second)}
    lines = told(apply(machine, DNS_01, **there), f"Add to the spec in {first / 'pomerium.yaml'}")
    assert lines == ["certificates:", "  - pomerium/wildcard-other-example-com"]
    assert not (second / "pomerium.yaml").exists()
    # Nothing of the first is overwritten by the second: its issuer, its token, its route.
    assert made(first) & made(second) == {("Service", "default", "pomerium-verify")}


def test_the_first_stays_as_it_is_once_the_second_is_added_to_it(machine: Machine) -> None:
    apply(machine, DNS_01)
    pomerium = machine.root / "srv/kubernetes/pomerium.yaml"
    added = f"{pomerium.read_text()}    - pomerium/wildcard-other-example-com\n"
    pomerium.write_text(added)
    plan = session(machine, DNS_01).plan()
    assert plan.is_empty
    assert not any("Add to the spec" in step.what for step in plan.next_steps)
    apply(machine, DNS_01, **{"dns_01.email": "you@example.com"})
    assert pomerium.read_text() == added
    assert "pomerium.yaml" in (pomerium.parent / "kustomization.yaml").read_text()


def test_a_changed_manifest_is_ours_also_from_inside(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(machine, DNS_01)
    folder = machine.root / "srv/kubernetes"
    with (folder / "pomerium.yaml").open("a") as file:
        file.write("  timeouts: {read: 30s}\n")
    monkeypatch.chdir(folder)
    assert session(machine, DNS_01).plan().is_empty


def test_settings_that_a_changed_manifest_lacks_are_told_until_it_has_them(
    machine: Machine,
) -> None:
    apply(machine, DNS_01)
    folder = machine.root / "srv/kubernetes"
    pomerium = folder / "pomerium.yaml"
    ours = pomerium.read_text()
    pomerium.write_text(f"{ours}  timeouts: {{read: 30s}}\n")
    end = apply(machine, DNS_01, **{"mtls.downstream": True})
    assert told(end, f"Add to the spec in {pomerium}")[2] == "downstreamMtls:"
    assert pomerium.read_text() == f"{ours}  timeouts: {{read: 30s}}\n"
    pomerium.unlink()
    apply(machine, DNS_01, **{"mtls.downstream": True})
    assert "downstreamMtls" in spec(machine, "pomerium.yaml")
    with pomerium.open("a") as file:
        file.write("  timeouts: {read: 30s}\n")
    plan = session(machine, DNS_01, **{"mtls.downstream": True}).plan()
    assert not any("Add to the spec" in step.what for step in plan.next_steps)


# ── answers that change ────────────────────────────────────────────────────────────────────────


def test_what_is_not_asked_for_any_more_is_told(machine: Machine) -> None:
    folder = machine.root / "srv/kubernetes"
    assert not told(apply(machine, DNS_01), "Clear away")
    end = apply(machine, DNS_01, **{"kubernetes.solver": "route53"})
    assert told(end, "Clear away") == [
        f"{DELETE} secret wildcard-corp-example-com-cloudflare --namespace cert-manager",
        f"rm --force {folder}/secrets/cloudflare-token",
    ]
    again = apply(machine, DNS_01, **{"dns_01.authority": "letsencrypt-staging"})
    assert f"{DELETE} clusterissuer wildcard-corp-example-com-letsencrypt" in told(
        again, "Clear away"
    )


def test_what_cert_manager_had_is_told_when_the_certificate_is_made_here(
    machine: Machine,
) -> None:
    apply(machine, DNS_01)
    lines = told(apply(machine, {**DNS_01, "strategy": "local-ca"}), "Clear away")
    assert f"{DELETE} certificate wildcard-corp-example-com --namespace pomerium" in lines
    # Nothing that the cluster still needs.
    assert not [line for line in lines if "global" in line or "ingress" in line]


def test_what_was_cleared_away_does_not_keep_it_from_being_undone(machine: Machine) -> None:
    apply(machine, DNS_01)
    before = {path.name for path in (machine.root / "srv/kubernetes").iterdir()}
    apply(machine, DNS_01, **{"kubernetes.solver": "route53"})
    (machine.root / "srv/kubernetes/secrets/cloudflare-token").unlink()
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert {path.name for path in (machine.root / "srv/kubernetes").iterdir()} == before
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert not (machine.root / "srv/kubernetes").exists()


def test_nothing_of_ones_own_is_cleared_away(machine: Machine) -> None:
    apply(machine, DNS_01)
    routes = machine.root / "srv/kubernetes/routes.yaml"
    routes.write_text(routes.read_text().replace("verify-corp", "wiki-corp"))
    theirs = machine.put("srv/ours.yaml", "apiVersion: ingress.pomerium.io/v1\nkind: Pomerium\n")
    lines = told(apply(machine, DNS_01, **{"kubernetes.manifest": str(theirs)}), "Clear away")
    assert lines == [f"rm --force {machine.root}/srv/kubernetes/pomerium.yaml"]


# ── where it was installed ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("namespace", "is_told"), [("pomerium", True), ("edge", False)])
def test_a_controller_that_is_elsewhere_is_not_installed_again(
    namespace: str,
    is_told: bool,  # noqa: FBT001
    machine: Machine,
) -> None:
    end = apply(machine, DNS_01, **{"kubernetes.namespace": namespace})
    assert bool(told(end, "ingress controller")) == is_told
    assert spec(machine, "pomerium.yaml")["secrets"] == f"{namespace}/bootstrap"


def test_a_timer_hands_on_what_it_renews(machine: Machine) -> None:
    folder = machine.root / "srv/kubernetes"
    end = apply(machine, {"strategy": "local-ca", "names": ("a.example.com",)})
    assert told(end, "from the timer") == [f"kubectl apply --kustomize {folder}"]
    # Once undone there is no directory to take it out of the cluster with.
    assert told(end, "before you undo") == [f"kubectl delete --kustomize {folder}"]
