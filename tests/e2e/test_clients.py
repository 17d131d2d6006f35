"""Certificates for people: what browsers import, who lets them in, and who no more."""

import json
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cli_support import Outcome, Wizard
from conftest import Need
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from trust_support import make_authority, make_leaf, output

pytestmark = pytest.mark.e2e

PASSWORD = "correct horse"
WHERE = ("--password", "env:PW")


@pytest.fixture
def wizard(tmp_path: Path) -> Wizard:
    (tmp_path / "home").mkdir()
    return Wizard(tmp_path, env={"PW": PASSWORD})


def issued(wizard: Wizard, name: str, *words: str) -> Path:
    done = wizard("client", "issue", name, *WHERE, *words)
    assert done.status == 0, done.out + done.err
    assert PASSWORD not in done.out + done.err
    return wizard.folder / f"{name}.p12"


def listed(wizard: Wizard) -> dict[str, dict[str, object]]:
    return {str(row["name"]): row for row in wizard("client", "list", "--json").rows()}


def opened(bundle: Path) -> tuple[x509.Certificate, bytes]:
    """The certificate in a bundle, and certificate and key as one PEM."""
    key, certificate, more = pkcs12.load_key_and_certificates(
        bundle.read_bytes(), PASSWORD.encode()
    )
    assert key is not None
    assert certificate is not None
    assert len(more) == 1
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate, pem + certificate.public_bytes(Encoding.PEM)


def lets_in(wizard: Wizard, bundle: Path) -> bool:
    """Whether a server that asks for client certificates, and reads the list, takes this one."""
    folder = wizard.folder / "server"
    if not folder.exists():
        folder.mkdir()
        anchor, key = make_authority(folder)
        make_leaf(anchor, key, folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "leaf.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    for name in ("authority.pem", "revoked.pem"):
        server.load_verify_locations(wizard.state / "clients" / name)
    server.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    _, pem = opened(bundle)
    (folder / "client.pem").write_bytes(pem)
    client.load_cert_chain(folder / "client.pem")
    near, far = socket.socketpair()
    accepted = []

    def serve() -> None:
        try:
            with server.wrap_socket(far, server_side=True) as speaking:
                speaking.sendall(b"in")
                accepted.append(True)
        except ssl.SSLError:
            far.close()

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        with client.wrap_socket(near) as speaking:
            speaking.recv(2)
    except (ssl.SSLError, OSError):
        near.close()
    serving.join(30)
    return bool(accepted)


def test_who_has_a_certificate_is_let_in_until_it_is_revoked(wizard: Wizard) -> None:
    alice, bob = issued(wizard, "alice@example.com"), issued(wizard, "bob")
    assert lets_in(wizard, alice)
    assert lets_in(wizard, bob)
    assert wizard("client", "revoke", "alice@example.com").status == 0
    assert not lets_in(wizard, alice)
    assert lets_in(wizard, bob)
    rows = listed(wizard)
    assert rows["alice@example.com"]["revoked"]
    assert rows["bob"]["revoked"] is None
    again = wizard("client", "revoke", "alice@example.com")
    assert (again.status, "Nothing to do" in again.err) == (0, True)
    assert wizard("client", "revoke", "bob").status == 0
    assert not lets_in(wizard, alice)
    assert not lets_in(wizard, bob)


def test_the_certificate_says_who_it_is_for_and_nothing_else(wizard: Wizard) -> None:
    alice, _ = opened(issued(wizard, "alice@example.com"))
    laptop, _ = opened(issued(wizard, "laptop.corp.example.com", "--lifetime", "30d"))
    san = alice.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.RFC822Name) == ["alice@example.com"]
    assert alice.subject.rfc4514_string() == "CN=alice@example.com"
    usage = alice.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    san = laptop.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert san.get_values_for_type(x509.DNSName) == ["laptop.corp.example.com"]
    assert (laptop.not_valid_after_utc - laptop.not_valid_before_utc).days == 31
    authority = x509.load_pem_x509_certificate(
        (wizard.state / "clients/authority.pem").read_bytes()
    )
    alice.verify_directly_issued_by(authority)
    assert listed(wizard)["alice@example.com"]["serial"] == f"{alice.serial_number:x}"


@pytest.mark.parametrize("words", [(), ("--legacy",)], ids=["new", "legacy"])
def test_what_reads_pkcs12_reads_it(wizard: Wizard, need: Need, words: tuple[str, ...]) -> None:
    need("pk12util")
    need("keytool")
    bundle = issued(wizard, "alice@example.com", *words)
    assert bundle.stat().st_mode & 0o777 == 0o600
    (wizard.folder / "pw").write_text(PASSWORD)
    (wizard.folder / "none").write_text("")
    database = wizard.folder / "nss"
    database.mkdir()
    nss = ("-d", f"sql:{database}")
    output("certutil", "-N", *nss, "-f", wizard.folder / "none")
    output("pk12util", "-i", bundle, *nss, "-k", wizard.folder / "none", "-w", wizard.folder / "pw")
    assert "alice@example.com" in output("certutil", "-L", *nss)
    java = ("-list", "-storetype", "PKCS12", "-storepass:file", wizard.folder / "pw")
    assert "PrivateKeyEntry" in output("keytool", *java, "-keystore", bundle)


def test_nothing_that_is_there_is_overwritten_and_no_key_is_kept(wizard: Wizard) -> None:
    bundle = issued(wizard, "alice@example.com")
    before = bundle.read_bytes()
    _, pem = opened(bundle)
    again = wizard("client", "issue", "alice@example.com", *WHERE)
    assert (again.status, "[file-exists]" in again.err) == (2, True)
    assert bundle.read_bytes() == before
    key = pem.split(b"-----")[2].strip().splitlines()[1]
    for path in wizard.state.rglob("*"):
        assert path.is_dir() or key not in path.read_bytes()
        assert path.is_dir() or path.stat().st_mode & 0o077 == 0
    # The same person may have two: a laptop and a telephone.
    assert wizard("client", "issue", "alice@example.com", *WHERE, "--out", "two.p12").status == 0
    assert wizard("client", "revoke", "alice@example.com").status == 0
    assert not lets_in(wizard, wizard.folder / "two.p12")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("issue",), "usage"),
        (("revoke",), "usage"),
        (("revoke", "eve"), "no-such-client"),
        (("issue", "eve"), "password"),
        (("issue", "eve", "--password", PASSWORD), "password"),
        (("issue", "eve", "--password", "env:NOBODY"), "secret-missing"),
        (("issue", "", *WHERE), "usage"),
        (("issue", "e" * 65, *WHERE), "client-name"),
        (("issue", "e\nve", *WHERE), "client-name"),
        (("issue", "eve", *WHERE, "--lifetime", "soon"), "lifetime"),
        (("issue", "eve", *WHERE, "--out", "home"), "file-exists"),
        (("issue", "eve", *WHERE, "--out", "pw/eve.p12"), ""),
    ],
    ids=str,
)
def test_bad_input_is_told_and_makes_nothing(
    wizard: Wizard, words: tuple[str, ...], code: str
) -> None:
    (wizard.folder / "pw").write_text("")
    done = wizard("client", *words)
    assert done.status in {1, 2}
    assert f"[{code}" in done.err
    assert PASSWORD not in done.out + done.err
    assert not (wizard.state / "clients").exists()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda clients: (clients / "revoked.pem").unlink(), "clients-incomplete"),
        (lambda clients: (clients / "authority-key.pem").unlink(), "clients-incomplete"),
        (lambda clients: (clients / "revoked.pem").write_text("?"), "clients-mismatch"),
        (lambda clients: (clients / "authority-key.pem").chmod(0o644), "key-mode"),
    ],
)
def test_an_authority_that_was_tampered_with_is_not_used(
    wizard: Wizard, spoil: "object", code: str
) -> None:
    issued(wizard, "alice@example.com")
    assert callable(spoil)
    spoil(wizard.state / "clients")
    for words in (("list",), ("issue", "bob", *WHERE), ("revoke", "alice@example.com")):
        done = wizard("client", *words)
        assert done.status == 1
        assert f"[{code}]" in done.err


def test_undo_takes_a_client_back(wizard: Wizard) -> None:
    bundle = issued(wizard, "alice@example.com")
    done: Outcome = wizard("undo")
    assert done.status == 0, done.err
    assert not bundle.exists()
    assert not (wizard.state / "clients").exists()
    assert json.loads(wizard("client", "list", "--json").out or "[]") == []
