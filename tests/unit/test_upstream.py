"""TLS to applications as part of an installation: what is copied, set, told, and taken back."""

import base64
import difflib
import os
import stat
from pathlib import Path

import pytest
from bundle_support import CA, SITE, Forge
from conftest import Need
from ruamel.yaml import YAML
from upstream_support import CLIENT, CONFIG, FROM, Place, line

from wizard.core.errors import WizardError
from wizard.core.events import Event, Finished
from wizard.core.plan import Renewal
from wizard.upkeep import renew, undo


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def outcome(events: list[Event]) -> str:
    (last,) = [event.outcome for event in events if isinstance(event, Finished)]
    return last


def test_every_route_from_there_gets_its_settings_and_the_rest_stays(
    place: Place, forge: Forge
) -> None:
    assert outcome(place.install(line(forge, server_name="app.internal"))) == "done"
    text, folder = place.config.read_text(), place.folder / "tls/upstream"
    ours = {
        "tls_custom_ca_file": f"{folder}/app.localhost.pomerium.io-ca.pem",
        "tls_client_cert_file": f"{folder}/app.localhost.pomerium.io-client.pem",
        "tls_client_key_file": f"{folder}/app.localhost.pomerium.io-client-key.pem",
        "tls_upstream_server_name": "app.internal",
    }
    routes = YAML(typ="safe", pure=True).load(text)["routes"]
    assert [
        set(ours.items()) <= set({k: str(v) for k, v in r.items()}.items()) for r in routes
    ] == [
        True,
        False,
        True,
    ]
    gone = [one for one in difflib.ndiff(CONFIG.splitlines(), text.splitlines()) if one[0] == "-"]
    assert gone == [f'-   - {{from: "{FROM}", to: [https://127.0.0.1:9]}}']
    assert outcome(place.install(line(forge, server_name="app.internal"))) == "nothing-to-do"
    assert place.config.read_text() == text


def test_the_copies_are_in_order_and_the_key_is_nobody_elses(place: Place, forge: Forge) -> None:
    place.install(line(forge))
    stem = "app.localhost.pomerium.io"
    files = place.files()
    assert files[f"{stem}-ca.pem"] == (0o644, forge.pem("root"))
    # The leaf first, however the file has it.
    assert files[f"{stem}-client.pem"] == (0o644, forge.pem("pomerium", "issuing"))
    mode, key = files[f"{stem}-client-key.pem"]
    assert mode == stat.S_IRUSR | stat.S_IWUSR
    assert b"BEGIN PRIVATE KEY" in key


def test_the_key_belongs_to_pomeriums_user(place: Place, forge: Forge, need: Need) -> None:
    need.that(os.geteuid() == 0, "only root gives files away", "run as root")
    place.install(line(forge), output__owner="nobody")
    key = place.folder / "tls/upstream/app.localhost.pomerium.io-client-key.pem"
    assert (key.owner(), key.stat().st_mode & 0o777) == ("nobody", 0o600)
    os.chown(key, 0, 0)
    plan = place.session(line(forge), output__owner="nobody").plan()
    assert [action.title for action in plan.actions] == [f"write {key}"]


def test_any_form_becomes_pem(place: Place, forge: Forge) -> None:
    folder = forge.folder
    forge.openssl("x509 -in root.pem -outform DER -out root.der")
    forge.openssl("pkcs8 -topk8 -nocrypt -in pomerium.key -outform DER -out pomerium.der")
    forge.openssl("crl2pkcs7 -nocrl -certfile pomerium-chain.pem -outform DER -out pomerium.p7b")
    forms = {"ca": "root.der", "certificate": "pomerium.p7b", "key": "pomerium.der"}
    place.install(line(forge, **forms))
    files = place.files()
    place.install(line(forge))
    assert place.files() == files
    assert len(files) == 3
    assert (folder / "root.der").read_bytes()[:1] == b"\x30"


def test_undo_leaves_nothing_of_it(place: Place, forge: Forge) -> None:
    before = place.config.read_bytes()
    place.install(line(forge))
    list(undo(place.system, place.state))
    assert place.config.read_bytes() == before
    assert not (place.folder / "tls").exists()


def test_a_new_configuration_has_it_in_its_first_route(place: Place, forge: Forge) -> None:
    place.config.unlink()
    first = {"output__route__from": FROM, "output__route__to": "https://app.internal"}
    place.install(line(forge, certificate="", key=""), **first)
    (route,) = YAML(typ="safe", pure=True).load(place.config.read_text())["routes"]
    assert route["tls_custom_ca_file"].endswith("/tls/upstream/app.localhost.pomerium.io-ca.pem")
    assert "tls_client_cert_file" not in route
    again = place.session(line(forge, certificate="", key=""), **first)
    assert again.plan().is_empty


def test_variables_get_it_into_their_routes(place: Place, forge: Forge) -> None:
    first = {"output__route__from": FROM, "output__route__to": "https://app.internal"}
    env = {"output__form": "env", "output__config": str(place.folder / "pomerium.env"), **first}
    place.install(line(forge, certificate="", key=""), **env)
    path = place.folder / "pomerium.env"
    made = path.read_text()
    (routes,) = [one for one in made.splitlines() if one.startswith("ROUTES=")]
    assert "tls_custom_ca_file" in base64.b64decode(routes[7:]).decode()
    # One that is there already: its own routes stay as they are written.
    own = f"# mine\n- from: {FROM}\n  to: https://app.internal # there\n"
    path.write_text(f"A=b\nROUTES={base64.b64encode(own.encode()).decode()}\nC=d\n")
    place.install(line(forge), **env)
    lines = path.read_text().splitlines()
    assert (lines[0], lines[2]) == ("A=b", "C=d")
    listed = base64.b64decode(lines[1].removeprefix("ROUTES=")).decode()
    assert listed.startswith(own)
    assert listed.count("tls_") == 3
    assert place.session(line(forge), **env).plan().is_empty


def test_without_a_configuration_it_is_said_what_to_write(place: Place, forge: Forge) -> None:
    plan = place.session(line(forge), output__config="").plan()
    (said,) = [one.line for one in plan.next_steps if "tls_custom_ca_file" in one.line]
    assert f"from: {FROM}" in said


def test_what_somebody_renewed_is_copied_by_renew_and_pomerium_is_to_be_told(
    place: Place, forge: Forge, tmp_path: Path
) -> None:
    mine = tmp_path / "ca.pem"
    mine.write_bytes(forge.pem("root"))
    wanted = f"{FROM} ca={mine}"
    place.install(wanted)
    text = place.config.read_text()
    assert place.session(wanted).plan(Renewal.DUE).is_empty
    mine.write_bytes(forge.pem("root", "others"))
    assert [step.line for step in place.session(wanted).plan(Renewal.DUE).next_steps] == [
        "pkill -HUP -x pomerium"
    ]
    assert outcome(list(renew(place.system, place.state))) == "done"
    assert place.files()["app.localhost.pomerium.io-ca.pem"][1] == forge.pem("root", "others")
    assert place.config.read_text() == text
    # One that is no good is told, and keeps no other certificate from being renewed.
    mine.write_text("nothing")
    plan = place.session(wanted).plan(Renewal.NOW)
    assert not plan.is_empty
    assert str(mine) in plan.failures[0].summary


def failure(place: Place, *lines: str) -> WizardError:
    with pytest.raises(WizardError) as caught:
        place.session(*lines).plan()
    return caught.value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (CONFIG.replace("https://127.0.0.1:9", "http://app"), "upstream-not-https"),
        (CONFIG.replace("app.localhost", "apps.localhost"), "upstream-no-route"),
        ("address: :443\n", "upstream-no-route"),
        (CONFIG.replace("prefix: /one", "tls_custom_ca: LS0t"), "upstream-inline"),
        (CONFIG.replace("prefix: /one", "tls_client_key: LS0t"), "upstream-inline"),
        (CONFIG.replace("- from", "- &a\n    from", 1) + "  - *a\n", "config-anchor-shared"),
    ],
)
def test_a_route_that_cannot_have_it_is_refused(
    tmp_path: Path, forge: Forge, text: str, code: str
) -> None:
    place = Place(tmp_path, text)
    assert failure(place, line(forge)).code == code
    assert place.config.read_text() == text


def test_the_nearest_route_is_named(place: Place, forge: Forge) -> None:
    error = failure(place, line(forge, "https://apps.localhost.pomerium.io"))
    assert error.hint == f"Did you mean {FROM}?"


def test_what_takes_its_effect_away_is_told(tmp_path: Path, forge: Forge) -> None:
    text = CONFIG.replace("prefix: /one", "tls_skip_verify: true")
    plan = Place(tmp_path, text).session(line(forge)).plan()
    said = " ".join(plan.notices)
    assert "`tls_skip_verify` (line 6) takes any certificate" in said
    assert "and no other" in said
    assert "by https and a number (" in said
    named = Place(tmp_path, text).session(line(forge, server_name="app.internal")).plan()
    assert "by https and a number" not in " ".join(named.notices)


def test_files_that_are_no_good_are_refused(place: Place, forge: Forge) -> None:
    folder = forge.folder
    since, until = "20200101000000Z", "20200102000000Z"
    forge.issue("old", "issuing", extensions=CLIENT, subject="/CN=old", since=since, until=until)
    forge.issue("site2", "issuing", extensions=SITE)
    forge.issue("weak", "issuing", extensions=CLIENT, key=("RSA", "rsa_keygen_bits:1024"))
    forge.issue("gone", "", extensions=CA, subject="/CN=gone", since=since, until=until)
    forge.openssl("pkey -in pomerium.key -out locked.key -aes256 -passout env:PASSWORD")
    forge.pkcs12(folder / "both.p12", "pomerium")
    (folder / "empty.pem").write_text("")
    forge.openssl("req -new -key pomerium.key -out request.pem -subj /CN=x")
    for fields, code in (
        ({"certificate": "old.pem", "key": "old.key"}, "certificate-expired"),
        ({"certificate": "site2.pem", "key": "site2.key"}, "certificate-not-for-clients"),
        ({"certificate": "weak.pem", "key": "weak.key"}, "key-type"),
        ({"certificate": "root.pem", "key": "root.key"}, "certificate-is-ca"),
        ({"certificate": "request.pem"}, "certificate-request"),
        ({"certificate": "empty.pem"}, "certificate-missing"),
        ({"certificate": "none.pem"}, "file-missing"),
        ({"key": "app.key"}, "key-mismatch"),
        ({"key": "root.pem"}, "key-missing"),
        ({"key": "locked.key"}, "key-encrypted"),
        ({"certificate": "both.p12", "key": "both.p12"}, "key-encrypted"),
        ({"ca": "app.pem"}, "not-an-authority"),
        ({"ca": "gone.pem"}, "authority-expired"),
        ({"ca": "pomerium.key"}, "certificate-missing"),
    ):
        error = failure(place, line(forge, **fields))
        assert error.code == code, fields
        assert str(folder) in error.summary
    assert not (place.folder / "tls").exists()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("https://a", "upstream-empty"),
        ("app ca=/x", "upstream-from"),
        ("https://a key=/x", "upstream-half"),
        ("https://a certificate=/x", "upstream-half"),
        ("https://a ca=x.pem", "path"),
        ("https://a ca=~/x.pem", "path"),
        ("https://a server_name=https://b", "upstream-server-name"),
        ("https://a server_name=a..b", "upstream-server-name"),
        ("https://a server_name=a.b:443", "upstream-server-name"),
        (f"https://a server_name={'a' * 64}.b", "upstream-server-name"),
        ("https://a CA=/x", "table-field"),
        ("https://a server-name=b", "table-field"),
        ("https://a ca=/x https://a ca=/y", "upstream-twice"),
        ("https://a ca=/x https://A:443/ ca=/x", "upstream-twice"),
        ("https://a cert=/x", "table-field"),
        ("ca=/x", "table-field"),
    ],
)
def test_tables_that_make_no_sense_are_refused_when_they_are_typed(
    place: Place, text: str, code: str
) -> None:
    with pytest.raises(WizardError) as caught:
        place.session().answer_word("mtls.upstream", text, "--set mtls.upstream")
    assert caught.value.code == code
    assert caught.value.summary.startswith("--set mtls.upstream: ")


def test_of_split_services_the_proxy_has_it(place: Place, forge: Forge) -> None:
    place.install(line(forge), mtls__services=True)
    said = {
        path.parent.name: "tls_client_key_file" in path.read_text()
        for path in (place.folder / "services").glob("*/config.yaml")
    }
    assert said == {"databroker": False, "authorize": False, "proxy": True}
    assert place.session(line(forge), mtls__services=True).plan().is_empty


def test_a_cluster_is_told_where_it_says_so(place: Place, forge: Forge) -> None:
    plan = place.session(line(forge), output__target="kubernetes").plan()
    assert any("tls_custom_ca_secret" in notice for notice in plan.notices)
    assert not any("-client-key.pem" in action.title for action in plan.actions)


def test_a_container_is_told_the_paths_that_it_sees(tmp_path: Path, forge: Forge) -> None:
    place = Place(tmp_path)
    docker = {
        "output__target": "docker",
        "output__directory": str(tmp_path / "pomerium/tls"),
        "output__config": str(tmp_path / "pomerium/config.yaml"),
        "docker__compose": str(tmp_path / "compose.yaml"),
    }
    os.mkdir(tmp_path / "pomerium")  # noqa: PTH102  beside the other
    (tmp_path / "pomerium/config.yaml").write_text(CONFIG)
    place.install(line(forge), **docker)
    said = (tmp_path / "pomerium/config.yaml").read_text()
    assert "/pomerium/tls/upstream/app.localhost.pomerium.io-client-key.pem" in said
    assert str(tmp_path) not in said
