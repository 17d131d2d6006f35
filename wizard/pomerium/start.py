"""What starts Pomerium with a configuration on this machine: its unit, or a Compose file."""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pomerium.compose import INSIDE, Service, find_file, seen_by, services_in
from wizard.pomerium.paths import unread
from wizard.pomerium.unit import Unit, find_unit


class Start(NamedTuple):
    """A unit, or the service of a Compose file; neither where nothing here is known to start it."""

    unit: Unit | None = None
    service: Service | None = None

    @property
    def target(self) -> str:
        """The target whose plan would start it so."""
        return "systemd" if self.unit else "docker" if self.service else "files"

    @property
    def user(self) -> str | None:
        """Who Pomerium runs as, a name or a number, empty for root; None where nothing says it."""
        return self.unit.user if self.unit else self.service.runs_as if self.service else None

    def folder(self, system: System, config: Path) -> Path:
        """Pomerium's current directory; the configuration's own is the best guess where none is."""
        if self.service:
            return INSIDE
        return system.at(self.unit.folder) if self.unit else config.parent


def started(system: System, path: Path) -> Start:
    """What starts Pomerium with this configuration, as far as this machine says it."""
    unit = find_unit(system)
    if unit is not None and _names(unit, path, system):
        return Start(unit)
    with suppress(OSError):
        folders = dict.fromkeys((Path.cwd(), path.parent, path.parent.parent))
        found = [one for folder in folders for one in services_at(folder) if _mounts(one, path)]
        # Of several that see the file, one is started with it.
        started_so = (one for one in found if seen_by(one.mounts, path) == one.config)
        service = next(started_so, next(iter(found), None))
        return Start(service=service)
    return Start()


def services_at(folder: Path) -> tuple[Service, ...]:
    """Those of a directory's Compose file; none where there is none, or it cannot be read."""
    with suppress(WizardError):
        path = find_file(folder)
        return services_in(path) if path else ()
    return ()


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one place."""
    return os.path.realpath(one) == os.path.realpath(other)


def _names(unit: Unit, path: Path, system: System) -> bool:
    told = [unit.config, *(one.removeprefix("-") for one in unit.values("EnvironmentFile"))]
    places = [place for one in told if one for place in (Path(one), system.at(one))]
    return any(is_same(path, place) for place in places)


def _mounts(service: Service, path: Path) -> bool:
    """Whether the container has the configuration, or is started with these variables."""
    if unread(path):
        return any(is_same(path, service.path.parent / one) for one in service.unread)
    return seen_by(service.mounts, path) is not None
