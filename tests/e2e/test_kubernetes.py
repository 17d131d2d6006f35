"""Every strategy in a cluster: the plan against a golden file, what is written by a cluster's code.

The judge builds a directory as `kubectl apply -k` does, holds it against the definitions of
cert-manager, of Pomerium's ingress controller and of Kubernetes, and asks cert-manager's webhook
and Pomerium's code for policies.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest
from bundle_support import Forge
from conftest import Need
from kubernetes_support import Judgement, judge
from strategy_target_support import as_golden, ready
from target_support import Machine, desk
from upstream_support import line

from wizard.core import registry
from wizard.core.events import Event, Finished, Proof
from wizard.core.questions import Value
from wizard.targets.kubernetes_solvers import SOLVERS, key_of

pytestmark = pytest.mark.e2e

BOOTSTRAP = "Pomerium/global: spec.secrets: Secret pomerium/bootstrap"
"""Made in the cluster when the ingress controller is installed."""
ISSUER = "ClusterIssuer/wildcard-corp-example-com-letsencrypt"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return desk(tmp_path)


def applied(machine: Machine, how: str, **more: Value) -> list[Event]:
    session = ready(machine, how, "kubernetes", **more)
    events = list(session.apply(session.plan(), may_ask=False))
    assert isinstance(events[-1], Finished)
    assert events[-1].exit_code == 0
    return events


def judged(machine: Machine, need: Need) -> Judgement:
    return judge(machine.root / "srv/kubernetes", need)


@pytest.mark.parametrize("how", registry.STRATEGIES)
def test_the_plan_is_the_golden_one(how: str, machine: Machine) -> None:
    as_golden(ready(machine, how, "kubernetes").plan(), machine, f"{how}-kubernetes")


@pytest.mark.parametrize("email", ["", "o'brien+x@example.com"])
@pytest.mark.parametrize("how", registry.STRATEGIES)
def test_a_cluster_takes_what_is_written(
    how: str, email: str, machine: Machine, need: Need
) -> None:
    applied(machine, how, **{"output.route.email": email, "kubernetes.service": "wiki:8080"})
    told = judged(machine, need)
    assert (told.errors, told.missing) == ((), (BOOTSTRAP,))
    kinds = {one.partition("/")[0] for one in told.objects}
    assert kinds >= {"Pomerium", "Ingress"}
    assert ("ClusterIssuer" in kinds) == (how in {"dns-01", "autocert"})
    assert ("Certificate" in kinds) == (how == "dns-01")
    assert ("Secret" in kinds) == (how != "autocert")


@pytest.mark.parametrize("how", ["dns-01", "autocert"])
def test_where_cert_manager_obtains_the_last_word_is_the_clusters(
    how: str, machine: Machine
) -> None:
    events = applied(machine, how)
    (proof,) = (event for event in events if isinstance(event, Proof))
    assert (proof.client, proof.verdict) == ("cert-manager", "unknown")
    assert proof.fix.startswith("kubectl get certificates")
    finished = events[-1]
    assert isinstance(finished, Finished)
    steps = [step.line for step in finished.next_steps]
    order = ["cert-manager/releases", "config/default?ref=", "srv/kubernetes", "pomerium-proxy"]
    places = [next(at for at, line in enumerate(steps) if word in line) for word in order]
    assert places == sorted(places)


SAID: Mapping[str, Mapping[str, str]] = {
    "cloudflare": {},
    "route53": {"region": "eu-central-1", "access_key_id": "AKIA", "zone_id": "Z1"},
    "clouddns": {"project": "corp-1"},
    "azuredns": {
        "subscription": "00000000-0000-0000-0000-000000000000",
        "resource_group": "dns",
        "zone": "example.com",
        "client_id": "00000000-0000-0000-0000-000000000001",
        "tenant": "00000000-0000-0000-0000-000000000002",
    },
    "digitalocean": {},
    "rfc2136": {"server": "192.0.2.53:53", "tsig_key": "wizard"},
    "acmedns": {"host": "https://auth.example.com"},
    "akamai": {"host": "akaa-x.luna.akamaiapis.net"},
}


@pytest.mark.parametrize("where", ["here", "in the cluster", "nowhere"])
@pytest.mark.parametrize("name", SOLVERS)
def test_a_cluster_takes_every_provider(
    name: str, where: str, machine: Machine, need: Need
) -> None:
    solver = SOLVERS[name]
    more: dict[str, Value] = {"kubernetes.solver": name}
    more |= {key_of(solver, option): value for option, value in SAID[name].items()}
    account = machine.folder / "account.json"
    account.write_text("{}")
    here = {False: machine.answers["kubernetes.cloudflare.token"], True: f"file:{account}"}
    for option in solver.options:
        key = key_of(solver, option.name)
        if where == "nowhere" and option.default == "":
            more.pop(key, None)
        elif option.is_secret:
            more[key] = here[option.is_json] if where == "here" else "secret:dns/key"
    applied(machine, "dns-01", **more)
    told = judged(machine, need)
    assert told.errors == ()
    asked = {one for one in told.missing if one != BOOTSTRAP}
    needed = [option for option in solver.options if option.is_secret and option.default is None]
    if where == "here":
        assert asked == set()
    elif where == "in the cluster" or needed:
        assert asked
        assert all(one.startswith(ISSUER) and "cert-manager/dns" in one for one in asked)


@pytest.mark.parametrize(
    "how", [("dns-01", "dns_01.authority", "zerossl"), ("autocert", "autocert.authority_url", "")]
)
def test_an_account_that_is_bound_to_another_is_given_its_key(
    how: tuple[str, str, str], machine: Machine, need: Need
) -> None:
    strategy, key, value = how
    table = strategy.replace("-", "_")
    (machine.folder / "id").write_text("kid-1\n")
    (machine.folder / "hmac").write_text("c2VjcmV0+/==\n")
    url = "https://acme.zerossl.com/v2/DV90"
    more: dict[str, Value] = {
        key: value or url,
        f"{table}.eab_key_id": f"file:{machine.folder / 'id'}",
        f"{table}.eab_hmac_key": f"file:{machine.folder / 'hmac'}",
    }
    applied(machine, strategy, **more)
    told = judged(machine, need)
    assert (told.errors, told.missing) == ((), (BOOTSTRAP,))
    folder = machine.root / "srv/kubernetes"
    issuer = (folder / "issuer.yaml").read_text()
    assert f"server: {url}\n" in issuer
    assert "keyID: kid-1\n" in issuer
    # cert-manager takes base64url without padding and nothing else.
    assert (folder / "secrets/eab-hmac-key").read_text() == "c2VjcmV0-_"


@pytest.mark.parametrize("enforcement", ["policy", "policy_with_default_deny", "reject_connection"])
def test_client_certificates_are_asked_for(enforcement: str, machine: Machine, need: Need) -> None:
    applied(machine, "local-ca", **{"mtls.downstream": True, "mtls.enforcement": enforcement})
    told = judged(machine, need)
    assert (told.errors, told.missing) == ((), (BOOTSTRAP,))
    text = (machine.root / "srv/kubernetes/pomerium.yaml").read_text()
    assert f"enforcement: {enforcement}\n" in text
    assert "    ca: LS0t" in text


def test_applications_get_what_they_want(machine: Machine, need: Need, forge: Forge) -> None:
    wiki = "https://wiki.corp.example.com"
    more: dict[str, Value] = {"output.route.from": wiki, "kubernetes.service": "apps/wiki:8443"}
    applied(machine, "dns-01", **more, **{"mtls.upstream": (line(forge, wiki),)})
    told = judged(machine, need)
    assert (told.errors, told.missing) == ((), (BOOTSTRAP,))
    route = "wiki-corp-example-com"
    assert {f"Secret/apps/{route}-upstream-{one}" for one in ("ca", "client")} < set(told.objects)


def test_names_that_look_alike_are_routes_of_their_own(machine: Machine, need: Need) -> None:
    applied(machine, "autocert", names=("a.b.example.com", "a-b.example.com"))
    told = judged(machine, need)
    assert (told.errors, told.missing) == ((), (BOOTSTRAP,))
    assert len([one for one in told.objects if one.startswith("Ingress/")]) == 2


def test_names_that_are_long_are_names_of_resources_too(machine: Machine, need: Need) -> None:
    label = "a" * 50
    names = (f"*.{label}.{label}.example.com",)
    applied(machine, "dns-01", names=names)
    told = judged(machine, need)
    assert (told.errors, told.missing) == ((), (BOOTSTRAP,))
