"""A real ACME server: Pebble, alone or inside the DNS lab, where it validates what BIND serves."""

import json
import os
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dns_servers import until

CERTIFICATE = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    *("-nodes", "-days", "30", "-subj", "/CN=localhost"),
    *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
)


@dataclass
class Pebble:
    """A running server: where its directory is, and what vouches for its own TLS."""

    directory: str
    ca_bundle: Path
    management: str
    log: Path

    def orders(self) -> int:
        """How many orders were ever made."""
        return self.log.read_text().count("Added order")

    def requests(self) -> int:
        """How many requests there ever were."""
        return self.log.read_text().count("-> calling handler()")

    def root(self) -> str:
        """The root of what it issues, PEM."""
        context = ssl.create_default_context(cafile=str(self.ca_bundle))
        with urllib.request.urlopen(f"{self.management}/roots/0", context=context) as answer:
            return str(answer.read().decode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def pebble(
    folder: Path,
    resolver: str = "127.0.0.53:53",
    *,
    config: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    port: int = 0,
) -> Iterator[Pebble]:
    """Starts Pebble in the caller's network; it validates at once and asks `resolver` over TCP.

    `config` adds to its configuration, `env` to its settings (PEBBLE_WFE_NONCEREJECT and so on).
    """
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key, log = folder / "tls.pem", folder / "tls-key.pem", folder / "pebble.log"
    subprocess.run(
        [*CERTIFICATE, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    port, management = port or free_port(), free_port()
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": 5002,
        "tlsPort": 5001,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        **(config or {}),
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    surroundings = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0", **(env or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["pebble", "-config", folder / "pebble.json", "-dnsserver", resolver],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **surroundings},
        )
    server = Pebble(
        f"https://localhost:{port}/dir", certificate, f"https://localhost:{management}", log
    )

    def answers() -> bool:
        return all(_listens(each) for each in (port, management))

    try:
        until(answers, "Pebble")
        yield server
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
