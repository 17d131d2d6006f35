"""The lines that mend a client's trust, where the machine of the tests is another."""

import shutil
from pathlib import Path

import pytest
from trust_support import make_anchor, program

from wizard.core.events import Proof
from wizard.core.system import System
from wizard.doctor.clients import judge
from wizard.doctor.clients.base import Page, extend, trust

REFUSING = "unable to get local issuer certificate"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def state(tmp_path: Path) -> Path:
    """A state directory with a root in it; returns the root's file."""
    (tmp_path / "state/ca").mkdir(parents=True)
    anchor = make_anchor(tmp_path)
    return anchor.path.rename(tmp_path / "state/ca/root.pem")


def machine(tmp_path: Path, platform: str = "linux", **env: str) -> System:
    """A machine that has the programs in `bin` and no other."""
    own = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home"), **env}
    return System(own, root=tmp_path / "root", platform=platform)


def bundle(tmp_path: Path, *files: Path) -> Path:
    """The system's roots, on a Debian."""
    path = tmp_path / "root" / BUNDLE
    path.parent.mkdir(parents=True)
    path.write_text("".join(file.read_text() for file in files))
    (tmp_path / "root/usr/local/share/ca-certificates").mkdir(parents=True)
    return path


def only_row(system: System, root: Path) -> Proof:
    (row,) = judge(system, 1, "verify.localhost.pomerium.io", root)
    assert isinstance(row, Proof)
    return row


def refusing_node(tmp_path: Path, version: str, roots: str) -> None:
    told = f"echo {version} {roots}; echo refused {REFUSING}"
    program(tmp_path / "bin", "node", told)


@pytest.mark.parametrize(
    ("roots", "bundled", "fix"),
    [
        ("system", True, "export NODE_USE_SYSTEM_CA=1"),
        ("system", False, "export NODE_EXTRA_CA_CERTS={root}"),
        ("own", True, "export NODE_EXTRA_CA_CERTS={root}"),
    ],
)
def test_node_reads_the_systems_roots_where_they_hold_ours_and_it_can(
    tmp_path: Path, roots: str, *, bundled: bool, fix: str
) -> None:
    root = state(tmp_path)
    bundle(tmp_path, *([root] if bundled else []))
    refusing_node(tmp_path, "v24.6.0", roots)
    row = only_row(machine(tmp_path), root)
    assert (row.client, row.verdict, row.fix) == ("Node.js", "refused", fix.format(root=root))
    assert "v24.6.0" in row.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
        ("NODE_OPTIONS", "--use-openssl-ca"),
        ("NODE_OPTIONS", "--no-use-system-ca"),
        ("NODE_USE_SYSTEM_CA", "1"),
    ],
)
def test_node_that_is_kept_from_the_systems_roots_is_given_the_root(
    tmp_path: Path, name: str, value: str
) -> None:
    """Tried with Node 24: with any of these NODE_USE_SYSTEM_CA=1 is refused still."""
    root = state(tmp_path)
    bundle(tmp_path, root)
    refusing_node(tmp_path, "v24.6.0", "system")
    row = only_row(machine(tmp_path, **{name: value}), root)
    assert row.fix == f"export NODE_EXTRA_CA_CERTS={root}"


def refusing_openssl(tmp_path: Path, home: Path) -> None:
    told = f"echo 'OpenSSL 3.0.0 (x)'; echo 'OPENSSLDIR: \"{home}\"'"
    refused = f"echo 'Verify return code: 20 ({REFUSING})'"
    program(tmp_path / "bin", "openssl", f"[ $1 = version ] && {{ {told}; exit; }}; {refused}")


def test_openssl_with_a_directory_of_its_own_is_led_to_the_systems_roots(tmp_path: Path) -> None:
    root = state(tmp_path)
    system_roots = bundle(tmp_path)
    program(tmp_path / "bin", "update-ca-certificates", "")
    program(tmp_path / "bin", "install", "")
    refusing_openssl(tmp_path, tmp_path / "conda/ssl")
    install, _, export = only_row(machine(tmp_path), root).fix.partition(" && ")
    assert install.endswith(f"trust install --store system --state-dir {tmp_path}/state")
    assert export == f"export SSL_CERT_FILE={system_roots}"


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_where_the_wizard_cannot_write_the_systems_roots_a_copy_gets_ours(
    tmp_path: Path, platform: str
) -> None:
    """NixOS builds its roots; macOS keeps them in no file."""
    root = state(tmp_path)
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/NIXOS").touch()
    home = tmp_path / "ssl"
    home.mkdir()
    (home / "cert.pem").write_text("public roots")
    refusing_openssl(tmp_path, home)
    both = root.with_name("with-other-roots.pem")
    expected = f"cat {home}/cert.pem {root} > {both} && export SSL_CERT_FILE={both}"
    assert only_row(machine(tmp_path, platform), root).fix == expected


def test_windows_gets_its_own_shell(tmp_path: Path) -> None:
    root = state(tmp_path)
    other = tmp_path / "cacert.pem"
    other.write_text("public roots")
    page = Page.served(machine(tmp_path, "win32"), 1, "verify.localhost.pomerium.io", root)
    both = root.with_name("with-other-roots.pem")
    assert extend(page, other, "REQUESTS_CA_BUNDLE") == (
        f"Get-Content '{other}', '{root}' | Set-Content -Encoding ascii '{both}'; "
        f"$env:REQUESTS_CA_BUNDLE = '{both}'"
    )


def test_the_usual_state_directory_is_not_spelled_out(tmp_path: Path) -> None:
    usual = tmp_path / "home/.local/state/pomcert-wizard/ca/root.pem"
    usual.parent.mkdir(parents=True)
    state(tmp_path).rename(usual)
    program(tmp_path / "bin", "pomcert-wizard", "")
    page = Page.served(machine(tmp_path), 1, "verify.localhost.pomerium.io", usual)
    assert trust(page, "nss") == "pomcert-wizard trust install --store nss"


@pytest.mark.parametrize("rubbish", ["3", "[1]", "null", '"x"', "", "{}", "\\377\\376"])
def test_a_program_that_answers_rubbish_is_unknown(tmp_path: Path, rubbish: str) -> None:
    for name in ("python3", "node", "openssl"):
        program(tmp_path / "bin", name, f"printf '%b' '{rubbish}'")
    for row in judge(machine(tmp_path), 1, "verify.localhost.pomerium.io", state(tmp_path)):
        assert isinstance(row, Proof)
        assert (row.verdict, row.fix) == ("unknown", ""), row
        assert row.detail


@pytest.mark.parametrize(("starts", "verdict"), [(1, "accepted"), (2, "unknown")])
def test_a_browser_that_falls_over_is_started_once_more(
    tmp_path: Path, starts: int, verdict: str
) -> None:
    fallen = tmp_path / "fallen"
    falls = f"echo >> '{fallen}'; [ $(wc -l < '{fallen}') -gt {starts} ] || exit 1"
    program(tmp_path / "bin", "chromium", f"{falls}; echo '<pre>ok</pre>'")
    for name in ("env", "wc"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    rows = judge(machine(tmp_path), 1, "verify.localhost.pomerium.io", state(tmp_path))
    found = {row.client: row.verdict for row in rows if isinstance(row, Proof)}
    assert found["Chromium, Chrome and relatives"] == verdict
