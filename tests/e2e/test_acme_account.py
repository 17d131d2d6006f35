"""An account whose key is changed is never lost, wherever the change is cut off."""

import os
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from acme_lab import Pebble, pebble
from conftest import REPOSITORY, Need

from wizard.acme import account
from wizard.acme.authorities import custom
from wizard.acme.order import Order
from wizard.acme.session import Session
from wizard.core.errors import WizardError
from wizard.core.system import System

pytestmark = pytest.mark.e2e

CHANGES_AND_DIES = """
import os, signal, sys
from pathlib import Path
from wizard.acme import account
from wizard.acme.authorities import custom
from wizard.acme.session import Session
from wizard.core.system import System

directory, bundle, state, verb = sys.argv[1:]

class Dies(System):
    armed = False
    def write(self, path, content, mode=0o600, owner=None):
        if self.armed and verb == "write" and path.name == account.KEY:
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(path, content, mode, owner)
    def remove(self, path):
        if self.armed and verb == "remove" and path.name == account.NEXT_KEY:
            os.kill(os.getpid(), signal.SIGKILL)
        super().remove(path)

system = Dies()
session = Session(system, directory, Path(bundle))
who = account.open_account(session, system, Path(state), custom(directory), accept_terms=True)
system.armed = True
account.change_key(session, system, who)
"""


@pytest.fixture
def authority(tmp_path: Path, need: Need) -> Iterator[Pebble]:
    """It refuses no nonce, so that each request is one."""
    need("pebble")
    need("openssl")
    with pebble(tmp_path / "pebble", "127.0.0.1:1", env={"PEBBLE_WFE_NONCEREJECT": "0"}) as running:
        yield running


class Wire(socketserver.ThreadingTCPServer):
    """Connections to a server that can be cut: before a request gets there, or after."""

    daemon_threads = True
    cut = ""

    def __init__(self, port: int) -> None:
        self.to = port
        super().__init__(("127.0.0.1", 0), Carrier)


class Carrier(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Wire)
        with socket.create_connection(("127.0.0.1", self.server.to)) as there:
            ways = {self.request: (there, "before"), there: (self.request, "after")}
            while True:
                for source in select.select([*ways], [], [])[0]:
                    target, when = ways[source]
                    data = source.recv(65536)
                    if not data or self.server.cut == when:
                        return
                    target.sendall(data)


@contextmanager
def wire(running: Pebble) -> Iterator[tuple[Wire, str]]:
    port = int(running.directory.rpartition(":")[2].partition("/")[0])
    with Wire(port) as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made, f"https://localhost:{made.server_address[1]}/dir"
        made.shutdown()


def opened(directory: str, bundle: Path, state: Path) -> tuple[Session, account.Account]:
    session = Session(System(), directory, bundle)
    state.mkdir(exist_ok=True)
    return session, account.open_account(
        session, System(), state, custom(directory), accept_terms=True
    )


def orders(session: Session, who: account.Account, folder: Path) -> bool:
    names = ("corp.example.com",)
    return Order.create(session, System(), folder / "orders/a/0001", who, names).status == "pending"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_that_is_cut_loses_no_account(
    tmp_path: Path, authority: Pebble, when: str
) -> None:
    state = tmp_path / "state"
    with wire(authority) as (line, directory):
        session, who = opened(directory, authority.ca_bundle, state)
        before = (who.directory / account.KEY).read_bytes()
        line.cut = when
        with pytest.raises(WizardError, match="No answer"):
            account.change_key(session, System(), who)
        line.cut = ""
        assert (who.directory / account.KEY).read_bytes() == before
        next_key = (who.directory / account.NEXT_KEY).read_bytes()
        session, again = opened(directory, authority.ca_bundle, state)
        assert again.url == who.url
        kept = (who.directory / account.KEY).read_bytes()
        assert kept == (next_key if when == "after" else before)
        assert orders(session, again, tmp_path)
        # Whichever it was, the next change is made.
        account.change_key(session, System(), again)
        assert (who.directory / account.KEY).read_bytes() != kept
        assert not (who.directory / account.NEXT_KEY).exists()
        assert opened(directory, authority.ca_bundle, state)[1].url == who.url


@pytest.mark.parametrize("verb", ["write", "remove"])
def test_a_kill_after_the_authority_took_the_new_key_loses_no_account(
    tmp_path: Path, authority: Pebble, verb: str
) -> None:
    state = tmp_path / "state"
    _, who = opened(authority.directory, authority.ca_bundle, state)
    before = (who.directory / account.KEY).read_bytes()
    argv = (authority.directory, str(authority.ca_bundle), str(state), verb)
    killed = subprocess.run(
        [sys.executable, "-c", CHANGES_AND_DIES, *argv],
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert killed.returncode == -signal.SIGKILL
    assert {path.stat().st_mode & 0o777 for path in who.directory.iterdir()} == {0o600}
    session, again = opened(authority.directory, authority.ca_bundle, state)
    assert again.url == who.url
    assert (who.directory / account.KEY).read_bytes() != before
    assert not (who.directory / account.NEXT_KEY).exists()
    assert orders(session, again, tmp_path)
