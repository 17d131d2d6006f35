"""Pomerium itself runs on what the wizard wrote: it serves it, and follows a renewal."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pomerium_lab
import pytest
from acme_lab import free_port
from cli_support import Wizard
from conftest import Need
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pomerium_lab import HOST, LOADED, Answer, Application, Pomerium, ask
from trust_support import make_authority, make_leaf

from .clients import chromium, openssl
from .pomerium import Verdict, judge

pytestmark = pytest.mark.e2e

NAMES = ("*.localhost.pomerium.io", "localhost.pomerium.io")


@pytest.fixture(autouse=True)
def _built(need: Need) -> None:
    pomerium_lab.check(need)


@pytest.fixture
def pomerium(wizard: Wizard, application: Application) -> Iterator[Pomerium]:
    """Runs on a new configuration of the wizard's, in which everybody is let in."""
    port = free_port()
    config = pomerium_lab.configure(wizard, port, application)
    pomerium_lab.let_in(config)
    with pomerium_lab.pomerium(config, port, wizard.folder / "pomerium") as running:
        yield running


def issued(wizard: Wizard) -> bytes:
    """The certificate on disk, DER."""
    (path,) = (wizard.folder / "tls").glob("_wildcard*io.pem")
    (first, *_) = x509.load_pem_x509_certificates(path.read_bytes())
    return first.public_bytes(Encoding.DER)


def root(wizard: Wizard) -> Path:
    return wizard.folder / "tls/ca.pem"


def renew(wizard: Wizard) -> None:
    before = issued(wizard)
    done = wizard("renew", "--force")
    assert done.status == 0, done.err
    assert issued(wizard) != before


# ── a route ────────────────────────────────────────────────────────────────────────────────────


def test_a_route_is_loaded_by_whoever_trusts_the_root(
    pomerium: Pomerium, wizard: Wizard, home: Path, need: Need
) -> None:
    need("openssl")
    assert pomerium.get(root(wizard)) == LOADED
    assert pomerium.certificate(root(wizard)) == issued(wizard)
    verdict = openssl.CLIENT.load(pomerium.target(root(wizard), home))
    assert verdict.accepted, verdict.detail


def test_chromium_loads_the_route_once_the_root_is_in_its_store(
    pomerium: Pomerium, wizard: Wizard, home: Path, need: Need
) -> None:
    for command in chromium.CLIENT.needs:
        need(command)
    page = pomerium.target(root(wizard), home)
    before = chromium.CLIENT.load(page)
    assert "ERR_CERT_AUTHORITY_INVALID" in before.detail
    chromium.CLIENT.trust(home, root(wizard))
    verdict = chromium.CLIENT.load(page)
    assert verdict.accepted, verdict.detail


# ── a renewal ──────────────────────────────────────────────────────────────────────────────────


@dataclass
class Visitors:
    """People who load the page again and again, each time over a new connection."""

    answers: list[Answer | Exception]

    @classmethod
    @contextlib.contextmanager
    def coming(cls, pomerium: Pomerium, trusted: Path) -> "Iterator[Visitors]":
        visitors, enough = cls([]), threading.Event()

        def come() -> None:
            while not enough.is_set():
                try:
                    visitors.answers.append(pomerium.get(trusted))
                except OSError as error:
                    visitors.answers.append(error)

        thread = threading.Thread(target=come)
        thread.start()
        try:
            yield visitors
        finally:
            enough.set()
            thread.join()


def test_a_renewed_certificate_is_served_without_a_restart_and_drops_nobody(
    pomerium: Pomerium, wizard: Wizard, application: Application
) -> None:
    trusted, downloads = root(wizard), list[Answer]()
    kept, slow = pomerium.connect(trusted), pomerium.connect(trusted)
    download = threading.Thread(target=lambda: downloads.append(ask(slow, "/slow")))
    with contextlib.closing(kept), contextlib.closing(slow):
        assert ask(kept) == LOADED
        socket = kept.sock
        download.start()
        with Visitors.coming(pomerium, trusted) as visitors:
            renew(wizard)
            began = time.monotonic()
            pomerium.serves(issued(wizard), trusted)
            print(f"\nserved {time.monotonic() - began:.2f} s after the wizard ended")
        assert kept.sock is socket
        assert ask(kept) == LOADED
        application.finish.set()
        download.join(60)
    ((status, text),) = downloads
    assert (status, text.strip(".")) == LOADED
    assert set(visitors.answers) == {LOADED}
    assert len(visitors.answers) > 1


def test_every_renewal_of_many_is_served(pomerium: Pomerium, wizard: Wizard) -> None:
    for _ in range(3):
        renew(wizard)
        pomerium.serves(issued(wizard), root(wizard))


def test_an_edited_configuration_serves_the_old_certificate_and_the_new_one(
    wizard: Wizard, tmp_path: Path
) -> None:
    port = free_port()
    anchor, key = make_authority(tmp_path)
    old = make_leaf(anchor, key, tmp_path)
    config = wizard.folder / "config.yaml"
    config.write_text(f"""\
# Ours since 2019. Ask before you change it.
address: "127.0.0.1:{port}"   # behind the balancer
autocert: true
certificates:
  - {{cert: {old}, key: {old}}}   # the old name

routes:
  - from: https://localhost     # old
    to: http://127.0.0.1:1
  - from: https://{HOST}
    to: http://127.0.0.1:1
""")
    wizard.install()
    assert judge(config) == Verdict(
        error="",
        unknown=frozenset(),
        certificates=(("localhost",), NAMES),
        hosts={"localhost": True, HOST: True},
    )
    with pomerium_lab.pomerium(config, port, tmp_path / "pomerium") as running:
        before = x509.load_pem_x509_certificate(old.read_bytes()).public_bytes(Encoding.DER)
        running.serves(issued(wizard), root(wizard))
        running.serves(before, anchor.path, "localhost")


def test_a_pomerium_that_does_not_start_says_why(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("address: 127.0.0.1:1\ncertificate_file: /nowhere/a.pem\n")
    with (
        pytest.raises(RuntimeError, match="nowhere"),
        pomerium_lab.pomerium(config, 1, tmp_path / "pomerium"),
    ):
        pass
