"""Machines on which Pomerium runs in different ways, in one directory each."""

import os
import shutil
from pathlib import Path

from wizard.core import registry
from wizard.core.answers import Answers
from wizard.core.events import Event
from wizard.core.plan import Plan
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session

PACKAGED_UNIT = """\
[Unit]
Description=Pomerium

[Service]
Type=notify
WatchdogSec=30s
ExecStart=/usr/sbin/pomerium -config /etc/pomerium/config.yaml
User=daemon
Group=daemon
Environment=AUTOCERT_DIR=/etc/pomerium/

[Install]
WantedBy=multi-user.target
"""
"""The unit of Pomerium's package, its user replaced by one that every machine has."""

DROP_IN = "etc/systemd/system/pomerium.service.d/pomcert-wizard.conf"
UNIT = "usr/lib/systemd/system/pomerium.service"
ROUTE = "https://a.example.com"


class Machine:
    """A root directory with Pomerium's package in it, and a systemctl that notes its calls.

    `answers` are what a test must give because a default would lead out of the directory; `seen`
    is how Pomerium sees the directory of its configuration.
    """

    def __init__(self, folder: Path, *, booted: bool = True) -> None:
        self.folder = folder
        self.answers: dict[str, Value] = {}
        self.seen = "/nowhere"
        self.root = folder / "root"
        self.put(UNIT, PACKAGED_UNIT)
        self.put("etc/pomerium/config.yaml", "# Shipped.\naddress: :443\n")
        if booted:
            (self.root / "run/systemd/system").mkdir(parents=True)
        self.systemctl("exit 0")

    def put(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def systemctl(self, script: str) -> None:
        """What systemctl does after it has noted its call and whether the drop-in was there."""
        program = self.folder / "bin/systemctl"
        program.parent.mkdir(exist_ok=True)
        there = f"$(test -e '{self.root / DROP_IN}' && echo with || echo without)"
        program.write_text(f'#!/bin/sh\necho "$* {there}" >> {self.folder}/calls\n{script}\n')
        program.chmod(0o755)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def system(self) -> System:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return System({**os.environ, "PATH": path}, root=self.root)

    def session(self, **more: Value) -> Session:
        values: dict[str, Value] = {
            "names": ("a.example.com",),
            "local_ca.stores": (),
            **{_key(key): value for key, value in more.items()},
        }
        return Session(self.system, self.folder / "state", Answers(values))

    def plan(self, **more: Value) -> Plan:
        return self.session(**more).plan()

    def install(self, **more: Value) -> list[Event]:
        ready = self.session(**more)
        return list(ready.apply(ready.plan(), may_ask=False))


def _key(key: str) -> str:
    """The key of an answer: one of a target's own table stands as it is."""
    return key if key.partition(".")[0] in registry.TARGETS else f"output.{key}"


def plain(folder: Path) -> Machine:
    """A machine on which nothing of Pomerium is found."""
    machine = Machine(folder)
    shutil.rmtree(machine.root)
    machine.root.mkdir()
    machine.answers = {
        "output.directory": str(machine.root / "etc/pomerium/tls"),
        "output.config": str(machine.root / "etc/pomerium/config.yaml"),
        "output.owner": "",
    }
    return machine


def project(folder: Path) -> Machine:
    """A machine on which Pomerium is to run in a container."""
    machine = plain(folder)
    srv = machine.root / "srv"
    srv.mkdir()
    machine.seen = "/pomerium"
    machine.answers = {
        "output.directory": str(srv / "pomerium/tls"),
        "output.config": str(srv / "pomerium/config.yaml"),
        "docker.compose": str(srv / "compose.yaml"),
    }
    return machine


def desk(folder: Path) -> Machine:
    """A machine from which a cluster is administered, with a DNS token in a file."""
    machine = plain(folder)
    token = folder / "token"
    token.write_text("t0ken\n")
    machine.answers = {
        "kubernetes.directory": str(machine.root / "srv/kubernetes"),
        "kubernetes.cloudflare.token": f"file:{token}",
    }
    return machine


MACHINES = {"files": plain, "systemd": Machine, "docker": project, "kubernetes": desk}
"""By target, the machine it is for."""
