"""Pomerium's own code, reading configurations; tests/pomerium_lab.py runs all of it."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from e2e.clients.process import environment

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
    certificates = tuple(tuple(names) for names in verdict["certificates"] or ())
    return Verdict(verdict["error"], unknown, certificates, verdict["hosts"] or {})
