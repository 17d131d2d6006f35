"""The server of the proof, and the client that is given the root."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from trust_support import make_anchor

from wizard.core.errors import WizardError
from wizard.doctor.handshake import serve, shake_hands
from wizard.pki import authority, chain, keys, leaf

NAME = "localhost.pomerium.io"


class Files(NamedTuple):
    """A chain and its key in one file, and the root that vouches for it."""

    served: Path
    root: Path


@pytest.fixture
def files(tmp_path: Path) -> Files:
    now = datetime.now(UTC)
    signer = authority.create((NAME,), now=now)
    issued = leaf.issue(signer, (NAME,), now=now, lifetime=timedelta(90))
    made = Files(tmp_path / "served.pem", tmp_path / "root.pem")
    key = keys.to_pem(issued.key).reveal()
    made.served.write_bytes(key + chain.to_pem([issued.certificate, *issued.issuers]))
    made.root.write_bytes(chain.to_pem([signer.root]))
    return made


@pytest.fixture
def port(files: Files) -> Iterator[int]:
    with serve(files.served, files.served) as port:
        yield port


def test_a_client_that_says_nothing_keeps_nobody_waiting(files: Files, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        begun = time.monotonic()
        assert "TLS" in shake_hands(port, NAME, files.root)
    assert time.monotonic() - begun < 5


def test_a_key_log_that_cannot_be_written_is_no_matter(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys.log")
    with serve(files.served, files.served) as port:
        assert "TLS" in shake_hands(port, NAME, files.root)


def test_a_refusal_has_its_reason(port: int, tmp_path: Path) -> None:
    with pytest.raises(WizardError) as caught:
        shake_hands(port, NAME, make_anchor(tmp_path).path)
    assert caught.value.code == "proof-failed"
    assert "unable to get local issuer certificate" in caught.value.summary


def test_a_loopback_that_leads_nowhere_is_no_refusal(files: Files) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(WizardError) as caught:
        shake_hands(port, NAME, files.root)
    assert caught.value.code == "proof-cannot-connect"
    assert f"127.0.0.1:{port}" in caught.value.summary
