"""Variables that Pomerium is started with here: each one wins over the setting in its file."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pomerium.compose import Service, find_file, service_in
from wizard.pomerium.unit import Unit, find_unit

IN_THE_IMAGE: Final = {"AUTOCERT_DIR": "/data/autocert"}
"""What Pomerium's own image sets (its Dockerfile)."""
MEANT: Final = re.compile(r"AUTOCERT(_|$)|HTTP_REDIRECT_ADDR$")


class Variable(NamedTuple):
    """A variable, its value, and where it is set; `by` is systemd, compose or process."""

    name: str
    value: str
    where: str
    by: str


def variables(system: System, config: Path) -> dict[str, Variable]:
    """What the unit, a compose file beside the configuration, or this process's own variables set.

    Whoever starts the wizard where Pomerium is started, as in a container, has its variables.
    """
    return given(system, _compose(config.parent), find_unit(system))


def given(system: System, service: Service | None, unit: Unit | None) -> dict[str, Variable]:
    """What this process's own variables, a container's and a unit's set."""
    own = Variable("", "", "the environment of this process", "process")
    # Of a shell's own variables only those that are surely meant for Pomerium count.
    meant = {name: value for name, value in system.env.items() if MEANT.match(name)}
    found = {name: own._replace(name=name, value=value) for name, value in meant.items()}
    for one in (*_of_service(service), *_of_unit(unit)):
        found[one.name] = one
    return {name: one for name, one in found.items() if one.value}


def _of_unit(unit: Unit | None) -> Iterator[Variable]:
    for name, (value, file) in unit.environment.items() if unit else ():
        yield Variable(name, value, str(file), "systemd")


def _compose(folder: Path) -> Service | None:
    path = find_file(folder)
    # A file that cannot be read is not ours to judge, and nothing is known of it.
    with suppress(WizardError):
        return service_in(path) if path else None
    return None


def _of_service(service: Service | None) -> Iterator[Variable]:
    if service is None:
        return
    for name, value in IN_THE_IMAGE.items():
        yield Variable(name, value, f"the image that {service.path} names", "compose")
    for name, value in service.environment.items():
        yield Variable(name, value, str(service.path), "compose")
