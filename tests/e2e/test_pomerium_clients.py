"""Pomerium asks people for a certificate: who has one of ours gets in, and nobody else does."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pomerium_lab
import pytest
from acme_lab import free_port
from cli_support import Wizard
from conftest import Need
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pomerium_lab import LOADED, PUBLIC, Pomerium

from .clients.process import PAGE, until

pytestmark = pytest.mark.e2e

NOW = datetime.now(UTC)
MINDFUL = """\
    policy:
      - allow:
          or:
            - accept: true
      - deny:
          or:
            - invalid_client_certificate: true
"""
"""Lets everybody in but who has no valid certificate."""

Serve = Callable[[str, str], AbstractContextManager[Pomerium]]


class People:
    """An authority for people, directly below its root: Pomerium looks no deeper unless told to."""

    def __init__(self, folder: Path, name: str) -> None:
        self.pem, self.crl = folder / f"{name}.pem", folder / f"{name}.crl"
        self._folder, self._name = folder, _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._revoked: list[int] = []
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        root = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem.write_bytes(root.public_bytes(Encoding.PEM))
        self._publish()

    def issue(self, name: str) -> Path:
        """A file with a person's key and certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._builder(_named(name), key)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._folder / f"{name}.pem"
        path.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
        return path

    def revoke(self, person: Path) -> None:
        self._revoked.append(x509.load_pem_x509_certificate(person.read_bytes()).serial_number)
        self._publish()

    def _publish(self) -> None:
        crl = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(NOW - timedelta(days=1))
            .next_update(NOW + timedelta(days=30))
        )
        for serial in self._revoked:
            row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
            crl = crl.add_revoked_certificate(row.build())
        draft = self.crl.with_suffix(".new")
        draft.write_bytes(crl.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        draft.replace(self.crl)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=90))
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


@pytest.fixture
def ours(tmp_path: Path) -> People:
    return People(tmp_path, "ours")


@pytest.fixture
def others(tmp_path: Path) -> People:
    return People(tmp_path, "others")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "tls/ca.pem"


@pytest.fixture
def serve(ours: People, tmp_path: Path, need: Need) -> Iterator[Serve]:
    """Starts Pomerium on a configuration of the wizard's, with this policy and this enforcement."""
    pomerium_lab.check(need)
    port, config = free_port(), tmp_path / "config.yaml"

    def start(policy: str, enforcement: str) -> AbstractContextManager[Pomerium]:
        pomerium_lab.let_in(config, policy)
        with config.open("a") as file:
            file.write(f"""
downstream_mtls:
  ca_file: {ours.pem}
  crl_file: {ours.crl}
  enforcement: {enforcement}
""")
        return pomerium_lab.pomerium(config, port, tmp_path / "pomerium")

    with pomerium_lab.application() as application:
        pomerium_lab.configure(Wizard(tmp_path), port, application)
        yield start


def refused(pomerium: Pomerium, root: Path, person: Path | None) -> str:
    """What somebody is told who is not let in; empty for whoever is."""
    try:
        answer = pomerium.get(root, client=person)
    except (ssl.SSLError, ConnectionError) as error:
        return f"no connection: {error}"
    if answer == LOADED:
        return ""
    assert PAGE not in answer.text
    return str(answer.status)


class Gate(NamedTuple):
    """Where certificates are looked at, and how a refusal begins."""

    enforcement: str
    policy: str
    refusal: str


@pytest.mark.parametrize(
    "gate",
    [
        pytest.param(Gate("policy_with_default_deny", PUBLIC, "495"), id="every route"),
        pytest.param(Gate("policy", MINDFUL, "495"), id="a route's policy"),
        pytest.param(Gate("reject_connection", PUBLIC, "no connection"), id="the handshake"),
    ],
)
def test_who_has_a_certificate_is_let_in_until_it_is_revoked(
    gate: Gate, serve: Serve, ours: People, others: People, root: Path
) -> None:
    ann, ben, eve = ours.issue("ann"), ours.issue("ben"), others.issue("eve")
    with serve(gate.policy, gate.enforcement) as pomerium:
        for nobody in (None, eve):
            assert refused(pomerium, root, nobody).startswith(gate.refusal)
        for somebody in (ann, ben):
            assert refused(pomerium, root, somebody) == ""
        ours.revoke(ben)
        until(
            pomerium.process,
            lambda: refused(pomerium, root, ben).startswith(gate.refusal) or None,
        )
        assert refused(pomerium, root, ann) == ""


def test_a_policy_that_minds_no_certificate_lets_in_even_the_revoked(
    serve: Serve, ours: People, root: Path
) -> None:
    ann = ours.issue("ann")
    ours.revoke(ann)
    with serve(PUBLIC, "policy") as pomerium:
        for anybody in (None, ann):
            assert refused(pomerium, root, anybody) == ""
