"""The systemd unit that runs Pomerium: found, and read as systemd puts its files together.

Source: systemd.unit(5), systemd.service(5), systemd.exec(5) of systemd 252.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from wizard.core.system import System
from wizard.pomerium.variables import SYSTEMD
from wizard.pomerium.words import started_with, words

NAME: Final = "pomerium.service"
OWN_DIRECTORY: Final = "/etc/systemd/system"
DIRECTORIES: Final = (
    OWN_DIRECTORY,
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where units of the system are, the strongest first."""
BIND: Final = "CAP_NET_BIND_SERVICE"
SPECIFIERS: Final = {
    "%": "%",
    "n": NAME,
    **dict.fromkeys("NpPj", NAME.partition(".")[0]),
    **dict.fromkeys("iI", ""),
    "u": "root",
    "h": "/root",
    "E": "/etc",
    "t": "/run",
    "S": "/var/lib",
    "C": "/var/cache",
    "L": "/var/log",
}
"""What systemd fills in for `%` and a letter, in a unit of the system."""
_SECTION = r"\[(.+)\]"


class Unit(NamedTuple):
    """The unit: the file that makes it, and every assignment under `[Service]`, in order.

    `environment` is what systemd hands to Pomerium: each variable, its value, and the file that
    sets it. `unread` are files with variables that could not be read.
    """

    path: Path
    service: tuple[tuple[str, str], ...]
    environment: Mapping[str, tuple[str, Path]] = MappingProxyType({})
    unread: tuple[Path, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """What a setting that may be given many times holds; an empty one starts it anew."""
        found: list[str] = []
        for key, value in self.service:
            if key == name:
                found = [*found, value] if value else []
        return tuple(found)

    def value(self, name: str) -> str:
        """What a setting that is given once holds, or nothing."""
        return next((value for key, value in reversed(self.service) if key == name), "")

    @property
    def user(self) -> str:
        """The user that Pomerium runs as; empty for root."""
        name = self.value("User")
        return "" if name in {"root", "0"} else name

    @property
    def config(self) -> str:
        """The configuration that Pomerium is started with, or nothing where it is not told."""
        environment = {name: value for name, (value, _) in self.environment.items()}
        told = started_with(self.value("ExecStart"), environment)
        return os.path.normpath(f"{self.folder}/{told}") if told and told[0] != "/" else told

    @property
    def folder(self) -> str:
        """The directory that Pomerium is started in."""
        path = self.value("WorkingDirectory").removeprefix("-") or "/"
        home = f"~{self.user or 'root'}"
        return os.path.expanduser(home) if path == "~" else path  # noqa: PTH111  it raises nothing

    @property
    def bounds_bind(self) -> bool:
        """Whether its capabilities are bounded, and a low port lies beyond the bounds."""
        return not _capable(self.values("CapabilityBoundingSet"), unset=True)

    @property
    def may_bind(self) -> bool:
        """Whether Pomerium may listen on a port that is root's."""
        is_given = not self.user or _capable(self.values("AmbientCapabilities"), unset=False)
        return is_given and not self.bounds_bind


def find_unit(system: System, without: Path | None = None) -> Unit | None:
    """Pomerium's unit on this machine; None where there is none, or it is masked.

    `without` is a drop-in that is left out.
    """
    if system.platform != "linux":
        return None
    places = [system.at(directory) for directory in DIRECTORIES]
    path = next((place / NAME for place in places if os.path.lexists(place / NAME)), None)
    # A masked unit is a link to /dev/null, or empty. Unlike Path.is_file this raises nothing.
    if path is None or not os.path.isfile(path):  # noqa: PTH113
        return None
    lines: list[tuple[str, str, Path]] = []
    for file in (path, *(one for one in _drop_ins(places) if one != without)):
        with suppress(OSError):
            text = file.read_text("utf-8", "replace")
            if file is path and not text.strip():
                return None
            lines += [(key, _specified(value), file) for key, value in _assignments(text)]
    unit = Unit(path, tuple((key, value) for key, value, _ in lines))
    environment, unread = _environment(unit, lines, system)
    return unit._replace(environment=environment, unread=unread)


def is_running(system: System) -> bool:
    """Whether systemd runs this machine, as sd_booted(3) tells."""
    return system.at("/run/systemd/system").is_dir()


def first_free_port(system: System) -> int:
    """The lowest port that everybody may listen on."""
    path = system.at("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    with suppress(OSError, ValueError):
        return int(path.read_text("ascii"))
    return 1024


def _drop_ins(places: Sequence[Path]) -> list[Path]:
    """The files that change the unit: by name, and of one name the strongest."""
    found: dict[str, Path] = {}
    for folder in ("service.d", f"{NAME}.d"):
        own: dict[str, Path] = {}
        for place in places:
            with suppress(OSError):
                for path in sorted((place / folder).glob("*.conf")):
                    own.setdefault(path.name, path)
        found |= own
    return [found[name] for name in sorted(found)]


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """The assignments under `[Service]`; a line that ends in a backslash goes on in the next."""
    section, rest = "", ""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        whole = rest + line.strip()
        rest = f"{whole[:-1]} " if whole.endswith("\\") else ""
        if rest:
            continue
        if header := re.fullmatch(_SECTION, whole):
            section = header[1]
        elif section == "Service" and "=" in whole:
            key, _, value = whole.partition("=")
            yield key.strip(), value.strip()


def _specified(value: str) -> str:
    return re.sub(r"%(.)", lambda one: SPECIFIERS.get(one[1], one[0]), value)


def _environment(
    unit: Unit, lines: Sequence[tuple[str, str, Path]], system: System
) -> tuple[Mapping[str, tuple[str, Path]], tuple[Path, ...]]:
    """Every variable with its value and its file: those of files win over those of the unit."""
    found: dict[str, tuple[str, Path]] = {}
    for key, value, file in lines:
        if key == "Environment":
            pairs = (word.partition("=") for word in words(value))
            found |= {name: (text, file) for name, equals, text in pairs if equals}
            found = found if value else {}
    unread: list[Path] = []
    for value in unit.values("EnvironmentFile"):
        for path in _files(value, system):
            try:
                text = path.read_text("utf-8", "replace")
            except OSError:
                unread.append(path)
                continue
            found |= {name: (word, path) for name, word in SYSTEMD.read(text).items()}
    gone = {word for value in unit.values("UnsetEnvironment") for word in words(value)}
    kept = {name: it for name, it in found.items() if not {name, f"{name}={it[0]}"} & gone}
    return MappingProxyType(kept), tuple(unread)


def _files(value: str, system: System) -> list[Path]:
    """The files that one `EnvironmentFile=` names; a dash says that it may be missing."""
    path = system.at(value.removeprefix("-"))
    if re.search(r"[*?\[]", path.name):
        return sorted(path.parent.glob(path.name))
    return [] if value.startswith("-") and not os.path.lexists(path) else [path]


def _capable(values: Sequence[str], *, unset: bool) -> bool:
    """Whether a set of capabilities has the one to bind; a line that begins with ~ takes away."""
    if not values:
        return unset
    held = values[0].startswith("~")
    for value in values:
        if BIND in value.removeprefix("~").upper().split():
            held = not value.startswith("~")
    return held
