"""Finding Pomerium's configuration on this machine, and what a certificate for it must cover."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Detected
from wizard.core.system import System
from wizard.pki import names
from wizard.pomerium.cluster import certified, find_manifest, folders
from wizard.pomerium.compose import Mount, Service, find_file, here_of, service_in
from wizard.pomerium.unit import Unit, find_unit

PACKAGED: Final = "/etc/pomerium/config.yaml"
VARIABLES: Final = "pomerium.env"
"""How the wizard names a file of variables."""
_WITH_ROUTES = rb"(?m)^[ \t]*(ROUTES|POLICY)="


def detect_target(system: System) -> Detected | None:
    """Where Pomerium runs on this machine; a plain user cannot write what a service reads."""
    unit = find_unit(system) if system.is_root else None
    if unit is not None:
        return Detected("systemd", f"{unit.path} is here")
    with contextlib.suppress(OSError):
        compose = find_file(Path.cwd())
        if compose is not None:
            return Detected("docker", f"{compose} runs it")
        manifest = next(filter(None, map(find_manifest, folders())), None)
        return Detected("kubernetes", f"{manifest} is for it") if manifest else None
    return None


def find_config(system: System) -> Path | None:
    """Pomerium's configuration: its packages' one, the current directory's, the person's own.

    The current directory's is config.yaml, or what a Compose file there mounts into Pomerium.

    What a plain user may not look at counts as not there: the package closes its directory.
    """
    packaged = system.at(PACKAGED)
    if os.path.isfile(packaged):  # noqa: PTH113  unlike Path.is_file it raises nothing
        return packaged
    with contextlib.suppress(OSError):
        here = Path("config.yaml").absolute()
        if here.is_file() and b"\nroutes:" in b"\n" + here.read_bytes():
            return here
    service = _service()
    mounted = here_of(service.mounts, service.config) if service else None
    if mounted is not None and os.path.isfile(mounted):  # noqa: PTH113  as above
        return mounted
    # Somebody without a home has none there.
    with contextlib.suppress(OSError, UsageError):
        own = system.xdg("XDG_CONFIG_HOME", ".config") / "pomerium/config.yaml"
        if own.is_file():
            return own
    return None


def find_installation(system: System) -> Path | None:
    """What Pomerium is told on this machine: a configuration, or variables that have its routes.

    What the unit, or a Compose file of the current directory, hands over comes first; then what
    `find_config` finds, or a file of variables beside it or where it would be.

    Raises:
        WizardError: `config-of-unit-missing`.
    """
    unit, service = find_unit(system), _service()
    for name in unit.values("EnvironmentFile") if unit else ():
        path = name.removeprefix("-")
        if found := _with_routes(Path(path), system.at(path)):
            return found
    if service and (found := _with_routes(*(service.path.parent / one for one in service.unread))):
        return found
    if started := started_with(system, unit):
        return started
    config = find_config(system)
    folders = [config.parent] if config else [*_folders(system)]
    return _with_routes(*(folder / VARIABLES for folder in folders)) or config


def started_with(system: System, unit: Unit | None) -> Path | None:
    """The configuration that a unit starts Pomerium with; None where nobody may look there.

    Raises:
        WizardError: `config-of-unit-missing`.
    """
    if unit is None or not unit.config:
        return None
    path = system.at(unit.config)
    try:
        path.stat()
    except FileNotFoundError:
        raise WizardError(
            "config-of-unit-missing",
            f"{unit.path} starts Pomerium with {path}, and there is no such file.",
            "Put it there, or correct the path. You can also name another one to be looked at.",
        ) from None
    except OSError:
        return None
    return path


def none_found(named: str, instead: str) -> UsageError:
    """That there is no configuration here; the words of a command that names one.

    A cluster has none, its manifests take that place: `instead` is what to do there.
    """
    with contextlib.suppress(OSError):
        manifest = next(filter(None, map(find_manifest, folders())), None)
        if manifest is not None:
            return UsageError(
                "config-missing",
                f"{manifest} is for a cluster, where Pomerium has no configuration in a file.",
                instead,
            )
    return UsageError(
        "config-missing",
        "No configuration of Pomerium was found on this machine.",
        f"Name it: pomcert-wizard {named}. A package keeps its own in /etc/pomerium, where only "
        "root may look.",
    )


def _folders(system: System) -> Iterator[Path]:
    """Where the wizard puts a configuration when there is none."""
    yield system.at(PACKAGED).parent
    with contextlib.suppress(OSError):
        yield from (Path.cwd(), Path.cwd() / "pomerium")
    with contextlib.suppress(UsageError):
        yield system.xdg("XDG_CONFIG_HOME", ".config") / "pomerium"


def _with_routes(*paths: Path) -> Path | None:
    """The first file of variables that has Pomerium's routes."""
    for path in paths:
        with contextlib.suppress(OSError):
            if os.path.isfile(path) and re.search(_WITH_ROUTES, path.read_bytes()):  # noqa: PTH113
                return path
    return None


def detect_names(
    system: System, fits: Callable[[Sequence[str]], bool] = lambda _: True
) -> Detected | None:
    """Certificate names that cover the routes of the configuration found, if there are any.

    The first of these that `fits`: those of a certificate that it lists and that covers the routes,
    so that the names that were chosen for it are proposed again, and a second run has nothing to
    do; the fewest that cover them; every host without a star.
    """
    path = find_config(system)
    if path is None:
        found, manifest = certified(system)
        return Detected(found, f"from {manifest}") if found and fits(found) else None
    if not os.access(path, os.R_OK):
        return None
    from wizard.pomerium import config, routes  # noqa: PLC0415  ruamel.yaml costs 25 ms

    document = config.read(path)
    if document is None:
        return None
    mounts = _mounts()

    def covered(path: Path) -> tuple[str, ...] | None:
        return names_at(here_of(mounts, path) or path, system=system)

    standing = config.serving_all(document, covered) or ()
    if standing and fits(standing):
        return Detected(standing, f"from the certificate in {path}")
    fewest = routes.propose_names(routes.hosts(document), names.is_public_suffix)
    for found in (fewest, routes.autocert_hosts(document)[: names.MOST_NAMES]):
        proposed = tuple(name for name in found if names.problem(name) is None)
        if proposed and fits(proposed):
            return Detected(proposed, f"from the routes in {path}")
    return None


def _mounts() -> tuple[Mount, ...]:
    """What a Compose file of the current directory mounts into Pomerium, if it can be read."""
    service = _service()
    return service.mounts if service else ()


def _service() -> Service | None:
    with contextlib.suppress(OSError, WizardError):
        path = find_file(Path.cwd())
        return service_in(path) if path else None
    return None


def names_at(path: Path, *, system: System) -> tuple[str, ...] | None:
    """The DNS names of the certificate that a configuration mentions, if it can be read."""
    content = content_at(path, system=system)
    if content is None:
        return None
    from wizard.pki import chain  # noqa: PLC0415  only a configuration with others needs it

    try:
        return chain.names_of(chain.read(content, str(path))[0])
    except WizardError:
        return None


def content_at(path: Path, *, system: System) -> bytes | None:
    """What a file holds that a configuration mentions, if it can be read."""
    # A pipe or a device may never end; unlike Path.is_file this takes any path.
    if not os.path.isfile(path):  # noqa: PTH113
        return None
    try:
        kept = system.keep(path)
    except WizardError:
        return None
    return kept.content if kept is not None else None
