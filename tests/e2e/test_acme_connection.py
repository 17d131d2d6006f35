"""A connection that is cut in the middle of an order: told once, and the next run goes on."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable

import pytest
from acme_proxy import MANY, STEPS, Proxy
from cli_support import REPR
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from dns01_support import Install

from wizard.acme.session import Session
from wizard.core.errors import WizardError
from wizard.core.system import System

pytestmark = pytest.mark.e2e

READS = ("directory", "nonce", "authorization", "order", "certificate")
CHANGES = ("newAccount", "newOrder", "challenge", "finalize")


def account_keys(install: Install) -> list[bytes]:
    return [path.read_bytes() for path in install.wizard.state.glob("accounts/*/account.key")]


def belong_together(install: Install) -> bool:
    """Whether the installed key is that of the installed certificate."""
    leaf = x509.load_pem_x509_certificates(install.chain.read_bytes())[0]
    key = load_pem_private_key(
        install.chain.with_name(f"{install.chain.stem}-key.pem").read_bytes(), None
    )
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return leaf.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)


def finishes_with_one_order(install: Install, made: int, keys: list[bytes]) -> None:
    done = install.run()
    assert done.status == 0, done.err
    assert install.authority.orders() == made + 1
    assert len(list(install.wizard.state.glob("orders/*/*"))) == 1
    assert belong_together(install)
    assert account_keys(install)[: len(keys)] == keys
    assert not list(install.wizard.state.glob("orders/*/published.json"))


@pytest.mark.parametrize(
    ("step", "when"),
    [
        *((step, when) for step in STEPS for when in ("before", "after")),
        ("newOrder", "half"),
        ("certificate", "half"),
    ],
)
def test_a_line_that_is_down_is_told_once_and_the_next_run_goes_on(
    install: Install, proxy: Proxy, step: str, when: str
) -> None:
    made = proxy.authority.orders()
    proxy.cut(step, when)
    done = install.run()
    assert done.status == 1, done.err
    (problem,) = [line for line in done.err.splitlines() if "✗" in line]
    assert problem.endswith("the connection was cut. [directory-unreachable]"), done.err
    assert "Nothing is lost: run again" in done.err
    assert not REPR.search(done.err), done.err
    assert MANY - proxy.cuts == (2 if step in READS else 1)
    assert not install.chain.exists()
    keys = account_keys(install)
    proxy.mend()
    finishes_with_one_order(install, made, keys)


@pytest.mark.parametrize("step", READS)
def test_what_only_reads_is_sent_again(install: Install, proxy: Proxy, step: str) -> None:
    made = proxy.authority.orders()
    proxy.cut(step, "after", cuts=1)
    finishes_with_one_order(install, made, [])
    assert proxy.cuts == 0


@pytest.mark.parametrize("step", CHANGES)
def test_what_changes_something_is_never_sent_again_by_itself(
    install: Install, proxy: Proxy, step: str
) -> None:
    proxy.cut(step, "after", cuts=1)
    done = install.run("--json")
    assert done.status == 1, done.err
    assert proxy.seen[-1] == step
    failed = json.loads(done.out.splitlines()[-2])
    assert failed["code"] == "directory-unreachable"


def hangs_up(connection: socket.socket) -> None:
    connection.recv(1)


def resets(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def speaks_plainly(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (hangs_up, "the connection was cut."),
        (resets, "the connection was cut."),
        (speaks_plainly, "it does not speak TLS as it should (wrong version number)."),
    ],
)
def test_what_answers_without_tls_is_not_called_a_certificate(
    does: Callable[[socket.socket], None], said: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        does(connection)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(WizardError) as caught:
            Session(System(), f"https://127.0.0.1:{listener.getsockname()[1]}/dir")
        listener.shutdown(socket.SHUT_RDWR)
    assert caught.value.code == "directory-unreachable"
    assert caught.value.summary.endswith(said)
