"""The command `doctor`: what is wrong with Pomerium's certificates here. It changes nothing."""

import argparse
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from wizard.core.errors import ExitCode, UsageError
from wizard.core.events import readable
from wizard.core.system import System
from wizard.doctor.checks import Look, look
from wizard.doctor.grade import LEVELS, Finding, Grade
from wizard.headless.jsonl import JsonLines

MOST = 10
"""Findings of one kind that are written out."""
SIGNS = {"error": "✗", "warning": "!", "good": "✓"}


def run(options: argparse.Namespace, system: System, state: Path) -> int:
    """Tells what was found, the gravest first, and returns the exit code."""
    if options.server_name and options.connect is None:
        raise UsageError(
            "usage",
            "--server-name says whom to ask a server for, and none is named.",
            "Add --connect HOST:PORT, such as 127.0.0.1:443.",
        )
    config = Path(options.config).absolute() if options.config else None
    findings = sorted(
        _findings(options, system, state, config), key=lambda one: LEVELS.index(one.level)
    )
    grade = Grade.of(findings)
    if options.json:
        for finding in findings:
            JsonLines().row(finding.to_json())
        JsonLines().row(grade.to_json())
    else:
        for finding in _shown(findings):
            _tell(finding)
        print(
            f"Grade {grade.grade}: {_count(grade.errors, 'error')}, "
            f"{_count(grade.warnings, 'warning')}, {grade.good} good."
        )
    return int(ExitCode.DOCTOR_FOUND_ERRORS if grade.errors else ExitCode.DONE)


def _findings(
    options: argparse.Namespace, system: System, state: Path, config: Path | None
) -> tuple[Finding, ...]:
    try:
        seen = look(system, config)
    except UsageError:
        # A server can be looked at without its configuration; one that was named must be there.
        if config is not None or options.connect is None:
            raise
        seen = Look((), None)
    if options.connect is None:
        return seen.findings
    from wizard.doctor import connection, served  # noqa: PLC0415  they load ssl

    server = connection.Server.of(options.connect, options.server_name)
    return (*seen.findings, *served.look(system, state, server, seen.setup, seen.listed))


def _shown(findings: Iterable[Finding]) -> Iterator[Finding]:
    """All of them; of many of one kind the first, and how many more there are."""
    for (level, code), group in groupby(findings, key=lambda one: (one.level, one.code)):
        alike = list(group)
        yield from alike[:MOST]
        if alike[MOST:]:
            more = f"And {len(alike) - MOST} more like this."
            yield Finding(level, code, more, "See all of them with --json.")


def _tell(finding: Finding) -> None:
    line = f", line {finding.line}" if finding.line else ""
    where = f"{finding.file}{line}: " if finding.file and finding.level != "good" else ""
    code = "" if finding.level == "good" else f" [{finding.code}]"
    print(readable(f"{SIGNS[finding.level]} {where}{finding.summary}{code}"))
    if finding.hint:
        print(readable(f"    {finding.hint}"))


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
