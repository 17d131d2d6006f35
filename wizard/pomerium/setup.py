"""How Pomerium is set up on this machine: its configuration, variables that win, what starts it."""

import base64
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.errors import UsageError, WizardError
from wizard.core.files import file_error
from wizard.core.system import Kept, System
from wizard.pomerium import surroundings, variables
from wizard.pomerium.compose import Mount, Service, here_of
from wizard.pomerium.document import Document, elements, lookup, read, refuse_others, string, walk
from wizard.pomerium.paths import is_content, unread
from wizard.pomerium.routes import ROUTE_LISTS
from wizard.pomerium.settings import MTLS, SETTINGS
from wizard.pomerium.start import Start, is_same, started
from wizard.pomerium.syntax import Node
from wizard.pomerium.variables import DOCKER, SYSTEMD, TRUE, Dialect

LARGEST: Final = 1 << 26
"""Bytes of a file that is read; revocation lists of large authorities take some of it."""
KNOWN: Final = (*SETTINGS, *MTLS)
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


class Pair(NamedTuple):
    """A certificate and its key as the configuration names them; one of them may be missing."""

    cert: Source
    key: Source

    @property
    def place(self) -> Said:
        """Where it stands."""
        return self.cert.said if self.cert.said.text else self.key.said


class Setup(NamedTuple):
    """What Pomerium is started with.

    `document` is the configuration, or stands for the variables where these are all there is.
    `variables` win over it. `folder` is Pomerium's current directory. `unread` are files of
    variables that were not read. `form` is yaml, or env for variables.
    """

    system: System
    config: Path
    form: str
    document: Document
    start: Start
    variables: Mapping[str, Said]
    folder: Path
    unread: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        # Variables and settings may be secrets.
        return f"Setup({self.config})"

    @property
    def has_lines(self) -> bool:
        """Whether the lines of the document are those of a file."""
        return self.form == "yaml"

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What a container sees of this machine."""
        return self.start.service.mounts if self.start.service else ()

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Variables that a container has from whoever starts it, so that nothing says them here."""
        return self.start.service.elsewhere if self.start.service else ()

    def said(self, name: str) -> Said | None:
        """A setting of Pomerium by its name, dotted below the top; None where nothing sets it."""
        return self.variables.get(VARIABLES.get(name) or "") or self.own(name)

    def own(self, name: str) -> Said | None:
        """What the configuration itself says of a setting, whatever wins over it."""
        name = name if self.has_lines else name.replace(".", "_")
        table, _, leaf = name.rpartition(".")
        root = self.document.root
        return self.at(lookup(lookup(root, table) if table else root, leaf))

    def text(self, name: str) -> str:
        """What a setting says, or nothing."""
        said = self.said(name)
        return said.text if said else ""

    def is_on(self, name: str) -> bool:
        """Whether a setting is set to what Pomerium takes for yes."""
        return self.text(name).lower() in TRUE

    @property
    def routed(self) -> Document:
        """The configuration whose routes count: those of a variable win over those of a file."""
        said = [self.variables.get(name.upper()) for name in ROUTE_LISTS]
        if not self.has_lines or not any(said):
            return self.document
        names = (*ROUTE_LISTS, "services", "authenticate_service_url")
        return variables.document_of({name: self.text(name) for name in names}, self.config)

    def overridden(self) -> Iterator[tuple[str, int, str, Said]]:
        """Settings of the configuration that a variable takes the word from, with another value.

        Each with its line, the variable's name, and what that says.
        """
        for setting in KNOWN:
            own, said = self.own(setting.name), self.said(setting.name)
            if own and said and said.by and said.text != own.text:
                yield setting.name, own.line, setting.environment or "", said
        for name in ROUTE_LISTS if self.has_lines else ():
            node, said = lookup(self.document.root, name), self.variables.get(name.upper())
            if node and node.items and said and said.by:
                yield name, node.line, name.upper(), said

    def source(self, name: str) -> Source | None:
        """What a setting holds, or else the file that its twin `NAME_file` names."""
        inline, file = self.said(name), self.said(f"{name}_file")
        if inline is not None:
            return Source(name, inline, is_inline=True)
        return Source(f"{name}_file", file) if file is not None else None

    def pairs(self) -> Iterator[Pair]:
        """The certificates that are listed, in the order in which Envoy gets them."""
        nowhere = Said("", self.document.name)

        def pair(cert: str, key: str, *, is_inline: bool) -> Iterator[Pair]:
            found, its = self.said(cert), self.said(key)
            if found or its:
                yield Pair(
                    Source(cert, found or nowhere, is_inline=is_inline),
                    Source(key, its or nowhere, is_inline=is_inline),
                )

        yield from pair("certificate", "certificate_key", is_inline=True)
        for item in elements(lookup(self.document.root, "certificates")):
            here = nowhere._replace(line=item.line)
            cert, key = (self.at(lookup(item, name)) or here for name in ("cert", "key"))
            yield Pair(Source("cert", cert), Source("key", key))
        yield from pair("certificate_file", "certificate_key_file", is_inline=False)

    def at(self, node: Node | None) -> Said | None:
        """What a node of the configuration says; None where it says nothing."""
        text = string(node)
        if node is None or not text:
            return None
        return Said(text, self.document.name, node.line if self.has_lines else 0)

    @property
    def services(self) -> frozenset[str]:
        """What this Pomerium is, of its services; `all` where it is all of them."""
        words = (self.text("services") or "all").lower().split(",")
        return frozenset(word.strip() for word in words)

    def here(self, text: str) -> Path:
        """A path as Pomerium is given it, on this machine.

        Raises:
            WizardError: `file-not-mounted`.
        """
        path = self.folder / text
        found = here_of(self.mounts, path) if self.start.service else path
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
        if is_content(said.text):
            # It may be a secret, so it is not quoted.
            raise WizardError(
                "file-missing",
                "A certificate, key or secret itself stands where the path of its file belongs; "
                "Pomerium does not start with it.",
                "Write it into a file, and name that.",
            )
        path = self.here(said.text)
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            raise self._missing(said) from None
        except OSError as error:
            raise _as_root(file_error(error, "read", path)) from None
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
            if self.start.target == "files":
                hint = "Write the path from the root: Pomerium looks where it was started."
        return WizardError(
            "file-missing", f"There is no {said.text}; Pomerium does not start without it.", hint
        )


def setup_of(system: System, path: Path) -> Setup:
    """How Pomerium is set up with the configuration at a path. Reads only.

    A name that ends in .yaml, .yml or .json is of such a file; any other is one of variables.

    Raises:
        UsageError: `config-missing`: there is no such file, or it says nothing;
            `config-half-character`.
        WizardError: `config-name`; what `document.read`, `refuse_others` and `variables.document`
            raise.
    """
    start = started(system, path)
    form = "env" if unread(path) else "yaml"
    dialect = DOCKER if start.service else SYSTEMD
    if form == "env" and start.unit and is_same(path, system.at(start.unit.config)):
        raise WizardError(
            "config-name",
            unread(path)[0],
            f"Give it another name, and have {start.unit.path} start Pomerium with that.",
        )
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
    own = _variables(path, dialect) if form == "env" else {}
    folder = start.folder(system, path)
    setup = _around(Setup(system, path, form, document, start, own, folder))
    _whole(setup.routed)
    return setup


def setup_of_variables(system: System, start: Start) -> Setup | None:
    """The setup of a Pomerium that is started with variables alone; None where there are none.

    Raises:
        WizardError: their routes cannot be read.
    """
    its = start.unit or start.service
    if its is None or not its.environment:
        return None
    folder = start.folder(system, its.path)
    empty = variables.document_of({}, its.path)
    setup = _around(Setup(system, its.path, "env", empty, start, {}, folder))
    said = {name: one.text for name, one in setup.variables.items()}
    return setup._replace(document=_whole(variables.document_of(said, its.path)))


def _around(setup: Setup) -> Setup:
    """With the variables of this process, and of what starts Pomerium with this configuration."""
    _whole(setup.document)
    service, unit = setup.start.service, setup.start.unit
    found = surroundings.given(setup.system, service, unit)
    around = {name: Said(one.value, one.where, by=one.by) for name, one in found.items()}
    unseen = unit.unread if unit else ()
    if service is not None:
        its, unseen = _env_files(service, setup.config)
        around |= its
    # What starts Pomerium may hand over this very file; a line is known here alone.
    own = {
        name: one
        for name, one in setup.variables.items()
        if name not in around or is_same(Path(one.file), Path(around[name].file))
    }
    return setup._replace(variables={**around, **own}, unread=unseen)


def _whole(document: Document) -> Document:
    """Refuses what YAML can spell and no file can be called: half of a character (a surrogate)."""
    for node in walk(document.root) if document.root else ():
        try:
            node.value.encode()
        except UnicodeEncodeError:
            raise UsageError(
                "config-half-character",
                f"{document.name} has half of a character in {node.value!a}.",
                "Write the whole character in UTF-8.",
            ) from None
    return document


def _env_files(service: Service, config: Path) -> tuple[dict[str, Said], tuple[Path, ...]]:
    """The variables of a container's files, but for those that it is given itself.

    Also the files that cannot be read.
    """
    found: dict[str, Said] = {}
    unseen: list[Path] = []
    for file in (service.path.parent / name for name in service.unread):
        if is_same(file, config):
            continue
        try:
            found |= _variables(file, DOCKER)
        except OSError:
            unseen.append(file)
    its = {name: one for name, one in found.items() if name not in service.environment}
    return {name: one._replace(by="env_file") for name, one in its.items()}, tuple(unseen)


def _variables(path: Path, dialect: Dialect) -> dict[str, Said]:
    """The variables of a file, each with its line."""
    text = path.read_bytes().decode(errors="replace")
    return {
        one.name: Said(one.value, str(path), text.count("\n", 0, one.start) + 1)
        for one in dialect.assignments(text)
        if one.value
    }


def _as_root(error: WizardError) -> WizardError:
    is_closed = error.code == "permission-denied"
    hint = "Run as root to have it looked at." if is_closed else error.hint
    return WizardError(error.code, error.summary, hint)
