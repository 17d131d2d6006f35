"""A look at Pomerium's configuration and all that it names, without changing anything.

Pomerium starts with certificates that ended, are for other names or come without their issuer, and
says nothing (v0.33 config/options.go). This says it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.doctor import (
    autocert,
    certificates,
    client_authority,
    coverage,
    named_files,
    secret_settings,
    settings,
)
from wizard.doctor.certificates import Listed
from wizard.doctor.grade import Finding
from wizard.doctor.readers import reader
from wizard.pomerium.compose import Service
from wizard.pomerium.detect import find_config, none_found, started_with
from wizard.pomerium.setup import Setup, setup_of, setup_of_variables
from wizard.pomerium.start import Start, services_at
from wizard.pomerium.unit import find_unit

NOT_LOOKED_AT: Final = frozenset(
    {
        *("config-missing", "config-unreadable", "config-is-a-directory", "config-not-a-file"),
        *("config-of-others", "permission-denied"),
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
        setup = setup_of(system, config) if config else _found(system)
    except WizardError as error:
        if error.code in NOT_LOOKED_AT:
            raise
        return Look((Finding.of(error),), None)
    listed = certificates.listed(setup)
    found = tuple(_all(setup, listed))
    # A path that nobody wrote out leads nowhere; that is one thing to mend, not two.
    places = {(one.file, one.line) for one in found if one.code in {"path-unfilled", "path-base64"}}
    kept = (f for f in found if f.code != "file-missing" or (f.file, f.line) not in places)
    return Look(tuple(kept), setup, listed)


def _all(setup: Setup, listed: Sequence[Listed]) -> Iterator[Finding]:
    """Every check there is, a file each."""
    user = reader(setup)
    who = f", which Pomerium reads as the user {user.name}" if user else ""
    yield Finding("good", "config-read", f"This is about {setup.config}{who}.")
    yield from certificates.findings(setup, listed)
    yield from coverage.findings(setup, listed)
    yield from autocert.findings(setup, listed)
    yield from client_authority.findings(setup)
    yield from named_files.findings(setup)
    yield from secret_settings.findings(setup)
    yield from settings.findings(setup, listed)


def _found(system: System) -> Setup:
    """The setup of this machine: what the unit starts, else a configuration that lies here.

    Without any, the variables that the unit or a Compose file of the current directory has.
    """
    unit = find_unit(system)
    services: tuple[Service, ...] = ()
    path = started_with(system, unit) or find_config(system)
    if path is None:
        with suppress(OSError):
            services = services_at(Path.cwd())
        files = [one.path.parent / name for one in services for name in one.unread]
        path = next((file for file in files if os.path.isfile(file)), None)  # noqa: PTH113  no error
    if path is not None:
        return setup_of(system, path)
    for start in (Start(unit), *(Start(service=one) for one in services)):
        setup = setup_of_variables(system, start)
        if setup is not None:
            return setup
    raise none_found(
        "doctor --config FILE", "Look at what is served: pomcert-wizard doctor --connect HOST:443"
    )
