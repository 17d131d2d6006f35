"""How Pomerium is run here, seen without changing anything: what it reads, where, and as whom."""

import base64
import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.errors import UsageError, WizardError
from wizard.core.files import file_error
from wizard.core.system import Kept, System
from wizard.doctor.readers import User
from wizard.pomerium import surroundings, variables
from wizard.pomerium.compose import INSIDE, Mount, Service, find_file, here_of, service_in
from wizard.pomerium.detect import find_config
from wizard.pomerium.document import Document, lookup, read, string
from wizard.pomerium.paths import unread
from wizard.pomerium.syntax import Node
from wizard.pomerium.told import KNOWN, Start, started
from wizard.pomerium.unit import Unit, find_unit
from wizard.pomerium.variables import DOCKER, SYSTEMD, Dialect

LARGEST: Final = 1 << 26
"""Bytes of a file that is read; revocation lists of large authorities take some of it."""
VARIABLES: Final = {one.name: one.environment for one in KNOWN}


class Said(NamedTuple):
    """What a setting says, and where; `by` is who sets a variable, empty for a file's own."""

    text: str
    file: str
    line: int = 0
    by: str = ""

    def __repr__(self) -> str:
        # It may be a secret.
        return f"Said(in {self.file}, line {self.line})"


class Source(NamedTuple):
    """A setting that holds base64, or names a file; without text it is missing."""

    setting: str
    said: Said
    is_inline: bool = False

    @property
    def where(self) -> str:
        """What a sentence calls it: its file, or the setting."""
        return f"`{self.setting}`" if self.is_inline or not self.said.text else self.said.text

    def content(self, setup: "Setup") -> bytes:
        """The bytes.

        Raises:
            WizardError: `not-base64`, or of the file, see `Setup.content`.
        """
        if not self.is_inline:
            return setup.content(self.said).content
        data = decoded(self.said.text)
        if data is None:
            raise WizardError(
                "not-base64",
                f"`{self.setting}` is not base64; Pomerium does not start with it.",
                f"Encode the file: base64 -w0 FILE. Or name the file in `{self.setting}_file`.",
            )
        return data


def decoded(text: str) -> bytes | None:
    """What base64 says, as Go reads it, which passes over line ends; None where it is none."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except ValueError:
        return None


class Setup(NamedTuple):
    """What Pomerium is started with.

    `document` is the configuration, empty where variables hold everything. `variables` win over
    it. `folder` is Pomerium's current directory; `mounts` are what a container sees. `user` is who
    it runs as, None where that is not known. `unread` are files of variables that were not read.
    It has no lines where it was put together from variables.
    """

    system: System
    config: Path
    document: Document
    variables: Mapping[str, Said]
    folder: Path
    mounts: tuple[Mount, ...] = ()
    user: User | None = None
    unread: tuple[str, ...] = ()
    has_lines: bool = True

    def said(self, name: str) -> Said | None:
        """A setting of Pomerium by its name, dotted below the top; None where nothing sets it."""
        variable = VARIABLES.get(name)
        if variable and variable in self.variables:
            return self.variables[variable]
        table, _, leaf = name.rpartition(".")
        root = self.document.root
        return self.at(lookup(lookup(root, table) if table else root, leaf))

    def source(self, name: str) -> Source | None:
        """What a setting holds, or else the file that its twin `NAME_file` names."""
        inline, file = self.said(name), self.said(f"{name}_file")
        if inline is not None:
            return Source(name, inline, is_inline=True)
        return Source(f"{name}_file", file) if file is not None else None

    def at(self, node: Node | None) -> Said | None:
        """What a node of the configuration says; None where it says nothing."""
        text = string(node)
        if node is None or not text:
            return None
        return Said(text, self.document.name, node.line if self.has_lines else 0)

    def is_on(self, name: str) -> bool:
        """Whether a setting is set to what Pomerium takes for yes."""
        said = self.said(name)
        return said is not None and said.text.lower() in variables.TRUE

    @property
    def services(self) -> frozenset[str]:
        """What this Pomerium is, of its services; `all` where it is all of them."""
        said = self.said("services")
        words = said.text.lower().split(",") if said else ["all"]
        return frozenset(word.strip() for word in words)

    def here(self, text: str) -> Path:
        """A path as Pomerium is given it, on this machine.

        Raises:
            WizardError: `file-not-mounted`.
        """
        path = self.folder / text
        if not self.mounts:
            return path
        found = here_of(self.mounts, path)
        if found is None:
            raise WizardError(
                "file-not-mounted",
                f"{text} is not mounted into the container, as far as the Compose file says.",
                "Mount the directory that holds it, unless a volume does.",
            )
        return found

    def top(self, path: Path) -> Path:
        """The directory above which nothing keeps Pomerium from a file: a container's mount."""
        inside = [mount.here for mount in self.mounts if path.is_relative_to(mount.here)]
        return max(inside, key=lambda one: len(one.parts), default=Path("/"))

    def content(self, said: Said) -> Kept:
        """The file that a setting names.

        Raises:
            WizardError: `file-missing`, `not-a-file`, `file-not-mounted`, or it cannot be read.
        """
        path = self.here(said.text)
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise self._missing(said) from None
        except OSError as error:
            raise _closed(error, path) from None
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise WizardError(
                "not-a-file",
                f"{said.text} is no file that could hold it.",
                "Name the file itself.",
            )
        try:
            kept = self.system.keep(path)
        except WizardError as error:
            raise _as_root(error) from None
        if kept is None:
            raise self._missing(said)
        return kept

    def _missing(self, said: Said) -> WizardError:
        hint = "Put it there, or correct the path."
        if not said.text.startswith("/"):
            hint = f"Write the path from the root: Pomerium looks below {self.folder}."
        return WizardError(
            "file-missing", f"There is no {said.text}; Pomerium does not start without it.", hint
        )


def find(system: System, given: Path | None) -> Setup:
    """Pomerium's setup on this machine, around the configuration that is given or found.

    Raises:
        UsageError: `config-missing`.
        WizardError: the configuration cannot be read, or is none.
    """
    unit = find_unit(system)
    path = given or _config(system, unit)
    if path is None:
        return _without_file(system, unit)
    start = started(system, path)
    dialect = DOCKER if start.target == "docker" else SYSTEMD
    document = variables.document(path, dialect) if unread(path) else read(path)
    if document is None:
        raise UsageError("config-missing", f"There is no {path}.", "Look at its spelling.")
    setup = _setup(system, path, document, start, unit)
    if not unread(path):
        return setup
    own = _variables(path, dialect)
    return setup._replace(variables={**own, **setup.variables}, has_lines=False)


def _without_file(system: System, unit: Unit | None) -> Setup:
    """The setup of a Pomerium that is started with variables alone."""
    service = _service_here()
    if unit is not None and unit.environment:
        path, start = unit.path, Start("systemd", unit.user)
    elif service is not None and service.environment:
        path = service.path
        start = Start("docker", service.runs_as, path, service.mounts)
    else:
        raise UsageError(
            "config-missing",
            "No configuration of Pomerium was found on this machine.",
            "Name it: pomcert-wizard doctor --config FILE. A package keeps its own in "
            "/etc/pomerium, where only root may look.",
        )
    around = _around(system, path, start)
    document = variables.document_of({name: one.text for name, one in around.items()}, path)
    return _setup(system, path, document, start, unit)._replace(has_lines=False)


def _setup(
    system: System, path: Path, document: Document, start: Start, unit: Unit | None
) -> Setup:
    unit = unit if start.target == "systemd" else None
    folder = INSIDE if start.target == "docker" else Path.cwd()
    if unit is not None:
        folder = system.at(unit.value("WorkingDirectory") or "/")
    around = _around(system, path, start)
    files = list(unit.unread) if unit else []
    service = service_in(start.compose) if start.compose else None
    if service is not None:
        its, files = _env_files(service, path)
        around |= its
    return Setup(
        system,
        path,
        document,
        around,
        folder,
        start.mounts,
        User.known(start.user) if start.user is not None else None,
        tuple(map(str, files)),
    )


def _env_files(service: Service, config: Path) -> tuple[dict[str, Said], list[Path]]:
    """The variables of a container's files, but for those that it is given itself.

    Also the files that cannot be read.
    """
    found: dict[str, Said] = {}
    unread: list[Path] = []
    for file in (service.path.parent / name for name in service.unread):
        if _is_same(file, config):
            continue
        try:
            found |= _variables(file, DOCKER)
        except OSError:
            unread.append(file)
    its = {name: one for name, one in found.items() if name not in service.environment}
    return {name: one._replace(by="env_file") for name, one in its.items()}, unread


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _around(system: System, path: Path, start: Start) -> dict[str, Said]:
    """The variables of this process, and of what starts Pomerium with this configuration."""
    who = {"process", {"systemd": "systemd", "docker": "compose"}.get(start.target)}
    found = surroundings.variables(system, start.compose or path)
    return {
        name: Said(one.value, one.where, by=one.by) for name, one in found.items() if one.by in who
    }


def _config(system: System, unit: Unit | None) -> Path | None:
    """Where the unit, this machine or a Compose file of the current directory has it."""
    if unit is not None and unit.config:
        path = system.at(unit.config)
        if os.path.isfile(path):  # noqa: PTH113  unlike Path.is_file it raises nothing
            return path
    found = find_config(system)
    service = _service_here() if found is None else None
    files = [service.path.parent / name for name in service.unread] if service else []
    return found or next((file for file in files if file.is_file()), None)


def _service_here() -> Service | None:
    """The service of a Compose file of the current directory."""
    with contextlib.suppress(WizardError, OSError):
        file = find_file(Path.cwd())
        return service_in(file) if file else None
    return None


def _variables(path: Path, dialect: Dialect) -> dict[str, Said]:
    """The variables of a file, each with its line."""
    text = path.read_bytes().decode(errors="replace")
    return {
        one.name: Said(one.value, str(path), text.count("\n", 0, one.start) + 1)
        for one in dialect.assignments(text)
        if one.value
    }


def _closed(error: OSError, path: Path) -> WizardError:
    return _as_root(file_error(error, "read", path))


def _as_root(error: WizardError) -> WizardError:
    is_closed = error.code == "permission-denied"
    hint = "Run the doctor as root to have it looked at." if is_closed else error.hint
    return WizardError(error.code, error.summary, hint)
