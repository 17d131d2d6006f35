"""TLS from Pomerium to an application in a cluster: what an Ingress says, and the Secrets of it."""

import pwd
import stat
from pathlib import Path

import pytest
from bundle_support import Forge
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
)
from target_support import Machine
from upstream_support import line

from wizard import upkeep
from wizard.core.actions import WriteFile
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session

WIKI, FIELD = "https://wiki.corp.example.com", "ingress.pomerium.io"
ROUTED: dict[str, Value] = {"output.route.from": WIKI, "kubernetes.service": "apps/wiki:8443"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return beside_a_cluster(tmp_path, monkeypatch)


def annotations(machine: Machine) -> list[dict[str, str]]:
    """Those of every Ingress, in order."""
    found = [one for one in resources(machine, "routes.yaml") if one["kind"] == "Ingress"]
    return [one["metadata"]["annotations"] for one in found]  # type: ignore[index]


def test_an_ingress_says_what_its_application_wants(machine: Machine, forge: Forge) -> None:
    wanted = line(forge, WIKI, server_name="app.internal")
    before = tree(machine.root)
    apply(machine, DNS_01, **ROUTED, **{"mtls.upstream": (wanted,)})
    (said,) = annotations(machine)
    ca, client = said[f"{FIELD}/tls_custom_ca_secret"], said[f"{FIELD}/tls_client_secret"]
    assert said[f"{FIELD}/secure_upstream"] == "true"
    assert said[f"{FIELD}/tls_server_name"] == "app.internal"
    (listing,) = resources(machine, "kustomization.yaml")
    made = {one["name"]: one for one in listing["secretGenerator"]}  # type: ignore[attr-defined]
    assert (made[ca]["namespace"], made[client]["namespace"]) == ("apps", "apps")
    assert made[client]["type"] == "kubernetes.io/tls"
    folder = machine.root / "srv/kubernetes"
    held = dict(one.split("=") for name in (ca, client) for one in made[name]["files"])
    assert (folder / held["ca.crt"]).read_bytes() == forge.pem("root")
    assert (folder / held["tls.crt"]).read_bytes() == forge.pem("pomerium", "issuing")
    key = folder / held["tls.key"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    assert (folder / "secrets/.gitignore").exists()
    assert session(machine, DNS_01, **ROUTED, **{"mtls.upstream": (wanted,)}).plan().is_empty
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert tree(machine.root) == before


def test_what_keeps_secrets_out_of_git_comes_before_the_key(machine: Machine, forge: Forge) -> None:
    given = {**ROUTED, "kubernetes.cloudflare.token": "secret:dns/token"}
    plan = session(machine, DNS_01, **given, **{"mtls.upstream": (line(forge, WIKI),)}).plan()
    order = [action.title.rpartition("/")[2] for action in plan.actions]
    assert order.index(".gitignore") < order.index("wiki.corp.example.com-client-key.pem")


def test_each_host_has_its_own(machine: Machine, forge: Forge) -> None:
    one = line(forge, "https://b.example.com", certificate="", key="")
    apply(machine, AUTOCERT, **{"mtls.upstream": (one,)})
    first, second = annotations(machine)
    assert f"{FIELD}/tls_custom_ca_secret" not in first
    assert second[f"{FIELD}/tls_custom_ca_secret"] == "b-example-com-upstream-ca"
    assert f"{FIELD}/tls_client_secret" not in second


def test_an_ingress_of_ones_own_is_told(machine: Machine, forge: Forge) -> None:
    wanted = (line(forge, WIKI), line(forge, "https://else.corp.example.com"))
    plan = session(machine, DNS_01, **ROUTED, **{"mtls.upstream": wanted}).plan()
    (lost,) = (notice for notice in plan.notices if "does nothing" in notice)
    assert "https://else.corp.example.com" in lost
    assert not [action.title for action in plan.actions if "else.corp" in action.title]


def test_an_example_that_was_changed_is_told_what_it_lacks(machine: Machine, forge: Forge) -> None:
    apply(machine, DNS_01, **ROUTED)
    routes = machine.root / "srv/kubernetes/routes.yaml"
    routes.write_text(f"{routes.read_text()}# Mine.\n")
    given: dict[str, Value] = {**ROUTED, "mtls.upstream": (line(forge, WIKI),)}
    steps = {step.what: step.line for step in apply(machine, DNS_01, **given).next_steps}
    said = steps[f"Add to the annotations of the Ingress for wiki.corp.example.com in {routes}"]
    assert f"{FIELD}/tls_client_secret: wiki-corp-example-com-upstream-client" in said
    indented = "".join(f"    {one}\n" for one in said.splitlines())
    routes.write_text(routes.read_text().replace("  annotations:\n", f"  annotations:\n{indented}"))
    plan = session(machine, DNS_01, **given).plan()
    assert not any("annotations" in step.what for step in plan.next_steps)


def test_a_renewed_file_is_handed_to_the_cluster(machine: Machine, forge: Forge) -> None:
    ca = machine.folder / "ca.pem"
    ca.write_bytes(forge.pem("root"))
    wanted = f"{WIKI} ca={ca}"
    apply(machine, DNS_01, **ROUTED, **{"mtls.upstream": (wanted,)})
    ca.write_bytes(forge.pem("others"))
    end = finished(list(upkeep.renew(machine.system, machine.folder / "state")))
    folder = machine.root / "srv/kubernetes"
    assert end.next_steps[0].what == "Hand the new files to the cluster"
    assert end.next_steps[0].line == f"kubectl apply --kustomize {folder}"
    copy = folder / "secrets/upstream/wiki.corp.example.com-ca.pem"
    assert copy.read_bytes() == forge.pem("others")


def test_a_key_of_somebody_else_is_never_overwritten(machine: Machine, forge: Forge) -> None:
    path = "srv/kubernetes/secrets/upstream/wiki.corp.example.com-client-key.pem"
    key = machine.put(path, "theirs\n")
    key.chmod(0o600)
    error = refused(machine, DNS_01, **ROUTED, **{"mtls.upstream": (line(forge, WIKI),)})
    assert (error.code, str(key) in error.summary) == ("file-not-ours", True)


class Sudo(System):
    """Root, for somebody else."""

    is_root, uid = True, 0  # type: ignore[assignment]  properties of it


def test_who_runs_kubectl_can_read_what_sudo_wrote(machine: Machine, forge: Forge) -> None:
    nobody = pwd.getpwnam("nobody")
    system = Sudo({**machine.system.env, "SUDO_UID": str(nobody.pw_uid)}, root=machine.root)
    given = {**ROUTED, "mtls.upstream": (line(forge, WIKI),)}
    answers = session(machine, DNS_01, **given).given
    plan = Session(system, machine.folder / "state", answers).plan()
    files = [one for one in plan.actions if isinstance(one, WriteFile) and "srv" in str(one.path)]
    assert {one.path.name for one in files} >= {"cloudflare-token", "kustomization.yaml"}
    assert [one.title for one in files if one.owner != (nobody.pw_uid, nobody.pw_gid)] == []
