"""Configurations that somebody else wrote, adopted: answers that plan, or a refusal that helps."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from adopt_support import Read, read_back
from bundle_support import APEX, CA, NAME, SITE, Forge
from cli_support import SOMEBODY, Wizard, refused, tree
from conftest import REPOSITORY, Need
from corpus_support import CORPUS, UNREADABLE, VARIABLES, load
from jsonschema import Draft202012Validator
from target_support import UNIT

from wizard.core.errors import WizardError
from wizard.core.system import System

pytestmark = pytest.mark.e2e

SCHEMA = REPOSITORY / "docs/events.schema.json"
NOT_ADOPTED = {
    *("nothing-to-adopt", "names-unknown", "certificate-inline"),
    *("config-of-others", "config-missing"),
}
"""What is said of those that name no certificate that is here."""
KEYLESS = {"181-half-a-pair", "182-misspelt"}
ROUTES = """\
routes:
  - from: https://wiki.corp.example.com
    to: http://wiki
  - from: https://app.corp.example.com
    to: http://app
"""
SECRETS = ("c2hhcmVkLXNlY3JldA", "Y29va2llLXNlY3JldA", "ZWFiLXNlY3JldA", "hunter2", "kid-42")


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    forge = Forge.opened(tmp_path_factory.mktemp("forge"), need)
    forge.issue("mkcert", "", extensions=CA, subject="/O=mkcert development CA/CN=mkcert me")
    forge.issue("dev", "mkcert", extensions=SITE.replace(f",DNS:{APEX}", ""))
    forge.issue("other", "issuing", extensions=SITE.replace(f"DNS:{NAME},DNS:{APEX}", "DNS:b.test"))
    forge.issue("ended", "issuing", until="20210101000000Z")
    return forge


@dataclass
class Place:
    """A machine in a directory, with a configuration and the certificates of the forge."""

    folder: Path
    forge: Forge

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target

    def certificate(self, cert: str, key: str, *names: str) -> str:
        """Puts a certificate and its key somewhere; the lines that list them."""
        chain = self.put(cert, self.forge.pem(*names))
        self.put(key, self.forge.pem(f"{names[0]}.key"), 0o600)
        return f"  - cert: {chain}\n    key: {self.folder / key}\n"

    def adopt(self, text: str | bytes, name: str = "config.yaml") -> Read:
        """What is adopted of a configuration; nothing on the machine is changed by it."""
        config = self.put(name, text)
        before = tree(self.folder)
        found = read_back(self.system, self.folder / "state", config)
        assert tree(self.folder) == before
        return found

    @property
    def system(self) -> System:
        return System(env={"HOME": str(self.folder / "home")}, root=self.folder)


@pytest.fixture
def place(tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, forge)


def test_certbot_keeps_its_certificate_and_pomerium_gets_a_copy(place: Place) -> None:
    live = "etc/letsencrypt/live/corp"
    listed = place.certificate(f"{live}/fullchain.pem", f"{live}/privkey.pem", "site", "issuing")
    place.put("etc/letsencrypt/renewal/corp.conf", "# renew_before_expiry = 30 days\n")
    found = place.adopt(f"certificates:\n{listed}{ROUTES}")
    assert found.values["strategy"] == "existing"
    assert found.values["existing.certificate"] == str(place.folder / live / "fullchain.pem")
    assert found.values["names"] == (NAME, APEX)
    assert "certbot keeps" in found.comments
    assert "copy it to output.directory" in found.comments
    plan = found.plan(output__directory=str(place.folder / "tls"))
    titles = " ".join(action.title for action in plan.actions)
    assert "renewal-hooks/deploy/pomcert-corp" in titles
    assert "config.yaml" in titles


ACME_SH = ".acme.sh/corp.example.com_ecc"
TOOLS = {
    "acme.sh": (f"{ACME_SH}/fullchain.cer", f"{ACME_SH}/corp.example.com.key"),
    "lego": ("lego/_.corp.example.com.crt", "lego/_.corp.example.com.key"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_whoever_keeps_a_certificate_is_named(tool: str, place: Place) -> None:
    listed = place.certificate(*TOOLS[tool], "site", "issuing")
    place.put(f"{ACME_SH}/corp.example.com.conf", "Le_Domain='corp.example.com'\n")
    place.put("lego/_.corp.example.com.json", '{"domain": "*.corp.example.com", "certUrl": ""}')
    found = place.adopt(f"certificates:\n{listed}{ROUTES}")
    assert f"{tool} keeps" in found.comments
    said = " ".join(step.line for step in found.plan(output__directory="/nowhere/x").next_steps)
    assert "renew --name" in said


def test_mkcert_files_stay_where_they_are(place: Place) -> None:
    stem = "certs/_wildcard.corp.example.com"
    listed = place.certificate(f"{stem}.pem", f"{stem}-key.pem", "dev")
    found = place.adopt(f"certificates:\n{listed}{ROUTES}")
    assert found.values["strategy"] == "existing"
    assert found.values["output.directory"] == str(place.folder / "certs")
    assert "mkcert issued" in found.comments
    assert found.plan().is_empty


def test_a_key_that_everybody_can_read_is_copied_not_refused(place: Place) -> None:
    stem = "certs/_wildcard.corp.example.com"
    listed = place.certificate(f"{stem}.pem", f"{stem}-key.pem", "dev")
    (place.folder / f"{stem}-key.pem").chmod(0o644)
    found = place.adopt(f"certificates:\n{listed}{ROUTES}")
    assert found.values["output.directory"] != str(place.folder / "certs")
    assert len(found.plan(output__directory=str(place.folder / "tls")).actions) > 1


def test_a_pair_beside_older_policies(place: Place) -> None:
    place.certificate("tls/site.crt", "tls/site.key", "site", "issuing")
    policy = ROUTES.replace("routes:", "policy:")
    text = "certificate_file: tls/site.crt\ncertificate_key_file: tls/site.key\n"
    found = place.adopt(text + policy)
    assert found.values["existing.certificate"] == str(place.folder / "tls/site.crt")
    assert found.values["existing.key"] == str(place.folder / "tls/site.key")
    assert "Corp Issuing" in found.comments
    assert found.plan(output__directory=str(place.folder / "new")).actions


def test_of_several_the_one_that_covers_most_routes_is_taken_and_the_others_told(
    place: Place,
) -> None:
    other = place.certificate("tls/other.pem", "tls/other.key", "other", "issuing")
    gone = "  - cert: /gone/c.pem\n    key: /gone/c.key\n"
    site = place.certificate("tls/site.pem", "tls/site.key", "site", "issuing")
    found = place.adopt(f"certificates:\n{other}{gone}{site}{ROUTES}")
    assert found.values["existing.certificate"] == str(place.folder / "tls/site.pem")
    assert f"left as it is: {place.folder / 'tls/other.pem'}, for b.test." in found.comments
    assert "left as it is: /gone/c.pem." in found.comments


def test_json(place: Place) -> None:
    place.certificate("tls/site.pem", "tls/site.key", "site", "issuing")
    pair = {"cert": str(place.folder / "tls/site.pem"), "key": str(place.folder / "tls/site.key")}
    routes = [{"from": "https://wiki.corp.example.com", "to": "http://wiki"}]
    found = place.adopt(json.dumps({"certificates": [pair], "routes": routes}), "config.json")
    assert found.values["names"] == (NAME, APEX)
    assert found.plan(output__directory=str(place.folder / "new")).actions


def test_variables_of_the_unit_win_over_the_file(place: Place) -> None:
    place.certificate("tls/site.pem", "tls/site.key", "site", "issuing")
    unit = (
        "[Service]\nExecStart=/usr/sbin/pomerium -config /etc/pomerium/config.yaml\n"
        "Environment=CERTIFICATE_FILE={0}/tls/site.pem CERTIFICATE_KEY_FILE={0}/tls/site.key\n"
        "Environment=SHARED_SECRET=hunter2\n"
    )
    place.put(UNIT, unit.format(place.folder))
    found = place.adopt(ROUTES + "certificate_file: /old.pem\n", "etc/pomerium/config.yaml")
    assert found.values["output.target"] == "systemd"
    assert found.values["existing.certificate"] == str(place.folder / "tls/site.pem")
    assert "CERTIFICATE_FILE in" in found.comments
    assert "hunter2" not in found.text


def test_a_client_authority_of_somebody_else_is_left_alone(place: Place) -> None:
    listed = place.certificate("tls/site.pem", "tls/site.key", "site", "issuing")
    root = place.put("tls/clients.pem", place.forge.pem("root"))
    mtls = f"downstream_mtls:\n  ca_file: {root}\n  enforcement: policy\n"
    found = place.adopt(f"certificates:\n{listed}{mtls}{ROUTES}")
    assert "mtls.downstream" not in found.values
    assert "client authority that is not" in found.comments


def test_what_cannot_be_served_is_said_with_the_fix(place: Place) -> None:
    listed = place.certificate("tls/site.pem", "tls/site.key", "ended", "issuing")
    found = place.adopt(f"certificates:\n{listed}{ROUTES}")
    with pytest.raises(WizardError) as caught:
        found.plan()
    assert caught.value.code == "certificate-expired"
    assert caught.value.hint in found.comments


def test_a_certificate_that_cannot_be_read_is_named_all_the_same(place: Place) -> None:
    found = place.adopt(f"certificates:\n  - cert: /gone/a.pem\n    key: /gone/a.key\n{ROUTES}")
    assert found.values["names"] == (NAME,)
    assert "/gone/a.pem is not there" in found.comments


def test_autocert_with_everything(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"""\
autocert: true
autocert_ca: https://acme.example.com/directory
autocert_email: ops@example.com
autocert_eab_key_id: {SECRETS[4]}
autocert_eab_mac_key: {SECRETS[2]}
autocert_dir: s3://minio.example.com/certificates/pomerium
autocert_trusted_ca_file: {place.put("root.pem", place.forge.pem("root"))}
autocert_must_staple: true
http_redirect_addr: :8080
shared_secret: {SECRETS[0]}
cookie_secret: {SECRETS[1]}
idp_client_secret: {SECRETS[3]}
{ROUTES}  - from: https://*.apps.example.com
    to: http://apps
"""
    found = place.adopt(text)
    assert found.values["strategy"] == "autocert"
    assert found.values["names"] == ("wiki.corp.example.com", "app.corp.example.com")
    assert found.values["autocert.email"] == "ops@example.com"
    assert found.values["autocert.directory"] == "s3://minio.example.com/certificates/pomerium"
    for said in (":8080", "*.apps.example.com", "a secret is no answer"):
        assert said in found.comments
    assert not [secret for secret in SECRETS if secret in found.text + str(found.adopted)]
    monkeypatch.setenv("UNUSED", "")
    system = System(
        env={**place.system.env, "EAB_KEY_ID": SECRETS[4], "EAB_HMAC_KEY": SECRETS[2]},
        root=place.folder,
    )
    read = Read(found.adopted, found.text, system, found.state)
    (action,) = read.plan(dns__resolvers=("127.0.0.1:9",)).actions
    diff = [line for line in action.preview().diff if line[:1] in "+-" and line[:3] not in "+++---"]
    assert diff == ["-http_redirect_addr: :8080", "+http_redirect_addr: ':80'"]


def test_the_password_of_a_bucket_is_left_out(place: Place) -> None:
    where = "s3://me:hunter2@minio.example.com/certificates/pomerium"
    found = place.adopt(f"autocert: true\nautocert_dir: {where}\n{ROUTES}")
    assert "hunter2" not in found.text + str(found.adopted.notes)
    assert "has a password in it" in found.comments
    assert found.values["autocert.directory"] == where.replace("me:hunter2@", "")


def listed(content: bytes) -> list[tuple[str, str]]:
    """Certificates and keys of a configuration as a plain loader of YAML reads it."""
    data = {key.lower(): value for key, value in load(content).items()}
    pairs = [{key.lower(): one[key] for key in one} for one in data.get("certificates") or ()]
    pair = {"cert": data.get("certificate_file"), "key": data.get("certificate_key_file")}
    return [(one["cert"], one.get("key") or "") for one in [*pairs, pair] if one.get("cert")]


@pytest.mark.parametrize("path", [*CORPUS, *VARIABLES], ids=lambda path: path.stem)
def test_configurations_as_people_publish_them_plan_or_are_refused(
    path: Path, place: Place
) -> None:
    content = path.read_bytes().replace(b"/etc/", f"{place.folder}/etc/".encode())
    is_plain = path.suffix == ".yaml" and path.stem not in {*UNREADABLE, "198-k8s-configmap"}
    pairs = listed(content) if is_plain else []
    for cert, key in pairs:
        if cert.startswith(str(place.folder)):
            place.certificate(cert, key or f"{cert}-key", "site", "issuing")
    there = [cert for cert, _ in pairs if Path(cert).exists()]
    try:
        found = place.adopt(content, f"config{path.suffix}")
    except WizardError as error:
        code, hint = error.code, error.hint
    else:
        certificate = str(found.values.get("existing.certificate", ""))
        assert certificate in there or not there or "autocert is on" in found.comments
        if path.stem in KEYLESS:
            assert "There is no private key" in found.comments
        elif certificate in there or not certificate:
            more = {"output__directory": str(place.folder / "tls")} if certificate else {}
            assert found.session(**more).answers().texts("names")
        else:
            assert f"{certificate} is not there" in found.comments
        return
    assert code in NOT_ADOPTED
    assert hint
    assert not there


REFUSED = (
    ("nothing.yaml", ROUTES, "nothing-to-adopt", ("nothing.yaml", "autocert is off")),
    ("inline.yaml", f"certificate: QQ==\n{ROUTES}", "certificate-inline", ("base64",)),
    ("hostless.yaml", "autocert: true\n", "names-unknown", ("no route",)),
    ("broken.yaml", "a: [\n", "config-not-yaml", ("broken.yaml", "line")),
    ("list.yaml", "- a\n", "config-not-a-mapping", ("list.yaml",)),
    ("empty.env", "# Nothing.\n", "config-missing", ("sets no variable",)),
    ("odd.env", "ROUTES=nonsense!\nAUTOCERT=true\n", "variable-routes", ("odd.env",)),
)


@pytest.mark.parametrize(("name", "text", "code", "said"), REFUSED, ids=lambda one: str(one)[:20])
def test_what_is_no_installation_is_refused_with_the_way_out(
    name: str, text: str, code: str, said: tuple[str, ...], tmp_path: Path
) -> None:
    wizard = Wizard(tmp_path)
    (tmp_path / name).write_text(text)
    done = wizard("adopt", name)
    assert done.out == ""
    refused(done, 2 if code not in {"config-not-yaml", "config-not-a-mapping"} else 1, code, *said)


def test_what_comments_say_is_still_toml_whatever_a_file_is_called(place: Place) -> None:
    listed = place.certificate("tls/site.pem", "tls/site.key", "site", "issuing")
    odd = '"\\u0007 # \\n= [ \\u2028 \U0001f510.pem"'
    other = f"  - cert: {odd}\n    key: x\n"
    found = place.adopt(f"certificates:\n{listed}{other}{ROUTES}", "config é.yaml")
    assert found.plan(output__directory=str(place.folder / "new")).actions
    assert "\U0001f510.pem" in found.comments


def test_half_a_character_is_refused(place: Place) -> None:
    with pytest.raises(WizardError) as caught:
        place.adopt(f'certificates:\n  - cert: "/\\ud83d.pem"\n    key: x\n{ROUTES}')
    assert caught.value.code == "config-half-character"
    assert "ud83d.pem" in caught.value.summary


def test_a_file_that_is_not_there_and_one_that_is_a_directory(tmp_path: Path) -> None:
    wizard = Wizard(tmp_path)
    refused(wizard("adopt", "gone.yaml"), 2, "config-missing", "gone.yaml")
    (tmp_path / "d.yaml").mkdir()
    refused(wizard("adopt", "d.yaml"), 1, "config-is-a-directory", "d.yaml")
    for name in ("p.yaml", "p.env"):
        os.mkfifo(tmp_path / name)
        refused(wizard("adopt", name), 1, "config-not-a-file", name)


@pytest.mark.parametrize("name", ["config.yaml", "pomerium.env"])
def test_what_somebody_may_not_read_is_said_to_be_so(name: str, place: Place, need: Need) -> None:
    need.that(os.geteuid() == 0, "only root can stop being root", "run as root")
    place.adopt(f"certificates:\n  - cert: /gone/a.pem\n    key: /gone/a.key\n{ROUTES}")
    config = place.put(f"closed/{name}", "AUTOCERT=true\n")
    config.parent.chmod(0o700)
    os.seteuid(SOMEBODY)
    try:
        with pytest.raises(WizardError) as caught:
            read_back(place.system, place.folder / "state", config)
    finally:
        os.seteuid(0)
    assert caught.value.code in {"config-unreadable", "permission-denied"}
    assert str(config) in caught.value.summary


def test_where_nothing_is_found_the_way_on_is_said(tmp_path: Path) -> None:
    refused(Wizard(tmp_path)("adopt"), 2, "config-missing", "adopt /PATH/config.yaml")


def test_the_command_writes_a_file_once_and_the_file_plans(place: Place) -> None:
    listed = place.certificate("tls/site.pem", "tls/site.key", "site", "issuing")
    place.put("config.yaml", f"certificates:\n{listed}{ROUTES}")
    wizard = Wizard(place.folder)
    assert f"{place.folder}/config.yaml: " in wizard("status").out
    shown = wizard("adopt")
    assert shown.status == 0, shown.err
    assert "plan --answers FILE" in shown.err
    written = wizard("adopt", "--output", "answers.toml")
    assert (written.status, written.out) == (0, "")
    assert (place.folder / "answers.toml").read_text() == shown.out
    refused(wizard("adopt", "--output", "answers.toml"), 2, "file-exists", "answers.toml")
    assert wizard("adopt", "config.yaml", "--output", "answers.toml", "--force").status == 0
    planned = wizard("plan", "--answers", "answers.toml", "--set", "output.directory=new")
    assert planned.status == 0, planned.err
    assert "new/_wildcard.corp.example.com.pem" in planned.out
    (row,) = wizard("adopt", "--json").rows()
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(row)
    assert row["config"] == str(place.folder / "config.yaml")
    assert not (place.folder / "state").exists()
