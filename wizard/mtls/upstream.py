"""Upstream mTLS as part of an installation: from Pomerium to the applications behind it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from wizard.core import ourselves
from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.owners import Owner, is_owned, owner_of, private
from wizard.core.questions import Question
from wizard.core.system import Command, System
from wizard.mtls.base import Hop, Secured
from wizard.mtls.upstream_questions import QUESTIONS, Wanted, asked_for
from wizard.pki.material import ROUTES, Task

FOLDER: Final = "upstream"
AGAIN: Final = (
    "Whenever somebody renews a file of mtls.upstream: copy it, and tell Pomerium, which does not "
    "watch the files of routes"
)
ELSEWHERE: Final = (
    "mtls.upstream does nothing here. With Kubernetes the annotations of an Ingress say it: "
    "ingress.pomerium.io/tls_custom_ca_secret, tls_client_secret and tls_server_name."
)


class Upstream(Hop):
    """From Pomerium to an application: whom it believes there, and what it shows."""

    questions: ClassVar[Sequence[Question]] = QUESTIONS

    def work(self, task: Task) -> Secured:
        """Copies of the files, and the settings of the routes.

        Raises:
            WizardError: a file is no good, or there is no such route; a renewal only tells of it.
        """
        answers, system = task.answers, task.system
        wanted = asked_for(answers)
        if not wanted:
            return Secured()
        if answers.text("output.target") == "kubernetes":
            return Secured(notices=(ELSEWHERE,))
        from wizard.mtls.upstream_routes import told  # noqa: PLC0415  only where it is wanted

        folder, owner = place(answers), owner_of(answers.text("output.owner"), system)
        if task.is_renewal:
            return _renewed(wanted, answers, system, folder, owner)
        actions = [one for each in wanted for one in _files(each, system, folder, owner)]
        notices = tuple(told(wanted, answers, system))
        settings = {each.origin: each.settings(folder) for each in wanted}
        renew = ourselves.line(system, task.state, "renew")
        steps = (NextStep(AGAIN, f"{renew}\n{reread(answers)}"),) if actions else ()
        return Secured(tuple(actions), {ROUTES: settings}, notices, steps)


def place(answers: Answers) -> Path:
    """Where Pomerium reads the files.

    Raises:
        UsageError: `upstream-no-place`: neither a directory nor a configuration is named.
    """
    directory, config = answers.text("output.directory"), answers.text("output.config")
    if not directory and not config:
        raise UsageError(
            "upstream-no-place",
            "mtls.upstream: there is no place for its files.",
            "Name Pomerium's configuration (output.config); they go beside it.",
        )
    return (Path(directory) if directory else Path(config).parent) / FOLDER


def reread(answers: Answers) -> str:
    """The line that has a running Pomerium read everything again (SIGHUP)."""
    if answers.text("output.target") == "systemd":
        return "systemctl kill -s HUP pomerium"
    if answers.text("output.target") == "docker":
        from wizard.pomerium.compose import service_in  # noqa: PLC0415  only a container needs it

        path = Path(answers.text("docker.compose"))
        service = service_in(path) if path.is_file() else None
        name = service.name if service else "pomerium"
        words = ("docker", "compose", "--file", str(path), "kill", "--signal", "HUP", name)
        return Command(words).shell()
    return "pkill -HUP -x pomerium"


def _renewed(
    wanted: Sequence[Wanted], answers: Answers, system: System, folder: Path, owner: Owner
) -> Secured:
    """Copies of what somebody renewed; what is no good lets no other certificate expire."""
    actions: list[WriteFile] = []
    notices: list[str] = []
    for each in wanted:
        try:
            actions += _files(each, system, folder, owner)
        except WizardError as error:
            notices.append(f"{each.origin}: {error.summary} {error.hint}")
    read = "Tell Pomerium to read the new files; it does not watch those of routes"
    steps = (NextStep(read, reread(answers)),) if actions else ()
    return Secured(tuple(actions), notices=tuple(notices), next_steps=steps)


def _files(wanted: Wanted, system: System, folder: Path, owner: Owner) -> Iterator[WriteFile]:
    """The copies that are missing or outdated.

    Raises:
        WizardError: see `pki.identity`.
    """
    from wizard.pki import identity  # noqa: PLC0415  loads cryptography

    settings, why = wanted.settings(folder), f"For the route from {wanted.origin}"
    if wanted.ca:
        pem = identity.authorities(system, wanted.ca)
        path = Path(settings["tls_custom_ca_file"])
        said = f"{why}: whom it believes."
        yield from _changed(WriteFile(path, "authority", said, lambda: pem, owner=owner), system)
    if wanted.certificate and wanted.key:
        bundle = identity.identity(system, wanted.certificate, wanted.key)
        key = Path(settings["tls_client_key_file"])
        before, secret = private(key, system), bundle.key_pem()
        is_there = before is not None and before.content == secret.reveal()
        if not (is_there and is_owned(before, owner)):
            writable(key)
            yield WriteFile(
                key,
                "client key",
                f"{why}: proves that the client certificate is Pomerium's.",
                secret.reveal,
                mode=0o600,
                owner=owner,
                before=before,
            )
        shown = WriteFile(
            Path(settings["tls_client_cert_file"]),
            "client certificate",
            f"{why}: what Pomerium shows the application.",
            bundle.chain_pem,
            owner=owner,
        )
        yield from _changed(shown, system)


def _changed(action: WriteFile, system: System) -> Iterator[WriteFile]:
    """The action, where the file is not there or holds something else."""
    before = system.keep(action.path)
    if before is None or before.content != action.content():
        writable(action.path)
        yield action._replace(before=before)
