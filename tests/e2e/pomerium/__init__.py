"""Pomerium's own code, reading configurations; tests/pomerium_lab.py runs all of it."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from e2e.clients.process import environment
from wizard.pki import authority, chain, keys, leaf

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


def judge(config: Path, variables: Mapping[str, str] = MappingProxyType({})) -> Verdict:
    """Pomerium's verdict, with no setting from the environment but these."""
    return _verdict(str(config), variables, config.parent)


def judge_variables(variables: Mapping[str, str], folder: Path) -> Verdict:
    """Pomerium's verdict on settings from the environment alone."""
    return _verdict("", variables, folder)


def verdict(text: bytes, folder: Path) -> Verdict:
    """Pomerium's verdict on a text, which is left in the folder."""
    config = folder / "config.yaml"
    config.write_bytes(text)
    return judge(config)


def put_pair(names: tuple[str, ...], chain_path: Path, key_path: Path) -> None:
    """A certificate for these names, with its chain, and its key."""
    now = datetime.now(UTC)
    issued = leaf.issue(
        authority.create(names, now=now), names, now=now, lifetime=timedelta(days=90)
    )
    chain_path.write_bytes(chain.to_pem([issued.certificate, *issued.issuers]))
    key_path.write_bytes(keys.to_pem(issued.key).reveal())


def known_settings() -> dict[str, str]:
    """Every setting of Pomerium's own structs, and the kind that its value has in Go.

    What stands in a table, or in each entry of a list of tables, follows a dot.
    """
    done = subprocess.run([RULES, "-settings"], capture_output=True, check=True, timeout=60)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _verdict(config: str, variables: Mapping[str, str], folder: Path) -> Verdict:
    done = subprocess.run(
        [RULES, config],
        env={**environment(folder), **variables},
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=60,
    )
    *log, verdict = map(json.loads, done.stdout.splitlines())
    unknown = frozenset(row["key"] for row in log if row["level"] == "error" and "key" in row)
    certificates = tuple(tuple(names or ()) for names in verdict["certificates"] or ())
    return Verdict(verdict["error"], unknown, certificates, verdict["hosts"] or {})
