"""A look at Pomerium's configuration and all that it names, without changing anything.

Pomerium starts with certificates that ended, are for other names or come without their issuer, and
says nothing (v0.33 config/options.go). This says it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.doctor import (
    autocert,
    client_authority,
    coverage,
    named_files,
    secret_settings,
    settings,
)
from wizard.doctor.certificates import Listed, listed, no_list
from wizard.doctor.grade import Finding
from wizard.doctor.setup import Setup, find

NOT_LOOKED_AT: Final = frozenset(
    {
        *("config-missing", "config-unreadable", "config-is-a-directory", "config-not-a-file"),
        "permission-denied",
    }
)
"""Why nothing is known of a configuration: that is no fault of its own."""


class Look(NamedTuple):
    """What a look found, and what further looks go on from.

    `setup` is None where the configuration could not be understood.
    """

    findings: tuple[Finding, ...]
    setup: Setup | None
    listed: tuple[Listed, ...] = ()


def look(system: System, config: Path | None) -> Look:
    """Everything that can be said of a configuration; of the one found here where none is given.

    Raises:
        WizardError: one of `NOT_LOOKED_AT`.
    """
    try:
        setup = find(system, config)
    except WizardError as error:
        if error.code in NOT_LOOKED_AT:
            raise
        return Look((Finding.of(error),), None)
    certificates = listed(setup)
    found = tuple(_all(setup, certificates))
    # A path that nobody wrote out leads nowhere; that is one thing to mend, not two.
    places = {(one.file, one.line) for one in found if one.code in {"path-unfilled", "path-base64"}}
    kept = (f for f in found if f.code != "file-missing" or (f.file, f.line) not in places)
    return Look(tuple(kept), setup, certificates)


def _all(setup: Setup, certificates: Sequence[Listed]) -> Iterator[Finding]:
    who = f", which Pomerium reads as the user {setup.user.name}" if setup.user else ""
    yield Finding("good", "config-read", f"This is about {setup.config}{who}.")
    yield from no_list(setup)
    for one in certificates:
        yield from one.findings
    yield from coverage.findings(setup, certificates)
    yield from autocert.findings(setup, certificates)
    yield from client_authority.findings(setup)
    yield from named_files.findings(setup)
    yield from secret_settings.findings(setup)
    yield from settings.findings(setup, certificates)
