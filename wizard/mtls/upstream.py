"""Upstream mTLS as part of an installation: from Pomerium to the applications behind it."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from wizard.core import ourselves
from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.nearest import nearest
from wizard.core.owners import Owner, is_owned, owner_of, private
from wizard.core.plan import Renewal
from wizard.core.questions import Question
from wizard.core.system import Command, System
from wizard.mtls.base import Secured
from wizard.mtls.upstream_questions import QUESTIONS, Wanted, asked_for
from wizard.pki.material import ROUTES, Installed

if TYPE_CHECKING:
    from wizard.pomerium.upstreams import Route

FOLDER: Final = "upstream"
AGAIN: Final = (
    "Whenever one of these files is renewed: copy it, and have Pomerium read it, which watches "
    "no files of routes"
)
ELSEWHERE: Final = (
    "mtls.upstream does nothing here. With Kubernetes the annotations of an Ingress say it: "
    "ingress.pomerium.io/tls_custom_ca_secret, tls_client_secret and tls_server_name."
)


class Upstream:
    """From Pomerium to an application: whom it believes there, and what it shows."""

    questions: ClassVar[Sequence[Question]] = QUESTIONS

    def work(
        self,
        answers: Answers,
        system: System,
        state: Path,
        _installed: Installed,
        renewal: Renewal,
    ) -> Secured:
        """Copies of the files, and the settings of the routes.

        Raises:
            WizardError: a file is no good, or there is no such route; a renewal only tells of it.
        """
        wanted = asked_for(answers)
        if not wanted:
            return Secured()
        if answers.text("output.target") == "kubernetes":
            return Secured(notices=(ELSEWHERE,))
        folder, owner = place(answers), owner_of(answers.text("output.owner"), system)
        if renewal is not Renewal.NO:
            return _renewed(wanted, answers, system, folder, owner)
        actions = [one for each in wanted for one in _files(each, system, folder, owner)]
        routes = _routes(answers)
        notices = [one for each in wanted for one in _told(each, answers, routes)]
        notices += _seen_from_here(wanted, answers, system, routes or ())
        settings = {each.origin: each.settings(folder) for each in wanted}
        renew = ourselves.line(system, state, "renew")
        steps = (NextStep(AGAIN, f"{renew}\n{reread(answers)}"),) if actions else ()
        return Secured(tuple(actions), {ROUTES: settings}, tuple(notices), steps)


def place(answers: Answers) -> Path:
    """Where Pomerium reads the files.

    Raises:
        UsageError: `upstream-no-place`: neither a directory nor a configuration is named.
    """
    directory, config = answers.text("output.directory"), answers.text("output.config")
    if not directory and not config:
        raise UsageError(
            "upstream-no-place",
            "mtls.upstream: there is no place for its files.",
            "Name Pomerium's configuration (output.config); they go beside it.",
        )
    return (Path(directory) if directory else Path(config).parent) / FOLDER


def reread(answers: Answers) -> str:
    """The line that has a running Pomerium read everything again (SIGHUP)."""
    if answers.text("output.target") == "systemd":
        return "systemctl kill -s HUP pomerium"
    if answers.text("output.target") == "docker":
        compose = answers.text("docker.compose")
        return Command(("docker", "compose", "--file", compose, "kill", "--signal", "HUP")).shell()
    return "pkill -HUP -x pomerium"


def _renewed(
    wanted: Sequence[Wanted], answers: Answers, system: System, folder: Path, owner: Owner
) -> Secured:
    """Copies of what somebody renewed; what is no good lets no other certificate expire."""
    actions: list[WriteFile] = []
    notices: list[str] = []
    for each in wanted:
        try:
            actions += _files(each, system, folder, owner)
        except WizardError as error:
            notices.append(f"{each.origin}: {error.summary} {error.hint}")
    read = "Have Pomerium read the new files; it watches none of routes"
    steps = (NextStep(read, reread(answers)),) if actions else ()
    return Secured(tuple(actions), notices=tuple(notices), next_steps=steps)


def _files(wanted: Wanted, system: System, folder: Path, owner: Owner) -> Iterator[WriteFile]:
    """The copies that are missing or outdated.

    Raises:
        WizardError: see `pki.identity`.
    """
    from wizard.pki import identity  # noqa: PLC0415  loads cryptography

    settings, why = wanted.settings(folder), f"For the route from {wanted.origin}"
    if wanted.ca:
        pem = identity.authorities(system, wanted.ca)
        path = Path(settings["tls_custom_ca_file"])
        said = f"{why}: whom it believes."
        yield from _changed(WriteFile(path, "authority", said, lambda: pem, owner=owner), system)
    if wanted.certificate and wanted.key:
        bundle = identity.identity(system, wanted.certificate, wanted.key)
        key = Path(settings["tls_client_key_file"])
        before, secret = private(key, system), bundle.key_pem()
        is_there = before is not None and before.content == secret.reveal()
        if not (is_there and is_owned(before, owner)):
            writable(key)
            yield WriteFile(
                key,
                "client key",
                f"{why}: proves that the client certificate is Pomerium's.",
                secret.reveal,
                mode=0o600,
                owner=owner,
                before=before,
            )
        shown = WriteFile(
            Path(settings["tls_client_cert_file"]),
            "client certificate",
            f"{why}: what Pomerium shows the application.",
            bundle.chain_pem,
            owner=owner,
        )
        yield from _changed(shown, system)


def _changed(action: WriteFile, system: System) -> Iterator[WriteFile]:
    """The action, where the file is not there or holds something else."""
    before = system.keep(action.path)
    if before is None or before.content != action.content():
        writable(action.path)
        yield action._replace(before=before)


def _routes(answers: Answers) -> "tuple[Route, ...] | None":
    """The routes there are or will be; None where a person writes them.

    Raises:
        WizardError: the configuration cannot be read.
    """
    from wizard.pomerium import variables  # noqa: PLC0415  ruamel.yaml costs 25 ms
    from wizard.pomerium.document import read  # noqa: PLC0415
    from wizard.pomerium.upstreams import Route, routes  # noqa: PLC0415

    config = answers.text("output.config")
    if not config:
        return None
    is_variables = answers.text("output.form") == "env"
    document = (variables.document if is_variables else read)(Path(config))
    if document is None:
        to = answers.text("output.route.to")
        return (Route(answers.text("output.route.from"), (to,)),)
    return tuple(routes(document))


def _told(wanted: Wanted, answers: Answers, every: "tuple[Route, ...] | None") -> Iterator[str]:
    """What to know of a route that is to have settings.

    Raises:
        UsageError: `upstream-no-route`, `upstream-not-https`.
    """
    if wanted.ca:
        yield (
            f"The route from {wanted.origin} will believe {wanted.ca} and no other authority, "
            "public ones neither."
        )
    if every is None:
        return
    from wizard.pomerium.upstreams import is_same  # noqa: PLC0415  ruamel.yaml costs 25 ms

    config = answers.text("output.config")
    found = [one for one in every if is_same(one.origin, wanted.origin)]
    if not found:
        origins = tuple(dict.fromkeys(one.origin for one in every))
        near = nearest(wanted.origin, origins)
        known = ", ".join(origins[:10]) or "none"
        raise UsageError(
            "upstream-no-route",
            f"mtls.upstream: {config} has no route from {wanted.origin}.",
            f"Did you mean {near}?" if near else f"Its routes are from: {known}.",
        )
    if not any(one.upstreams for one in found):
        to = next((to for one in found for to in one.to), "no address")
        raise UsageError(
            "upstream-not-https",
            f"mtls.upstream: the route from {wanted.origin} leads to {to}, where no TLS is spoken.",
            "Write its `to` with https:// first, or take it out of mtls.upstream.",
        )
    for route in found:
        if not route.upstreams:
            yield f"{config}, line {route.line}: this route leads to no https://, and stays."
        elif route.skips_verify:
            yield (
                f"{config}, line {route.line}: with `tls_skip_verify` Pomerium believes anybody "
                f"at {wanted.origin}. Delete that line."
            )
    hosts = [url.hostname or "" for one in found for url in one.upstreams]
    if not wanted.server_name and any(map(_is_address, hosts)):
        yield (
            f"The route from {wanted.origin} leads to an address: the application's certificate "
            "must be for that address, or give the name that it is for as server_name."
        )


def _seen_from_here(
    wanted: Sequence[Wanted], answers: Answers, system: System, routes: "Sequence[Route]"
) -> Iterator[str]:
    """What an application that answers at once would refuse, or be refused for."""
    from wizard.doctor.upstream import Application, objections  # noqa: PLC0415  ssl
    from wizard.pki import identity  # noqa: PLC0415  loads cryptography
    from wizard.pomerium.upstreams import HTTPS, is_same  # noqa: PLC0415  ruamel.yaml costs 25 ms

    places = [
        (each, url)
        for each in wanted
        for route in routes
        if is_same(route.origin, each.origin) and not route.skips_verify
        for url in route.upstreams
        # Inside a container these are the container itself.
        if answers.text("output.target") != "docker" or not _is_own(url.hostname or "")
    ]
    asked = [
        Application(
            url.hostname or "",
            url.port or HTTPS,
            each.server_name or url.hostname or "",
            identity.authorities(system, each.ca).decode() if each.ca else "",
            (each.certificate, each.key) if each.certificate and each.key else None,
        )
        for each, url in dict.fromkeys(places)
    ]
    for (each, url), why in zip(dict.fromkeys(places), objections(asked), strict=True):
        if why:
            yield f"{each.origin}: {url.geturl()}, seen from here: {why}."


def _is_own(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
