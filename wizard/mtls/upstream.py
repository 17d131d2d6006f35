"""Upstream mTLS as part of an installation: from Pomerium to the applications behind it."""

import os
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
from wizard.mtls.base import Expiry, Hop, Secured
from wizard.mtls.upstream_questions import QUESTIONS, Wanted, asked_for
from wizard.pki.material import ROUTES, Task

FOLDER: Final = "upstream"
AGAIN: Final = (
    "Whenever somebody renews a file of mtls.upstream: copy it, and tell Pomerium, which does not "
    "watch the files of routes"
)
READ: Final = "Tell Pomerium to read the new files; it does not watch those of routes"
IN_CLUSTER: Final = (
    "Whenever somebody renews a file of mtls.upstream: copy it, and hand it to the cluster"
)
ELSEWHERE: Final = (
    "mtls.upstream does nothing for {}: no manifest that is written here has a route from there. "
    "Annotations of your Ingress say it: ingress.pomerium.io/tls_custom_ca_secret, "
    "tls_client_secret and tls_server_name."
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
        asked, is_cluster = asked_for(answers), in_cluster(answers)
        wanted = [one for one in asked if not is_cluster or _has_route(one, answers)]
        lost = [ELSEWHERE.format(one.origin) for one in asked if one not in wanted]
        left = () if is_cluster or task.is_renewal else tuple(_left(wanted, answers))
        if not wanted:
            return Secured(notices=(*lost, *left))
        from wizard.mtls.upstream_routes import told  # noqa: PLC0415  only where it is wanted

        folder, owner = place(answers), _owner(answers, system)
        if task.is_renewal:
            return _renewed(wanted, answers, system, folder, owner)
        actions = [one for each in wanted for one in _files(each, system, folder, owner)]
        notices = (*told(wanted, answers, system), *lost, *left)
        settings = {each.origin: each.settings(folder) for each in wanted}
        renew = ourselves.line(system, task.state, "renew")
        again = NextStep(IN_CLUSTER if is_cluster else AGAIN, f"{renew}\n{reread(answers)}")
        steps, files = (again,) if actions else (), Secured(tuple(actions))
        if is_cluster:
            # Behind what keeps secrets out of git.
            return Secured((), {ROUTES: settings}, notices, steps, lambda _: files)
        return Secured(files.actions, {ROUTES: settings}, notices, steps)

    def expiries(self, task: Task) -> Iterator[Expiry]:
        """The copies of authorities and client certificates."""
        answers, system = task.answers, task.system
        for each in asked_for(answers):
            settings, whose = each.settings(place(answers)), f"the application behind {each.origin}"
            for name, what, source in (
                ("tls_custom_ca_file", f"authority of {whose}", each.ca),
                ("tls_client_cert_file", f"client certificate for {whose}", each.certificate),
            ):
                kept = system.keep(Path(settings[name])) if source else None
                if kept is not None:
                    from wizard.pki import chain  # noqa: PLC0415  loads cryptography

                    path = Path(settings[name])
                    found = chain.read(kept.content, str(path))
                    # Of a client certificate the first counts, of authorities any will do.
                    ends = [one.not_valid_after_utc for one in found]
                    last = max(ends) if source == each.ca else ends[0]
                    yield Expiry(what, path, last, f"renew copies a newer {source}")


def in_cluster(answers: Answers) -> bool:
    """Whether the routes are those of manifests."""
    return answers.text("output.target") == "kubernetes"


def _has_route(wanted: Wanted, answers: Answers) -> bool:
    """Whether the manifests for a cluster have a route from there."""
    from wizard.pomerium.cluster import hosts  # noqa: PLC0415  only a cluster needs it
    from wizard.pomerium.upstreams import is_same  # noqa: PLC0415  ruamel.yaml costs 25 ms

    return any(is_same(wanted.origin, f"https://{host}") for host in hosts(answers))


def _owner(answers: Answers, system: System) -> Owner:
    """Who reads the files: whom Pomerium runs as, or, of a cluster's, who hands them over."""
    if not in_cluster(answers):
        return owner_of(answers.text("output.owner"), system)
    person = system.person
    return (person.uid, person.gid) if system.invoked_by_other else None


def _left(wanted: Sequence[Wanted], answers: Answers) -> Iterator[str]:
    """What is there of earlier answers."""
    folder = _place(answers)
    if folder is not None and os.path.isdir(folder):  # noqa: PTH112  in a closed directory: no
        from wizard.mtls.upstream_routes import left  # noqa: PLC0415  only where there is something

        yield from left(wanted, answers, folder)


def place(answers: Answers) -> Path:
    """Where Pomerium reads the files.

    Raises:
        UsageError: `upstream-no-place`: neither a directory nor a configuration is named.
    """
    folder = _place(answers)
    if folder is None:
        raise UsageError(
            "upstream-no-place",
            "mtls.upstream: there is no place for its files.",
            "Name Pomerium's configuration (output.config); they go beside it.",
        )
    return folder


def _place(answers: Answers) -> Path | None:
    if in_cluster(answers):
        return Path(answers.text("kubernetes.directory")) / "secrets" / FOLDER
    directory, config = answers.text("output.directory"), answers.text("output.config")
    if not directory and not config:
        return None
    return (Path(directory) if directory else Path(config).parent) / FOLDER


def reread(answers: Answers) -> str:
    """The line that has a running Pomerium read everything again (SIGHUP)."""
    if in_cluster(answers):
        directory = answers.text("kubernetes.directory")
        return Command(("kubectl", "apply", "--kustomize", directory)).shell()
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
    failures: list[WizardError] = []
    for each in wanted:
        try:
            actions += _files(each, system, folder, owner)
        except WizardError as error:
            if _is_named(each, answers, folder):
                said = f"mtls.upstream: {each.origin}: {error.summary}"
                failures.append(WizardError(error.code, said, error.hint))
    read = "Hand the new files to the cluster" if in_cluster(answers) else READ
    steps = (NextStep(read, reread(answers)),) if actions else ()
    return Secured(tuple(actions), next_steps=steps, failures=tuple(failures))


def _is_named(wanted: Wanted, answers: Answers, folder: Path) -> bool:
    """Whether the copies for a route are still in use, as far as can be told."""
    from wizard.mtls.upstream_routes import named  # noqa: PLC0415  only where a file is no good

    try:
        found = named(answers)
    except WizardError:
        return True
    own = {value.name for value in wanted.settings(folder).values() if isinstance(value, Path)}
    return found is None or any(path.name in own for _, path, _ in found)


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
