"""What the configuration's settings say that their author did not mean."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from wizard.core.errors import WizardError
from wizard.doctor.certificates import Listed
from wizard.doctor.grade import Finding, Level
from wizard.doctor.readers import open_to_all
from wizard.pomerium import lint, traps
from wizard.pomerium.settings import REMOVED, ROUTES, SETTINGS
from wizard.pomerium.setup import VARIABLES, Said, Setup
from wizard.pomerium.standing import standing_traps

REMOVED_NAMES: Final = {one.name for one in REMOVED}
REPLACED_NAMES: Final = {one.name for one in ROUTES if one.replaced}
FIX: Final = "Change that line; Pomerium reads the file again by itself."
FIX_VARIABLE: Final = "Change that line, and restart Pomerium: it reads variables at its start."
TOLD_ELSEWHERE: Final = frozenset(
    {
        *("secret-length", "secret-line-end", "server-certificate-is-ca"),
        *("client-ca-not-pem", "crl-unreadable", "crl-expired", "crl-ends-soon"),
        *("autocert-wildcard-route", "autocert-port-80", "autocert-must-staple"),
        "sessions-in-memory",
    }
)
"""Traps that other checks tell of, which know the variables and the machine too. That sessions are
kept in memory is so for nearly everybody, and has nothing to do with certificates."""
RENEWED: Final = frozenset({".yaml", ".yml", ".json", ".pem", ".crt", ".key"})
"""Endings of files that Pomerium reads again when they change."""
UNSET: Final = {
    "systemd": "Have systemd leave it out: `UnsetEnvironment={name}` with systemctl edit pomerium",
    "compose": "Take it out of `environment:` of the service, or give it there the value you mean.",
    "env_file": "Take it out of that file, or give it there the value you mean.",
    "process": "Start Pomerium without {name}.",
}


def findings(setup: Setup, listed: Sequence[Listed]) -> Iterator[Finding]:
    """Names that Pomerium does not know, variables that win, secrets that everybody can read."""
    yield from _names(setup)
    yield from _traps(setup, listed)
    yield from _overridden(setup)
    yield from _unread(setup)
    yield from _mounts(setup)
    yield from _open(setup)


def _names(setup: Setup) -> Iterator[Finding]:
    for one in lint.problems(setup.document):
        if not setup.has_lines and one.key.upper() in VARIABLES.values():
            continue
        code = "setting-unknown"
        if one.key in REPLACED_NAMES:
            code = "setting-replaced"
        elif one.level == "error" or one.key in REMOVED_NAMES:
            code = "setting-removed"
        yield _finding(setup, replace(one, code=code))


def _traps(setup: Setup, listed: Sequence[Listed]) -> Iterator[Finding]:
    def read(path: Path) -> bytes | None:
        with suppress(WizardError):
            return setup.content(Said(str(path), "")).content
        return None

    names = [name for one in listed for name in one.names]
    found = traps.traps(setup.document, read, names=names, now=setup.system.now())
    for one in (*found, *standing_traps(setup.document, read)):
        # That header may be set by a variable, which only this check sees.
        is_set = one.code == "hsts-development" and "HEADERS" in setup.variables
        if one.code not in TOLD_ELSEWHERE and not is_set:
            yield _finding(setup, one)


def _finding(setup: Setup, problem: lint.Problem) -> Finding:
    text = problem.text.replace(f" (line {problem.line})", "")
    level: Level = "error" if problem.level == "error" else "warning"
    fix, line = (FIX, problem.line) if setup.has_lines else (FIX_VARIABLE, 0)
    return Finding(level, problem.code, text, problem.fix or fix, setup.document.name, line)


def _overridden(setup: Setup) -> Iterator[Finding]:
    """Settings of the file that a variable, with another value, takes the word from."""
    for name, line, variable, said in setup.overridden():
        yield Finding(
            "warning",
            "variable-wins",
            f"{variable} in {said.file} wins over `{name}` in the configuration.",
            UNSET[said.by].format(name=variable),
            setup.document.name,
            line,
        )


def _unread(setup: Setup) -> Iterator[Finding]:
    for file in setup.unread:
        is_there = os.path.lexists(file)
        yield Finding(
            "warning",
            "variables-unread",
            f"The variables in {file} are Pomerium's too, and could not be read."
            if is_there
            else f"There is no {file}, and Pomerium is to have variables from it.",
            "Run the doctor as root to have them looked at."
            if is_there
            else "Put it there, or take it out of what starts Pomerium.",
            str(file),
        )
    if setup.elsewhere:
        yield Finding(
            "warning",
            "variables-unread",
            f"The Compose file takes {', '.join(setup.elsewhere)} from the environment in which "
            "Compose is started, and that was not looked at.",
            "Write it into a file called .env beside the Compose file, and it will be.",
        )


def _mounts(setup: Setup) -> Iterator[Finding]:
    """Files that are mounted alone: a container keeps such a one when it is replaced."""
    for mount in setup.mounts:
        if mount.here.is_file() and mount.here.suffix in RENEWED:
            yield Finding(
                "warning",
                "mount-single-file",
                f"The single file {mount.here} is mounted: a container keeps it as it was when it "
                "is replaced, so that Pomerium never sees a renewal.",
                "Mount the directory that it is in.",
            )


def _open(setup: Setup) -> Iterator[Finding]:
    """A file with secrets that everybody can read."""
    said = [(one.name, setup.said(one.name)) for one in SETTINGS if one.secret]
    held = [name for name, one in said if one is not None and one.file == str(setup.config)]
    if held and setup.system.platform != "win32" and open_to_all(setup.config):
        yield Finding(
            "warning",
            "config-open-to-all",
            f"Everybody on this machine can read the file, and `{held[0]}` in it.",
            f"Close it: chmod o= {setup.config}",
            str(setup.config),
        )
