"""Pomerium gets certificates by itself, from an authority of ours: Pebble, in the lab's network."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import acme_lab
import dns_lab
import dns_servers
import pomerium_lab
import pytest
from acme_lab import Pebble
from cli_support import Wizard
from conftest import Need
from dns_lab import Lab
from pomerium_lab import LOADED, PUBLIC, Pomerium

from .clients.process import until

pytestmark = pytest.mark.e2e

SECRET = "c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3M="
HERE, ELSEWHERE = "127.0.0.1", "192.0.2.1"


class Place:
    """A machine that has ports 80 and 443 to itself; a zone, an authority, an application."""

    def __init__(self, started: ExitStack, lab: Lab, folder: Path) -> None:
        records = [("a", "A", HERE), ("b", "A", HERE), ("c", "A", ELSEWHERE)]
        self.zone = lab.zone(records=records).name
        self.config, self.root = folder / "config.yaml", folder / "root.pem"
        self._started, self._folder = started, folder
        self._application = started.enter_context(pomerium_lab.application())

    def authority(self, **ports: int) -> Pebble:
        """Validates on the usual ports, unless told to look where nobody listens."""
        config = {"httpPort": 80, "tlsPort": 443, **ports}
        folder = self._folder / "pebble"
        # Pomerium asks again for a host that failed only when it reads its configuration again.
        env = {"PEBBLE_WFE_NONCEREJECT": "0"}
        made = acme_lab.pebble(folder, "127.0.0.53:53", config=config, env=env)
        found = self._started.enter_context(made)
        self.root.write_text(found.root())
        return found

    def configure(self, authority: Pebble, *hosts: str, extra: str = "") -> None:
        """A configuration with a route for each host."""
        routes = "".join(
            f"  - from: https://{host}.{self.zone}\n    to: {self._application.url}\n{PUBLIC}"
            for host in hosts
        )
        self.config.write_text(f"""\
address: {HERE}:443
autocert: true
autocert_ca: {authority.directory}
autocert_email: me@example.com
autocert_dir: {self._folder / "autocert"}
{extra}
shared_secret: {SECRET}
cookie_secret: {SECRET}
routes:
{routes}""")

    def start(self, trusted: Path | None) -> Pomerium:
        """`trusted` is what vouches for the authority's own TLS, in the system's store."""
        env = {"SSL_CERT_FILE": str(trusted)} if trusted else {}
        running = pomerium_lab.pomerium(self.config, 443, self._folder / "pomerium", env)
        return self._started.enter_context(running)


@pytest.fixture(scope="module")
def lab(need: Need) -> Iterator[Lab]:
    """A network in which nothing else has port 443: the lab of all tests serves DNS over HTTPS."""
    dns_servers.check(need)
    with dns_lab.running() as made:
        yield made


@pytest.fixture
def place(lab: Lab, need: Need, tmp_path: Path) -> Iterator[Place]:
    need("pebble")
    need("openssl")
    pomerium_lab.check(need)
    with lab.inside(), ExitStack() as started:
        yield Place(started, lab, tmp_path)


@pytest.mark.parametrize(
    ("ports", "extra"),
    [
        pytest.param({"tlsPort": 5001}, f"http_redirect_addr: {HERE}:80", id="http-01"),
        pytest.param({"httpPort": 5002}, "", id="tls-alpn-01"),
    ],
)
def test_a_route_is_served_with_a_certificate_that_pomerium_got(
    ports: Mapping[str, int], extra: str, place: Place
) -> None:
    authority = place.authority(**ports)
    place.configure(authority, "a", extra=extra)
    pomerium = place.start(authority.ca_bundle)
    until(pomerium.process, lambda: loads(pomerium, place, "a") or None)


def test_a_route_gets_its_certificate_while_pomerium_runs(place: Place) -> None:
    authority = place.authority()
    place.configure(authority, "a")
    pomerium = place.start(authority.ca_bundle)
    place.configure(authority, "a", "b")
    until(pomerium.process, lambda: loads(pomerium, place, "b") or None)
    assert loads(pomerium, place, "a")


def test_a_host_that_is_elsewhere_gets_none_and_keeps_nobody_from_theirs(place: Place) -> None:
    authority = place.authority()
    place.configure(authority, "a", "c")
    pomerium = place.start(authority.ca_bundle)
    until(pomerium.process, lambda: loads(pomerium, place, "a") or None)
    assert not loads(pomerium, place, "c")
    assert "could not get certificate from issuer" in pomerium.log.read_text()
    done = Wizard(place.config.parent)("doctor", "--json", "--config", str(place.config))
    found = {row["code"]: str(row["summary"]) for row in done.rows() if "code" in row}
    assert done.status == 8
    assert f"a.{place.zone}" in found["autocert-good"]
    assert f"c.{place.zone}" in found["autocert-missing"]


def test_a_wildcard_is_served_where_autocert_has_no_certificate_of_its_own(place: Place) -> None:
    """Which is why the wizard switches autocert off beside one."""
    authority = place.authority()
    wizard = Wizard(place.config.parent)
    wizard.install("--set", f"names=*.{place.zone}")
    certificate, key = (
        wizard.folder / f"tls/_wildcard.{place.zone}{end}.pem" for end in ("", "-key")
    )
    extra = f"certificates: [{{cert: {certificate}, key: {key}}}]"
    place.configure(authority, "a", "c", extra=extra)
    pomerium = place.start(authority.ca_bundle)
    until(pomerium.process, lambda: loads(pomerium, place, "a") or None)
    assert pomerium.get(wizard.folder / "tls/ca.pem", f"c.{place.zone}") == LOADED


def test_a_trusted_ca_of_the_configuration_is_not_trusted(place: Place) -> None:
    """Pomerium sets it on a client that was made before: only the system's store counts."""
    authority = place.authority()
    place.configure(authority, "a", extra=f"autocert_trusted_ca_file: {authority.ca_bundle}")
    pomerium = place.start(None)
    assert "certificate signed by unknown authority" in pomerium.log.read_text()
    assert authority.orders() == 0
    assert not loads(pomerium, place, "a")


def loads(pomerium: Pomerium, place: Place, host: str) -> bool:
    try:
        return pomerium.get(place.root, f"{host}.{place.zone}") == LOADED
    except (ssl.SSLError, ConnectionError):
        return False
