"""Compose files: the service that runs Pomerium, how it sees the files of this machine, a new one.

Source: the Compose Specification (services, volumes); Pomerium v0.33 Dockerfile-release-nonroot.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from wizard.pomerium.mark import marked
from wizard.pomerium.words import started_with

if TYPE_CHECKING:
    from wizard.pomerium.syntax import Node

FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""What `docker compose` looks for, in this order."""
IMAGE: Final = "pomerium/pomerium:nonroot-v0.33.1"
NONROOT: Final = 65532
"""User and group of the images whose tag begins with nonroot."""
INSIDE: Final = Path("/pomerium")
CONFIG: Final = INSIDE / "config.yaml"
"""What the image is started with when nothing else is said."""
HOMELESS: Final = {"XDG_CACHE_HOME": "/tmp/cache", "XDG_DATA_HOME": "/tmp/data"}  # noqa: S108  in a container
"""Variables for a user whom the image does not know, who has no home to keep a cache in."""
# Texts: `re` compiles them where they are used, and most runs read no Compose file.
_FILLED = (
    r"(?a)\$(?:(?P<dollar>\$)|(?P<bare>\w+)|"
    r"\{(?P<name>\w+)(?::?(?P<how>[-?+])(?P<rest>[^{}]*))?\})"
)
_IMAGE = r"(?:[\w.:-]+/)*pomerium/pomerium(?:[:@]|\Z)"
_IMAGE_LINE = rb"(?m)^[ \t{,]*image:[ \t]*[\"']?(?:[\w.:-]+/)*pomerium/pomerium(?![\w.-])"


class Mount(NamedTuple):
    """A path of this machine, and where a container has it, to read or also to write."""

    here: Path
    inside: Path
    is_written: bool = False


class Service(NamedTuple):
    """The service that runs Pomerium: the file that says so, its mounts, user and variables.

    `config` is what it starts Pomerium with, in the container. `user` is empty where the image
    decides. `unread` are files of variables, which are not read. `elsewhere` are variables that
    Compose has from whoever starts it.
    """

    path: Path
    name: str
    image: str
    mounts: tuple[Mount, ...] = ()
    user: str = ""
    ports: tuple[str, ...] = ()
    environment: Mapping[str, str] = MappingProxyType({})
    unread: tuple[str, ...] = ()
    config: Path = CONFIG
    elsewhere: tuple[str, ...] = ()

    @property
    def runs_as(self) -> str:
        """The user id it runs as, or a name that only the image knows; empty for root."""
        if not self.user:
            return str(NONROOT) if "nonroot" in self.image.rpartition(":")[2] else ""
        name = self.user.partition(":")[0]
        return "" if name in {"0", "root"} else name


def find_file(folder: Path) -> Path | None:
    """The Compose file of a directory that runs Pomerium's image, by a look at its text."""
    for name in FILES:
        with suppress(OSError):
            if re.search(_IMAGE_LINE, (folder / name).read_bytes()):
                return folder / name
    return None


def service_in(path: Path) -> Service | None:
    """The first service of a Compose file that runs Pomerium; None where there is none.

    Raises:
        WizardError: the file is there and cannot be read, or is not YAML.
    """
    return next(iter(services_in(path)), None)


def services_in(path: Path) -> tuple[Service, ...]:
    """The services of a Compose file that run Pomerium: several where it is split.

    Raises:
        WizardError: the file is there and cannot be read, or is not YAML.
    """
    from wizard.pomerium.document import (  # noqa: PLC0415  ruamel.yaml costs 25 ms
        follow,
        lookup,
        read,
        string,
    )

    document = read(path)
    services = lookup(document.root, "services") if document else None
    found: list[Service] = []
    for name, value in services.pairs if services else ():
        node = follow(value)
        image = string(lookup(node, "image")) or ""
        if re.match(_IMAGE, image):
            given = _given(path.parent)
            told = {key: filled(text, given) for key, text in _pairs(lookup(node, "environment"))}
            one = Service(
                path,
                name.value,
                image,
                tuple(_mounts(node, path.parent, given)),
                string(lookup(node, "user")) or "",
                tuple(_texts(lookup(node, "ports"))),
                {key: text for key, text in told.items() if text is not None},
                tuple(_env_files(lookup(node, "env_file"), path.parent)),
                _config(node),
                tuple(key for key, text in told.items() if text is None),
            )
            found.append(one)
    return tuple(found)


def filled(text: str | None, given: Mapping[str, str]) -> str | None:
    """A value with what stands for variables filled in; None where one is not `given`.

    Source: the Compose Specification (interpolation).
    """
    unknown: set[str] = set()

    def value(one: re.Match[str]) -> str:
        name = one["name"] or one["bare"]
        if one["dollar"] or name is None:
            return "$"
        if one["how"] == "+":
            return one["rest"] if given.get(name) else ""
        if name not in given and one["how"] != "-":
            unknown.add(name)
        return given.get(name) or (one["rest"] if one["how"] == "-" else "")

    made = re.sub(_FILLED, value, text) if text is not None else None
    return None if unknown else made


def seen_by(mounts: Sequence[Mount], path: Path) -> Path | None:
    """A path of this machine as a container has it; None where it has it not."""
    fitting = [mount for mount in mounts if path.is_relative_to(mount.here)]
    best = max(fitting, key=lambda mount: len(mount.here.parts), default=None)
    return best.inside / path.relative_to(best.here) if best else None


def here_of(mounts: Sequence[Mount], path: Path) -> Path | None:
    """A path of a container as this machine has it; None where it has it not."""
    return seen_by([Mount(mount.inside, mount.here) for mount in mounts], path)


def new_compose(
    folder: Path,
    mounts: Sequence[Mount],
    ports: Sequence[str],
    *,
    config: Path | None,
    variables: Path | None,
    user: str,
) -> bytes:
    """A Compose file that runs Pomerium.

    Args:
        folder: the directory it is for, to which paths below it are relative.
        mounts: directories of this machine; what is written is autocert's.
        ports: as Compose publishes them, `127.0.0.1:443:443`.
        config: the configuration as the container has it; None leaves the image's own.
        variables: a file of them on this machine, which Compose hands over.
        user: `UID:GID` that can read the files; empty for the image's own.
    """
    from ruamel.yaml.scalarstring import (  # noqa: PLC0415  it costs 25 ms
        DoubleQuotedScalarString as Quoted,
    )

    from wizard.pomerium.emitter import commented, dump  # noqa: PLC0415  as above

    service: dict[str, object] = {"image": IMAGE, "restart": "unless-stopped"}
    if config not in {None, CONFIG}:
        service["command"] = ["--config", str(config)]
    if variables is not None:
        service["env_file"] = [variables_file(variables, folder)]
    environment: dict[str, object] = {}
    if user:
        service["user"] = Quoted(user)
        environment = {**HOMELESS}
    # The image's own would win over the configuration.
    for kept in (one for one in mounts if one.is_written):
        environment["AUTOCERT_DIR"] = str(kept.inside)
    if environment:
        service["environment"] = environment
    service["ports"] = [Quoted(port) for port in ports]
    service["volumes"] = [volume(mount, folder) for mount in mounts]
    start = (
        "Directories are mounted, never single files: those would stay as they were when renewed."
    )
    return marked(dump(commented({"services": {"pomerium": service}}, start, {})).encode())


def volume(mount: Mount, folder: Path) -> dict[str, object]:
    """A mount as Compose wants it. A directory that is missing is an error there."""
    access: dict[str, object] = {} if mount.is_written else {"read_only": True}
    return {
        "type": "bind",
        "source": _relative(mount.here, folder),
        "target": str(mount.inside),
        **access,
        "bind": {"create_host_path": False},
    }


def variables_file(path: Path, folder: Path) -> dict[str, object]:
    """A file of variables as Compose wants it: raw, so that neither quotes nor dollars count."""
    return {"path": _relative(path, folder), "format": "raw"}


def _relative(path: Path, folder: Path) -> str:
    below = f"./{path.relative_to(folder)}" if path.is_relative_to(folder) else str(path)
    return below.replace("$", "$$")


def _given(folder: Path) -> dict[str, str]:
    """What Compose fills in without being told: the variables of `.env`, and its directory."""
    from wizard.pomerium.variables import SYSTEMD  # noqa: PLC0415  only a container needs it

    with suppress(OSError):
        return {"PWD": str(folder), **SYSTEMD.read((folder / ".env").read_text("utf-8", "replace"))}
    return {"PWD": str(folder)}


def _config(service: "Node") -> Path:
    """The configuration that it starts Pomerium with."""
    from wizard.pomerium.document import lookup  # noqa: PLC0415  as above

    for key in ("command", "entrypoint"):
        found = started_with(" ".join(_texts(lookup(service, key))))
        if found:
            return INSIDE / found
    return CONFIG


def _env_files(node: "Node | None", folder: Path) -> Iterator[str]:
    """Files of variables; those that need not be there only if they are."""
    from wizard.pomerium.document import elements, lookup, string  # noqa: PLC0415  as above

    spared = {
        string(lookup(item, "path"))
        for item in elements(node)
        if (string(lookup(item, "required")) or "").lower() == "false"
    }
    for name in _texts(node):
        if name not in spared or os.path.lexists(folder / name):
            yield name


def _mounts(service: "Node", folder: Path, given: Mapping[str, str]) -> Iterator[Mount]:
    """Its bind mounts, written short or long; named volumes are left out."""
    from wizard.pomerium.document import elements, lookup, string  # noqa: PLC0415  as above

    for item in elements(lookup(service, "volumes")):
        if item.kind == "mapping":
            kind, source = string(lookup(item, "type")), string(lookup(item, "source"))
            target = string(lookup(item, "target"))
            source = source if kind == "bind" else None
        else:
            source, _, rest = item.value.partition(":")
            target = rest.partition(":")[0]
        source = filled(source, given)
        if source and target and source[0] in "./":
            yield Mount(Path(os.path.normpath(folder / source)), Path(target))


def _pairs(node: "Node | None") -> Iterator[tuple[str, str | None]]:
    """Variables, as a mapping or a list of NAME=VALUE; None for one that is handed through."""
    from wizard.pomerium.document import elements, follow, string  # noqa: PLC0415  as above

    for key, value in node.pairs if node else ():
        yield key.value, string(follow(value))
    for item in elements(node):
        name, equals, text = item.value.partition("=")
        yield name, text if equals else None


def _texts(node: "Node | None") -> Iterator[str]:
    """One text, a list of them, or of mappings with a path."""
    from wizard.pomerium.document import elements, lookup, string  # noqa: PLC0415  as above

    if text := string(node):
        yield text
    for item in elements(node):
        if text := string(item) or string(lookup(item, "path")):
            yield text
