"""How the services of a split Pomerium are started, in words and lines."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from wizard.core.answers import Answers
from wizard.core.events import NextStep
from wizard.core.owners import owner_of
from wizard.core.system import Command, System
from wizard.mtls.service_settings import CONFIG, INSIDE, Source, Split, copied, named
from wizard.mtls.services import is_here
from wizard.pomerium.compose import HOMELESS, IMAGE, Mount, service_in, volume
from wizard.pomerium.emitter import dump

HTTPS: Final = 443
APART: Final = "TMPDIR=$(mktemp -d) "
"""Pomeriums that share one would remove each other's Envoy (pkg/envoy/extract.go)."""


def steps(answers: Answers, system: System, split: Split, source: Source) -> tuple[NextStep, ...]:
    """What to do once the files are there, in order."""
    if split.in_containers:
        started = _in_containers(answers, system, split, source)
    else:
        started = tuple(_on_machines(split, service, source) for service in split.services)
    route = answers.text("output.route.from")
    return (*started, *([NextStep("Open the first route", route)] if route else []))


def _on_machines(split: Split, service: str, source: Source) -> NextStep:
    folder = split.directory / service
    line = Command(("pomerium", "-config", str(folder / CONFIG))).shell()
    host = split.listening[service].hostname if service in split.listening else ""
    if host and not is_here(host):
        files = ", ".join(map(str, [folder, *named(copied(service, source))]))
        return NextStep(f"Copy {files} to {host}, to the same place, and start {service}", line)
    return NextStep(f"Start {service}", f"{APART}{line}")


def _in_containers(
    answers: Answers, system: System, split: Split, source: Source
) -> tuple[NextStep, ...]:
    """What a Compose file needs: the proxy takes the place of the one that did everything."""
    compose = Path(answers.text("docker.compose"))
    there = service_in(compose)
    name = there.name if there else "pomerium"
    others = split.services[:-1]
    more = [one for one in others if any(named(copied(one, source)))]
    also = f"; what {name} mounts already, {' and '.join(more)} must mount too" if more else ""
    added = {one: _service(answers, system, split, one) for one in others}
    start = Command(("docker", "compose", "--file", str(compose), "up", "--detach"))
    return (
        NextStep(
            f"Make {name} in {compose} the proxy: beside what it mounts already, give it",
            dump(_own(split, "proxy", compose.parent)).rstrip(),
        ),
        NextStep(f"Add to the services of {compose}{also}", dump(added).rstrip()),
        NextStep("Start them", start.shell()),
    )


def _own(split: Split, service: str, folder: Path) -> dict[str, object]:
    mount = Mount(split.directory / service, INSIDE)
    return {
        "command": ["--config", str(INSIDE / CONFIG)],
        "volumes": [volume(mount, folder)],
    }


def _service(answers: Answers, system: System, split: Split, service: str) -> dict[str, object]:
    folder = Path(answers.text("docker.compose")).parent
    owner = owner_of(answers.text("output.owner"), system)
    uid, gid = owner or (system.uid, 0 if system.is_root else system.person.gid)
    port = urlsplit(split.authenticate).port or HTTPS
    return {
        "image": IMAGE,
        "restart": "unless-stopped",
        "user": f"{uid}:{gid}",
        "environment": dict(HOMELESS),
        **({"ports": [f"{port}:{port}"]} if service == "authenticate" else {}),
        **_own(split, service, folder),
    }
