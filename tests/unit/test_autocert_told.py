"""Pomerium's autocert: what is told beforehand."""

import os
import pwd
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from autocert_support import CONFIG, HOST, OTHER, Machine
from conftest import Need

from wizard.core.questions import Value
from wizard.pki import authority, chain, leaf

ELSE = CONFIG.replace(HOST, "elsewhere.example.com")
MANY = "".join(f"  - from: https://h{i}.example.com\n    to: http://a\n" for i in range(60))


@pytest.fixture
def machine(tmp_path: Path, resolver: str) -> Machine:
    return Machine.begun(tmp_path, resolver)


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
