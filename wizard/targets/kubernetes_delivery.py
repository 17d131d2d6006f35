"""Writing the manifests: which resources the answers ask for, and the files that hold them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.owners import Owner, private
from wizard.core.system import Command, System
from wizard.pki.material import Contents, Installed, Material, Settings, Task
from wizard.pomerium.cluster import CERTIFICATE
from wizard.pomerium.emitter import commented, dump
from wizard.pomerium.mark import is_ours, marked
from wizard.targets import certificate_files
from wizard.targets import kubernetes_manifests as made
from wizard.targets.base import Delivery
from wizard.targets.kubernetes import (
    BACKEND,
    DIRECTORY,
    KUSTOMIZATION,
    MANIFEST,
    NAMESPACE,
    SECRETS,
    SERVICE,
    certificates_line,
)
from wizard.targets.kubernetes_issuer import Given, Wanted, issuer_of
from wizard.targets.kubernetes_manifests import Backend, Resource, SecretFile

CERT_MANAGER_RELEASE: Final = (
    "https://github.com/cert-manager/cert-manager/releases/download/v1.21.2/cert-manager.yaml"
)
READY: Final = ("--namespace=cert-manager", "--for=condition=Available", "--timeout=5m")
CONTROLLER: Final = "github.com/pomerium/ingress-controller/config/default?ref=v0.33.1"
POMERIUM, ROUTES = "pomerium.yaml", "routes.yaml"
VERIFY: Final = Backend("default", "pomerium-verify", 443, "verify.pomerium.com")
UNSEEN: Final = "(made when the file is written)"


class _Job(NamedTuple):
    answers: Answers
    system: System
    there: Installed
    material: Material | None
    settings: Settings
    owner: Owner
    is_shown: bool = False
    """Whether it is for people, who see nothing that is made anew for each plan."""

    @property
    def directory(self) -> Path:
        return Path(self.answers.text(DIRECTORY))

    @property
    def namespace(self) -> str:
        return self.answers.text(NAMESPACE)

    @property
    def is_ours(self) -> bool:
        """Whether the directory was made by the wizard."""
        kept = self.system.keep(self.directory / KUSTOMIZATION)
        return kept is not None and is_ours(kept.content)

    def path(self, secret: Given) -> Path:
        """Where the value of a Secret is kept."""
        return self.directory / secret.file.file

    @property
    def strategy(self) -> str:
        return self.answers.text("strategy")


def deliver(task: Task, material: Material | None, settings: Settings) -> Delivery:
    """The manifests and the files of the Secrets; of a renewal, the certificate's alone.

    Raises:
        WizardError: a file there is somebody else's, or a secret is not where it should be.
    """
    answers, system, there = task.answers, task.system, task.installed
    person = system.person
    owner = (person.uid, person.gid) if system.invoked_by_other else None
    job = _Job(answers, system, there, material, settings, owner)
    files = certificate_files.write(task, material, owner) if material else ()
    apply = _apply(job.directory)
    if task.is_renewal:
        return Delivery(files, (), (apply,) if files else ())
    wanted = issuer_of(answers, system) if material is None else None
    secrets = () if wanted is None else wanted.secrets
    if not job.is_ours:
        _refuse_theirs(job, [*(one.path for one in files), *(job.path(one) for one in secrets)])
    texts, shown = _manifests(job, wanted), _manifests(job._replace(is_shown=True), wanted)
    manifests = {name: tuple(_file(job, name, texts[name], shown[name])) for name in texts}
    lists = manifests.pop(KUSTOMIZATION)
    actions = (
        *(action for actions in manifests.values() for action in actions),
        *_hidden(job, any_secrets=bool(files or secrets)),
        *files,
        *_written(job, secrets),
        *lists,
    )
    for action in actions:
        writable(action.path)
    notices = _notices(job, is_new=bool(manifests[ROUTES]))
    return Delivery(actions, tuple(notices), (*_before(wanted), *_theirs(job), apply, *_after(job)))


def hand_on(answers: Answers, system: System, path: Path, content: bytes) -> Delivery:
    """Pomerium's manifest with what a file is going to hold instead of what it holds.

    A manifest that somebody has changed keeps every other byte.
    """
    directory = Path(answers.text(DIRECTORY))
    manifest = directory / POMERIUM
    old, before = system.keep(path), system.keep(manifest)
    held = made.base64(old.content).encode() if old else b""
    if before is None or not held or held not in before.content:
        then = NextStep("Write what this prints into your Pomerium resource", _encoded(path))
        return Delivery((), (), (then,))
    text = before.content.replace(held, made.base64(content).encode())
    if is_ours(before.content):
        text = marked(text.partition(b"\n")[2])
    why = f"Holds what {path.name} does: the cluster reads no file from here."
    action = WriteFile(manifest, "manifest", why, lambda: text, before=before)
    return Delivery((action,), (), (_apply(directory),))


def _apply(directory: Path) -> NextStep:
    line = Command(("kubectl", "apply", "--kustomize", str(directory))).shell()
    return NextStep("Hand it to the cluster", line)


def _manifests(job: _Job, wanted: Wanted | None) -> dict[str, bytes]:
    """The files of the directory by name."""
    own = made.resource_name(job.answers.texts("names")[0])
    found: dict[str, bytes] = {}
    if wanted is not None:
        issuer = wanted.issuer
        found["issuer.yaml"] = _text(
            "Who issues: cert-manager opens an account there and proves the names so.",
            issuer.resource(),
        )
        if job.strategy == "dns-01":
            certificate = made.certificate(
                own,
                job.namespace,
                job.answers.texts("names"),
                issuer.name,
                wanted.account.key_type,
            )
            found[CERTIFICATE] = _text(
                "cert-manager gets it, keeps it in the Secret and renews it there.", certificate
            )
    if not job.answers.text(MANIFEST):
        found[POMERIUM] = _text(
            "Pomerium's settings. Its own secrets were made when the controller was installed.",
            made.pomerium(job.namespace, _spec(job, own)),
        )
    found[ROUTES] = _text(
        "A first route; copy it for each of your applications.", *_routes(job, wanted)
    )
    files = tuple(found)
    secrets = [one.file for one in wanted.secrets] if wanted else []
    if job.material is not None:
        chain, key = job.there.chain_path, job.there.key_path
        secrets += [
            SecretFile(own, "tls.crt", job.namespace, f"{SECRETS}/{chain.name}"),
            SecretFile(own, "tls.key", job.namespace, f"{SECRETS}/{key.name}"),
        ]
    tls = own if job.material is not None else ""
    found[KUSTOMIZATION] = _text(
        "For kubectl apply --kustomize, with this directory.",
        made.kustomization(files, secrets, tls),
    )
    return found


DOWNSTREAM: Final[Mapping[str, str]] = {
    "downstream_mtls.ca_file": "ca",
    "downstream_mtls.crl_file": "crl",
    "downstream_mtls.enforcement": "enforcement",
}
"""Pomerium's settings, and the fields below `downstreamMtls` that they are in a cluster."""


def _spec(job: _Job, own: str) -> Resource:
    """What the answers say of Pomerium."""
    spec: Resource = {}
    if job.strategy != "autocert":
        spec["certificates"] = [f"{job.namespace}/{own}"]
    mtls: Resource = {}
    for name, value in job.settings.items():
        if name not in DOWNSTREAM or not value:
            continue
        mtls[DOWNSTREAM[name]] = _embedded(job, value) if isinstance(value, Contents) else value
    if mtls:
        spec["downstreamMtls"] = mtls
    if job.material is not None and job.material.is_development:
        # HSTS would pin development names to HTTPS for a year.
        spec["setResponseHeaders"] = {"Strict-Transport-Security": "max-age=0"}
    return spec


def _embedded(job: _Job, file: Contents) -> str:
    """What a file holds, as the resource has it; of a new one no two plans would show the same."""
    if job.answers.text(MANIFEST):
        return f"(what this prints: {_encoded(file.path)})"
    kept, content = job.system.keep(file.path), file.read()
    is_new = kept is None or kept.content != content
    return UNSEEN if job.is_shown and is_new else made.base64(content)


def _encoded(path: Path) -> str:
    return Command(("base64", "--wrap=0", str(path))).shell()


def _routes(job: _Job, wanted: Wanted | None) -> Iterator[Resource]:
    """The first route; where each has a certificate of its own, one for each name."""
    match = BACKEND.fullmatch(job.answers.text(SERVICE))
    backend = VERIFY
    if match is not None:
        backend = Backend(match["namespace"] or "default", match["name"], int(match["port"]))
    email = job.answers.text("output.route.email")
    issuer = wanted.issuer.name if wanted and job.strategy == "autocert" else ""
    hosts = [urlsplit(job.answers.text("output.route.from")).hostname or ""]
    if issuer:
        hosts += [name for name in job.answers.texts("names") if name not in hosts]
    yield from (made.ingress(host, backend, email, issuer) for host in hosts)
    if backend.external:
        yield backend.service()


def _text(why: str, *resources: Resource) -> bytes:
    first, *others = resources
    texts = [dump(commented(first, why, {})), *map(dump, others)]
    return marked("---\n".join(texts).encode())


def _file(job: _Job, name: str, text: bytes, shown: bytes) -> Iterator[WriteFile]:
    """Writes a manifest, unless it is as it should be.

    Raises:
        UsageError: `file-not-ours`.
    """
    path = job.directory / name
    before = job.system.keep(path)
    if before is not None and before.content == text:
        return
    if before is not None and not is_ours(before.content):
        if name == ROUTES and job.is_ours:
            # An example is there to be changed.
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


def _refuse_theirs(job: _Job, paths: Iterable[Path]) -> None:
    for path in paths:
        if job.system.keep(path) is not None:
            raise UsageError(
                "file-not-ours",
                f"{path} was not made by this wizard, or was changed since.",
                f"Move it away, or choose another {DIRECTORY}; changes of your own belong into a "
                "kustomization that lists that directory among its resources.",
            )


WHY: Final[Mapping[str, str]] = {
    "issuer.yaml": "Where cert-manager gets certificates, and how it proves the names.",
    CERTIFICATE: "What cert-manager gets, keeps and renews.",
    POMERIUM: "What Pomerium in the cluster is set to.",
    ROUTES: "A first route, to see that it works.",
    KUSTOMIZATION: "Lists the others, and makes the Secrets from their files.",
}


def _hidden(job: _Job, *, any_secrets: bool) -> Iterator[WriteFile]:
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


def _written(job: _Job, secrets: Sequence[Given]) -> Iterator[WriteFile]:
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


def _notices(job: _Job, *, is_new: bool) -> Iterator[str]:
    for name, value in job.settings.items():
        if value and name not in DOWNSTREAM:
            yield (
                f"Pomerium's setting {name} has no place in a cluster's Pomerium resource; it was "
                "left out."
            )
    if job.material is not None:
        yield (
            "A renewed certificate is written here; the cluster gets it by `kubectl apply` again."
        )
    if job.answers.flag("autocert.staging"):
        yield (
            "The certificates of Let's Encrypt's staging are for practice; no browser trusts them. "
            "Once they are ready, run this again with autocert.staging = false."
        )
    if is_new and not job.answers.text("output.route.email"):
        yield "The new route lets nobody in until its policy names who may (output.route.email)."


def _before(wanted: Wanted | None) -> Iterator[NextStep]:
    """What has to be in the cluster first."""
    if wanted is not None:
        lines = [
            Command(("kubectl", "apply", "--filename", CERT_MANAGER_RELEASE)).shell(),
            # Until it answers, the cluster takes nothing of its kinds.
            Command(("kubectl", "wait", "deployment", "--all", *READY)).shell(),
        ]
        yield NextStep("Install cert-manager in the cluster, unless it is there", "\n".join(lines))
    line = Command(("kubectl", "apply", "--kustomize", CONTROLLER)).shell()
    yield NextStep("Install Pomerium's ingress controller, unless it is there", line)


def _theirs(job: _Job) -> Iterator[NextStep]:
    """What somebody's own manifest of Pomerium lacks, or how to see what becomes of another."""
    manifest = job.answers.text(MANIFEST)
    if not manifest:
        line = Command(("kubectl", "diff", "--kustomize", str(job.directory))).shell()
        yield NextStep("See what would change in the cluster", line)
        return
    spec = _spec(job, made.resource_name(job.answers.texts("names")[0]))
    kept = job.system.keep(Path(manifest))
    listed = spec.get("certificates")
    is_there = kept is not None and isinstance(listed, list) and listed[0].encode() in kept.content
    if is_there and "downstreamMtls" not in spec:
        return
    if spec:
        yield NextStep(f"Add to the spec in {manifest}", dump(spec).rstrip())


def _after(job: _Job) -> Iterator[NextStep]:
    """Where the names have to lead, and how to see that the certificate is there."""
    service = ("kubectl", "get", "service", "pomerium-proxy", "--namespace", job.namespace)
    listed = ", ".join(job.answers.texts("names"))
    yield NextStep(f"Let {listed} lead to the address of this, in DNS", Command(service).shell())
    if job.material is None:
        line = f"{certificates_line(job.answers)} --watch"
        yield NextStep("Wait until cert-manager has the certificate: READY is True", line)
    yield NextStep("Open its first route", job.answers.text("output.route.from"))
