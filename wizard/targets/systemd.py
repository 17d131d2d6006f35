"""Pomerium as the package installs it: a unit of systemd, its user, its paths, its privileges."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from wizard.core.actions import Change, RestoreFile, WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Json, NextStep
from wizard.core.events import lines as as_lines
from wizard.core.files import writable
from wizard.core.flow import Step
from wizard.core.journal import Run
from wizard.core.questions import Detected
from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.pki.material import Material, Settings, Task
from wizard.pomerium.detect import PACKAGED
from wizard.pomerium.unit import (
    BIND,
    NAME,
    OWN_DIRECTORY,
    Unit,
    find_unit,
    first_free_port,
    is_running,
)
from wizard.targets.base import Delivery
from wizard.targets.configuration import Place
from wizard.targets.delivery import ReadsFiles, deliver, is_all_there
from wizard.targets.output import ROUTE, Defaults, is_variables, output
from wizard.targets.overrides import beaten, standing

DROP_IN: Final = f"{OWN_DIRECTORY}/{NAME}.d/pomcert-wizard.conf"
RELOAD: Final = Command(("systemctl", "daemon-reload"), as_root=True)
START: Final = Command(("systemctl", "enable", "--now", NAME))
RESTART: Final = Command(("systemctl", "restart", NAME))
PACKAGED_USER: Final = "pomerium"
LISTENERS: Final = {"address": ":443", "http_redirect_addr": ""}
"""What Pomerium listens on for browsers, and its default."""


class Systemd(ReadsFiles):
    """Writes what the unit's user can read, and lets it listen on the ports it is to listen on."""

    info: ClassVar[Info] = Info(
        "systemd", "A systemd service", "Pomerium's package: its unit, its user, its paths."
    )

    def steps(self, system: System) -> Sequence[Step]:
        """Where the files go, as the unit has it, and a first route where there is none."""
        return (
            Step("output", "Output", output(_defaults(system))),
            Step("route", "First route", ROUTE),
        )

    def deliver(self, task: Task, material: Material | None, settings: Settings) -> Delivery:
        """The files, and a drop-in where the unit's user may not listen where it must."""
        answers, system = task.answers, task.system
        start = RESTART if is_variables(answers) else START
        delivery = deliver(task, material, settings, Place(start.shell()))
        if is_all_there(task, material, settings):
            return delivery
        unit = find_unit(system, without=system.at(DROP_IN))
        if unit is None:
            raise WizardError(
                "no-unit",
                f"This machine has no unit {NAME}.",
                "Install Pomerium's package first, or choose the target files.",
            )
        said = standing(answers, settings)
        notices = (*delivery.notices, *_notices(answers, unit, said, system))
        ports = _low_ports(unit, said, first_free_port(system))
        drop_in = _drop_in(answers, unit, () if unit.may_bind else ports, system)
        if drop_in is None:
            return delivery._replace(notices=notices)
        reload = () if drop_in.commands else (NextStep("Have systemd read it", RELOAD.shell()),)
        restart = NextStep("Restart Pomerium; this takes effect at its start", RESTART.shell())
        others = (step for step in delivery.next_steps if step.line != start.shell())
        return Delivery((drop_in, *delivery.actions), notices, (*reload, restart, *others))


def _defaults(system: System) -> Defaults:
    """Where the unit says that things are, or the package would have them."""
    unit = find_unit(system)
    source = f"from {unit.path}" if unit else "as the package has it"
    config = system.at((unit and unit.config) or PACKAGED)
    user = unit.user if unit else PACKAGED_USER
    return Defaults(
        lambda _: str(config.parent / "tls"),
        lambda _: Detected(str(config), source),
        lambda _: Detected(user, source),
    )


class DropIn(NamedTuple):
    """Writes a drop-in, and has systemd read its units again where it runs."""

    file: WriteFile
    commands: tuple[Command, ...]
    isolated: bool = False

    @property
    def id(self) -> str:
        """The action's name in plans and journals."""
        return self.file.id

    @property
    def title(self) -> str:
        """What it does, in words."""
        return self.file.title

    def preview(self) -> Change:
        """The file, and what is run after it is written."""
        return self.file.preview()._replace(commands=as_lines(self.commands))

    def privileged(self, _system: System) -> Sequence[Command]:
        """None: whoever may write the file may have it read."""
        return ()

    def undo(self, system: System, run: Run) -> "RestoreDropIn":
        """Puts the file back and has it read."""
        return RestoreDropIn(self.file.undo(system, run))

    def apply(self, system: System) -> None:
        """Writes it and has it read.

        Raises:
            WizardError: `unit-reload` when systemd does not take it.
        """
        self.file.apply(system)
        for command in self.commands:
            _run(command, system)


class RestoreDropIn(NamedTuple):
    """Puts a drop-in back as it was, and has systemd read its units again where it runs."""

    file: RestoreFile

    @classmethod
    def from_json(cls, entry: Mapping[str, Json]) -> "RestoreDropIn":
        """Reads what `to_json` wrote."""
        return cls(RestoreFile.from_json(entry))

    def to_json(self) -> dict[str, Json]:
        """The record for the journal."""
        return {**self.file.to_json(), "kind": "unit"}

    def privileged(self, system: System) -> Sequence[Command]:
        """None: whoever wrote the file may restore it."""
        return self.file.privileged(system)

    def drift(self, system: System) -> str:
        """Whether somebody else changed the file since."""
        return self.file.drift(system)

    def apply(self, system: System, run: Run) -> None:
        """Restores the file and has it read."""
        self.file.apply(system, run)
        if is_running(system):
            _run(RELOAD, system)


def _run(command: Command, system: System) -> None:
    result = system.run(command)
    if not result.ok:
        said = result.output.strip().rpartition("\n")[2] or f"exit status {result.status}"
        raise WizardError(
            "unit-reload",
            f"{command.shell()} failed: {said.rstrip('.')}.",
            f"Run it by hand to see why, and look at: systemctl status {NAME}",
        )


def _drop_in(answers: Answers, unit: Unit, ports: Sequence[int], system: System) -> DropIn | None:
    """Lets the unit's user listen on these ports, and has it read variables, where it must."""
    lines, reasons = [], []
    if ports:
        listed = " and ".join(map(str, ports))
        reasons.append(f"{unit.user} may not listen on port {listed} otherwise.")
        lines.append(f"AmbientCapabilities={BIND}")
        lines += [f"CapabilityBoundingSet={BIND}"] if unit.bounds_bind else []
    config = answers.text("output.config")
    if config and is_variables(answers) and config not in unit.values("EnvironmentFile"):
        reasons.append(f"Pomerium gets the variables in {config} from systemd.")
        lines.append(f"EnvironmentFile={config.replace('%', '%%')}")
    if not lines:
        return None
    why = " ".join(reasons)
    text = "\n".join((f"# Made by pomcert-wizard. {why}", "[Service]", *lines, ""))
    path = system.at(DROP_IN)
    before = system.keep(path)
    if before is not None and before.content == text.encode():
        return None
    file = WriteFile(
        path,
        "systemd drop-in",
        why,
        text.encode,
        before=before,
        shown=lambda: (before.content.decode(errors="replace") if before else "", text),
    )
    writable(path)
    return DropIn(file, (RELOAD,) if is_running(system) else ())


def _low_ports(unit: Unit, standing: Mapping[str, str], free: int) -> tuple[int, ...]:
    """The ports that only root may listen on and that Pomerium is to listen on."""
    found = []
    for key, default in LISTENERS.items():
        variable = unit.environment.get(key.upper())
        address = (variable[0] if variable else "") or standing.get(key) or default
        port = address.rpartition(":")[2]
        if port.isdecimal() and int(port) < free:
            found.append(int(port))
    return tuple(dict.fromkeys(found))


def _notices(
    answers: Answers, unit: Unit, standing: Mapping[str, str], system: System
) -> Iterator[str]:
    """What the unit does to these files without a word."""
    owner = answers.text("output.owner")
    if unit.user and owner != unit.user:
        who = owner or "whoever runs this wizard"
        yield f"The unit runs Pomerium as {unit.user}, but the key belongs to {who}."
    if is_variables(answers):
        return
    config = answers.text("output.config")
    variables = {name: (value, str(file)) for name, (value, file) in unit.environment.items()}
    yield from beaten(variables, standing, config)
    for path in unit.unread:
        yield f"{path} sets variables for Pomerium and could not be read; they win over {config}."
    if config and unit.config and Path(config) != system.at(unit.config):
        yield f"The unit starts Pomerium with {unit.config}, not with {config}."
