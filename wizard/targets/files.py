"""Plain files: a certificate, its key and Pomerium's configuration, where Pomerium reads them."""

from collections.abc import Sequence
from typing import ClassVar

from wizard.core.answers import Answers
from wizard.core.flow import Step
from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.pki.material import Installed, Material, Settings
from wizard.targets import certificate_files
from wizard.targets.base import Delivery, ReadsFiles
from wizard.targets.delivery import Place, deliver
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

    def installed(self, answers: Answers, system: System) -> Installed:
        """The certificate and the key that are there now.

        Raises:
            WizardError: `key-mode` when everybody can read the key.
        """
        return certificate_files.installed(answers, system)

    def deliver(
        self, answers: Answers, system: System, material: Material | None, settings: Settings
    ) -> Delivery:
        """The key, the chain, the root, and the configuration that names them."""
        config = answers.text("output.config")
        start = Command(("pomerium", "-config", config))
        if is_variables(answers):
            # A POSIX shell reads the quotes of systemd's dialect as systemd does.
            script = 'set -a; . "$0"; exec pomerium'
            start = Command(("sh", "-c", script, config))
        return deliver(answers, system, material, settings, Place(start.shell()))
