"""Which service of a split Pomerium has which settings.

Source: Pomerium v0.32 config/options.go and the code of each service that reads them; the tests
start all of them on the result.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.scalarbool import ScalarBoolean
from ruamel.yaml.scalarfloat import ScalarFloat
from ruamel.yaml.scalarint import ScalarInt

from wizard.core.answers import Answers
from wizard.mtls import services
from wizard.pki.names import normalise
from wizard.pomerium.document import parse
from wizard.pomerium.emitter import commented, dump

Source: TypeAlias = Mapping[str, object]
"""A configuration's settings by name, in small letters."""

CONFIG, CA = "config.yaml", "ca.pem"
INSIDE: Final = Path("/pomerium-service")
"""Where a container has its service's directory; what it has of others stays where it is."""
SHARED_NAME: Final = "services.pomerium.internal"
"""What callers expect behind an IP address."""
HEALTH: Final = {"authorize": 28081, "databroker": 28082, "authenticate": 28083}
"""Ports for services on one machine; 28080 is Pomerium's own default, and the proxy's."""

OWN: Final = (
    "authenticate_internal_service_url",
    "authenticate_service_url",
    "authorize_internal_service_url",
    "authorize_service_url",
    "authorize_service_urls",
    "certificate_authority_file",
    "cookie_secret",
    "cookie_secret_file",
    "databroker_internal_service_url",
    "databroker_service_url",
    "databroker_service_urls",
    "grpc_address",
    "grpc_insecure",
    "override_certificate_name",
    "services",
    "shared_secret",
    "shared_secret_file",
    "tls_derive",
)
"""Settings between services, which each set says itself."""
EVERYBODY: Final = ("certificate_authority", "dns_", "idp_", "log_level", "otel_", "runtime_flags")
"""All of them have the identity provider: sessions are found by its settings, too."""
PAGES: Final = (
    "darkmode_",
    "error_message_",
    "favicon_url",
    "logo_url",
    "primary_color",
    "secondary_color",
)
COPIED: Final = {
    "databroker": (*EVERYBODY, "databroker_"),
    "authorize": (
        *(*EVERYBODY, *PAGES, "authorize_", "bearer_token_format", "downstream_mtls"),
        *("google_cloud_", "jwt_", "mcp_", "policy", "routes", "signing_key", "signing_key_file"),
    ),
    "authenticate": (
        *(*EVERYBODY, *PAGES, "certificate", "certificate_file", "certificate_key"),
        *("certificate_key_file", "certificates", "cookie_", "set_response_headers"),
        *("programmatic_redirect_domain_whitelist", "signing_key", "signing_key_file"),
    ),
}
"""What of the configuration a service has; names that end in _ stand for all that begin so."""
NOT_THE_PROXYS: Final = ("databroker_",)
"""It has all else: most settings are about serving routes."""


class Secrets(NamedTuple):
    """What the services know in common."""

    shared: str
    cookie: str


class Split(NamedTuple):
    """How Pomerium is split: where each service is reached, and where its directory is."""

    authorize: str
    databroker: str
    authenticate: str
    """Empty where people sign in at Pomerium's hosted service."""
    directory: Path
    in_containers: bool

    @classmethod
    def of(cls, answers: Answers) -> "Split":
        """As it was answered."""

        def url(key: str) -> str:
            return services.canonical(answers.text(key))

        return cls(
            url(services.AUTHORIZE),
            url(services.DATABROKER),
            url(services.AUTHENTICATE),
            Path(answers.text(services.DIRECTORY)),
            answers.text("output.target") == "docker",
        )

    @property
    def listening(self) -> dict[str, SplitResult]:
        """The services that others call, each with the parts of its URL."""
        return {"databroker": urlsplit(self.databroker), "authorize": urlsplit(self.authorize)}

    @property
    def services(self) -> tuple[str, ...]:
        """All of them, in the order in which they are started."""
        signing_in = ("authenticate",) if self.authenticate else ()
        return ("databroker", "authorize", *signing_in, "proxy")

    @property
    def override(self) -> str:
        """The name that callers expect of every service, where one is behind an IP address."""
        hosts = (parts.hostname or "" for parts in self.listening.values())
        return SHARED_NAME if any(map(services.is_address, hosts)) else ""

    def names_of(self, service: str) -> tuple[str, ...]:
        """What a service's certificate is for."""
        host = normalise(self.listening[service].hostname or "")
        own = () if services.is_address(host) else (host,)
        return (*own, *([self.override] if self.override else []))

    @property
    def every_name(self) -> tuple[str, ...]:
        """What the authority vouches for."""
        return tuple(dict.fromkeys(name for one in self.listening for name in self.names_of(one)))

    @property
    def is_here(self) -> bool:
        """Whether all run on one machine, where their ports must differ."""
        hosts = (parts.hostname or "" for parts in self.listening.values())
        return not self.in_containers and all(map(services.is_here, hosts))

    def seen(self, service: str, name: str) -> str:
        """A file of a service's directory as that service sees it."""
        folder = INSIDE if self.in_containers else self.directory / service
        return str(folder / name)


def files_of(service: str) -> tuple[str, str]:
    """The names of a service's certificate and of its key."""
    return f"{service}.pem", f"{service}-key.pem"


def read(text: bytes, name: str) -> Source:
    """A configuration's settings, its anchors and merge keys followed.

    Raises:
        WizardError: see `document.parse`.
    """
    parse(text, name)
    found = _plain(YAML(pure=True).load(text))
    return {key.lower(): value for key, value in found.items()} if isinstance(found, dict) else {}


def _plain(value: object) -> object:
    """The same without comments and anchors; scalars keep how they are written."""
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in value}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not getattr(getattr(value, "anchor", None), "value", None):
        return value
    if isinstance(value, ScalarBoolean):
        return bool(value)
    if isinstance(value, ScalarInt | ScalarFloat):
        return float(value) if isinstance(value, ScalarFloat) else int(value)
    return type(value)(value) if isinstance(value, str) else value


def written(split: Split, service: str, source: Source, secrets: Secrets) -> bytes:
    """The configuration of a service."""
    values = {
        "services": service,
        **_listening(split, service, source),
        "certificate_authority_file": split.seen(service, CA),
        "shared_secret": secrets.shared,
        **_calling(split, service, secrets),
        **copied(service, source),
    }
    comments = {
        "address": "Where browsers come.",
        "grpc_address": "Where the other services call; each shows the certificate below.",
        "certificate_authority_file": "Who vouches for the other services, besides the system's.",
        "override_certificate_name": "Behind an IP address its certificate has this name.",
        "shared_secret": "The same in every service: it signs what one tells another.",
    }
    start = f"Pomerium's {service} and nothing else, made by pomcert-wizard from the one\n"
    start += "configuration of all services. Change that one and run it again."
    return dump(commented(values, start, comments)).encode()


def _listening(split: Split, service: str, source: Source) -> dict[str, object]:
    """Where a service listens and what it shows there."""
    found: dict[str, object] = {}
    if service in split.listening:
        chain, key = (split.seen(service, name) for name in files_of(service))
        found = {
            "grpc_address": bound(split.listening[service]),
            "grpc_insecure": False,
            "certificate_file": chain,
            "certificate_key_file": key,
        }
    elif service == "authenticate":
        found = {"address": f":{urlsplit(split.authenticate).port or 443}"}
    else:
        found = {"address": source.get("address", ":443")}
    if split.is_here and service in HEALTH:
        found["health_check_addr"] = f"127.0.0.1:{HEALTH[service]}"
    return found


def bound(parts: SplitResult) -> str:
    """What to listen on to be reached there: all addresses, but for this machine alone its own."""
    host = parts.hostname or ""
    shown = ""
    if services.is_here(host):
        shown = "127.0.0.1" if host == "localhost" else host
        shown = f"[{shown}]" if ":" in shown else shown
    return f"{shown}:{parts.port or 443}"


def _calling(split: Split, service: str, secrets: Secrets) -> dict[str, object]:
    """Whom a service calls."""
    found: dict[str, object] = {}
    if service != "databroker":
        found["cookie_secret"] = secrets.cookie
        found["databroker_service_url"] = split.databroker
        if split.override:
            found["override_certificate_name"] = split.override
        if split.authenticate:
            found["authenticate_service_url"] = split.authenticate
    if service in {"proxy", "authenticate"}:
        found["authorize_service_url"] = split.authorize
    return found


def copied(service: str, source: Source) -> dict[str, object]:
    """What a service has of the configuration that all are made from."""
    ours = {*OWN, "address", *(["health_check_addr"] if service in HEALTH else [])}
    left = {name: value for name, value in source.items() if name not in ours}
    if service == "proxy":
        return {name: value for name, value in left.items() if not _is(name, NOT_THE_PROXYS)}
    found = {name: value for name, value in left.items() if _is(name, COPIED[service])}
    for name in {"routes", "policy"} & found.keys():
        found[name] = _decided(found[name])
    return found


def named(value: object) -> Iterator[str]:
    """The files that settings name."""
    for key, inner in value.items() if isinstance(value, Mapping) else ():
        if isinstance(inner, str) and (str(key).endswith("_file") or key in {"cert", "key"}):
            yield inner
        yield from named(inner)
    for item in value if isinstance(value, list) else ():
        yield from named(item)


def _is(name: str, listed: tuple[str, ...]) -> bool:
    return any(name == one or (one.endswith("_") and name.startswith(one)) for one in listed)


def _decided(routes: object) -> object:
    """Routes for who decides about them, and never opens a connection to where they lead."""
    if not isinstance(routes, list):
        return routes
    return [
        {key: value for key, value in route.items() if not _is_for_connecting(key)}
        if isinstance(route, Mapping)
        else route
        for route in routes
    ]


def _is_for_connecting(key: str) -> bool:
    return key.startswith("tls_") and not key.startswith("tls_downstream_")
