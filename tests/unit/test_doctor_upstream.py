"""What an application would refuse, or be refused for, as a handshake from here shows it."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bundle_support import Forge
from pomerium_lab import application
from upstream_support import FROM, Place, line

from wizard.doctor import upstream
from wizard.doctor.upstream import Application, objections


@contextlib.contextmanager
def serving(
    forge: Forge, believes: str = "root.pem", newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[int]:
    """An application that wants a client certificate of these authorities; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    context.load_cert_chain(forge.folder / "app-chain.pem", forge.folder / "app.key")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(forge.folder / believes)
    with application(context) as running:
        yield urlsplit(running.url).port or 0


def seen(
    forge: Forge, port: int, *, ca: str = "root", shown: str = "shown", name: str = "app.internal"
) -> str:
    files = forge.folder / f"{shown}.pem", forge.folder / "pomerium.key"
    pem = forge.pem(ca).decode() if ca else ""
    one = Application("127.0.0.1", port, name, pem, files if shown else None)
    (found,) = objections([one])
    return found


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_sides_are_heard(forge: Forge, newest: ssl.TLSVersion) -> None:
    with serving(forge, newest=newest) as port:
        assert seen(forge, port) == ""
        # An issuer below the root is enough for Envoy too.
        assert seen(forge, port, ca="issuing") == ""
        assert "wants a client certificate" in seen(forge, port, shown="")
        refused = "its certificate is refused: "
        assert seen(forge, port, ca="others").startswith(refused)
        assert seen(forge, port, ca="").startswith(refused)
        assert "not valid for 'other.internal'" in seen(forge, port, name="other.internal")
        assert "IP address" in seen(forge, port, name="127.0.0.1")
    with serving(forge, "others.pem", newest) as port:
        assert "does not know the authority" in seen(forge, port)


def test_what_is_not_known_is_not_told(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(forge) as port:
        # In a form that OpenSSL does not take: only the copy is in order.
        assert seen(forge, port, shown="pomerium-chain") == ""
    assert seen(forge, port) == ""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(upstream, "SECONDS", 0.2)
        begin = time.monotonic()
        assert seen(forge, silent.getsockname()[1]) == ""
        assert time.monotonic() - begin < 1


@pytest.mark.parametrize(
    ("host", "name"), [("127.0.0.1", "a..b"), ("127.0.0.1", "a" * 64), ("a..b", "a")]
)
def test_a_name_that_can_be_none_is_no_crash(
    forge: Forge, host: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", fallen.append)
    with serving(forge) as port:
        assert objections([Application(host, port, name)]) == [""]
    assert fallen == []


def test_what_speaks_no_tls_is_told(forge: Forge) -> None:
    with application() as running:
        assert seen(forge, urlsplit(running.url).port or 0) == "it does not speak TLS"


def test_the_plan_says_it(tmp_path: Path, forge: Forge) -> None:
    with serving(forge) as port:
        text = f"routes:\n  - from: {FROM}\n    to: https://127.0.0.1:{port}\n"
        place = Place(tmp_path, text)
        good = place.session(line(forge, server_name="app.internal")).plan()
        assert "seen from here" not in " ".join(good.notices)
        alone = {"server_name": "app.internal", "certificate": "", "key": ""}
        (said,) = [
            one
            for one in place.session(line(forge, **alone)).plan().notices
            if "seen from here" in one
        ]
        assert said == (
            f"{FROM}: https://127.0.0.1:{port}, seen from here: it wants a client certificate."
        )
        docker = place.session(
            line(forge, **alone),
            output__target="docker",
            docker__compose=str(tmp_path / "compose.yaml"),
        )
        assert "seen from here" not in " ".join(docker.plan().notices)
