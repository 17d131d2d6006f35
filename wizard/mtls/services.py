"""Split mode: each of Pomerium's services with a configuration and certificates of its own."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import SplitResult, urlsplit

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.questions import Detected, Kind, Problem, Question, Value
from wizard.mtls.base import Hop, Secured
from wizard.pki import names
from wizard.pki.material import Task

WANTED, DIRECTORY = "mtls.services", "mtls.services_directory"
AUTHORIZE, DATABROKER = "mtls.authorize_service_url", "mtls.databroker_service_url"
AUTHENTICATE = "mtls.authenticate_service_url"
PORTS: Final = {AUTHORIZE: 5443, DATABROKER: 5444}
"""Of services on one machine; elsewhere each has the first."""


def is_wanted(answers: Answers) -> bool:
    """Whether Pomerium runs as several services."""
    return answers.flag(WANTED)


def _may_be_split(value: Value, answers: Answers) -> Problem | None:
    if value is not True:
        return None
    if answers.text("output.target") == "kubernetes":
        return Problem(
            "services-kubernetes",
            "In Kubernetes the ingress controller runs all of Pomerium in one.",
            "Leave mtls.services off, or choose another target.",
        )
    if answers.text("output.form") == "env":
        return Problem(
            "services-form",
            "The configurations of services are made from one in YAML, and this is none.",
            "Choose the form yaml (output.form), or leave mtls.services off.",
        )
    if answers.values.get("output.config") == "":
        return Problem(
            "services-config",
            "The configurations of services are made from Pomerium's own, and there is none.",
            "Name one (output.config), or leave mtls.services off.",
        )
    return None


def parts_of(url: str) -> SplitResult | None:
    """The parts of `https://HOST[:PORT]`; None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    is_bare = parts.netloc.lower() in {shown, f"{shown}:{port}"} and parts.path in {"", "/"}
    if parts.scheme != "https" or not is_bare or parts.query or parts.fragment or port == 0:
        return None
    labels = names.normalise(host).split(".")
    is_host = is_address(host) or all(names.LABEL.fullmatch(label) for label in labels)
    return parts if is_host else None


def is_address(host: str) -> bool:
    """Whether a host is an IP address, which none of our certificates names."""
    from ipaddress import ip_address  # noqa: PLC0415  every run loads this module

    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_here(host: str) -> bool:
    """Whether a host is reached from this machine alone."""
    return host in {"localhost", "::1"} or (is_address(host) and host.startswith("127."))


def _fits(value: Value, _answers: Answers) -> Problem | None:
    """What is wrong with where a service is reached by the others."""
    if parts_of(str(value)) is None:
        return Problem(
            "service-url",
            f"{value!r} is not the address of a service.",
            "Write it like https://authorize.example.com:5443. With http:// nothing is encrypted.",
        )
    return None


def _differs(value: Value, answers: Answers) -> Problem | None:
    problem = _fits(value, answers)
    if problem is None and str(value).rstrip("/") == answers.text(AUTHORIZE).rstrip("/"):
        problem = Problem(
            "service-url",
            f"{value} is authorize's already.",
            "Give the databroker another host or another port.",
        )
    return problem


def _public(value: Value, answers: Answers) -> Problem | None:
    """What is wrong with an address of one's own for signing in."""
    parts = parts_of(str(value))
    host = names.normalise(parts.hostname or "") if parts else ""
    if not host or is_address(host):
        return Problem(
            "service-url",
            f"{value!r} is not an address to sign in at.",
            "Write it like https://authenticate.example.com, or leave it empty.",
        )
    if answers.text("strategy") == "autocert":
        return Problem(
            "service-without-certificate",
            f"autocert gets no certificate for {host}: that service has no route.",
            "Leave it empty, or choose another strategy.",
        )
    listed = answers.texts("names")
    if listed and not any(names.covers(name, host) for name in listed):
        return Problem(
            "service-without-certificate",
            f"The certificate is not for {host}, only for {', '.join(listed)}.",
            "Choose a host that it covers, or add this one to names.",
        )
    return None


def _said(answers: Answers, setting: str) -> Detected | None:
    """What the configuration says already; None where it does not, or cannot be read."""
    from wizard.pomerium.document import lookup, read, string  # noqa: PLC0415  ruamel.yaml: 25 ms

    path = answers.text("output.config")
    with suppress(WizardError):
        document = read(Path(path)) if path else None
        text = string(lookup(document.root, setting)) if document else None
        return Detected(text, f"from {path}") if text else None
    return None


def _signs_in_at(answers: Answers) -> str | Detected:
    """What the configuration says, where that is not Pomerium's hosted service."""
    said = _said(answers, "authenticate_service_url")
    is_hosted = said and (urlsplit(str(said.value)).hostname or "").endswith("pomerium.app")
    return said if said and not is_hosted else ""


def _reached_at(key: str) -> Question:
    """Where others reach a service: by its name in Compose, else on this machine."""
    service = key.rpartition(".")[2].partition("_")[0]

    def default(answers: Answers) -> str | Detected:
        said = _said(answers, key.rpartition(".")[2])
        if said and parts_of(str(said.value)):
            return said
        if answers.text("output.target") == "docker":
            return f"https://{service}:{PORTS[AUTHORIZE]}"
        return f"https://localhost:{PORTS[key]}"

    return Question(
        key,
        Kind.TEXT,
        f"Where do the others reach {service}?",
        "Its certificate is for this host, and it listens on this port.",
        "A URL with https, a host and a port. In Compose the host is the service's name. Behind an "
        "address such as 127.0.0.1 the certificate has a name that all callers are told to expect "
        "(override_certificate_name).",
        default=default,
        advanced=True,
        when=is_wanted,
        check=_fits if key == AUTHORIZE else _differs,
    )


def _beside_config(answers: Answers) -> str:
    return str(Path(answers.text("output.config")).parent / "services")


QUESTIONS: Final = (
    Question(
        WANTED,
        Kind.FLAG,
        "Do Pomerium's services run apart from each other?",
        "One process that does everything is best for almost everybody. This is split mode.",
        "Pomerium's documentation advises it only where services must be scaled or kept apart. "
        "proxy, authorize and databroker then run as processes of their own. Between them the "
        "server shows a certificate and the caller a token signed with the shared secret: each "
        "service gets a directory with all it needs, from an authority that only they trust.",
        default=False,
        advanced=True,
        check=_may_be_split,
    ),
    _reached_at(AUTHORIZE),
    _reached_at(DATABROKER),
    Question(
        AUTHENTICATE,
        Kind.TEXT,
        "Where do people sign in?",
        "Empty means at Pomerium's hosted service, which needs no identity provider of yours.",
        "A URL of your own, https://authenticate.example.com, means one service more. It shows the "
        "public certificate, and takes the identity provider (idp_…) from the configuration.",
        default=_signs_in_at,
        optional=True,
        advanced=True,
        when=is_wanted,
        check=_public,
    ),
    Question(
        DIRECTORY,
        Kind.PATH,
        "Where should the services' directories go?",
        "One directory a service, with its configuration, certificate, key and authority.",
        "A service on another machine gets a copy of its directory, at the same path there.",
        default=_beside_config,
        advanced=True,
        when=is_wanted,
        check=validation.absolute_path,
    ),
)


class Services(Hop):
    """Between Pomerium's own services: server certificates of an authority for them alone."""

    questions: ClassVar[Sequence[Question]] = QUESTIONS

    def work(self, task: Task) -> Secured:
        """The authority where none fits, and a directory for each service.

        Raises:
            WizardError: see `Sets`.
        """
        if not is_wanted(task.answers):
            return Secured()
        from wizard.mtls.service_sets import Sets  # noqa: PLC0415  loads cryptography

        return Sets(task.answers, task.system, task.state, task.renewal).secured()
