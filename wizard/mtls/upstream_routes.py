"""The routes that lead to an application: whether they can have it, and what to know of them."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult

from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.nearest import nearest
from wizard.core.system import System
from wizard.mtls.upstream_questions import ENDS, Wanted

if TYPE_CHECKING:
    from wizard.doctor.upstream import Application
    from wizard.pomerium.upstreams import Route

FILES: Final = ("tls_custom_ca_file", "tls_client_cert_file", "tls_client_key_file")


def told(wanted: Sequence[Wanted], answers: Answers, system: System) -> Iterator[str]:
    """What to know of the routes that are to have settings.

    Raises:
        UsageError: `upstream-no-route`, `upstream-not-https`.
        WizardError: the configuration cannot be read.
    """
    every = _routes(answers)
    places: list[tuple[Wanted, SplitResult]] = []
    for each in wanted:
        if each.ca:
            yield (
                f"The route from {each.origin} will trust the authority in {each.ca} and no other: "
                "a certificate of a public authority is refused there."
            )
        for route in _leading(each, every, answers) if every is not None else ():
            if not route.upstreams:
                yield f"A route from {each.origin} leads to no https://, and stays as it is."
            if not route.skips_verify:
                places += ((each, url) for url in route.upstreams)
    yield from _seen_from_here(tuple(dict.fromkeys(places)), answers, system)


def left(wanted: Sequence[Wanted], answers: Answers, folder: Path) -> Iterator[str]:
    """What to say of copies that these answers do not ask for.

    Raises:
        WizardError: the configuration cannot be read.
    """
    stale = _copies(folder)
    for one in wanted:
        stale -= {path.name for path in one.settings(folder).values() if isinstance(path, Path)}
    found = named(answers) if stale else None
    if found is None:
        return
    lines: dict[tuple[int, str], list[str]] = {}
    used = set()
    for name, path, route in found:
        if path.name in stale and path.parent.name == folder.name:
            used.add(path.name)
            lines.setdefault((route.line, route.origin), []).append(f"`{name}`")
    config = answers.text("output.config")
    for (line, origin), names in lines.items():
        yield (
            f"{config}, line {line}: the route from {origin} still has {', '.join(names)} of an "
            "earlier run. Delete what is not meant any more."
        )
    if stale - used:
        files = ", ".join(sorted(stale - used))
        yield f"No route names these files in {folder} any more, so delete them: {files}."


def _copies(folder: Path) -> set[str]:
    """The names of the copies that are there, as far as one may look."""
    try:
        return {path.name for path in folder.iterdir() if path.name.endswith(ENDS)}
    except OSError:
        return set()


def named(answers: Answers) -> "list[tuple[str, PurePath, Route]] | None":
    """Every TLS file of a route as Pomerium sees it, with the setting that names it.

    None where a person writes the routes.
    """
    from wizard.pomerium.document import lookup, string  # noqa: PLC0415  ruamel.yaml costs 25 ms

    every = _routes(answers)
    if every is None:
        return None
    said = ((name, string(lookup(one.node, name)), one) for one in every for name in FILES)
    return [(name, PurePath(path), one) for name, path, one in said if path]


def _routes(answers: Answers) -> "Sequence[Route] | None":
    """The routes there are or will be; None where a person writes them."""
    from wizard.pomerium import variables  # noqa: PLC0415  ruamel.yaml costs 25 ms
    from wizard.pomerium.document import read  # noqa: PLC0415  as above
    from wizard.pomerium.upstreams import Route, routes  # noqa: PLC0415  as above

    config = answers.text("output.config")
    if not config:
        return None
    is_variables = answers.text("output.form") == "env"
    document = (variables.document if is_variables else read)(Path(config))
    if document is None:
        return [Route(answers.text("output.route.from"), (answers.text("output.route.to"),))]
    return list(routes(document))


def _leading(wanted: Wanted, every: "Sequence[Route]", answers: Answers) -> "list[Route]":
    """The routes from there, of which one at least leads to TLS."""
    from wizard.pomerium.upstreams import is_same  # noqa: PLC0415  ruamel.yaml costs 25 ms

    found = [one for one in every if is_same(one.origin, wanted.origin)]
    if not found:
        origins = tuple(dict.fromkeys(one.origin for one in every))
        near, known = nearest(wanted.origin, origins), ", ".join(origins[:10]) or "nowhere"
        raise UsageError(
            "upstream-no-route",
            f"mtls.upstream: {answers.text('output.config')} has no route from {wanted.origin}.",
            f"Did you mean {near}?" if near else f"Its routes are from: {known}.",
        )
    if not any(one.upstreams for one in found):
        to = next((to for one in found for to in one.to), "no address")
        raise UsageError(
            "upstream-not-https",
            f"mtls.upstream: the route from {wanted.origin} leads to {to}, where no TLS is spoken.",
            "Write its `to` with https:// first, or take it out of mtls.upstream.",
        )
    return found


def _seen_from_here(
    places: Sequence[tuple[Wanted, SplitResult]], answers: Answers, system: System
) -> Iterator[str]:
    """What an application that answers at once would refuse, or be refused for."""
    from wizard.doctor.upstream import objections  # noqa: PLC0415  ssl

    is_inside = answers.text("output.target") == "docker"
    # Seen from inside a container these are the container itself.
    here = [one for one in places if not (is_inside and _is_own(one[1].hostname or ""))]
    verdicts = objections([_application(each, url, system) for each, url in here])
    for (each, url), verdict in zip(here, verdicts, strict=True):
        if verdict:
            yield f"{each.origin}: {url.geturl()}, seen from here: {verdict}."


def _application(wanted: Wanted, url: SplitResult, system: System) -> "Application":
    from wizard.doctor.upstream import Application  # noqa: PLC0415  ssl
    from wizard.pki import identity  # noqa: PLC0415  loads cryptography
    from wizard.pomerium.upstreams import HTTPS  # noqa: PLC0415  ruamel.yaml costs 25 ms

    host = url.hostname or ""
    return Application(
        host,
        url.port or HTTPS,
        wanted.server_name or host,
        identity.authorities(system, wanted.ca).decode() if wanted.ca else "",
        (wanted.certificate, wanted.key) if wanted.certificate and wanted.key else None,
    )


def _is_own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
