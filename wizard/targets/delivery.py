"""What every target on a machine delivers: a certificate's files, and Pomerium's configuration."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from wizard.core.answers import Answers
from wizard.core.owners import owner_of
from wizard.core.system import System
from wizard.pki.material import Contents, Installed, Material, Setting, Settings, Task
from wizard.targets import certificate_files
from wizard.targets.base import Delivery, Target
from wizard.targets.configuration import Job, Place, configured
from wizard.targets.output import brings_files, kept_by_pomerium


class ReadsFiles(Target, Protocol):
    """A target where Pomerium itself reads the files, and reads them again."""

    def installed(self, answers: Answers, system: System) -> Installed:
        """The certificate and the key that are there now.

        Raises:
            WizardError: `key-mode` when everybody can read the key.
        """
        if not brings_files(answers):
            return kept_by_pomerium(answers, system)
        directory, first = Path(answers.text("output.directory")), answers.texts("names")[0]
        return certificate_files.installed_in(directory, first, system)


def is_all_there(task: Task, material: Material | None, settings: Settings) -> bool:
    """Whether the configuration has nothing to learn: a renewal, or nothing is brought."""
    return task.is_renewal or not (material or settings)


def deliver(task: Task, material: Material | None, settings: Settings, place: Place) -> Delivery:
    """The key, the chain, the root, and the configuration that names them or has settings.

    Raises:
        WizardError: it cannot be done here.
    """
    answers = task.answers
    owner = owner_of(answers.text("output.owner"), task.system)
    files = certificate_files.write(task, material, owner) if material else ()
    if is_all_there(task, material, settings):
        return Delivery(files)
    # Unlike Path.resolve this leaves a loop of links for `read` to tell.
    path = Path(os.path.realpath(answers.text("output.config")))
    seen = {name: _seen(value, place) for name, value in settings.items()}
    job = Job(task, material, seen, owner, place, path)
    config = configured(job)
    return config._replace(actions=(*files, *config.actions))


def _seen(value: Setting, place: Place) -> Setting:
    """A setting with its paths as Pomerium sees them."""
    if isinstance(value, Mapping):
        return {
            origin: {
                name: str(place.seen(one)) if isinstance(one, Path) else one
                for name, one in own.items()
            }
            for origin, own in value.items()
        }
    path = value.path if isinstance(value, Contents) else value
    return str(place.seen(path)) if isinstance(path, Path) else value
