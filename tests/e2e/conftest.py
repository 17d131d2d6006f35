"""Pages to load: certificates of our authority, and of one that may sign anything, behind Envoy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from wizard.pki import authority, chain, keys, leaf

from .clients import Target
from .clients.envoy import Pair, serving

NAMES = ("*.localhost.pomerium.io", "localhost.pomerium.io")
GOOD = "verify.localhost.pomerium.io"
EVIL = "evil.example.com"


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
