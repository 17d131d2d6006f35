"""Pomerium in a cluster: what its ingress controller and cert-manager are told, for kustomize."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.flow import Step
from wizard.core.questions import Detected, Kind, Problem, Question, Value, always
from wizard.core.registry import Info
from wizard.core.system import Command, System
from wizard.pki.material import Installed, Material, Settings, Task
from wizard.pomerium.cluster import FOLDER, find_manifest
from wizard.pomerium.mark import is_ours
from wizard.targets import certificate_files, kubernetes_solvers
from wizard.targets.base import Delivery, Obtained, Target
from wizard.targets.output import ROUTE

DIRECTORY: Final = "kubernetes.directory"
NAMESPACE: Final = "kubernetes.namespace"
MANIFEST: Final = "kubernetes.manifest"
SERVICE: Final = "kubernetes.service"
SECRETS: Final = "secrets"
KUSTOMIZATION: Final = "kustomization.yaml"
BACKEND: Final = re.compile(
    r"(?:(?P<namespace>[a-z0-9][-a-z0-9]*)/)?(?P<name>[a-z][-a-z0-9]*):(?P<port>\d{1,5})"
)


def certificates_line(answers: Answers) -> str:
    """The line that shows how far the certificates are."""
    return Command(
        ("kubectl", "get", "certificates", "--all-namespaces")
        if answers.text("strategy") == "autocert"
        else ("kubectl", "get", "certificates", "--namespace", answers.text(NAMESPACE))
    ).shell()


class Kubernetes(Target):
    """Writes a directory for `kubectl apply -k`; cert-manager obtains and renews in the cluster."""

    info: ClassVar[Info] = Info(
        "kubernetes",
        "A Kubernetes cluster",
        "Manifests for Pomerium's ingress controller; cert-manager renews there.",
    )
    obtains: ClassVar[Mapping[str, Obtained]] = {
        "dns-01": Obtained(
            "cert-manager",
            frozenset(
                {
                    "dns_01.provider",
                    "dns_01.rehearse",
                    "dns_01.wait",
                    "dns_01.challenge",
                    "dns.resolvers",
                    "dns.authoritative",
                }
            ),
            certificates_line,
        ),
        "autocert": Obtained(
            "cert-manager", frozenset({"autocert.directory", "dns.resolvers"}), certificates_line
        ),
    }

    def steps(self, system: System) -> Sequence[Step]:
        """Where the manifests go, who publishes DNS records, and the first route."""
        route = (one._replace(when=always) for one in ROUTE if one.key in ROUTE_ASKED)
        first, *others = route
        return (
            Step("output", "Output", (_directory(system), _manifest(system), _NAMESPACE)),
            Step("solver", "DNS", tuple(kubernetes_solvers.questions())),
            Step("route", "First route", (first, _SERVICE, *others)),
        )

    def installed(self, answers: Answers, system: System) -> Installed:
        """The certificate and the key that are there now; none where cert-manager obtains it.

        Raises:
            WizardError: `key-mode` when everybody can read the key.
        """
        directory = Path(answers.text(DIRECTORY))
        if answers.text("strategy") in self.obtains:
            return Installed(directory / KUSTOMIZATION, directory / KUSTOMIZATION, None, None)
        first = answers.texts("names")[0]
        return certificate_files.installed_in(directory / SECRETS, first, system)

    def deliver(self, task: Task, material: Material | None, settings: Settings) -> Delivery:
        """The manifests, and the Secrets' files that they name.

        Raises:
            WizardError: a file there is somebody else's, or a secret is not where it should be.
        """
        from wizard.targets.kubernetes_delivery import deliver  # noqa: PLC0415  ruamel.yaml: 25 ms

        return deliver(task, material, settings)

    def hand_on(self, answers: Answers, system: System, path: Path, content: bytes) -> Delivery:
        """The manifest that holds what that file does, and the line that has the cluster see it.

        Raises:
            UsageError: `file-not-ours`.
        """
        from wizard.targets.kubernetes_delivery import hand_on  # noqa: PLC0415  ruamel.yaml: 25 ms

        return hand_on(answers, system, path, content)


ROUTE_ASKED: Final = frozenset({"output.route.from", "output.route.email"})


def _directory(system: System) -> Question:
    def found(_answers: Answers) -> str | Detected:
        with suppress(OSError):
            here = Path.cwd()
            standing = system.keep(here / KUSTOMIZATION)
            if standing is not None and is_ours(standing.content):
                return Detected(str(here), "made here before")
            return str(here / FOLDER)
        return str(system.person.home / FOLDER)

    return Question(
        DIRECTORY,
        Kind.PATH,
        "Where should the manifests go?",
        "`kubectl apply -k` takes the whole directory; it needs nothing from elsewhere.",
        "It is made if it is missing. What is secret lies in secrets/, readable by you only, and "
        "is kept out of git.",
        default=found,
        check=validation.absolute_path,
    )


def _manifest(system: System) -> Question:
    def found(_answers: Answers) -> str | Detected:
        with suppress(OSError):
            path = find_manifest(Path.cwd())
            kept = system.keep(path) if path else None
            if kept is not None and not is_ours(kept.content):
                return Detected(str(path), "found here")
        return ""

    return Question(
        MANIFEST,
        Kind.PATH,
        "Which manifest of yours sets Pomerium already?",
        "A cluster has one resource Pomerium for all; yours stays, and you are told what to add.",
        "Empty means that there is none, and one is written.",
        default=found,
        optional=True,
        check=validation.absolute_path,
        advanced=True,
    )


def _namespace(value: Value, _answers: Answers) -> Problem | None:
    if re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", str(value)):
        return None
    return Problem(
        "namespace", f"{value!r} is no name of a namespace.", "Small letters, digits and dashes."
    )


def _service(value: Value, _answers: Answers) -> Problem | None:
    match = BACKEND.fullmatch(str(value))
    if match is not None and 0 < int(match["port"]) <= validation.HIGHEST_PORT:
        return None
    return Problem(
        "service", f"{value!r} does not name a service.", "Write it like verify:80 or apps/wiki:80."
    )


_NAMESPACE: Final = Question(
    NAMESPACE,
    Kind.TEXT,
    "In which namespace does Pomerium run?",
    "Its certificate and its own secrets are there.",
    "pomerium, unless the ingress controller was installed elsewhere.",
    default="pomerium",
    check=_namespace,
    advanced=True,
)
_SERVICE: Final = Question(
    SERVICE,
    Kind.TEXT,
    "Which service should it lead to?",
    "Empty means verify.pomerium.com: it shows what Pomerium knows about whoever signed in.",
    "NAME:PORT, or NAMESPACE/NAME:PORT where it is not in the namespace default.",
    default="",
    optional=True,
    check=_service,
)
