"""What every test stands on: an environment of its own, and real components, never faked."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from acme_lab import Pebble
    from bundle_support import Forge
    from dns_lab import Lab

REPOSITORY = Path(__file__).resolve().parent.parent

# What a person or a machine may have set and what no test may depend on: the looks of a terminal,
# trust stores of the surroundings, the wizard's own settings, who called sudo.
FOREIGN = (
    *("NO_COLOR", "FORCE_COLOR", "COLORTERM", "CLICOLOR", "CLICOLOR_FORCE"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
    *("NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "NODE_USE_SYSTEM_CA", "JAVA_HOME", "CAROOT"),
    *("SUDO_USER", "SUDO_UID", "SUDO_GID", "SUDO_COMMAND"),
    *("XDG_CONFIG_DIRS", "XDG_DATA_DIRS", "DISPLAY", "WAYLAND_DISPLAY"),
)
FOREIGN_PREFIXES = ("POMCERT_", "TEXTUAL", "JAVA_TOOL_")

for _name in list(os.environ):
    if _name in FOREIGN or _name.startswith(FOREIGN_PREFIXES):
        del os.environ[_name]

os.umask(0o022)

# Ignored signals are handed on to every program, and some tests send these two: under nohup, or
# behind a script's &, ignore them here alone.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

# Textual reads this once, when it is imported: a test waits for no animation.
os.environ["TEXTUAL_ANIMATIONS"] = "none"
# Where a plain user's PATH does not look: Debian's update-ca-certificates, and Go from its wheel.
os.environ["PATH"] += f":/usr/sbin:/sbin:{REPOSITORY}/.tools/go/bin"
# Pebble as it was built here, before an older one of the distribution's.
os.environ["PATH"] = f"{REPOSITORY}/.tools/bin:{os.environ['PATH']}"

# The package that brings a command, where it has another name.
PACKAGES = {
    "certutil": "libnss3-tools",
    "dig": "bind9-dnsutils",
    "gnutls-cli": "gnutls-bin",
    "ip": "iproute2",
    "java": "default-jdk-headless",
    "javac": "default-jdk-headless",
    "keytool": "default-jdk-headless",
    "named": "bind9",
    "node": "nodejs",
    "nsupdate": "bind9-dnsutils",
    "pdns_server": "pdns-server",
    "pk12util": "libnss3-tools",
    "rndc": "bind9-utils",
    "setpriv": "util-linux",
    "systemd-analyze": "systemd",
    "trust": "p11-kit",
    "tstclnt": "libnss3-tools",
    "unshare": "util-linux",
    "update-ca-certificates": "ca-certificates",
}


class Need:
    """Asks for a real component: a missing one fails the test in CI and skips it elsewhere."""

    def __call__(self, command: str) -> Path:
        """The path of a command that must be installed."""
        found = shutil.which(command)
        package = PACKAGES.get(command, command)
        remedy = f"`make test` installs it, or: apt install {package}"
        self.that(found is not None, f"{command} is not installed", remedy)
        return Path(found or "")

    def that(self, met: bool, problem: str, remedy: str) -> None:  # noqa: FBT001
        """Any other need: a kernel feature, a library, a running service."""
        if met:
            return
        reason = f"{problem}; {remedy}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def need() -> Need:
    return Need()


@pytest.fixture(scope="session")
def lab(need: Need) -> "Iterator[Lab]":
    """Name servers in a network of their own, see tests/dns_lab.py; each worker has its own."""
    import dns_lab  # noqa: PLC0415  the tests of DNS alone pay for it
    import dns_servers  # noqa: PLC0415  as above

    dns_servers.check(need)
    with dns_lab.running() as running:
        yield running


@pytest.fixture(scope="session")
def authority(
    lab: "Lab", need: Need, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Pebble]":
    """A real ACME server that validates what the lab's name servers serve."""
    import acme_lab  # noqa: PLC0415  as above

    need("pebble")
    need("openssl")
    with contextlib.ExitStack() as running:
        # Only it goes inside: what stays there would take every later test along.
        with lab.inside():
            server = running.enter_context(acme_lab.pebble(tmp_path_factory.mktemp("pebble")))
        yield server


@pytest.fixture(scope="session")
def resolver() -> Iterator[str]:
    """The address of a DNS server that knows a few hosts, see tests/autocert_support.py."""
    import autocert_support  # noqa: PLC0415  as above

    with autocert_support.resolver() as address:
        yield address


@pytest.fixture(scope="session")
def forge(need: Need, tmp_path_factory: pytest.TempPathFactory) -> "Forge":
    """A company's authority, see tests/bundle_support.py; what it begins with stays as it is."""
    import bundle_support  # noqa: PLC0415  as above
    import upstream_support  # noqa: PLC0415  as above

    forge = bundle_support.Forge.opened(tmp_path_factory.mktemp("forge"), need)
    upstream_support.forge_clients(forge)
    return forge


# What the whole machine trusts: a test changes copies, or these in a mount namespace of its own.
TRUSTED = [
    Path(path)
    for path in (
        *("/etc/ssl/certs", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/java/cacerts"),
        *("/usr/local/share/ca-certificates", "/etc/pki/ca-trust/source/anchors"),
    )
]


def _stamps() -> dict[Path, tuple[int, int]]:
    """When each was changed, and its inode."""
    found = {path: path.stat() for path in TRUSTED if path.exists()}
    return {path: (status.st_mtime_ns, status.st_ino) for path, status in found.items()}


@pytest.fixture(autouse=True)
def _machine_trusts_as_before() -> Iterator[None]:
    before = _stamps()
    yield
    assert _stamps() == before, "a test changed what this machine trusts"


def _homely(environment: pytest.MonkeyPatch, home: Path) -> None:
    """Point HOME and the XDG folders below it; none is made, as in a new account."""
    environment.setenv("HOME", str(home))
    for name, folder in {
        "XDG_CONFIG_HOME": ".config",
        "XDG_DATA_HOME": ".local/share",
        "XDG_STATE_HOME": ".local/state",
        "XDG_CACHE_HOME": ".cache",
        "XDG_RUNTIME_DIR": "run",
    }.items():
        environment.setenv(name, str(home / folder))


@pytest.fixture(scope="session", autouse=True)
def _session_home() -> Iterator[None]:
    """Fixtures that outlive a test must not see the real HOME either."""
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as environment:
        _homely(environment, Path(home))
        yield


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Apart, for pytest reads the names of all its folders for each new one."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HOME for each test, with the XDG folders below it."""
    path = Path(tempfile.mkdtemp(dir=_homes))
    _homely(monkeypatch, path)
    return path
