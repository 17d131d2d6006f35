"""Pomerium's services apart: what each gets, what stays, what is renewed and taken back."""

import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_support import tree
from cryptography import x509
from ruamel.yaml import YAML
from services_support import COOKIE, RICH, SHARED, Place, outcome

from wizard.core.actions import WriteFile
from wizard.core.errors import WizardError
from wizard.core.events import Finished
from wizard.core.plan import Plan, Renewal
from wizard.core.system import System
from wizard.doctor.checks import look
from wizard.pki import chain
from wizard.upkeep import renew, undo

SECRETS = {"shared_secret", "cookie_secret"}


class Later(System):
    """A machine some days from now."""

    days = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(self.days)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def rich(tmp_path: Path) -> Place:
    return Place(tmp_path, RICH)


def values(place: Place, service: str) -> dict[str, object]:
    found = YAML(typ="safe", pure=True).load(place.settings(service))
    assert isinstance(found, dict)
    return found


def certificate(place: Place, service: str) -> x509.Certificate:
    return chain.read((place.directory / service / f"{service}.pem").read_bytes(), service)[0]


def shown(plan: Plan) -> str:
    return "\n".join(line for action in plan.actions for line in action.preview().diff)


# ── what each gets ─────────────────────────────────────────────────────────────────────────────


def test_each_service_gets_a_directory_of_its_own(place: Place) -> None:
    assert outcome(place.install()) == "done"
    assert set(place.files()) == {
        *("authorize/authorize-key.pem", "authorize/authorize.pem"),
        *("databroker/databroker-key.pem", "databroker/databroker.pem"),
        *("authorize/ca.pem", "databroker/ca.pem", "proxy/ca.pem"),
        *("authorize/config.yaml", "databroker/config.yaml", "proxy/config.yaml"),
    }
    for path in place.directory.rglob("*"):
        private = path.is_dir() or path.name.endswith(("-key.pem", ".yaml"))
        others = stat.S_IMODE(path.stat().st_mode) & 0o077
        assert (others == 0) == private, path


def test_they_share_the_secrets_of_the_configuration_that_is_made_with_them(place: Place) -> None:
    place.install()
    whole = YAML(typ="safe", pure=True).load(place.config.read_text())
    for service in ("databroker", "authorize", "proxy"):
        found = values(place, service)
        assert found["services"] == service
        assert {name: whole[name] for name in SECRETS & found.keys()} == {
            name: found[name] for name in SECRETS & found.keys()
        }
        assert "shared_secret" in found
    assert "cookie_secret" not in values(place, "databroker")


def test_certificates_are_for_the_hosts_in_the_urls_and_by_an_authority_for_nothing_else(
    place: Place,
) -> None:
    urls = {
        "mtls__authorize_service_url": "https://authorize.corp.example.com",
        "mtls__databroker_service_url": "https://databroker.corp.example.com:5443",
    }
    place.install(**urls)
    root = chain.read((place.state / "services/root.pem").read_bytes(), "root")[0]
    for service, port in (("authorize", 443), ("databroker", 5443)):
        host = f"{service}.corp.example.com"
        leaf, issuer = chain.read(
            (place.directory / service / f"{service}.pem").read_bytes(), service
        )
        assert chain.names_of(leaf) == (host,)
        chain.verify(leaf, (issuer,), root, (host,), datetime.now(UTC))
        found = values(place, service)
        assert found["grpc_address"] == f":{port}"
        assert found["grpc_insecure"] is False
        assert found["certificate_file"] == str(place.directory / service / f"{service}.pem")
        assert (place.directory / service / "ca.pem").read_bytes() == chain.to_pem([root])
    constraints = root.extensions.get_extension_for_class(x509.NameConstraints).value
    assert [name.value for name in constraints.permitted_subtrees or ()] == [
        "authorize.corp.example.com",
        "databroker.corp.example.com",
    ]
    assert (place.state / "ca/root.pem").read_bytes() != chain.to_pem([root])
    assert values(place, "proxy")["authorize_service_url"] == urls["mtls__authorize_service_url"]


@pytest.mark.parametrize(
    ("host", "bound"), [("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]"), ("10.1.2.3", "")]
)
def test_behind_an_address_callers_expect_a_name(place: Place, host: str, bound: str) -> None:
    place.install(mtls__authorize_service_url=f"https://{host}:6000")
    name = "services.pomerium.internal"
    assert chain.names_of(certificate(place, "authorize")) == (name,)
    assert chain.names_of(certificate(place, "databroker")) == ("localhost", name)
    assert values(place, "authorize")["grpc_address"] == f"{bound}:6000"
    for service in ("authorize", "proxy"):
        assert values(place, service)["override_certificate_name"] == name
    assert "override_certificate_name" not in values(place, "databroker")


def test_where_hosts_have_names_nothing_is_overridden(place: Place) -> None:
    place.install()
    assert not any(b"override" in content for content in place.files().values())


def test_services_on_one_machine_have_ports_of_their_own(place: Place) -> None:
    place.install()
    found = [values(place, service) for service in ("authorize", "databroker", "proxy")]
    ports = [
        one[key] for one in found for key in ("grpc_address", "health_check_addr") if key in one
    ]
    assert ports == ["127.0.0.1:5443", "127.0.0.1:28081", "127.0.0.1:5444", "127.0.0.1:28082"]


# ── the configuration that they are made from ──────────────────────────────────────────────────


def test_a_service_has_of_a_configuration_what_it_needs(rich: Place) -> None:
    rich.install()
    proxy, authorize = values(rich, "proxy"), values(rich, "authorize")
    broker, signing_in = values(rich, "databroker"), values(rich, "authenticate")
    assert broker["databroker_storage_type"] == "postgres"
    assert not any("storage" in key for found in (proxy, authorize, signing_in) for key in found)
    for found in (proxy, authorize, broker, signing_in):
        assert found["shared_secret"] == SHARED
        assert found["idp_client_id"] == "0123"
        assert found["log_level"] == "warn"
    for found in (proxy, authorize, signing_in):
        assert found["cookie_secret"] == COOKIE
        assert found["authenticate_service_url"] == "https://authenticate.corp.example.com:8443"
    assert authorize["routes"] == [
        {key: value for key, value in route.items() if not key.startswith("tls_")}
        for route in proxy["routes"]  # type: ignore[attr-defined]  # a list
    ]
    assert proxy["routes"][0]["tls_custom_ca_file"] == "/etc/pomerium/app-ca.pem"  # type: ignore[index]  # a list
    assert proxy["timeout_read"] == "45s"
    assert "timeout_read" not in authorize
    assert "routes" not in {**broker, **signing_in}
    assert signing_in["address"] == ":8443"
    assert signing_in["certificates"] == proxy["certificates"]
    assert rich.config.read_text().startswith("# Ours since 2021. Ask Kim.\n")


def test_a_change_of_the_configuration_reaches_the_services(rich: Place) -> None:
    rich.install()
    assert outcome(rich.install()) == "nothing-to-do"
    before = rich.files()
    rich.config.write_text(rich.config.read_text().replace("wiki:8080", "wiki:9090"))
    plan = rich.plan()
    assert {Path(action.preview().what).parent.name for action in plan.actions} == {
        "authorize",
        "proxy",
    }
    assert "+    to: http://wiki:9090" in shown(plan)
    rich.install()
    changed = {name for name, content in rich.files().items() if before[name] != content}
    assert changed == {"authorize/config.yaml", "proxy/config.yaml"}


def test_an_edit_of_the_configuration_and_the_services_are_one_run(rich: Place) -> None:
    rich.install()
    rich.install(names=("*.corp.example.com", "corp.example.com"))
    assert (
        outcome(rich.install(names=("*.corp.example.com", "corp.example.com"))) == "nothing-to-do"
    )
    assert values(rich, "proxy")["certificates"] == [
        {
            "cert": str(rich.folder / "tls/_wildcard.corp.example.com.pem"),
            "key": str(rich.folder / "tls/_wildcard.corp.example.com-key.pem"),
        }
    ]


def test_authorities_that_the_configuration_names_stay_trusted(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.pem"
    theirs.write_text("-----BEGIN CERTIFICATE-----\ntheirs\n-----END CERTIFICATE-----\n")
    place = Place(tmp_path, f"{RICH}certificate_authority_file: {theirs}\n")
    place.install()
    root = (place.state / "services/root.pem").read_bytes()
    assert place.files()["proxy/ca.pem"] == root + theirs.read_bytes()
    assert outcome(place.install()) == "nothing-to-do"
    theirs.unlink()
    assert any("certificate_authority_file" in notice for notice in place.plan().notices)


def test_what_is_to_know_is_said(place: Place, rich: Place) -> None:
    said = " ".join(Place(place.folder / "new").plan().notices)
    assert "not to be started with that file" in said
    assert "keeps sessions in memory" in said
    assert "keeps sessions in memory" not in " ".join(rich.plan().notices)


def test_each_is_started_by_itself_the_databroker_first(rich: Place) -> None:
    (finished,) = [one for one in rich.install() if isinstance(one, Finished)]
    starts = [step.line for step in finished.next_steps if "-config" in step.line]
    assert starts == [
        f"TMPDIR=$(mktemp -d) pomerium -config {rich.directory}/{service}/config.yaml"
        for service in ("databroker", "authorize", "authenticate", "proxy")
    ]


def test_a_service_elsewhere_gets_a_copy(place: Place) -> None:
    plan = place.plan(mtls__authorize_service_url="https://authorize.corp.example.com:5443")
    (step,) = [one for one in plan.next_steps if "authorize" in one.what]
    assert f"Copy {place.directory}/authorize to authorize.corp.example.com" in step.what
    assert step.line == f"pomerium -config {place.directory}/authorize/config.yaml"


def test_the_doctor_finds_nothing_wrong_with_any_of_them(place: Place) -> None:
    place.install(names=("*.localhost.pomerium.io",))
    for service in ("databroker", "authorize", "proxy"):
        found = look(place.system, place.directory / service / "config.yaml").findings
        assert {one.level for one in found} == {"good"}, (service, found)


# ── secrets ────────────────────────────────────────────────────────────────────────────────────


def test_secrets_stay_what_the_services_have(place: Place) -> None:
    place.install()
    before = place.files()
    place.config.unlink()
    assert outcome(place.install()) == "done"
    assert place.files() == before
    (place.directory / "authorize/config.yaml").unlink()
    place.install()
    assert place.files() == before


def test_no_secret_is_shown_or_noted(rich: Place) -> None:
    plan = rich.plan()
    told = f"{plan.to_json()} {shown(plan)}"
    rich.install()
    text = rich.settings("databroker").replace("warn", "info")
    (rich.directory / "databroker/config.yaml").write_text(text)
    told += shown(rich.plan())
    told += "".join(path.read_text() for path in rich.state.rglob("journal.jsonl"))
    for secret in (SHARED, COOKIE, "correct-horse-battery", "hunter2hunter2", "PRIVATE KEY"):
        assert secret not in told
    assert "shared_secret: <redacted>" in told


def test_a_key_that_everybody_can_read_is_refused(place: Place) -> None:
    place.install()
    (place.directory / "authorize/authorize-key.pem").chmod(0o644)
    with pytest.raises(WizardError) as caught:
        place.plan()
    assert caught.value.code == "key-mode"


# ── later ──────────────────────────────────────────────────────────────────────────────────────


def written(plan: Plan) -> set[str]:
    return {action.path.name for action in plan.actions if isinstance(action, WriteFile)}


PEMS = {f"{one}{end}" for one in ("authorize", "databroker") for end in (".pem", "-key.pem")}


@pytest.mark.parametrize(("days", "due"), [(1, set()), (240, set()), (250, PEMS)])
def test_certificates_are_renewed_when_a_third_of_their_life_is_left(
    place: Place, days: int, due: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.install(local_ca__lifetime="800d")
    monkeypatch.setattr(Later, "days", days)
    monkeypatch.setattr(Place, "system", Later(env={"HOME": "/"}, root=place.folder))
    plan = place.plan(Renewal.DUE, local_ca__lifetime="800d")
    assert written(plan) == due


def test_a_renewal_makes_new_keys_and_nothing_else(place: Place) -> None:
    place.install()
    before = place.files()
    assert outcome(list(renew(place.system, place.state))) == "nothing-to-do"
    assert outcome(list(renew(place.system, place.state, force=True))) == "done"
    changed = {name for name, content in place.files().items() if before[name] != content}
    assert changed == {
        name for name in before if re.search(r"(authorize|broker)(-key)?\.pem", name)
    }
    assert outcome(place.install()) == "nothing-to-do"


def test_another_host_is_another_authority_that_all_learn_of(place: Place) -> None:
    place.install()
    before = place.files()
    url = "https://authorize.corp.example.com:5443"
    place.install(mtls__authorize_service_url=url)
    root = (place.state / "services/root.pem").read_bytes()
    assert {content for name, content in place.files().items() if name.endswith("ca.pem")} == {root}
    assert before["proxy/ca.pem"] != root
    assert outcome(place.install(mtls__authorize_service_url=url)) == "nothing-to-do"


def test_undo_leaves_nothing_of_it(rich: Place) -> None:
    before = tree(rich.folder)
    rich.install()
    assert outcome(list(undo(rich.system, rich.state))) == "undone"
    left = tree(rich.folder)
    assert {path for path in left if "/state/runs" not in path} - before.keys() == {
        str(rich.state),
        str(rich.state / "lock"),
    }
    assert {path: left[path] for path in before if path != str(rich.folder)} == {
        path: entry for path, entry in before.items() if path != str(rich.folder)
    }
