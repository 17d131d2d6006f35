"""What several files of these tests stand on: running programs, and pages to load."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli_support import Wizard
from conftest import Need
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from wizard.pki import authority, chain, keys, leaf

from .clients import Target
from .clients.envoy import Pair, serving
from .pomerium import RULES

if TYPE_CHECKING:
    from acme_lab import Pebble
    from acme_proxy import Proxy
    from dns01_support import Install
    from dns_lab import Lab
    from pomerium_lab import Application
    from warm import Warm

NAMES = ("*.localhost.pomerium.io", "localhost.pomerium.io")
GOOD = "verify.localhost.pomerium.io"
EVIL = "evil.example.com"


@pytest.fixture
def wizard(tmp_path: Path) -> Wizard:
    """The installed command in a folder of its own."""
    return Wizard(tmp_path)


@pytest.fixture(scope="session")
def process() -> "Iterator[Warm]":
    """A wizard that is ready to run, see tests/warm.py."""
    import warm  # noqa: PLC0415  the tests that break runs alone pay for it

    with warm.warm() as ready:
        yield ready


@pytest.fixture
def application() -> "Iterator[Application]":
    """What a route of a running Pomerium leads to."""
    import pomerium_lab  # noqa: PLC0415  as above

    with pomerium_lab.application() as running:
        yield running


@pytest.fixture
def rules(need: Need) -> None:
    """Pomerium's own code that reads a configuration; `judge` asks it."""
    need.that(RULES.exists(), "Pomerium's configuration code is not built", "`make test` builds it")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name servers that do not answer are given up soon."""
    from wizard.dns import propagation  # noqa: PLC0415  as above
    from wizard.dns.ask import ask  # noqa: PLC0415  as above

    monkeypatch.setattr(propagation, "ask", functools.partial(ask, seconds=0.1))


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """What a test enters here ends with it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def proxy(lab: "Lab", authority: "Pebble") -> "Iterator[Proxy]":
    """What goes between the wizard and the authority."""
    import acme_proxy  # noqa: PLC0415  as above

    with ExitStack() as running:
        with lab.inside():
            made = running.enter_context(acme_proxy.proxied(authority))
        yield made


@pytest.fixture
def install(tmp_path: Path, lab: "Lab", proxy: "Proxy") -> "Install":
    """An installation that speaks to the authority through the proxy."""
    from dns01_support import Install, quick_zone  # noqa: PLC0415  as above

    made = Install(tmp_path, lab, proxy.authority, quick_zone(lab))
    made.answers(made.rfc2136())
    return made


@dataclass(frozen=True)
class Page:
    """A served certificate, and the root that vouches for it."""

    host_name: str
    port: int
    root_pem: Path

    def target(self, home: Path) -> Target:
        return Target(self.host_name, self.port, self.root_pem, home)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Page]]:
    """Three pages.

    - good: our certificate, under one of its names.
    - evil: a certificate for a name outside the constraints, signed with our issuer's key.
    - control: the same from an authority without constraints.
    """
    now = datetime.now(UTC)
    folder = tmp_path_factory.mktemp("pages")
    host_names = {"good": GOOD, "evil": EVIL, "control": EVIL}
    pairs, roots = {}, {}
    for constrain, forged in ((True, "evil"), (False, "control")):
        signer = authority.create(NAMES, now=now, constrain=constrain)
        genuine = leaf.issue(signer, NAMES, now=now, lifetime=timedelta(days=90))
        certificates = {forged: _forge(signer, genuine.certificate, EVIL)}
        if constrain:
            certificates["good"] = genuine.certificate
        for name, certificate in certificates.items():
            pairs[name] = Pair(folder / f"{name}.pem", folder / f"{name}-key.pem")
            pairs[name].chain.write_bytes(chain.to_pem([certificate, *genuine.issuers]))
            pairs[name].key.write_bytes(keys.to_pem(genuine.key).reveal())
            roots[name] = folder / f"{name}-root.pem"
            roots[name].write_bytes(chain.to_pem([signer.root]))
    with serving(folder, pairs) as ports:
        yield {name: Page(host_names[name], ports[name], roots[name]) for name in pairs}


def _forge(signer: authority.Authority, genuine: x509.Certificate, name: str) -> x509.Certificate:
    """What a thief of the issuer's key would sign: a genuine leaf but for the name it is for."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(genuine.subject)
        .issuer_name(genuine.issuer)
        .public_key(genuine.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(genuine.not_valid_before_utc)
        .not_valid_after(genuine.not_valid_after_utc)
    )
    for extension in genuine.extensions:
        is_san = isinstance(extension.value, x509.SubjectAlternativeName)
        value = x509.SubjectAlternativeName([x509.DNSName(name)]) if is_san else extension.value
        builder = builder.add_extension(value, extension.critical)
    return builder.sign(signer.issuer_key, hashes.SHA256())
