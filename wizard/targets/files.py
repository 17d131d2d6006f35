"""Plain files: a certificate, its key and Pomerium's configuration, where Pomerium reads them."""

from collections.abc import Sequence
from typing import ClassVar

from wizard.core.flow import Step
from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.pki.material import Material, Settings, Task
from wizard.targets.base import Delivery
from wizard.targets.configuration import Place
from wizard.targets.delivery import ReadsFiles, deliver
from wizard.targets.output import ROUTE, is_variables, output, plain


class Files(ReadsFiles):
    """Writes certificate, key and configuration; Pomerium reloads them by itself."""

    info: ClassVar[Info] = Info(
        "files", "Plain files", "Certificate, key and configuration where Pomerium reads them."
    )

    def steps(self, system: System) -> Sequence[Step]:
        """Where the files go, and the first route of a configuration that does not exist yet."""
        return (
            Step("output", "Output", output(plain(system))),
            Step("route", "First route", ROUTE),
        )

    def deliver(self, task: Task, material: Material | None, settings: Settings) -> Delivery:
        """The key, the chain, the root, and the configuration that names them."""
        config = task.answers.text("output.config")
        start = Command(("pomerium", "-config", config))
        if is_variables(task.answers):
            # A POSIX shell reads the quotes of systemd's dialect as systemd does.
            script = 'set -a; . "$0"; exec pomerium'
            start = Command(("sh", "-c", script, config))
        return deliver(task, material, settings, Place(start.shell()))
