"""Settings that Pomerium takes, and that do something else than whoever wrote them meant.

Each trap is a problem with a code, the line, and what to do. Sources: Pomerium v0.32.9 config/,
envoyconfig/, authorize/evaluator/, read and run with its own loader.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from wizard.pomerium import trap_files
from wizard.pomerium.document import Document, elements, follow, lookup, string
from wizard.pomerium.lint import Problem
from wizard.pomerium.paths import is_content
from wizard.pomerium.routes import ROUTE_LISTS, hosts, serves_browsers
from wizard.pomerium.settings import CERTIFICATES, MTLS, ROUTES, SETTINGS
from wizard.pomerium.syntax import Node
from wizard.pomerium.trap_files import Read, nothing
from wizard.pomerium.variables import FALSE, TRUE

_SPLIT: Final = ("authorize_service_url", "databroker_service_url")
_PRIVATE: Final = (
    "local",
    "localhost",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "svc",
    "test",
)
_BOOLS: Final = [one.name for one in (*SETTINGS, *ROUTES) if one.kind == "bool"]
_PATHS: Final = [
    one.name for one in (*SETTINGS, *CERTIFICATES, *MTLS, *ROUTES) if one.kind == "path"
]
_MOST_LINES: Final = 10
FORGETS: Final = "everybody has to sign in again when Pomerium starts again."
KEEP: Final = "Set `databroker_storage_type` to `file` or `postgres`."
_UNFILLED: Final = re.compile(r"^~|\$|\{\{|\*(?!\.\w)")
"""What a shell or a template fills in; acme.sh has directories that are called `*.example.com`."""


def traps(
    document: Document,
    read: Read = nothing,
    *,
    names: Sequence[str] = (),
    now: datetime | None = None,
) -> tuple[Problem, ...]:
    """The traps of a configuration, in the order of its lines.

    Args:
        document: the configuration.
        read: what a file holds that it names, by its path there; None where that is not known.
        names: those of a certificate that it is about to serve.
        now: when revocation lists are looked at; this moment if not given.
    """
    found = (
        *_booleans(document),
        *_paths(document),
        *trap_files.traps(document, read, now),
        *_sign_in(document),
        *_client_certificates(document),
        *_upstream(document),
        *_unwatched(document),
        *_services(document),
        *_strict_transport(document, (*names, *hosts(document))),
        *_sessions(document),
    )
    return tuple(sorted(found, key=lambda problem: problem.line))


def problem(
    code: str, key: str, node: Node, text: str, fix: str, *, is_error: bool = False
) -> Problem:
    """A problem at a node."""
    return Problem("error" if is_error else "notice", key, node.line, text, code, fix)


def is_on(node: Node | None) -> bool:
    """Whether a setting is what Pomerium takes for yes."""
    return (string(node) or "").lower() in TRUE


def _named(document: Document, names: Iterable[str]) -> Iterator[tuple[str, Node]]:
    """The values of settings; those of routes and certificates wherever they are given."""
    root = document.root
    for name in names:
        table, _, leaf = name.rpartition(".")
        keys = ROUTE_LISTS if table == "routes" else (table,)
        listed = [one for key in keys for one in elements(lookup(root, key))]
        parents: list[Node | None] = [*listed] or [lookup(root, table) if table else root]
        for parent in parents:
            is_table = parent is not None and parent.kind == "mapping"
            node = lookup(parent, leaf) if is_table else None
            if node is not None and string(node):
                yield name, node


def _booleans(document: Document) -> Iterator[Problem]:
    for name, node in _named(document, _BOOLS):
        if node.value.lower() not in TRUE | FALSE:
            text = (
                f"`{name}` (line {node.line}) is `{node.value}`, and Pomerium starts with `true` "
                "or `false` alone."
            )
            yield problem("boolean-word", name, node, text, "Write one of them.", is_error=True)


def _paths(document: Document) -> Iterator[Problem]:
    for name, node in _named(document, _PATHS):
        value, where = node.value, f"`{name}` (line {node.line})"
        if is_content(value):
            text = f"{where} holds a certificate, key or secret itself, and takes a path."
            yield problem(
                "path-base64",
                name,
                node,
                text,
                "Write it into a file, and name that.",
                is_error=True,
            )
        elif _UNFILLED.search(value):
            text = (
                f"{where} is {value}: Pomerium takes it letter by letter and fills in no variable, "
                "star or home."
            )
            yield problem(
                "path-unfilled",
                name,
                node,
                text,
                "Write the whole path.",
                is_error=name != "autocert_dir",
            )
        elif "://" not in value and not value.startswith("/"):
            text = f"{where} is {value}: Pomerium looks for it in the directory it was started in."
            yield problem("path-relative", name, node, text, "Write the whole path, from /.")


def _sign_in(document: Document) -> Iterator[Problem]:
    mode = lookup(lookup(document.root, "downstream_mtls"), "enforcement")
    own = string(lookup(document.root, "authenticate_service_url"))
    if string(mode) == "reject_connection" and mode is not None and own:
        if (urlsplit(own).hostname or "").endswith(".pomerium.app"):
            return
        text = (
            f"`reject_connection` (line {mode.line}) keeps everybody without a client certificate "
            f"from the sign-in page {own}, too, and other programs from its keys."
        )
        yield problem(
            "reject-connection-sign-in",
            "downstream_mtls.enforcement",
            mode,
            text,
            "If that is not meant, set enforcement to `policy_with_default_deny`.",
        )


def _client_certificates(document: Document) -> Iterator[Problem]:
    """Policies that take a revoked client certificate, or another authority's (seen in v0.32.9)."""
    enforcement = lookup(lookup(document.root, "downstream_mtls"), "enforcement")
    if (string(enforcement) or "").lower() != "policy":
        return
    listed = [one for key in ROUTE_LISTS for one in elements(lookup(document.root, key))]
    policies = [lookup(route, "policy") for route in listed]
    trusting = [
        one
        for one in policies
        if one is not None
        and "client_certificate" in (said := set(_keys(one)))
        and "invalid_client_certificate" not in said
    ]
    if trusting:
        text = (
            f"A `policy` ({_lines(trusting)}) allows a client certificate, and with `enforcement: "
            "policy` a revoked one as well, or one of another authority."
        )
        yield problem(
            "invalid-client-certificate",
            "routes.policy",
            trusting[0],
            text,
            "Add to it: `deny: {or: [{invalid_client_certificate: true}]}`.",
        )


def _keys(node: Node) -> Iterator[str]:
    """Every key in a node, however deep."""
    node = follow(node)
    for key, value in node.pairs:
        yield key.value.lower()
        yield from _keys(value)
    for item in node.items:
        yield from _keys(item)


def _upstream(document: Document) -> Iterator[Problem]:
    skipped = [node for _, node in _named(document, ("routes.tls_skip_verify",)) if is_on(node)]
    if skipped:
        text = (
            f"`tls_skip_verify` ({_lines(skipped)}) takes any certificate, an attacker's as well."
        )
        yield problem(
            "tls-skip-verify",
            "routes.tls_skip_verify",
            skipped[0],
            text,
            "Delete it, and give `tls_custom_ca_file` the authority that signed the application's.",
        )
    numbers = []
    for route in (one for key in ROUTE_LISTS for one in elements(lookup(document.root, key))):
        given = [lookup(route, key) for key in ("tls_upstream_server_name", "tls_server_name")]
        if not any(map(string, given)) and not is_on(lookup(route, "tls_skip_verify")):
            to = lookup(route, "to")
            several = [follow(item) for item in to.items] if to and to.items else [to]
            numbers += [one for one in several if one and _is_https_number(string(one) or "")]
    if numbers:
        text = (
            f"An application is reached by https and a number ({_lines(numbers)}), so its "
            "certificate must name that number."
        )
        yield problem(
            "upstream-number",
            "routes.to",
            numbers[0],
            text,
            "Where it names a host, give the route `tls_upstream_server_name`.",
        )


def _is_https_number(url: str) -> bool:
    host, scheme = _host(url)
    return scheme == "https" and _is_number(host)


def _host(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url.partition(",")[0].strip())
        host = parts.hostname or ""
    except ValueError:
        return "", ""
    return host, parts.scheme


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _unwatched(document: Document) -> Iterator[Problem]:
    names = [one.name for one in ROUTES if one.kind == "path"]
    nodes = [
        node
        for route in elements(lookup(document.root, "routes"))
        for node in (lookup(route, name.partition(".")[2]) for name in names)
        if node is not None and string(node)
    ]
    if nodes:
        text = f"Pomerium does not see when a TLS file of `routes` changes ({_lines(nodes)})."
        yield problem(
            "route-files-unwatched",
            "routes",
            nodes[0],
            text,
            "After a renewal restart it, or: systemctl kill -s HUP pomerium",
        )


def _services(document: Document) -> Iterator[Problem]:
    root = document.root
    services = (string(lookup(root, "services")) or "all").lower().replace(" ", "").split(",")
    override = lookup(root, "override_certificate_name")
    if "all" in services:
        if override is not None and string(override):
            text = (
                f"`override_certificate_name` (line {override.line}) has no effect: it is for "
                "services that run apart from each other."
            )
            yield problem(
                "override-name-unused", "override_certificate_name", override, text, "Delete it."
            )
        return
    insecure = lookup(root, "grpc_insecure")
    if is_on(insecure) and insecure is not None and not {"proxy", "authenticate"} & {*services}:
        text = (
            f"`grpc_insecure` (line {insecure.line}) has this service listen without TLS: whoever "
            "is on the way reads sessions."
        )
        yield problem(
            "grpc-plaintext",
            "grpc_insecure",
            insecure,
            text,
            "Set it to false and give it a certificate.",
        )
    trusted = any(
        string(lookup(root, key)) for key in ("certificate_authority", "certificate_authority_file")
    )
    for name, node in _called(root, services):
        host, scheme = _host(node.value)
        if scheme == "http" and not _is_loopback(host):
            text = (
                f"`{name}` (line {node.line}) calls {host} without TLS: whoever is on the way "
                "reads sessions."
            )
            yield problem(
                "grpc-plaintext",
                name,
                node,
                text,
                "Use https:// and give that service a certificate.",
            )
        if scheme == "https" and _is_private(host) and not trusted:
            text = f"`{name}` (line {node.line}) calls {host}, which no public authority certifies."
            yield problem(
                "grpc-private-host",
                name,
                node,
                text,
                "Set `certificate_authority_file` to the authority that has signed for it.",
            )


def _called(root: Node | None, services: Sequence[str]) -> Iterator[tuple[str, Node]]:
    """The URLs of services that run elsewhere."""
    for name in _SPLIT:
        own = name.partition("_")[0]
        if own in services or (own == "databroker" and "cache" in services):
            continue
        one, several = lookup(root, name), lookup(root, f"{name}s")
        for node in (*((one,) if one else ()), *elements(several)):
            if string(node):
                yield name, node


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_number(host) and ip_address(host).is_loopback)


def _is_private(host: str) -> bool:
    if _is_number(host):
        return ip_address(host).is_private
    labels = host.rstrip(".").split(".")
    return len(labels) == 1 or labels[-1] in _PRIVATE


def _strict_transport(document: Document, names: Sequence[str]) -> Iterator[Problem]:
    root = document.root
    sent = ("certificates", "certificate_file", "certificate")
    key = next(filter(None, (lookup(root, name) for name in sent)), None)
    development = sorted({name for name in names if "localhost" in name.split(".")})
    if lookup(root, "set_response_headers") is not None or not development or key is None:
        return
    if not serves_browsers(document):
        return
    if is_on(lookup(root, "autocert_use_staging")):
        return
    shown = ", ".join(development[:3])
    text = f"Pomerium will tell browsers to insist on HTTPS for {shown} for a year."
    yield problem(
        "hsts-development",
        "set_response_headers",
        key,
        text,
        "To avoid that, add `set_response_headers: {Strict-Transport-Security: max-age=0}`.",
    )


def _sessions(document: Document) -> Iterator[Problem]:
    kind = lookup(document.root, "databroker_storage_type")
    if kind is not None and string(kind) == "memory":
        text = f"`databroker_storage_type` (line {kind.line}) is memory: {FORGETS}"
        yield problem("sessions-in-memory", "databroker_storage_type", kind, text, KEEP)


def _lines(nodes: Sequence[Node]) -> str:
    numbers = [str(number) for number in sorted({node.line for node in nodes})]
    more = len(numbers) - _MOST_LINES
    shown = ", ".join(numbers[:_MOST_LINES])
    if len(numbers) == 1:
        return f"line {shown}"
    return f"lines {shown} and {more} more" if more > 0 else f"lines {shown}"
