"""What is said beside the manifests of a cluster: what to know, and what to do with them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from wizard.core.events import NextStep
from wizard.core.system import Command
from wizard.pki.material import ROUTES as OF_ROUTES
from wizard.pki.material import Contents
from wizard.pomerium.cluster import objects, parts
from wizard.pomerium.emitter import dump
from wizard.pomerium.mark import is_ours
from wizard.targets.kubernetes import KUSTOMIZATION, MANIFEST, certificates_line
from wizard.targets.kubernetes_contents import DOWNSTREAM, FILES, ROUTES, Job, spec
from wizard.targets.kubernetes_issuer import Wanted
from wizard.targets.kubernetes_manifests import base64

CERT_MANAGER_RELEASE: Final = (
    "https://github.com/cert-manager/cert-manager/releases/download/v1.21.2/cert-manager.yaml"
)
READY: Final = ("--namespace=cert-manager", "--for=condition=Available", "--timeout=5m")
CONTROLLER: Final = "github.com/pomerium/ingress-controller/config/default?ref=v0.33.1"
CONTROLLERS: Final = "pomerium"
"""The namespace that it is installed into."""


def apply(directory: Path) -> NextStep:
    """The line that has the cluster see the directory."""
    return NextStep("Hand it to the cluster", _apply(directory))


def _apply(directory: Path) -> str:
    return Command(("kubectl", "apply", "--kustomize", str(directory))).shell()


def notices(job: Job, *, is_new: bool) -> Iterator[str]:
    """What to know before it is done."""
    for name, value in job.settings.items():
        if value and name not in DOWNSTREAM and name != OF_ROUTES:
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


def before(job: Job, wanted: Wanted | None) -> Iterator[NextStep]:
    """What has to be in the cluster first."""
    if wanted is not None:
        lines = [
            Command(("kubectl", "apply", "--filename", CERT_MANAGER_RELEASE)).shell(),
            # Until it answers, the cluster takes nothing of its kinds.
            Command(("kubectl", "wait", "deployment", "--all", *READY)).shell(),
        ]
        yield NextStep("Install cert-manager in the cluster, unless it is there", "\n".join(lines))
    if job.namespace == CONTROLLERS:
        line = Command(("kubectl", "apply", "--kustomize", CONTROLLER)).shell()
        yield NextStep("Install Pomerium's ingress controller, unless it is there", line)


def theirs(job: Job) -> Iterator[NextStep]:
    """What somebody's own manifests lack, or how to see what becomes of those in the cluster."""
    manifest = job.pomerium
    if manifest is None:
        line = Command(("kubectl", "diff", "--kustomize", str(job.directory))).shell()
        yield NextStep("See what would change in the cluster", line)
    elif not _has_all(job, manifest):
        then = ", and apply it" if job.answers.text(MANIFEST) else ""
        yield NextStep(f"Add to the spec in {manifest}{then}", dump(spec(job)).rstrip())
    routes = job.directory / ROUTES
    kept = job.system.keep(routes)
    for host, upstream in job.upstreams.items() if kept and not is_ours(kept.content) else ():
        lines = dump(upstream.annotations()).splitlines()
        if kept and not all(line.encode() in kept.content for line in lines):
            what = f"Add to the annotations of the Ingress for {host} in {routes}"
            yield NextStep(what, "\n".join(lines))


def _has_all(job: Job, manifest: Path) -> bool:
    """Whether a manifest of Pomerium says what the answers do, as far as certificates go."""
    kept = job.system.keep(manifest)
    text = kept.content if kept else b""
    certificates = spec(job).get("certificates", [])
    files = (value for name, value in job.settings.items() if name in DOWNSTREAM)
    needed = [base64(one.read()) for one in files if isinstance(one, Contents)]
    needed += certificates if isinstance(certificates, list) else []
    return all(one.encode() in text for one in needed)


def after(job: Job, texts: Mapping[str, bytes]) -> Iterator[NextStep]:
    """Where the names have to lead, how to see that the certificate is there, what else is due."""
    yield from _cleared(job, texts)
    service = ("kubectl", "get", "service", "pomerium-proxy", "--namespace", job.namespace)
    listed = ", ".join(job.answers.texts("names"))
    yield NextStep(f"Let {listed} lead to the address of this, in DNS", Command(service).shell())
    if job.material is None:
        line = f"{certificates_line(job.answers)} --watch"
        yield NextStep("Wait until cert-manager has the certificate: READY is True", line)
    yield NextStep("Open its first route", job.answers.text("output.route.from"))
    if job.material is not None:
        what = "Hand each renewed certificate to the cluster, from the timer that renews it"
        yield NextStep(what, _apply(job.directory))
    settings = "" if job.answers.text(MANIFEST) else ", Pomerium's settings too"
    line = Command(("kubectl", "delete", "--kustomize", str(job.directory))).shell()
    yield NextStep(f"To take it out of the cluster{settings}, before you undo this run", line)


def _cleared(job: Job, texts: Mapping[str, bytes]) -> Iterator[NextStep]:
    """What earlier answers asked for and these do not: `apply` takes nothing out of a cluster."""
    kept = job.system.keep(job.directory / KUSTOMIZATION)
    if kept is None or not is_ours(kept.content):
        return
    had, has = parts(kept.content), parts(texts[KUSTOMIZATION])
    there = {name: job.system.keep(job.directory / name) for name in had if name in FILES}
    old = [kept.content, *(one.content for one in there.values() if one and is_ours(one.content))]
    wanted = {one for text in texts.values() for one in objects(text)}
    gone = dict.fromkeys(one for text in old for one in objects(text) if one not in wanted)
    # Of Pomerium there is one for all, and who has another says so.
    lines = [Command(one.deletion()).shell() for one in gone if one.kind != "Pomerium"]
    files = [str(job.directory / name) for name in had if name not in has]
    lines += [Command(("rm", "--force", *files)).shell()] if files else []
    if lines:
        yield NextStep("Clear away what is not asked for any more", "\n".join(lines))
