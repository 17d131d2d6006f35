"""Which host names a configuration serves, and which certificate names cover them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from wizard.pki.names import normalise
from wizard.pomerium.document import Document, elements, lookup, string

_TLS_SCHEMES = frozenset({"https", "http", "tcp+https", "udp+https"})
"""`http` because Pomerium serves such a route with TLS as well; `ssh` has no certificate."""

_ROUTES = ("routes", "policy")
_HOSTED_AUTHENTICATE = frozenset({"authenticate.pomerium.app", "authenticate.staging.pomerium.app"})


def serves_browsers(document: Document) -> bool:
    """Whether it is a configuration of a service that browsers come to: not authorize alone."""
    services = (string(lookup(document.root, "services")) or "all").lower().replace(" ", "")
    return bool({"all", "authenticate", "proxy"} & {*services.split(",")})


def hosts(document: Document) -> tuple[str, ...]:
    """The hosts this configuration needs certificates for: as in one, each once, in order.

    They come from `from` of `routes:` and the older `policy:`, and from `authenticate_service_url`
    unless that is Pomerium's hosted one. Addresses are left out, and what is not a URL.
    """
    return tuple(dict.fromkeys(filter(None, map(_host, _urls(document)))))


def autocert_hosts(document: Document) -> tuple[str, ...]:
    """The hosts Pomerium's autocert asks a certificate for: those of `hosts` without a star.

    None at all while there is no route, and none for a route from `http` (internal/autocert).
    """
    routes = [url for key in _ROUTES for url in _froms(document, key)]
    urls = [url for url in routes if not (url or "").strip().startswith("http:")]
    if routes:
        urls.append(string(lookup(document.root, "authenticate_service_url")))
    found = dict.fromkeys(filter(None, map(_host, urls)))
    return tuple(host for host in found if "*" not in host)


def propose_names(found: Sequence[str], is_public_suffix: Callable[[str], bool]) -> tuple[str, ...]:
    """The fewest sensible certificate names that cover these hosts, in the order of the hosts.

    Hosts that share a parent, and wildcard hosts, become `*.parent`, which covers one label and not
    the parent itself. A wildcard never stands directly on a public suffix or a single label. A host
    no certificate can name, such as `a.*.example.com` or `*.com`, is left out.
    """
    wanted = [host for host in found if "*" not in host.partition(".")[2]]
    parents = [host.partition(".")[2] for host in wanted]
    names: list[str] = []
    for host, parent in zip(wanted, parents, strict=True):
        starred = "*" in host
        if "." in parent and not is_public_suffix(parent):
            shared = len({h for h, p in zip(wanted, parents, strict=True) if p == parent}) > 1
            names.append(f"*.{parent}" if starred or shared else host)
        elif not starred:
            names.append(host)
    return tuple(dict.fromkeys(names))


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a certificate for `names` is good for `host`; `*` stands for exactly one label."""
    return any(name in (host, f"*.{host.partition('.')[2]}") for name in names)


def _urls(document: Document) -> Iterator[str | None]:
    if not serves_browsers(document):
        return
    for key in _ROUTES:
        yield from _froms(document, key)
    yield string(lookup(document.root, "authenticate_service_url"))


def _froms(document: Document, key: str) -> Iterator[str | None]:
    for route in elements(lookup(document.root, key)):
        yield string(lookup(route, "from"))


def _host(url: str | None) -> str | None:
    try:
        parts = urlsplit((url or "").strip())
        host = normalise(parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    if parts.scheme not in _TLS_SCHEMES or not host or host in _HOSTED_AUTHENTICATE:
        return None
    return None if _is_address(host) else host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
