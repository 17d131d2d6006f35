"""Variables that Pomerium is started with here: each one wins over the setting in its file."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pomerium.document import Document, lookup, parse, string

UNITS: Final = ("/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system")
"""Where units lie (systemd.unit(5)), the one that wins last."""
UNIT: Final = "pomerium.service"
COMPOSE: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
IMAGE: Final = re.compile(r"(^|/)pomerium/pomerium(:|@|$)")
IN_THE_IMAGE: Final = {"AUTOCERT_DIR": "/data/autocert"}
"""What Pomerium's own image sets (its Dockerfile)."""
MEANT: Final = re.compile(r"AUTOCERT(_|$)|HTTP_REDIRECT_ADDR$")
ASSIGNED: Final = re.compile(r"[A-Z][A-Z0-9_]*")


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
    own = Variable("", "", "the environment of this process", "process")
    # Of a shell's own variables only those that are surely meant for Pomerium count.
    meant = {name: value for name, value in system.env.items() if MEANT.match(name)}
    found = {name: own._replace(name=name, value=value) for name, value in meant.items()}
    for one in (*_compose(system, config.parent), *_unit(system)):
        found[one.name] = one
    return {name: one for name, one in found.items() if one.value}


def _unit(system: System) -> Iterator[Variable]:
    """Environment, EnvironmentFile and UnsetEnvironment of the unit and what is dropped in."""
    found: dict[str, Variable] = {}
    unset: set[str] = set()
    units = [system.at(f"{folder}/{UNIT}") for folder in UNITS]
    whole = [path for path in units if _text(system, path)][-1:]
    dropped = [path for one in units for path in sorted(Path(f"{one}.d").glob("*.conf"))]
    files: list[Path] = []
    for path in (*whole, *dropped):
        for key, value in _settings(_text(system, path)):
            if key == "UnsetEnvironment":
                unset.update(_words(value))
            elif key == "EnvironmentFile":
                files.append(system.at(value.removeprefix("-")))
            elif not value:
                found.clear()
            else:
                found |= {one.name: one for one in _assigned(_words(value), path)}
    for path in files:
        lines = _text(system, path).splitlines()
        words = [
            word for line in lines if not line.lstrip().startswith(("#", ";")) for word in [line]
        ]
        found |= {one.name: one for one in _assigned([_unquoted(word) for word in words], path)}
    yield from (one for name, one in found.items() if name not in unset)


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """The settings of a unit that are about variables; a backslash at the end joins lines."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() in {"Environment", "EnvironmentFile", "UnsetEnvironment"}:
            yield key.strip(), value.strip()


def _assigned(words: list[str], path: Path) -> Iterator[Variable]:
    for word in words:
        name, equals, value = word.partition("=")
        if equals and ASSIGNED.fullmatch(name.strip()):
            yield Variable(name.strip(), value.strip(), str(path), "systemd")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _unquoted(line: str) -> str:
    name, equals, value = line.strip().partition("=")
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return f"{name}{equals}{value[1:-1] if quoted else value}"


def _compose(system: System, folder: Path) -> Iterator[Variable]:
    """What the services of Pomerium's image get in a compose file of this directory."""
    for name in COMPOSE:
        path = folder / name
        text = _text(system, path)
        if "pomerium" not in text:
            continue
        try:
            document = parse(text.encode(), str(path))
        except WizardError:
            # It is not ours to judge, and nothing is known of it.
            continue
        yield from _services(document, path)


def _services(document: Document, path: Path) -> Iterator[Variable]:
    services = lookup(document.root, "services")
    for _, service in services.pairs if services is not None else ():
        if not IMAGE.search(string(lookup(service, "image")) or ""):
            continue
        for name, value in IN_THE_IMAGE.items():
            yield Variable(name, value, f"the image that {path} names", "compose")
        given = lookup(service, "environment")
        pairs = [(key.value, string(value) or "") for key, value in (given.pairs if given else ())]
        items = [string(item) or "" for item in (given.items if given else ())]
        pairs += [(name, value) for name, _, value in (item.partition("=") for item in items)]
        yield from (Variable(name, value, str(path), "compose") for name, value in pairs)


def _text(system: System, path: Path) -> str:
    try:
        kept = system.keep(path)
    except WizardError:
        # Not for us to read: what it sets stays unknown.
        return ""
    return kept.content.decode(errors="replace") if kept else ""
