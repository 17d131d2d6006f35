"""A look at Pomerium's configuration and all that it names, without changing anything.

Pomerium starts with certificates that ended, are for other names or come without their issuer, and
says nothing (v0.33 config/options.go). This says it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from wizard.core.errors import UsageError, WizardError
from wizard.core.system import System
from wizard.doctor import autocert, client_authority, coverage, secret_settings, settings
from wizard.doctor.certificates import Listed, listed
from wizard.doctor.grade import Finding
from wizard.doctor.setup import Setup, find


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
        UsageError: `config-missing`.
        WizardError: `config-unreadable`, or another file of Pomerium's own that only root reads.
    """
    try:
        setup = find(system, config)
    except UsageError:
        raise
    except WizardError as error:
        if error.code in {"config-unreadable", "permission-denied"}:
            raise
        return Look((Finding.of(error),), None)
    certificates = listed(setup)
    return Look(tuple(_all(setup, certificates)), setup, certificates)


def _all(setup: Setup, certificates: Sequence[Listed]) -> Iterator[Finding]:
    who = f", as the user {setup.user.name}" if setup.user else ""
    yield Finding("good", "config-read", f"Pomerium reads {setup.config}{who}.")
    for one in certificates:
        yield from one.findings
    yield from coverage.findings(setup, certificates)
    yield from autocert.findings(setup)
    yield from client_authority.findings(setup)
    yield from secret_settings.findings(setup)
    yield from settings.findings(setup, certificates)
