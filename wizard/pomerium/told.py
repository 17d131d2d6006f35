"""What Pomerium is told on this machine: its configuration, variables that win, what starts it."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.errors import UsageError, WizardError
from wizard.core.system import System
from wizard.pomerium import surroundings, variables
from wizard.pomerium.compose import Mount, Service, find_file, here_of, seen_by, service_in
from wizard.pomerium.document import Document, elements, lookup, read, refuse_others, string
from wizard.pomerium.merge import standing
from wizard.pomerium.paths import unread
from wizard.pomerium.settings import MTLS, SETTINGS
from wizard.pomerium.surroundings import Variable
from wizard.pomerium.unit import Unit, find_unit
from wizard.pomerium.variables import DOCKER, MASK, SYSTEMD, TRUE

KNOWN: Final = (*SETTINGS, *MTLS)


class Start(NamedTuple):
    """What starts Pomerium with a configuration: a target, its Compose file, and what it mounts.

    `user` is a name or a number, empty for root, and None where nothing says it.
    """

    target: str
    user: str | None = None
    compose: Path | None = None
    mounts: tuple[Mount, ...] = ()


class Pair(NamedTuple):
    """A certificate and its key as Pomerium is told them, and where they are on this machine.

    `is_here` is no for what only a container has.
    """

    cert: Path
    key: Path | None
    is_here: bool


class Told(NamedTuple):
    """A configuration and the variables around it, which win; `form` is yaml or env.

    `own` has every setting of the file that is one text and not empty, `around` the variable that
    says something else. Both are by the names of `SETTINGS` and `MTLS`, and secrets are masked.
    """

    path: Path
    form: str
    document: Document
    start: Start
    own: Mapping[str, str]
    around: Mapping[str, Variable]

    def text(self, name: str) -> str:
        """A setting, or nothing."""
        variable = self.around.get(name)
        return variable.value if variable else self.own.get(name, "")

    def flag(self, name: str) -> bool:
        """Whether a setting is on, as Pomerium reads it."""
        return self.text(name).lower() in TRUE

    def here(self, path: str) -> Path | None:
        """A path of Pomerium's as this machine has it; a relative one is beside the file."""
        if self.start.target == "docker":
            return here_of(self.start.mounts, Path(path))
        return self.path.parent / path

    def certificates(self) -> tuple[Pair, ...]:
        """Every certificate that is a file, in the order in which Pomerium serves them."""
        listed = elements(lookup(self.document.root, "certificates"))
        texts = [(string(lookup(one, "cert")), string(lookup(one, "key"))) for one in listed]
        texts.append((self.text("certificate_file"), self.text("certificate_key_file")))
        return tuple(self._pair(cert, key or "") for cert, key in texts if cert)

    def _pair(self, cert: str, key: str) -> Pair:
        here, key_here = self.here(cert), self.here(key) if key else None
        unseen = Path(key) if key else None
        return Pair(here or Path(cert), key_here or unseen, is_here=here is not None)


def tell(system: System, path: Path) -> Told:
    """What the configuration at a path, and what surrounds it, tells Pomerium. Reads only.

    A name that ends in .yaml, .yml or .json is of such a file; any other is one of variables.

    Raises:
        UsageError: `config-missing`: there is no such file, or it says nothing;
            `config-half-character`.
        WizardError: what `document.read`, `refuse_others` and `variables.document` raise.
    """
    start = started(system, path)
    by = {"systemd": "systemd", "docker": "compose"}.get(start.target)
    form = "env" if unread(path) else "yaml"
    dialect = DOCKER if start.target == "docker" else SYSTEMD
    document = read(path) if form == "yaml" else variables.document(path, dialect)
    if document is None:
        raise UsageError("config-missing", f"There is no {path}.", "Look at its spelling.")
    refuse_others(document)
    if form == "env" and document.root is None:
        raise UsageError(
            "config-missing",
            f"{path} sets no variable.",
            "Name Pomerium's configuration. One in YAML has a name that ends in .yaml.",
        )
    own, around = {}, {}
    variables_here = surroundings.variables(system, start.compose or path)
    for setting in KNOWN:
        key = setting.name if form == "yaml" else setting.name.replace(".", "_")
        said = standing(document, key, like="") or ""
        variable = variables_here.get(setting.environment or "")
        if variable and variable.value != said and variable.by in {"process", by}:
            hidden = variable._replace(value=MASK)
            around[setting.name] = hidden if setting.secret else variable
        if said:
            own[setting.name] = MASK if setting.secret else str(said)
    told = Told(path, form, document, start, own, around)
    _require_text(told)
    return told


def _require_text(told: Told) -> None:
    """Refuses what YAML can spell and no file can be called: half of a character (a surrogate)."""
    paths = (str(one) for pair in told.certificates() for one in (pair.cert, pair.key))
    for text in (*told.own.values(), *paths):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError(
                "config-half-character",
                f"{told.path} has half of a character in {text!a}.",
                "Write the whole character in UTF-8.",
            ) from None


def started(system: System, path: Path) -> Start:
    """What starts Pomerium with this configuration, as far as this machine says it."""
    unit = find_unit(system)
    if unit is not None and _names(unit, path, system):
        return Start("systemd", unit.user)
    with suppress(OSError):
        for folder in dict.fromkeys((Path.cwd(), path.parent, path.parent.parent)):
            service = _service(folder)
            if service is not None and _mounts(service, path):
                return Start("docker", service.runs_as, service.path, service.mounts)
    return Start("files")


def _names(unit: Unit, path: Path, system: System) -> bool:
    told = [unit.config, *(one.removeprefix("-") for one in unit.values("EnvironmentFile"))]
    places = [place for one in told if one for place in (Path(one), system.at(one))]
    return any(_is_same(path, place) for place in places)


def _service(folder: Path) -> Service | None:
    path = find_file(folder)
    # A file that cannot be read is not ours to judge, and starts nothing that is known.
    with suppress(WizardError):
        return service_in(path) if path else None
    return None


def _mounts(service: Service, path: Path) -> bool:
    """Whether the container has the configuration, or is started with these variables."""
    files = [service.path.parent / one for one in service.unread]
    is_mounted = seen_by(service.mounts, path) is not None
    return is_mounted if not unread(path) else any(_is_same(path, one) for one in files)


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
