"""What the manifests of a cluster hold, by what the answers ask for."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.answers import Answers
from wizard.core.owners import Owner
from wizard.core.system import Command, System
from wizard.pki.material import Contents, Installed, Material, Settings
from wizard.pomerium.cluster import CERTIFICATE, hosts
from wizard.pomerium.emitter import commented, dump
from wizard.pomerium.mark import is_ours, marked
from wizard.pomerium.merge import of_routes
from wizard.pomerium.upstreams import is_same
from wizard.targets import kubernetes_manifests as made
from wizard.targets.kubernetes import (
    BACKEND,
    DIRECTORY,
    KUSTOMIZATION,
    MANIFEST,
    NAMESPACE,
    SECRETS,
    SERVICE,
)
from wizard.targets.kubernetes_issuer import Given, Wanted
from wizard.targets.kubernetes_manifests import Backend, Resource, SecretFile

ISSUER, POMERIUM, ROUTES = "issuer.yaml", "pomerium.yaml", "routes.yaml"
FILES: Final = (ISSUER, CERTIFICATE, POMERIUM, ROUTES)
VERIFY: Final = Backend("default", "pomerium-verify", 443, "verify.pomerium.com")
UNSEEN: Final = "(made when the file is written)"
DOWNSTREAM: Final[Mapping[str, str]] = {
    "downstream_mtls.ca_file": "ca",
    "downstream_mtls.crl_file": "crl",
    "downstream_mtls.enforcement": "enforcement",
}
"""Pomerium's settings, and the fields below `downstreamMtls` that they are in a cluster."""


class Job(NamedTuple):
    """What is to be delivered, and what is there."""

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
        """Where the manifests go."""
        return Path(self.answers.text(DIRECTORY))

    @property
    def namespace(self) -> str:
        """Where Pomerium runs."""
        return self.answers.text(NAMESPACE)

    @property
    def own(self) -> str:
        """The name of the certificate, and of the Secret that holds it."""
        return made.resource_name(self.answers.texts("names")[0])

    @property
    def is_ours(self) -> bool:
        """Whether the directory was made by the wizard."""
        kept = self.system.keep(self.directory / KUSTOMIZATION)
        return kept is not None and is_ours(kept.content)

    @property
    def pomerium(self) -> Path | None:
        """The manifest that sets Pomerium and is somebody's: their own, or ours once changed."""
        if self.answers.text(MANIFEST):
            return Path(self.answers.text(MANIFEST))
        kept = self.system.keep(self.directory / POMERIUM)
        is_theirs = kept is not None and not is_ours(kept.content) and self.is_ours
        return self.directory / POMERIUM if is_theirs else None

    @property
    def strategy(self) -> str:
        """The way to get a certificate."""
        return self.answers.text("strategy")

    @property
    def backend(self) -> Backend:
        """Where the routes lead."""
        match = BACKEND.fullmatch(self.answers.text(SERVICE))
        if match is None:
            return VERIFY
        return Backend(match["namespace"] or "default", match["name"], int(match["port"]))

    def path(self, secret: Given) -> Path:
        """Where the value of a Secret is kept."""
        return self.directory / secret.file.file

    def upstream(self, host: str) -> made.Upstream:
        """How the applications behind a host are believed, and what they are shown."""
        said = of_routes(self.settings)
        found = (said[one] for one in said if is_same(one, f"https://{host}"))
        ours = next(found, {})

        def file(setting: str, secret: str, key: str) -> tuple[SecretFile, ...]:
            if not ours.get(setting):
                return ()
            path = Path(ours[setting]).relative_to(self.directory)
            name = made.resource_name(f"{host}.upstream.{secret}")
            return (SecretFile(name, key, self.backend.namespace, path.as_posix()),)

        return made.Upstream(
            file("tls_custom_ca_file", "ca", "ca.crt"),
            (
                *file("tls_client_cert_file", "client", "tls.crt"),
                *file("tls_client_key_file", "client", "tls.key"),
            ),
            ours.get("tls_upstream_server_name", ""),
        )

    @property
    def upstreams(self) -> dict[str, made.Upstream]:
        """The same for each host that there is something to say of."""
        every = {host: self.upstream(host) for host in hosts(self.answers)}
        return {host: one for host, one in every.items() if any(one)}

    @property
    def upstream_secrets(self) -> tuple[SecretFile, ...]:
        """The files for the applications; they are written by the hop that checks them."""
        return tuple(file for one in self.upstreams.values() for file in (*one.ca, *one.client))


def manifests(job: Job, wanted: Wanted | None) -> dict[str, bytes]:
    """The files of the directory by name."""
    found: dict[str, bytes] = {}
    if wanted is not None:
        issuer = wanted.issuer
        found[ISSUER] = _text(
            "Who issues: cert-manager opens an account there and proves the names so.",
            issuer.resource(),
        )
        if job.strategy == "dns-01":
            certificate = made.certificate(
                job.own,
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
            made.pomerium(job.namespace, spec(job)),
        )
    found[ROUTES] = _text(
        "A first route; copy it for each of your applications.", *_routes(job, wanted)
    )
    files = tuple(found)
    secrets = [one.file for one in wanted.secrets] if wanted else []
    secrets += job.upstream_secrets
    tls = {file.name for one in job.upstreams.values() for file in one.client}
    if job.material is not None:
        chain, key = job.there.chain_path, job.there.key_path
        secrets += [
            SecretFile(job.own, "tls.crt", job.namespace, f"{SECRETS}/{chain.name}"),
            SecretFile(job.own, "tls.key", job.namespace, f"{SECRETS}/{key.name}"),
        ]
        tls.add(job.own)
    found[KUSTOMIZATION] = _text(
        "For kubectl apply --kustomize, with this directory.",
        made.kustomization(files, secrets, tls),
    )
    return found


def spec(job: Job) -> Resource:
    """What the answers say of Pomerium."""
    found: Resource = {}
    if job.strategy != "autocert":
        found["certificates"] = [f"{job.namespace}/{job.own}"]
    mtls: Resource = {}
    for name, value in job.settings.items():
        if name not in DOWNSTREAM or not value:
            continue
        mtls[DOWNSTREAM[name]] = _embedded(job, value) if isinstance(value, Contents) else value
    if mtls:
        found["downstreamMtls"] = mtls
    if job.material is not None and job.material.is_development:
        # HSTS would pin development names to HTTPS for a year.
        found["setResponseHeaders"] = {"Strict-Transport-Security": "max-age=0"}
    return found


def encoded(path: Path) -> str:
    """The line that prints a file as a resource has it."""
    return Command(("base64", "--wrap=0", str(path))).shell()


def _embedded(job: Job, file: Contents) -> str:
    """What a file holds, as the resource has it; of a new one no two plans would show the same."""
    if job.pomerium is not None:
        return f"(what this prints: {encoded(file.path)})"
    kept, content = job.system.keep(file.path), file.read()
    is_new = kept is None or kept.content != content
    return UNSEEN if job.is_shown and is_new else made.base64(content)


def _routes(job: Job, wanted: Wanted | None) -> Iterator[Resource]:
    """The first route; where each has a certificate of its own, one for each name."""
    email = job.answers.text("output.route.email")
    issuer = wanted.issuer.name if wanted and job.strategy == "autocert" else ""
    for host in hosts(job.answers):
        yield made.ingress(host, job.backend, email, issuer, job.upstream(host))
    if job.backend.external:
        yield job.backend.service()


def _text(why: str, *resources: Resource) -> bytes:
    first, *others = resources
    texts = [dump(commented(first, why, {})), *map(dump, others)]
    return marked("---\n".join(texts).encode())
