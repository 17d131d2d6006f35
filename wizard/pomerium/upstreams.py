"""Routes by where they come from: where they lead, and how TLS is spoken there."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from wizard.core.errors import WizardError
from wizard.pomerium.document import Document, elements, follow, lookup, string
from wizard.pomerium.edit import Editor
from wizard.pomerium.syntax import Node
from wizard.pomerium.variables import TRUE

LISTS: Final = ("routes", "policy")
"""Where routes are listed; the second is the older name, and Pomerium reads both."""
INLINE: Final = {
    "tls_custom_ca_file": ("tls_custom_ca",),
    "tls_client_cert_file": ("tls_client_cert", "tls_client_key"),
}
"""What of a route wins over a file when it holds the same itself (Pomerium config/policy.go)."""
HTTPS: Final = 443
NO_URL: Final = urlsplit("")


class Route(NamedTuple):
    """A route: its `from`, its line, the URLs it leads to, and whether it checks nobody there."""

    origin: str
    to: tuple[str, ...]
    line: int = 0
    skips_verify: bool = False
    node: Node | None = None

    @property
    def upstreams(self) -> tuple[SplitResult, ...]:
        """The URLs that are reached by TLS."""
        return tuple(url for one in self.to if (url := split(one)).scheme == "https")


def split(url: str) -> SplitResult:
    """The parts of a URL; none of what is not one. A weight behind a comma counts for nothing."""
    try:
        parts = urlsplit(url.strip().partition(",")[0])
        is_url = parts.port != 0
    except ValueError:
        return NO_URL
    return parts if is_url else NO_URL


def is_same(one: str, other: str) -> bool:
    """Whether two `from` are one place: letter case, port 443 and a slash at the end aside."""
    return _canonical(one) == _canonical(other)


def _canonical(url: str) -> tuple[str, str, int | None, str]:
    parts = split(url)
    port = None if parts.port == HTTPS else parts.port
    return parts.scheme, parts.hostname or url, port, parts.path.rstrip("/")


def routes(document: Document) -> Iterator[Route]:
    """Every route of a configuration that has a `from`, in order."""
    for name in LISTS:
        for node in elements(lookup(document.root, name)):
            origin = string(lookup(node, "from")) if node.kind == "mapping" else None
            if origin:
                skips = (string(lookup(node, "tls_skip_verify")) or "").lower() in TRUE
                yield Route(origin, tuple(_to(node)), node.line, skips, node)


def _to(node: Node) -> Iterator[str]:
    to = lookup(node, "to")
    items = to.items if to is not None and to.kind == "sequence" else filter(None, [to])
    yield from filter(None, (string(follow(item)) for item in items))


def set_up(editor: Editor, document: Document, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Gives the routes from these places their settings, as far as they lead to TLS.

    Raises:
        WizardError: `upstream-inline`, `config-anchor-shared`.

    """
    for route in routes(document):
        named = (values for origin, values in wanted.items() if is_same(origin, route.origin))
        for name, value in next(named, {}).items():
            if route.node is None or not route.upstreams:
                continue
            _refuse_inline(document, route.node, name)
            if string(lookup(route.node, name)) != value:
                editor.set(route.node, name, value)


def _refuse_inline(document: Document, route: Node, name: str) -> None:
    for inline in INLINE.get(name, ()):
        node = lookup(route, inline)
        if string(node):
            raise WizardError(
                "upstream-inline",
                f"{document.name}, line {node.line if node else route.line}: the route holds "
                f"`{inline}` itself, which wins over a file.",
                "Delete that line, or take the route out of mtls.upstream.",
            )
