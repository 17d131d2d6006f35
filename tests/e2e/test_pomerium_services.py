"""Pomerium's services run apart on what the wizard wrote: databroker, authorize, proxy."""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import oidc_lab
import pomerium_lab
import pytest
from cli_support import Wizard
from conftest import Need
from cryptography import x509
from oidc_lab import Browser
from pomerium_lab import HOST, LOADED, SPLIT, Answer, Pomerium, quiet_port
from services_support import RICH, Place

from wizard.core.questions import Value

from .clients.process import until
from .pomerium import judge

pytestmark = pytest.mark.e2e

ALL = ("databroker", "authorize", "proxy")
SIGN_IN = "authenticate.localhost.pomerium.io"


@pytest.fixture(autouse=True)
def _built(need: Need) -> None:
    pomerium_lab.check(need)


@dataclass
class Split:
    """An installation on this machine whose services are started one by one."""

    wizard: Wizard
    host: str = "localhost"
    ports: dict[str, int] = field(default_factory=lambda: {one: quiet_port() for one in ALL})
    extra: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        return self.wizard.folder / "tls/ca.pem"

    def folder(self, service: str) -> Path:
        return self.wizard.folder / "services" / service

    @property
    def words(self) -> list[str]:
        urls = [
            f"mtls.{one}_service_url=https://{self.host}:{self.ports[one]}"
            for one in ("databroker", "authorize")
        ]
        wanted = ("mtls.services=true", *urls, *self.extra)
        return [word for one in wanted for word in ("--set", one)]

    def install(self, application: pomerium_lab.Application) -> None:
        """Twice: the policy of the first route is a person's business, and then the services'."""
        port = self.ports["proxy"]
        config = pomerium_lab.configure(self.wizard, port, application, *self.words)
        pomerium_lab.let_in(config)
        again = self.wizard("--answers", "answers.toml", *self.words)
        assert again.status == 0, again.err
        assert (self.folder("proxy") / "config.yaml").read_text().endswith(pomerium_lab.PUBLIC)

    def start(self, service: str) -> contextlib.AbstractContextManager[Pomerium]:
        folder, port = self.wizard.folder / f"run-{service}", self.ports[service]
        return pomerium_lab.pomerium(self.folder(service) / "config.yaml", port, folder, SPLIT)

    @contextlib.contextmanager
    def running(self) -> Iterator[Pomerium]:
        """All of them; what comes out is the proxy."""
        with contextlib.ExitStack() as stack:
            for service in ALL:
                proxy = stack.enter_context(self.start(service))
            yield proxy

    def shown_by(self, service: str) -> x509.Certificate:
        """The certificate that a service shows whoever calls it and trusts its authority."""
        context = ssl.create_default_context(cafile=self.folder("proxy") / "ca.pem")
        address = ("127.0.0.1", self.ports[service])
        with (
            socket.create_connection(address, 10) as plain,
            context.wrap_socket(plain, server_hostname=self.host) as secured,
        ):
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")

    def kept(self, service: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate(
            (self.folder(service) / f"{service}.pem").read_bytes()
        )


@pytest.fixture
def application() -> Iterator[pomerium_lab.Application]:
    with pomerium_lab.application() as running:
        yield running


@pytest.fixture
def split(tmp_path: Path, application: pomerium_lab.Application) -> Split:
    made = Split(Wizard(tmp_path))
    made.install(application)
    return made


def loads(proxy: Pomerium, root: Path) -> None:
    """The page comes, as soon as the proxy has found the others."""
    until(proxy.process, lambda: proxy.get(root) == LOADED or None)


def stays_away(proxy: Pomerium, root: Path, seconds: float = 3) -> Answer:
    """The page does not come for some time; the last answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = proxy.get(root)
        assert answer.status >= 500, answer
        time.sleep(0.1)
    return answer


# ── together ───────────────────────────────────────────────────────────────────────────────────


def test_a_route_is_loaded_through_three_services(split: Split) -> None:
    with split.running() as proxy:
        loads(proxy, split.root)
        for service in ("databroker", "authorize"):
            assert split.shown_by(service) == split.kept(service)
        for service in ALL:
            log = (split.wizard.folder / f"run-{service}/pomerium.log").read_text()
            assert "CERTIFICATE_VERIFY_FAILED" not in log


def test_behind_an_address_the_name_that_callers_expect_is_found(
    tmp_path: Path, application: pomerium_lab.Application
) -> None:
    split = Split(Wizard(tmp_path), host="127.0.0.1")
    split.install(application)
    with split.running() as proxy:
        loads(proxy, split.root)


def test_a_renewal_reaches_every_service_without_a_restart(split: Split) -> None:
    before = split.kept("authorize")
    with split.running() as proxy:
        loads(proxy, split.root)
        done = split.wizard("renew", "--force")
        assert done.status == 0, done.err
        for service in ("databroker", "authorize"):
            new = split.kept(service)
            assert new != before
            until(proxy.process, lambda one=service, leaf=new: split.shown_by(one) == leaf or None)
        loads(proxy, split.root)


# ── and not ────────────────────────────────────────────────────────────────────────────────────


def test_without_authorize_nobody_gets_in(split: Split) -> None:
    with split.start("databroker"), split.start("proxy") as proxy:
        stays_away(proxy, split.root)
        with split.start("authorize"):
            loads(proxy, split.root)


def test_another_authority_is_no_authority(
    split: Split, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Place(tmp_path_factory.mktemp("other"))
    other.install()
    path = split.folder("proxy") / "ca.pem"
    right = path.read_bytes()
    path.write_bytes((other.directory / "proxy/ca.pem").read_bytes())
    with split.running() as proxy:
        stays_away(proxy, split.root)
        path.write_bytes(right)
        loads(proxy, split.root)


def test_another_name_is_no_service_of_ours(split: Split) -> None:
    config = split.folder("proxy") / "config.yaml"
    right = config.read_text()
    url = f"authorize_service_url: https://localhost:{split.ports['authorize']}"
    assert url in right
    config.write_text(right.replace(url, url.replace("localhost", "127.0.0.1")))
    with split.running() as proxy:
        stays_away(proxy, split.root)
        config.write_text(right)
        loads(proxy, split.root)


# ── read by Pomerium ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["files", "docker"])
def test_pomerium_knows_every_setting_of_every_service(where: str, tmp_path: Path) -> None:
    more: dict[str, Value] = {}
    if where == "docker":
        more = {"output.target": "docker", "docker.compose": str(tmp_path / "compose.yaml")}
    clients = tmp_path / "clients"
    text = re.sub(r"(?m)^ +tls_client.*\n|^ +tls_custom.*\n|^Signing.*\n", "", RICH)
    place = Place(tmp_path, text.replace("/etc/pomerium/clients.pem", str(clients)))
    clients.write_text("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")
    place.install(**more)
    for service in ("databroker", "authorize", "authenticate", "proxy"):
        config = place.directory / service / "config.yaml"
        # A container has the directories elsewhere.
        seen = config.read_text().replace("/pomerium-service", str(config.parent))
        config.write_text(seen.replace("/pomerium/tls", str(tmp_path / "tls")))
        verdict = judge(config)
        assert verdict.error == "", service
        assert verdict.unknown == frozenset()
        names = {
            "authorize": {"files": "localhost", "docker": "authorize"}[where],
            "databroker": {"files": "localhost", "docker": "databroker"}[where],
        }
        assert verdict.certificates == ((names.get(service, "*.corp.example.com"),),)


# ── signing in ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def signing_in(tmp_path: Path, application: pomerium_lab.Application) -> Iterator[Split]:
    """Four services, a provider who knows Kim, and two routes of which one is for Kim."""
    port = quiet_port()
    url = f"mtls.authenticate_service_url=https://{SIGN_IN}:{port}"
    split = Split(Wizard(tmp_path), extra=(url,))
    split.ports["authenticate"] = port
    with oidc_lab.identity_provider() as provider:
        (tmp_path / "config.yaml").write_text(f"""\
address: 127.0.0.1:{split.ports["proxy"]}
idp_provider: oidc
idp_provider_url: {provider}
idp_client_id: {oidc_lab.CLIENT}
idp_client_secret: a-secret-of-the-provider
routes:
  - from: https://{HOST}
    to: {application.url}
    policy:
      - allow: {{or: [{{email: {{is: {oidc_lab.PERSON}}}}}]}}
  - from: https://other.localhost.pomerium.io
    to: {application.url}
    policy:
      - allow: {{or: [{{email: {{is: ann@example.com}}}}]}}
""")
        split.wizard.install(*split.words)
        yield split


def browse(split: Split, running: Mapping[str, Pomerium], host: str) -> Answer:
    """What somebody new gets who signs in as Kim."""
    browser = Browser(split.root, {one.port: one for one in running.values()})
    return browser.get(f"https://{host}:{split.ports['proxy']}/")


def test_whoever_signs_in_gets_what_is_theirs_and_nothing_else(signing_in: Split) -> None:
    with contextlib.ExitStack() as stack:
        running = {
            one: stack.enter_context(signing_in.start(one)) for one in (*ALL, "authenticate")
        }
        proxy = running["proxy"].process
        until(proxy, lambda: browse(signing_in, running, HOST) == LOADED or None)
        assert browse(signing_in, running, "other.localhost.pomerium.io").status == 403


@pytest.mark.parametrize("service", ["authorize", "authenticate"])
def test_nobody_signs_in_where_the_databroker_is_not_trusted(
    signing_in: Split, service: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Place(tmp_path_factory.mktemp("other"))
    other.install()
    path = signing_in.folder(service) / "ca.pem"
    right = path.read_bytes()
    path.write_bytes((other.directory / "proxy/ca.pem").read_bytes())
    with contextlib.ExitStack() as stack:
        running = {
            one: stack.enter_context(signing_in.start(one)) for one in (*ALL, "authenticate")
        }
        for _ in range(3):
            answer = browse(signing_in, running, HOST)
            assert answer.status >= 500, answer
        path.write_bytes(right)
        until(
            running["proxy"].process,
            lambda: browse(signing_in, running, HOST) == LOADED or None,
        )
