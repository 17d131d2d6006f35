"""Pomerium in a container: the directory of its files is mounted, a Compose file starts it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from wizard.core import validation
from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.flow import Step
from wizard.core.owners import owner_of
from wizard.core.questions import Detected, Kind, Question
from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.pki.material import Material, Settings, Task
from wizard.pomerium.compose import (
    CONFIG,
    FILES,
    INSIDE,
    NONROOT,
    Mount,
    Service,
    find_file,
    here_of,
    new_compose,
    seen_by,
    service_in,
    variables_file,
    volume,
)
from wizard.pomerium.mark import is_ours
from wizard.pomerium.variables import DOCKER
from wizard.targets.base import Delivery
from wizard.targets.configuration import Place
from wizard.targets.delivery import ReadsFiles, deliver, is_all_there
from wizard.targets.output import ROUTE, Defaults, brings_files, is_variables, output
from wizard.targets.overrides import beaten, standing

HTTPS: Final = "443"
TLS: Final = INSIDE / "tls"
KEPT_HERE: Final = b"Pomerium keeps the certificates that it gets by itself here: autocert_dir.\n"
TLS_APART: Final = Path("/pomerium-tls")
_WATCHED: Final = frozenset({".yaml", ".yml", ".json", ".pem", ".crt", ".key"})


class Docker(ReadsFiles):
    """Writes a directory to be mounted, and a Compose file where there is none."""

    info: ClassVar[Info] = Info(
        "docker", "A container", "A Compose file, Pomerium's image, and a directory mounted in it."
    )

    def steps(self, system: System) -> Sequence[Step]:
        """Where the files go, what starts the container, and a first route where there is none."""
        return (
            Step("output", "Output", (*output(_defaults(system)), _compose_question(system))),
            Step("route", "First route", ROUTE),
        )

    def deliver(self, task: Task, material: Material | None, settings: Settings) -> Delivery:
        """The files as the container sees them, and the Compose file or what to add to it."""
        if is_all_there(task, material, settings):
            return deliver(task, material, settings, Place(""))
        answers, system = task.answers, task.system
        compose = _Compose.of(answers, system)
        start = Command(("docker", "compose", "--file", str(compose.path), "up", "--detach"))
        place = Place(
            start.shell(), compose.seen, compose.here, lambda one: f":{_port(one)}", DOCKER
        )
        delivery = deliver(task, material, settings, place)
        said = standing(answers, settings, DOCKER)
        notices = (*delivery.notices, *_notices(answers, compose, said))
        content = _content(compose, answers, system, said)
        made = _made(compose, answers, system)
        if compose.is_theirs:
            steps = (*_to_add(compose, content, _variables(answers)), *delivery.next_steps)
            return Delivery((*delivery.actions, *made), notices, steps)
        actions = (*delivery.actions, *made, *_write(compose, content, system))
        return delivery._replace(actions=actions, notices=notices)


class _Compose(NamedTuple):
    """A Compose file: its path, whether it is somebody's own, its service, and what is mounted.

    `missing` are mounts that the files need and the service lacks.
    """

    path: Path
    is_theirs: bool
    service: Service | None
    mounts: tuple[Mount, ...]
    missing: tuple[Mount, ...]

    @classmethod
    def of(cls, answers: Answers, system: System) -> "_Compose":
        path = Path(os.path.realpath(answers.text("docker.compose")))
        kept = system.keep(path)
        is_theirs = kept is not None and not is_ours(kept.content)
        service = service_in(path) if kept else None
        standing = service.mounts if service and is_theirs else ()
        _refuse_other_config(answers, path, standing)
        missing = _missing(answers, standing)
        return cls(path, is_theirs, service, (*standing, *missing), missing)

    def seen(self, path: Path) -> Path:
        """A path of this machine as the container has it."""
        return seen_by(self.mounts, path) or path

    def here(self, path: Path) -> Path:
        """A path of the container as this machine has it."""
        return here_of(self.mounts, path) or path


def _config(answers: Answers) -> str:
    """The configuration that the container has to see; of variables it sees no file."""
    return "" if is_variables(answers) else answers.text("output.config")


def _variables(answers: Answers) -> Path | None:
    """The file of variables, where there is one."""
    path = answers.text("output.config")
    return Path(path) if path and is_variables(answers) else None


def _refuse_other_config(answers: Answers, path: Path, standing: Sequence[Mount]) -> None:
    config, mounted = _config(answers), here_of(standing, CONFIG)
    if config and mounted and seen_by(standing, Path(config)) is None:
        raise UsageError(
            "config-not-mounted",
            f"output.config: {path} has Pomerium read {mounted}, and does not mount {config}.",
            f"Give {mounted}, or name another Compose file (docker.compose).",
        )


def _missing(answers: Answers, standing: Sequence[Mount]) -> tuple[Mount, ...]:
    """The directories to mount for the configuration and the certificate to be seen."""
    directory, config = Path(answers.text("output.directory")), _config(answers)
    found: list[Mount] = []
    if config and seen_by(standing, Path(config)) is None:
        found.append(Mount(Path(config).parent, INSIDE))
    if not brings_files(answers):
        return (*found, *_kept(answers, standing))
    if seen_by((*standing, *found), directory) is None:
        # Inside a mounted directory that is only read no place can be made for another.
        is_taken = any(mount.inside == INSIDE for mount in (*standing, *found))
        found.append(Mount(directory, TLS_APART if is_taken else TLS))
    return tuple(found)


def _kept(answers: Answers, standing: Sequence[Mount]) -> tuple[Mount, ...]:
    """Where Pomerium keeps its own certificates, which have to outlive the container."""
    directory = answers.text("autocert.directory")
    if "://" in directory or here_of(standing, Path(directory)):
        return ()
    folder = Path(answers.text("output.config") or answers.text("docker.compose")).parent
    return (Mount(folder.with_name(f"{folder.name}-autocert"), Path(directory), is_written=True),)


def _made(compose: _Compose, answers: Answers, system: System) -> tuple[WriteFile, ...]:
    """Directories that Pomerium writes, made for its user: Compose would give them to root."""
    return tuple(
        WriteFile(
            mount.here / "README",
            "directory for Pomerium's own certificates",
            f"The container writes it as {mount.inside}. They outlive the container there.",
            lambda: KEPT_HERE,
            owner=owner_of(answers.text("output.owner"), system),
            directory_mode=0o700,
        )
        for mount in compose.missing
        if mount.is_written and system.keep(mount.here / "README") is None
    )


def _defaults(system: System) -> Defaults:
    """Where a Compose file here has things; else below a directory of their own."""

    def service() -> Service | None:
        path = find_file(_folder(system))
        return service_in(path) if path else None

    def config(_answers: Answers) -> str | Detected:
        found = service()
        mounted = here_of(found.mounts, CONFIG) if found else None
        if found and mounted:
            return Detected(str(mounted), f"mounted by {found.path}")
        return str(_folder(system) / "pomerium" / CONFIG.name)

    def directory(_answers: Answers) -> str | Detected:
        found = service()
        mounted = here_of(found.mounts, TLS) if found else None
        if found and mounted:
            return Detected(str(mounted), f"mounted by {found.path}")
        return str(_folder(system) / "pomerium" / TLS.name)

    def owner(_answers: Answers) -> str | Detected:
        found = service()
        user = found.runs_as if found else str(NONROOT)
        if not system.is_root or not user.isdecimal():
            return ""
        return Detected(user, f"from {found.path}" if found else "the user of Pomerium's image")

    return Defaults(directory, config, owner)


def _folder(system: System) -> Path:
    """The current directory, or the home of the person where that is gone."""
    with suppress(OSError):
        return Path.cwd()
    return system.person.home


def _compose_question(system: System) -> Question:
    def compose(_answers: Answers) -> str | Detected:
        found = find_file(_folder(system))
        return Detected(str(found), "found here") if found else str(_folder(system) / FILES[0])

    return Question(
        "docker.compose",
        Kind.PATH,
        "Which Compose file starts Pomerium?",
        "One that does not exist is made. One of yours stays as it is; you are told what to add.",
        "The directories of the configuration and of the certificate are mounted from this "
        "machine, and Pomerium only reads them.",
        default=compose,
        check=validation.absolute_path,
    )


def _content(
    compose: _Compose, answers: Answers, system: System, standing: Mapping[str, str]
) -> bytes:
    """A Compose file for these answers."""
    owner = owner_of(answers.text("output.owner"), system)
    uid, gid = owner or (system.uid, 0 if system.is_root else system.person.gid)
    config = _config(answers)
    return new_compose(
        compose.path.parent,
        compose.mounts,
        _ports(compose, answers, standing),
        config=compose.seen(Path(config)) if config else None,
        variables=_variables(answers),
        user="" if uid == NONROOT else f"{uid}:{gid}",
    )


def _write(compose: _Compose, content: bytes, system: System) -> tuple[WriteFile, ...]:
    """The Compose file, unless it is as it should be."""
    before = system.keep(compose.path)
    if before is not None and before.content == content:
        return ()
    writable(compose.path)
    person = system.person
    action = WriteFile(
        compose.path,
        "Compose file",
        "Starts Pomerium's image, pinned to a version, as the user who owns the key.",
        lambda: content,
        owner=(person.uid, person.gid) if system.invoked_by_other else None,
        before=before,
        shown=lambda: (before.content.decode() if before else "", content.decode()),
    )
    return (action,)


def _ports(compose: _Compose, answers: Answers, standing: Mapping[str, str]) -> list[str]:
    """What is published: the ports that Pomerium listens on, on the address that was asked for."""
    address = answers.text("output.address")
    inside = [address or standing.get("address") or f":{HTTPS}"]
    inside += filter(None, [standing.get("http_redirect_addr")])
    ports = list(dict.fromkeys(map(_port, inside)))
    before = compose.service.ports if compose.service else ()
    if not address and set(map(_port, before)) == set(ports):
        return list(before)
    host = address.rpartition(":")[0]
    return [f"{host}:{port}:{port}".lstrip(":") for port in ports]


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _to_add(compose: _Compose, content: bytes, variables: Path | None) -> Iterator[NextStep]:
    """What somebody's own Compose file lacks, for them to add."""
    from wizard.pomerium.emitter import dump  # noqa: PLC0415  ruamel.yaml costs 25 ms

    if compose.service is None:
        yield NextStep(
            f"Add to {compose.path}", content.decode().partition("services:\n")[2].rstrip()
        )
        return
    if variables and variables not in {compose.path.parent / one for one in compose.service.unread}:
        where = f"Add to {compose.service.name} in {compose.path}"
        line = dump({"env_file": [variables_file(variables, compose.path.parent)]}).rstrip()
        yield NextStep(where, line)
    if compose.missing:
        volumes = [volume(mount, compose.path.parent) for mount in compose.missing]
        where = f"Add to the volumes of {compose.service.name} in {compose.path}"
        yield NextStep(where, dump(volumes, sequence=2, offset=0).rstrip())


def _notices(answers: Answers, compose: _Compose, standing: Mapping[str, str]) -> Iterator[str]:
    """What the container does to these files without a word."""
    config = _config(answers)
    service = compose.service if compose.is_theirs else None
    variables = {"AUTOCERT_DIR": ("/data/autocert", "Pomerium's image")}
    for mount in () if compose.is_theirs else compose.mounts:
        if mount.is_written:
            variables["AUTOCERT_DIR"] = str(mount.inside), str(compose.path)
    for name, value in (service.environment if service else {}).items():
        variables[name] = (value, str(compose.path))
    if config:
        yield from beaten(variables, standing, config)
    for file in service.unread if service and config else ():
        yield f"{file} in {compose.path} may set variables, which win over {config}."
    host = standing.get("address", "").rpartition(":")[0]
    if (
        config
        and not answers.text("output.address")
        and host in {"127.0.0.1", "localhost", "[::1]"}
    ):
        yield f"`address` in {config} is {host}: inside a container nobody else reaches that."
    for mount in service.mounts if service else ():
        if mount.here.is_file() and mount.here.suffix in _WATCHED:
            yield (
                f"{compose.path} mounts the single file {mount.here}: the container keeps it as it "
                "was at its start. Mount its directory instead."
            )
    if Path(config).parent == compose.path.parent:
        yield f"All of {compose.path.parent} is mounted into the container, for it to read."
