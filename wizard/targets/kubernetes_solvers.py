"""The DNS providers that cert-manager reaches by itself, as data: its ClusterIssuer's `dns01`.

Fields are those of cert-manager v1.21 (apis/acme/v1/types_issuer.go).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.questions import Choice, Kind, Problem, Question, Value

SOLVER, FOLLOW = "kubernetes.solver", "kubernetes.follow_cname"
IN_CLUSTER: Final = re.compile(
    r"secret:(?P<name>[a-z0-9]([-a-z0-9.]*[a-z0-9])?)/(?P<key>[-._a-zA-Z0-9]+)"
)
"""A key of a Secret that the cluster has already."""


class Option(NamedTuple):
    """One thing that a provider must know: its name in answers, its field, and how it is asked.

    `is_secret` is a field that refers to a Secret, which holds one word or `is_json`. `belongs`
    names what it is worth nothing without, `among` what can be chosen.
    """

    name: str
    field: str
    prompt: str
    why: str
    help: str = ""
    is_secret: bool = False
    is_json: bool = False
    default: str | None = None
    belongs: tuple[str, ...] = ()
    among: tuple[str, ...] = ()


class Solver(NamedTuple):
    """A provider: its name in answers, its field in `dns01`, and its options."""

    name: str
    field: str
    title: str
    options: tuple[Option, ...]


_SERVICE_ACCOUNT = ("client_id", "tenant", "client_secret")
_TSIG = ("tsig_key", "tsig_secret")
_AWS_KEY = ("access_key_id", "secret_access_key")

SOLVERS: Final[Mapping[str, Solver]] = {
    one.name: one
    for one in (
        Solver(
            "cloudflare",
            "cloudflare",
            "Cloudflare",
            (
                Option(
                    "token",
                    "apiTokenSecretRef",
                    "Where is the API token?",
                    "It needs the permissions Zone DNS Edit and Zone Read, for this zone only.",
                    is_secret=True,
                ),
            ),
        ),
        Solver(
            "route53",
            "route53",
            "Amazon Route 53",
            (
                Option(
                    "region",
                    "region",
                    "Which region?",
                    "Route 53 is everywhere; the region is where its requests are signed for.",
                    "Empty where the cluster sets AWS_REGION, as EKS does for service accounts.",
                    default="",
                ),
                Option(
                    "access_key_id",
                    "accessKeyID",
                    "Which access key?",
                    "A key that may change this one zone.",
                    "Empty where cert-manager has a role of its own, which is better.",
                    default="",
                    belongs=_AWS_KEY,
                ),
                Option(
                    "secret_access_key",
                    "secretAccessKeySecretRef",
                    "Where is the secret that belongs to it?",
                    "Requests are signed with it.",
                    is_secret=True,
                    default="",
                    belongs=_AWS_KEY,
                ),
                Option(
                    "zone_id",
                    "hostedZoneID",
                    "Which hosted zone?",
                    "Its id saves cert-manager the permission to list all zones.",
                    "Empty has it looked up by name.",
                    default="",
                ),
            ),
        ),
        Solver(
            "clouddns",
            "cloudDNS",
            "Google Cloud DNS",
            (
                Option(
                    "project",
                    "project",
                    "Which project has the zone?",
                    "Zones belong to projects.",
                    "Its id, as `gcloud projects list` shows it.",
                ),
                Option(
                    "service_account",
                    "serviceAccountSecretRef",
                    "Where is the service account's key?",
                    "A JSON file of an account with the role DNS Administrator.",
                    "Empty where cert-manager has an identity of its own, which is better.",
                    is_secret=True,
                    is_json=True,
                    default="",
                ),
            ),
        ),
        Solver(
            "azuredns",
            "azureDNS",
            "Azure DNS",
            (
                Option(
                    "subscription",
                    "subscriptionID",
                    "Which subscription has the zone?",
                    "Its id is a part of the zone's address.",
                    "As `az account show` prints it.",
                ),
                Option(
                    "resource_group",
                    "resourceGroupName",
                    "Which resource group has the zone?",
                    "It is a part of the zone's address, too.",
                    "As `az network dns zone list` prints it.",
                ),
                Option(
                    "zone",
                    "hostedZoneName",
                    "Which zone?",
                    "Needed where it is not the registered domain itself.",
                    "Empty has it found out by DNS.",
                    default="",
                ),
                Option(
                    "client_id",
                    "clientID",
                    "Which service principal?",
                    "An application with the role DNS Zone Contributor.",
                    "Empty where cert-manager has a managed identity, which is better.",
                    default="",
                    belongs=_SERVICE_ACCOUNT,
                ),
                Option(
                    "tenant",
                    "tenantID",
                    "Which tenant is it in?",
                    "Its id is a part of where the principal signs in.",
                    "As `az account show` prints it; empty for a managed identity.",
                    default="",
                    belongs=_SERVICE_ACCOUNT,
                ),
                Option(
                    "client_secret",
                    "clientSecretSecretRef",
                    "Where is its password?",
                    "The principal signs in with it.",
                    is_secret=True,
                    default="",
                    belongs=_SERVICE_ACCOUNT,
                ),
            ),
        ),
        Solver(
            "digitalocean",
            "digitalocean",
            "DigitalOcean",
            (
                Option(
                    "token",
                    "tokenSecretRef",
                    "Where is the access token?",
                    "It needs to read and write domains.",
                    is_secret=True,
                ),
            ),
        ),
        Solver(
            "rfc2136",
            "rfc2136",
            "A name server of your own (RFC 2136)",
            (
                Option(
                    "server",
                    "nameserver",
                    "Which name server takes the updates?",
                    "The zone's primary server, as the cluster reaches it.",
                    "ADDRESS or ADDRESS:PORT.",
                ),
                Option(
                    "tsig_key",
                    "tsigKeyName",
                    "What is the TSIG key called?",
                    "The server knows it by this name.",
                    "Empty where the server asks for no signature.",
                    default="",
                    belongs=_TSIG,
                ),
                Option(
                    "tsig_secret",
                    "tsigSecretSecretRef",
                    "Where is the TSIG key's secret?",
                    "Updates are signed with it.",
                    is_secret=True,
                    default="",
                    belongs=_TSIG,
                ),
                Option(
                    "tsig_algorithm",
                    "tsigAlgorithm",
                    "Which TSIG algorithm?",
                    "It stands beside the key in the server's configuration.",
                    "What tsig-keygen makes is HMACSHA256. Those of MD5 and SHA-1 are broken.",
                    default="HMACSHA256",
                    among=("HMACSHA256", "HMACSHA512"),
                ),
            ),
        ),
        Solver(
            "acmedns",
            "acmeDNS",
            "acme-dns, a name server for these records alone",
            (
                Option(
                    "host",
                    "host",
                    "Where is the server?",
                    "Its API is asked there.",
                    "A URL such as https://auth.example.com.",
                ),
                Option(
                    "account",
                    "accountSecretRef",
                    "Where is the account?",
                    "A JSON file: for each domain what the server answered to /register.",
                    is_secret=True,
                    is_json=True,
                ),
            ),
        ),
        Solver(
            "akamai",
            "akamai",
            "Akamai Edge DNS",
            (
                Option(
                    "host",
                    "serviceConsumerDomain",
                    "Which host does the API client have?",
                    "The `host` of its credentials.",
                    "Without https:// and without a slash.",
                ),
                Option(
                    "client_token",
                    "clientTokenSecretRef",
                    "Where is its client token?",
                    "The `client_token` of its credentials.",
                    is_secret=True,
                ),
                Option(
                    "client_secret",
                    "clientSecretSecretRef",
                    "Where is its client secret?",
                    "The `client_secret` of its credentials.",
                    is_secret=True,
                ),
                Option(
                    "access_token",
                    "accessTokenSecretRef",
                    "Where is its access token?",
                    "The `access_token` of its credentials.",
                    is_secret=True,
                ),
            ),
        ),
    )
}


def key_of(solver: Solver, name: str) -> str:
    """The key of an option in answers."""
    return f"kubernetes.{solver.name}.{name}"


def _by_dns(answers: Answers) -> bool:
    return answers.text("strategy") == "dns-01"


def questions() -> Iterator[Question]:
    """Who publishes the records, and what each of the providers must know."""
    yield Question(
        SOLVER,
        Kind.CHOICE,
        "Which DNS provider has the zone?",
        "cert-manager publishes the records there and renews without you.",
        "These are the ones that cert-manager reaches by itself. For another one let a CNAME at "
        "_acme-challenge lead to a zone of one of these, and say yes to kubernetes.follow_cname.",
        default=next(iter(SOLVERS)),
        choices=tuple(Choice(one.name, one.title) for one in SOLVERS.values()),
        when=_by_dns,
    )
    yield Question(
        FOLLOW,
        Kind.FLAG,
        "Is _acme-challenge a CNAME into a zone of that provider?",
        "cert-manager then publishes the record where the CNAME leads.",
        "No is right where only a wildcard such as *.corp.example.com is a CNAME: that leads to "
        "applications, not to a place for records.",
        default=False,
        when=_by_dns,
        advanced=True,
    )
    for solver in SOLVERS.values():
        for option in solver.options:
            yield _question(solver, option)


def _question(solver: Solver, option: Option) -> Question:
    where = "env:NAME, file:/PATH, or secret:NAME/KEY of one in cert-manager's namespace."
    return Question(
        key_of(solver, option.name),
        Kind.CHOICE if option.among else Kind.TEXT,
        option.prompt,
        option.why,
        " ".join(filter(None, (option.help, where if option.is_secret else ""))),
        default=option.default,
        choices=tuple(Choice(one, one) for one in option.among),
        optional=option.default == "",
        when=lambda answers: answers.text(SOLVER) == solver.name,
        check=_reference if option.is_secret else _one_word,
    )


def _reference(value: Value, answers: Answers) -> Problem | None:
    """Where a secret is: on this machine, or in the cluster."""
    if IN_CLUSTER.fullmatch(str(value)):
        return None
    problem = validation.secret_reference(value, answers) if value else None
    return problem and problem._replace(
        hint="Write env:NAME, file:/PATH, or secret:NAME/KEY of one that the cluster has; the "
        "secret itself does not belong into an answer."
    )


def _one_word(value: Value, _answers: Answers) -> Problem | None:
    if re.fullmatch(r"\S*", str(value)):
        return None
    return Problem("not-one-word", f"{value!r} has a blank in it.", "Write it without.")


def check(answers: Answers) -> None:
    """Refuses an option that is worth nothing without another.

    Raises:
        UsageError: `solver-incomplete`.
    """
    solver = SOLVERS[answers.text(SOLVER)]
    for option in solver.options:
        keys = [key_of(solver, name) for name in option.belongs]
        missing = [key for key in keys if not answers.text(key)]
        if missing and len(missing) < len(keys):
            raise UsageError(
                "solver-incomplete",
                f"{solver.title}: {missing[0]} is missing; it belongs to "
                f"{', '.join(key for key in keys if key != missing[0])}.",
                "Give all of them, or none.",
            )
