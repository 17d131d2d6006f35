"""Pomerium's systemd unit as systemd puts it together: drop-ins, resets, masks, variables."""

from pathlib import Path

import pytest

from wizard.core.system import System
from wizard.pomerium.unit import Unit, find_unit, first_free_port
from wizard.pomerium.variables import SYSTEMD, overridden

PACKAGED = """\
[Unit]
Description=Pomerium

[Service]
Type=notify
ExecStart=/usr/sbin/pomerium -config /etc/pomerium/config.yaml
User=pomerium
Group=pomerium
Environment=AUTOCERT_DIR=/etc/pomerium/

[Install]
WantedBy=multi-user.target
"""
LIB, ETC, RUN = "usr/lib/systemd/system", "etc/systemd/system", "run/systemd/system"


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def find(root: Path, **files: str) -> Unit | None:
    put(root, f"{LIB}/pomerium.service", PACKAGED)
    for number, text in enumerate(files.values()):
        put(root, f"{ETC}/pomerium.service.d/{number}.conf", text)
    return find_unit(System(root=root))


def found(root: Path, **files: str) -> Unit:
    unit = find(root, **files)
    assert unit is not None
    return unit


def test_the_packages_unit_is_read(tmp_path: Path) -> None:
    unit = found(tmp_path)
    assert unit.path == tmp_path / LIB / "pomerium.service"
    assert (unit.user, unit.config) == ("pomerium", "/etc/pomerium/config.yaml")
    assert unit.environment == {"AUTOCERT_DIR": ("/etc/pomerium/", unit.path)}
    assert not unit.may_bind


def test_there_is_none_where_there_is_none(tmp_path: Path) -> None:
    assert find_unit(System(root=tmp_path)) is None
    put(tmp_path, f"{LIB}/pomerium.service", PACKAGED)
    assert find_unit(System(root=tmp_path, platform="darwin")) is None


def test_a_masked_unit_is_none(tmp_path: Path) -> None:
    (tmp_path / ETC).mkdir(parents=True)
    (tmp_path / ETC / "pomerium.service").symlink_to("/dev/null")
    assert find(tmp_path) is None
    (tmp_path / ETC / "pomerium.service").unlink()
    put(tmp_path, f"{ETC}/pomerium.service", "")
    assert find(tmp_path) is None


def test_the_administrators_unit_wins_over_the_packages(tmp_path: Path) -> None:
    put(
        tmp_path, f"{ETC}/pomerium.service", "[Service]\nExecStart=/opt/pomerium --config=/a.yaml\n"
    )
    unit = found(tmp_path)
    assert (unit.user, unit.config, unit.may_bind) == ("", "/a.yaml", True)


def test_a_unit_that_starts_nothing_names_no_configuration(tmp_path: Path) -> None:
    put(tmp_path, f"{ETC}/pomerium.service", "[Service]\nUser=pomerium\n")
    assert found(tmp_path).config == ""


def test_of_drop_ins_of_one_name_the_strongest_counts(tmp_path: Path) -> None:
    put(tmp_path, f"{LIB}/pomerium.service.d/a.conf", "[Service]\nUser=weak\n")
    put(tmp_path, f"{RUN}/pomerium.service.d/a.conf", "[Service]\nUser=strong\n")
    put(tmp_path, f"{LIB}/service.d/b.conf", "[Service]\nGroup=everybody\n")
    unit = found(tmp_path)
    assert (unit.user, unit.value("Group")) == ("strong", "everybody")


@pytest.mark.parametrize(
    ("lines", "may_bind"),
    [
        ("AmbientCapabilities=CAP_NET_BIND_SERVICE", True),
        ("AmbientCapabilities=cap_net_bind_service CAP_CHOWN", True),
        ("AmbientCapabilities=CAP_CHOWN", False),
        ("AmbientCapabilities=~CAP_CHOWN", True),
        ("AmbientCapabilities=~CAP_NET_BIND_SERVICE", False),
        ("AmbientCapabilities=CAP_NET_BIND_SERVICE\nAmbientCapabilities=", False),
        ("AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_CHOWN", False),
        ("AmbientCapabilities=CAP_CHOWN \\\n  CAP_NET_BIND_SERVICE", True),
        ("# AmbientCapabilities=CAP_NET_BIND_SERVICE", False),
        ("[Unit]\nAmbientCapabilities=CAP_NET_BIND_SERVICE", False),
        ("User=root", True),
        ("User=root\nCapabilityBoundingSet=~CAP_NET_BIND_SERVICE", False),
    ],
)
def test_who_may_bind(tmp_path: Path, lines: str, may_bind: bool) -> None:  # noqa: FBT001
    assert found(tmp_path, one=f"[Service]\n{lines}\n").may_bind is may_bind


def test_variables_come_from_the_unit_and_its_files(tmp_path: Path) -> None:
    put(tmp_path, "etc/default/pomerium", 'ADDRESS=":8443"\nCOOKIE_SECRET=\n')
    unit = found(
        tmp_path,
        one='[Service]\nEnvironment=ADDRESS=:1 "SHARED_SECRET=a b"\n'
        "EnvironmentFile=-/etc/default/pomerium\nEnvironmentFile=-/missing\n"
        "EnvironmentFile=/lost\nUnsetEnvironment=AUTOCERT_DIR\n",
    )
    values = {name: value for name, (value, _) in unit.environment.items()}
    assert values == {"ADDRESS": ":8443", "SHARED_SECRET": "a b", "COOKIE_SECRET": ""}
    assert unit.unread == (tmp_path / "lost",)
    assert overridden(values, ("address", "routes", "cookie_secret")) == {"address": "ADDRESS"}


def test_an_empty_environment_starts_anew(tmp_path: Path) -> None:
    unit = found(tmp_path, one="[Service]\nEnvironment=\nEnvironment=A=1\n")
    assert {name: value for name, (value, _) in unit.environment.items()} == {"A": "1"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=b c  \n", {"A": "b c"}),
        ("  A = b\n", {"A": "b"}),
        ("# A=1\n; B=2\nC=3", {"C": "3"}),
        ("# a comment \\\nA=1\nB=2\n", {"B": "2"}),
        ("A='b $c \\d'\n", {"A": "b $c \\d"}),
        ('A="b \\" \\$ \\\\ \\n c"\n', {"A": 'b " $ \\ \\n c'}),
        ('A="two\nlines"\nB=1\n', {"A": "two\nlines", "B": "1"}),
        ("A='b'\"c\" d\n", {"A": "bcd"}),
        ('A=b"c"\n', {"A": 'b"c"'}),
        ("A=b\\\nc\n", {"A": "bc"}),
        ("A=b\\ \n", {"A": "b "}),
        ("nonsense\nA=\nB=1\n", {"A": "", "B": "1"}),
        ("A=b=c\r\nB=1\r\n", {"A": "b=c", "B": "1"}),
    ],
)
def test_a_file_of_variables_is_read_as_systemd_reads_it(text: str, values: dict[str, str]) -> None:
    assert SYSTEMD.read(text) == values


def test_the_kernel_says_which_ports_are_roots(tmp_path: Path) -> None:
    assert first_free_port(System(root=tmp_path)) == 1024
    put(tmp_path, "proc/sys/net/ipv4/ip_unprivileged_port_start", "0\n")
    assert first_free_port(System(root=tmp_path)) == 0


@pytest.mark.parametrize(
    "line",
    [
        "ExecStart=/usr/sbin/pomerium --config=/etc/%p/my%%.yaml",
        "ExecStart=/usr/sbin/pomerium -config ${WHERE}/my%%.yaml\nEnvironment=WHERE=%E/%N",
        "ExecStart=/usr/sbin/pomerium -config ../pomerium/my%%.yaml\nWorkingDirectory=-/etc/x",
        "ExecStart=/bin/sh -c 'exec pomerium -config /etc/pomerium/my%%.yaml'",
    ],
)
def test_what_systemd_or_a_shell_fills_in_is_filled_in(line: str, tmp_path: Path) -> None:
    unit = found(tmp_path, own=f"[Service]\nExecStart=\n{line}\n")
    assert unit.config == "/etc/pomerium/my%.yaml"


def test_a_file_of_variables_with_a_specifier_is_read(tmp_path: Path) -> None:
    put(tmp_path, "etc/default/pomerium", "ADDRESS=:8443\n")
    unit = found(tmp_path, own="[Service]\nEnvironmentFile=%E/default/%N\n")
    assert unit.environment["ADDRESS"] == (":8443", tmp_path / "etc/default/pomerium")
