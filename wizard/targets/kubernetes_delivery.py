"""Writing the manifests and the files of the Secrets, and keeping what others wrote."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.owners import private
from wizard.core.system import System
from wizard.pki.material import Material, Settings, Task
from wizard.pomerium.cluster import CERTIFICATE, listed
from wizard.pomerium.mark import is_ours, marked
from wizard.targets import certificate_files
from wizard.targets import kubernetes_manifests as made
from wizard.targets import kubernetes_told as told
from wizard.targets.base import Delivery
from wizard.targets.kubernetes import DIRECTORY, KUSTOMIZATION, SECRETS
from wizard.targets.kubernetes_contents import ISSUER, POMERIUM, ROUTES, Job, encoded, manifests
from wizard.targets.kubernetes_issuer import Given, issuer_of


def deliver(task: Task, material: Material | None, settings: Settings) -> Delivery:
    """The manifests and the files of the Secrets; of a renewal, the certificate's alone.

    Raises:
        WizardError: a file there is somebody else's, or a secret is not where it should be.
    """
    answers, system, there = task.answers, task.system, task.installed
    person = system.person
    owner = (person.uid, person.gid) if system.invoked_by_other else None
    job = Job(answers, system, there, material, settings, owner)
    files = certificate_files.write(task, material, owner) if material else ()
    apply = told.apply(job.directory)
    if task.is_renewal:
        return Delivery(files, (), (apply,) if files else ())
    wanted = issuer_of(answers, system) if material is None else None
    secrets = () if wanted is None else wanted.secrets
    named = [job.directory / one.file for one in job.upstream_secrets]
    if job.is_ours:
        _refuse_another(job)
    else:
        mine = [*(one.path for one in files), *(job.path(one) for one in secrets)]
        _refuse_theirs(job, [*mine, *named])
    texts, shown = manifests(job, wanted), manifests(job._replace(is_shown=True), wanted)
    written = {name: tuple(_file(job, name, texts[name], shown[name])) for name in texts}
    lists = written.pop(KUSTOMIZATION)
    actions = (
        *(action for actions in written.values() for action in actions),
        *_hidden(job, any_secrets=bool(files or secrets or named)),
        *files,
        *_written(job, secrets),
        *lists,
    )
    for action in actions:
        writable(action.path)
    notices = tuple(told.notices(job, is_new=bool(written[ROUTES])))
    steps = (*told.before(job, wanted), *told.theirs(job), apply, *told.after(job, texts))
    return Delivery(actions, notices, steps)


def hand_on(answers: Answers, system: System, path: Path, content: bytes) -> Delivery:
    """Pomerium's manifest with what a file is going to hold instead of what it holds.

    A manifest that somebody has changed keeps every other byte.
    """
    directory = Path(answers.text(DIRECTORY))
    manifest = directory / POMERIUM
    old, before = system.keep(path), system.keep(manifest)
    held = made.base64(old.content).encode() if old else b""
    if before is None or not held or held not in before.content:
        then = NextStep("Write what this prints into your Pomerium resource", encoded(path))
        return Delivery((), (), (then,))
    text = before.content.replace(held, made.base64(content).encode())
    if is_ours(before.content):
        text = marked(text.partition(b"\n")[2])
    why = f"Holds what {path.name} does: the cluster reads no file from here."
    action = WriteFile(manifest, "manifest", why, lambda: text, before=before)
    return Delivery((action,), (), (told.apply(directory),))


def _file(job: Job, name: str, text: bytes, shown: bytes) -> Iterator[WriteFile]:
    """Writes a manifest, unless it is as it should be.

    Raises:
        UsageError: `file-not-ours`.
    """
    path = job.directory / name
    before = job.system.keep(path)
    if before is not None and before.content == text:
        return
    if before is not None and not is_ours(before.content):
        if name in MEANT_TO_CHANGE and job.is_ours:
            return
        _refuse_theirs(job, [path])
    yield WriteFile(
        path,
        "manifest",
        WHY[name],
        lambda: text,
        owner=job.owner,
        before=before,
        shown=lambda: (before.content.decode() if before else "", shown.decode()),
    )


MEANT_TO_CHANGE: Final = {POMERIUM, ROUTES}
"""An example, and what also holds settings that the wizard asks nothing of."""


def _refuse_another(job: Job) -> None:
    """The directory of another certificate, which would be gone from Pomerium with the next apply.

    Raises:
        UsageError: `directory-of-another`.
    """
    others = listed(job.directory / POMERIUM, job.system)
    if others and f"{job.namespace}/{job.own}" not in others:
        raise UsageError(
            "directory-of-another",
            f"The manifests in {job.directory} are for {', '.join(others)}, which Pomerium would "
            "serve no longer.",
            f"Choose another {DIRECTORY} for this one. To change that one, let its first name and "
            "its namespace stay, or undo its run.",
        )


def _refuse_theirs(job: Job, paths: Iterable[Path]) -> None:
    for path in paths:
        if job.system.keep(path) is not None:
            raise UsageError(
                "file-not-ours",
                f"{path} was not made by this wizard, or was changed since.",
                f"Move it away, or choose another {DIRECTORY}; changes of your own belong into a "
                "kustomization that lists that directory among its resources.",
            )


WHY: Final[Mapping[str, str]] = {
    ISSUER: "Where cert-manager gets certificates, and how it proves the names.",
    CERTIFICATE: "What cert-manager gets, keeps and renews.",
    POMERIUM: "What Pomerium in the cluster is set to.",
    ROUTES: "A first route, to see that it works.",
    KUSTOMIZATION: "Lists the others, and makes the Secrets from their files.",
}


def _hidden(job: Job, *, any_secrets: bool) -> Iterator[WriteFile]:
    """What keeps secrets out of git; it is there before they are."""
    path = job.directory / SECRETS / ".gitignore"
    before = job.system.keep(path)
    if any_secrets and before is None:
        yield WriteFile(
            path,
            "list of what git ignores",
            "What is secret here does not belong into a repository.",
            lambda: b"*\n",
            owner=job.owner,
            directory_mode=0o700,
        )


def _written(job: Job, secrets: Sequence[Given]) -> Iterator[WriteFile]:
    """The files of the Secrets.

    Raises:
        WizardError: `key-mode` when everybody can read one that is there.
    """
    for secret in secrets:
        path = job.path(secret)
        before = private(path, job.system)
        if before is not None and before.content == secret.value.reveal():
            continue
        yield WriteFile(
            path,
            "secret",
            f"For cert-manager: {secret.file.key} of the Secret {secret.file.name}.",
            secret.value.reveal,
            mode=0o600,
            owner=job.owner,
            before=before,
        )
