"""Pomerium's autocert: what is written, what is refused, and what is told beforehand."""

import os
import pwd
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.flags
import dns.message
import dns.rrset
import pytest
from conftest import Need

from wizard import upkeep
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import to_json
from wizard.core.plan import Plan
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session
from wizard.pki import authority, chain, leaf

HOST = "app.example.com"
CONFIG = f"""\
# Ours since the first day.
address: :443   # do not touch
routes:
  - from: https://{HOST}   # the app
    to: http://127.0.0.1:8000
"""
HERE, PRIVATE, ELSEWHERE = "127.0.0.1", "192.168.77.7", "9.9.9.9"
WORLD = {"app": HERE, "private": PRIVATE, "elsewhere": ELSEWHERE}
"""What the first label of a host leads to; other hosts are nowhere."""
HMAC = "c2VjcmV0LWtleS1vZi10aGUtYWNjb3VudA"


class Resolver(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, line = self.request
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        question = query.question[0]
        ip = WORLD.get(question.name.labels[0].decode())
        if ip and question.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", ip))
        line.sendto(answer.to_wire(), self.client_address)


@pytest.fixture(scope="module")
def resolver() -> Iterator[str]:
    """A DNS server that knows the hosts of `WORLD`."""
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Resolver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@dataclass
class Machine:
    """A machine with a configuration, below one directory."""

    folder: Path
    resolver: str

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def system(self) -> System:
        return System(
            {**os.environ, "EAB_KEY": f"{HMAC}==", "EAB_ID": "kid-1"}, self.folder / "root"
        )

    def session(self, **more: Value) -> Session:
        values: dict[str, Value] = {
            "strategy": "autocert",
            "names": (HOST,),
            "autocert.directory": str(self.folder / "autocert"),
            "dns.resolvers": (self.resolver,),
            "output.config": str(self.config),
            "output.owner": "",
            **{key.replace("__", "."): value for key, value in more.items()},
        }
        return Session(self.system, self.folder / "state", Answers(values))

    def plan(self, **more: Value) -> Plan:
        return self.session(**more).plan()

    def install(self, **more: Value) -> str:
        ready = self.session(**more)
        events = list(ready.apply(ready.plan(), may_ask=False))
        assert getattr(events[-1], "exit_code", None) == 0, events
        return self.config.read_text()

    def codes(self, **more: Value) -> set[str]:
        """The codes of the notices."""
        notices = self.plan(**more).notices
        return {notice.rpartition("[")[2].rstrip("]") for notice in notices if notice.endswith("]")}

    def put(self, path: str, text: str) -> None:
        """Writes a file of the operating system."""
        file = self.folder / "root" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def machine(tmp_path: Path, resolver: str) -> Machine:
    made = Machine(tmp_path, resolver)
    made.config.write_text(CONFIG)
    return made


# ── what is written ────────────────────────────────────────────────────────────────────────────


def test_the_settings_join_a_configuration_and_everything_else_stays(machine: Machine) -> None:
    text = machine.install(autocert__email="me@example.com")
    assert text == CONFIG + (
        "http_redirect_addr: :80\n"
        "autocert: true\n"
        f"autocert_dir: {machine.folder}/autocert\n"
        "autocert_email: me@example.com\n"
        "autocert_use_staging: true\n"
    )
    assert machine.plan(autocert__email="me@example.com").is_empty


def test_undo_gives_every_byte_back(machine: Machine) -> None:
    machine.install()
    list(upkeep.undo(machine.system, machine.folder / "state"))
    assert machine.config.read_text() == CONFIG


def test_from_staging_to_the_real_one_and_to_another_authority(machine: Machine) -> None:
    staged = machine.install()
    real = machine.install(autocert__staging=False)
    assert real == staged.replace("autocert_use_staging: true", "autocert_use_staging: false")
    other = machine.install(autocert__authority_url="https://ca.corp.example.com/acme/directory")
    assert "autocert_ca: https://ca.corp.example.com/acme/directory" in other
    assert "autocert_use_staging: false" in other
    again = machine.install()
    assert "autocert_ca: ''\n" in again
    assert "autocert_use_staging: true" in again


@pytest.mark.parametrize("written", ["':80'", "0.0.0.0:80", "'[::]:80' # both"])
def test_an_address_with_port_80_stays(machine: Machine, written: str) -> None:
    machine.config.write_text(CONFIG + f"http_redirect_addr: {written}\n")
    assert f"http_redirect_addr: {written}\n" in machine.install()


@pytest.mark.parametrize("written", ["':8080'", "0.0.0.0:8080", ""])
def test_authorities_come_to_no_other_port_than_80(machine: Machine, written: str) -> None:
    machine.config.write_text(CONFIG + f"http_redirect_addr: {written}\n")
    (line,) = [one for one in machine.install().splitlines() if one.startswith("http_redirect")]
    assert line.replace("'", "").strip() == "http_redirect_addr: :80"


def test_a_switch_that_is_on_already_stays_as_it_is_written(machine: Machine) -> None:
    machine.config.write_text(CONFIG + "Autocert: True   # since 2021\nautocert_use_staging: 1\n")
    assert "Autocert: True   # since 2021\nautocert_use_staging: 1\n" in machine.install()


def test_the_key_of_an_account_is_in_pomeriums_file_and_nowhere_else(machine: Machine) -> None:
    more: dict[str, Value] = {
        "autocert__authority_url": "https://ca.example.com/directory",
        "autocert__eab_key_id": "env:EAB_ID",
        "autocert__eab_hmac_key": "env:EAB_KEY",
    }
    plan = machine.plan(**more)
    assert HMAC not in str(plan.to_json())
    assert HMAC not in repr(plan)
    ready = machine.session(**more)
    events = list(ready.apply(ready.plan(), may_ask=False))
    assert HMAC not in str([to_json(event) for event in events])
    text = machine.config.read_text()
    # Pomerium takes no padding.
    assert f"autocert_eab_mac_key: {HMAC}\n" in text
    assert "autocert_eab_key_id: kid-1\n" in text
    journals = [p for p in (machine.folder / "state").rglob("*") if p.is_file()]
    assert [path for path in journals if HMAC.encode() in path.read_bytes()] == []
    assert machine.plan(**more).is_empty


def test_without_a_configuration_a_whole_one_is_made_and_shows_no_key(machine: Machine) -> None:
    machine.config.unlink()
    more: dict[str, Value] = {
        "autocert__authority_url": "https://ca.example.com/directory",
        "autocert__eab_key_id": "env:EAB_ID",
        "autocert__eab_hmac_key": "env:EAB_KEY",
    }
    assert HMAC not in str(machine.plan(**more).to_json())
    text = machine.install(**more)
    assert f"autocert_eab_mac_key: {HMAC}\n" in text
    assert f"from: https://{HOST}" in text
    assert "certificates:" not in text
    assert machine.config.stat().st_mode & 0o777 == 0o600
    assert machine.plan(**more).is_empty


def test_without_a_file_to_edit_it_says_what_to_write(machine: Machine) -> None:
    plan = machine.plan(output__config="")
    (step,) = [one for one in plan.next_steps if "Set this" in one.what]
    assert "autocert: true" in step.line
    assert plan.is_empty


def test_renewing_is_pomeriums_own_affair(machine: Machine) -> None:
    text = machine.install()
    for force in (False, True):
        events = list(upkeep.renew(machine.system, machine.folder / "state", force=force))
        assert getattr(events[-1], "outcome", "") == "nothing-to-do"
    assert machine.config.read_text() == text


def test_a_file_that_everybody_reads_is_no_place_for_a_key(machine: Machine) -> None:
    more: dict[str, Value] = {
        "autocert__authority_url": "https://ca.example.com/directory",
        "autocert__eab_key_id": "env:EAB_ID",
        "autocert__eab_hmac_key": "env:EAB_KEY",
    }
    machine.config.chmod(0o644)
    assert machine.codes(**more) == {"autocert-key-readable"}
    machine.config.chmod(0o640)
    assert machine.codes(**more) == set()


def test_a_root_that_pomerium_does_not_use_is_told(machine: Machine) -> None:
    root = machine.folder / "root.pem"
    made = authority.create((HOST,), now=datetime.now(UTC))
    ca = {"autocert__trusted_ca": str(root), **OTHER}
    assert machine.codes(**ca) == {"autocert-trusted-ca", "autocert-trusted-ca-unreadable"}
    root.write_bytes(chain.to_pem([made.root]))
    assert machine.codes(**ca) == {"autocert-trusted-ca"}
    assert f"autocert_trusted_ca_file: {root}\n" in machine.install(**ca)


# ── what is proposed ───────────────────────────────────────────────────────────────────────────


def test_the_hosts_of_the_routes_are_proposed_one_by_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine.folder)
    wiki = "  - from: https://wiki.example.com\n    to: http://a\n"
    machine.config.write_text(CONFIG + wiki + "  - from: https://*.example.com\n    to: http://a\n")
    session = Session(machine.system, machine.folder / "state", Answers({"strategy": "autocert"}))
    assert session.value(session.question("names")).value == (HOST, "wiki.example.com")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("usr/lib/systemd/system/pomerium.service", "[Service]\nEnvironment=AUTOCERT_DIR=/x/y\n"),
        (
            "etc/systemd/system/pomerium.service.d/a.conf",
            '[Service]\nEnvironment="A=1" \\\n  "AUTOCERT_DIR=/x/y"\n',
        ),
    ],
)
def test_the_directory_of_the_unit_is_proposed(machine: Machine, path: str, text: str) -> None:
    machine.put("usr/lib/systemd/system/pomerium.service", "[Service]\nUser=pomerium\n")
    machine.put(path, text)
    session = Session(machine.system, machine.folder / "state", Answers({"strategy": "autocert"}))
    value, source = session.value(session.question("autocert.directory"))
    assert value == "/x/y"
    assert path in source


# ── what is refused ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("names", ("*.example.com",), "autocert-wildcard"),
        ("autocert.directory", "s3://bucket.s3.eu-west-1.amazonaws.com/certs", ""),
        ("autocert.directory", "s3://bucket.s3.eu-west-1.amazonaws.com", ""),
        ("autocert.directory", "s3://minio.example.com:9000/bucket/", ""),
        ("autocert.directory", "gs://bucket", ""),
        ("autocert.directory", "gs://bucket/certs", ""),
        ("autocert.directory", "s3://minio.example.com:9000/bucket", "bucket-without-prefix"),
        ("autocert.directory", "s3://my.bucket.s3.eu-west-1.amazonaws.com/certs", "bucket"),
        ("autocert.directory", "s3://bucket", "bucket"),
        ("autocert.directory", "azure://bucket/certs", "bucket"),
        ("autocert.directory", "s3://me:secret@minio.example.com/bucket/", "bucket-password"),
        ("autocert.directory", "certs", "path"),
        ("autocert.authority_url", "http://ca.example.com/directory", "directory-not-https"),
        ("autocert.eab_hmac_key", HMAC, "secret-reference"),
        ("autocert.email", "me", "email"),
    ],
)
def test_answers(machine: Machine, key: str, value: Value, code: str) -> None:
    session = Session(machine.system, machine.folder / "state", Answers({"strategy": "autocert"}))
    problem = session.answer(session.question(key), value)
    assert (problem.code if problem else "") == code


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("address: :443\n", {}, "autocert-no-routes"),
        (CONFIG.replace(HOST, "'*.example.com'"), {}, "autocert-no-routes"),
        (CONFIG, {"names": ("app.localhost.pomerium.io",)}, "name-not-public"),
        (
            CONFIG,
            {"autocert__authority_url": "https://a.example/", "autocert__eab_key_id": "env:EAB_ID"},
            "eab-missing",
        ),
        (CONFIG, {"autocert__authority_url": "https://acme.zerossl.com/v2/DV90"}, "eab-missing"),
        (
            CONFIG,
            {
                "names": ("app.test",),
                "autocert__authority_url": "https://dv.acme-v02.api.pki.goog/directory",
            },
            "name-not-public",
        ),
    ],
)
def test_what_can_bring_no_certificate_is_refused(
    machine: Machine, text: str, more: dict[str, Value], code: str
) -> None:
    machine.config.write_text(text)
    with pytest.raises(WizardError) as caught:
        machine.plan(**more)
    assert caught.value.code == code
    assert caught.value.hint
    assert machine.config.read_text() == text


def test_must_staple_from_a_variable_is_refused(machine: Machine) -> None:
    machine.put(
        "etc/systemd/system/pomerium.service", "[Service]\nEnvironment=AUTOCERT_MUST_STAPLE=true\n"
    )
    with pytest.raises(WizardError) as caught:
        machine.plan()
    assert caught.value.code == "autocert-must-staple"
    assert "pomerium.service" in caught.value.summary


# ── what is told ───────────────────────────────────────────────────────────────────────────────

OTHER = {"autocert__authority_url": "https://ca.example.com/directory"}
ELSE = CONFIG.replace(HOST, "elsewhere.example.com")
MANY = "".join(f"  - from: https://h{i}.example.com\n    to: http://a\n" for i in range(60))


@pytest.mark.parametrize(
    ("text", "more", "codes"),
    [
        (CONFIG, OTHER, set()),
        (CONFIG, {}, {"autocert-not-public"}),
        (ELSE, {"names": ("elsewhere.example.com",)}, {"autocert-dns-elsewhere"}),
        (CONFIG.replace(HOST, "gone.example.com"), {"names": ("gone.example.com",), **OTHER},
         {"autocert-dns-missing"}),
        (CONFIG, {"names": (HOST, "wiki.example.com"), **OTHER}, {"autocert-name-not-routed"}),
        (CONFIG + "  - from: https://*.a.example.com\n    to: http://a\n", OTHER,
         {"autocert-wildcard-route"}),
        (CONFIG.replace(":443 ", ":8443 "), OTHER, {"autocert-address"}),
        (ELSE.replace(":443 ", "127.0.0.1:443 "), {"names": ("elsewhere.example.com",)},
         {"autocert-dns-elsewhere", "autocert-loopback"}),
        (ELSE + "autocert_must_staple: true\n", {"names": ("elsewhere.example.com",)},
         {"autocert-dns-elsewhere", "autocert-must-staple"}),
        (CONFIG + MANY, {"autocert__staging": False},
         {"autocert-not-public", "autocert-rate-limit", "autocert-dns-missing"}),
        (CONFIG + MANY, {}, {"autocert-not-public", "autocert-dns-missing"}),
    ],
)  # fmt: skip
def test_what_may_keep_a_host_from_its_certificate(
    machine: Machine, text: str, more: dict[str, Value], codes: set[str]
) -> None:
    machine.config.write_text(text)
    assert machine.codes(**more) == codes
    assert not machine.plan(**more).is_empty


def test_nobody_answers_about_names_is_told_and_no_obstacle(machine: Machine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    codes = machine.codes(dns__resolvers=(f"127.0.0.1:{port}",))
    assert codes == {"autocert-dns-unreachable"}


def test_a_variable_that_wins_over_the_file_is_told(machine: Machine) -> None:
    machine.put(
        "usr/lib/systemd/system/pomerium.service",
        "[Service]\nEnvironment=AUTOCERT_DIR=/etc/pomerium/\nEnvironmentFile=-/etc/default/pomerium\n",
    )
    machine.put("etc/default/pomerium", '# ours\nHTTP_REDIRECT_ADDR=":8080"\nAUTOCERT=true\n')
    told = [one for one in machine.plan(**OTHER).notices if one.endswith("[autocert-environment]")]
    assert [one.split()[0] for one in told] == ["HTTP_REDIRECT_ADDR", "AUTOCERT_DIR"]
    assert "UnsetEnvironment=AUTOCERT_DIR" in told[1]
    dropin = "[Service]\nUnsetEnvironment=AUTOCERT_DIR HTTP_REDIRECT_ADDR\n"
    machine.put("etc/systemd/system/pomerium.service.d/x.conf", dropin)
    assert machine.codes(**OTHER) == set()
    machine.put("etc/systemd/system/pomerium.service.d/x.conf", "")
    same = machine.codes(autocert__directory="/etc/pomerium", **OTHER)
    assert same == {"autocert-environment"}  # the port is still another


@pytest.mark.parametrize(
    ("environment", "codes"),
    [
        ("", {"autocert-environment"}),
        ("    environment:\n      AUTOCERT_DIR: {}\n", set()),
        ("    environment:\n      - AUTOCERT_DIR={}\n", set()),
    ],
)
def test_a_container_has_the_directory_of_its_image(
    machine: Machine, environment: str, codes: set[str]
) -> None:
    (machine.folder / "compose.yaml").write_text(
        "services:\n  proxy:\n    image: pomerium/pomerium:v0.33.1\n"
        + environment.format(machine.folder / "autocert")
    )
    assert machine.codes(**OTHER) == codes
    in_it = machine.codes(autocert__directory="/data/autocert", **OTHER)
    assert bool(in_it) is not bool(codes)


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [
        (HOST, "autocert-manual-certificate", "never is"),
        ("*.example.com", "autocert-manual-wildcard", "are served instead"),
        ("other.example.com", "", ""),
    ],
)
def test_a_certificate_that_is_listed_for_the_same_host_is_told(
    machine: Machine, name: str, code: str, word: str
) -> None:
    listed = machine.folder / "listed.pem"
    made = authority.create((name,), now=datetime.now(UTC))
    one = leaf.issue(made, (name,), now=datetime.now(UTC), lifetime=timedelta(days=9))
    listed.write_bytes(chain.to_pem([one.certificate]))
    entry = f"certificates:\n  - cert: {listed}\n    key: {listed}\n"
    machine.config.write_text(CONFIG + entry)
    assert machine.codes(**OTHER) == ({code} if code else set())
    told = [one for one in machine.plan(**OTHER).notices if code and code in one]
    assert all(word in one and f"{listed} (line 7)" in one for one in told)
    assert machine.install(**OTHER).startswith(CONFIG + entry)


def test_a_directory_that_pomeriums_user_may_not_write_is_told(
    machine: Machine, need: Need
) -> None:
    need.that(os.geteuid() == 0, "only root may name another owner", "run as root")
    kept = machine.folder / "autocert"
    told = [
        one for one in machine.plan(output__owner="nobody", **OTHER).notices if str(kept) in one
    ]
    assert [one.rpartition("[")[2] for one in told] == ["autocert-directory]"]
    assert f"install -d -o nobody -m 0700 {kept}" in told[0]
    there = machine.system.at(str(kept))
    there.mkdir(parents=True)
    os.chown(there, pwd.getpwnam("nobody").pw_uid, 0)
    assert "autocert-directory" not in machine.codes(output__owner="nobody", **OTHER)


def test_a_program_on_a_port_of_pomeriums_is_named(machine: Machine) -> None:
    row = (
        "   0: 00000000:{:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 {} 1\n"
    )
    table = "header\n" + row.format(80, 4711) + row.format(443, 4712) + row.format(22, 4713)
    machine.put("proc/net/tcp", table)
    for process, name, inode in ((10, "nginx", 4711), (11, "envoy", 4712)):
        machine.put(f"proc/{process}/comm", f"{name}\n")
        (machine.folder / f"root/proc/{process}/fd").mkdir()
        (machine.folder / f"root/proc/{process}/fd/3").symlink_to(f"socket:[{inode}]")
    told = [one for one in machine.plan(**OTHER).notices if "port" in one]
    assert [one.split()[0] for one in told] == ["nginx"]
    assert told[0].endswith("[autocert-port-taken]")
