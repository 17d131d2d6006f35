"""Pomerium's configuration: the one that is there with what it must say, or a whole new one."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.owners import Owner, is_owned
from wizard.core.system import Command, Kept, System
from wizard.pki.material import ROUTES, Material, Settings, Task
from wizard.pomerium import variables
from wizard.pomerium.detect import content_at, names_at
from wizard.pomerium.paths import refuse_yaml_name, require_yaml_name, unread
from wizard.pomerium.variables import MASK, SYSTEMD, TRUE, Dialect
from wizard.targets.base import Delivery
from wizard.targets.certificate_files import root_path
from wizard.targets.output import is_split, is_variables

if TYPE_CHECKING:
    from wizard.pomerium.config import Document, Edit

MADE_AT_APPLY: Final = "(32 random bytes, made when the file is written)"
UNSEEN: Final = "(not shown)"


def itself(path: Path) -> Path:
    """A path as Pomerium sees it where it runs on this machine."""
    return path


def as_it_is(address: str) -> str:
    """An address as Pomerium listens on it where it runs on this machine."""
    return address


class Place(NamedTuple):
    """Where Pomerium runs: what starts it, and how it sees paths and addresses of this machine.

    `here` gives back the path of this machine that it sees so; `dialect` is how a file of variables
    is read there.
    """

    start: str
    seen: Callable[[Path], Path] = itself
    here: Callable[[Path], Path] = itself
    listens: Callable[[str], str] = as_it_is
    dialect: Dialect = SYSTEMD


class Job(NamedTuple):
    """What the configuration must say, and where it is: `path`, links followed."""

    task: Task
    material: Material | None
    settings: Settings
    owner: Owner
    place: Place
    path: Path

    @property
    def answers(self) -> Answers:
        """The answers of the task."""
        return self.task.answers

    @property
    def system(self) -> System:
        """The machine of the task."""
        return self.task.system

    @property
    def files(self) -> tuple[Path, Path] | None:
        """The certificate to name and its key, as Pomerium sees them."""
        if self.material is None:
            return None
        there = self.task.installed
        return self.place.seen(there.chain_path), self.place.seen(there.key_path)


def configured(job: Job) -> Delivery:
    """An edit of the configuration that is there, a whole new one, or the lines for a person.

    Raises:
        WizardError: it cannot be read or written, or is no configuration.
    """
    if not job.answers.text("output.config"):
        return _by_hand(job)
    path, there = job.path, job.task.installed
    theirs = (there.chain_path, there.key_path, root_path(there)) if job.material else ()
    if any(path == Path(os.path.realpath(one)) for one in theirs):
        raise UsageError(
            "same-file",
            f"output.config: the certificate's files go to {path}.",
            "Give the configuration another name, such as config.yaml.",
        )
    if is_variables(job.answers):
        return _variables(job)
    if not os.path.lexists(path):
        return _new_config(job)
    from wizard.pomerium import config  # noqa: PLC0415  ruamel.yaml costs 25 ms

    document = config.read(path)
    if document is None:
        return _new_config(job)
    before = job.system.keep(path)
    closed = (
        *unread(Path(job.answers.text("output.config"))),
        *_closed(path, before, job.answers.text("output.owner"), job.owner),
    )
    edit = _edit(document, job)
    if not edit.changed or before is None:
        return Delivery(notices=(*edit.notices, *closed))
    action = WriteFile(
        path,
        "Pomerium's configuration",
        f"{_does(job)}; everything else in the file stays as it is.",
        lambda: edit.text,
        before=before,
        shown=lambda: (config.redacted(before.content), config.redacted(edit.text)),
    )
    writable(path)
    start = _start(job, "Start Pomerium; a running one has read it already")
    return Delivery((action,), (*edit.notices, *closed), start)


def _by_hand(job: Job) -> Delivery:
    """What a person writes into a configuration that the wizard is not to touch."""
    steps = []
    if job.files is not None:
        cert, key = job.files
        name_them = "Name them in Pomerium's configuration, under certificates"
        steps.append(NextStep(name_them, f"- cert: {cert}\n  key: {key}"))
    if job.settings:
        from wizard.pomerium.emitter import dump  # noqa: PLC0415  ruamel.yaml costs 25 ms
        from wizard.pomerium.merge import masked, nested, of_routes  # noqa: PLC0415

        said = nested({k: value for k, value in masked(job.settings, UNSEEN).items() if value})
        routes = [{"from": origin, **own} for origin, own in of_routes(job.settings).items()]
        shown = dump({**said, **({ROUTES: routes} if routes else {})}).rstrip()
        steps.append(NextStep("Set this in Pomerium's configuration", shown))
    return Delivery(next_steps=tuple(steps))


def _does(job: Job) -> str:
    does = "Names the certificate" if job.material else "Lets Pomerium get its certificates"
    return f"{does}, and gives routes what they need" if ROUTES in job.settings else does


def _edit(document: "Document", job: Job) -> "Edit":
    from dataclasses import replace  # noqa: PLC0415  as slow as the rest

    from wizard.pomerium import config  # noqa: PLC0415  ruamel.yaml costs 25 ms

    def read(seen: Path) -> bytes | None:
        return content_at(job.place.here(seen), system=job.system)

    if job.material is None or job.files is None:
        return config.with_settings(document, job.settings, read=read)
    merged = config.with_settings(document, job.settings) if job.settings else None
    # The certificate comes last: what is said of the configuration is then true of the whole.
    named = config.with_certificate(
        config.parse(merged.text, document.name) if merged else document,
        *job.files,
        job.material.names,
        lambda seen: names_at(job.place.here(seen), system=job.system),
        read=read,
    )
    return replace(named, changed=named.changed or (merged is not None and merged.changed))


def _closed(path: Path, kept: Kept | None, name: str, owner: Owner) -> tuple[str, ...]:
    """What to do about a configuration that its Pomerium cannot read, and that stays as it is."""
    if kept is None or is_owned(kept, owner) or kept.mode & 0o044:
        return ()
    line = Command(("chown", name, str(path))).shell()
    return (f"{name} cannot read {path}, which has mode {kept.mode:04o}. If it must: {line}",)


def _new_config(job: Job) -> Delivery:
    require_yaml_name(Path(job.answers.text("output.config")))
    content = cache(lambda: _rendered(job, *_new_secrets()))
    action = WriteFile(
        job.path,
        "Pomerium's configuration",
        "A complete file that serves one route; add yours to it.",
        content,
        mode=0o600,
        owner=job.owner,
        shown=lambda: ("", _rendered(job, MADE_AT_APPLY, MADE_AT_APPLY, UNSEEN).decode()),
    )
    return _first(job, action)


def _variables(job: Job) -> Delivery:
    """The settings as variables: a whole new file, or the certificate's in the one that is there.

    Raises:
        WizardError: the file cannot be read, or its name says that it is YAML.
    """
    before = job.system.keep(job.path)
    refuse_yaml_name(job.path)
    dialect = job.place.dialect
    if before is None:

        def render(shared: str, cookie: str) -> bytes:
            made = variables.variables_of(_rendered(job, shared, cookie))
            return dialect.write(f"{variables.HEADER}\n", made).encode()

        action = WriteFile(
            job.path,
            "Pomerium's settings as variables",
            "A complete file that serves one route.",
            cache(lambda: render(*_new_secrets())),
            mode=0o600,
            owner=job.owner,
            shown=lambda: ("", variables.shown(render(MASK, MASK).decode())),
        )
        return _first(job, action)
    old = before.content.decode(errors="surrogateescape")
    new = dialect.write(old, _wanted(job, dialect.read(old)))
    notices = []
    if job.material and dialect.read(new).get("AUTOCERT", "").lower() in TRUE:
        notices.append(
            f"AUTOCERT in {job.path} is on: its certificates for exact names are served instead of "
            "this one. Delete it where that is not meant."
        )
    if new == old:
        return Delivery(notices=tuple(notices))
    writable(job.path)
    action = WriteFile(
        job.path,
        "Pomerium's settings as variables",
        f"{_does(job)}; everything else in the file stays as it is.",
        lambda: new.encode(errors="surrogateescape"),
        before=before,
        shown=lambda: (variables.shown(old), variables.shown(new)),
    )
    start = NextStep("Start Pomerium again; it reads variables only then", job.place.start)
    return Delivery((action,), tuple(notices), (start,))


def _wanted(job: Job, said: Mapping[str, str]) -> dict[str, str]:
    """The variables that an existing file must have; an empty or false one where it is said."""
    wanted = variables.certificate(*map(str, job.files)) if job.files else {}
    if not job.settings:
        return wanted
    from wizard.pomerium.merge import of_routes, revealed  # noqa: PLC0415  ruamel.yaml: 25 ms

    for setting, value in revealed(job.settings).items():
        for name, text in variables.flat(setting, value).items():
            if text not in {"", "false"} or said.get(name):
                wanted[name] = text
    return wanted | variables.with_routes(said, of_routes(job.settings), str(job.path))


def _new_secrets() -> tuple[str, str]:
    from wizard.pomerium.secrets import new_secret  # noqa: PLC0415  ssl, only at apply

    return new_secret(), new_secret()


def _rendered(job: Job, shared: str, cookie: str, mask: str = "") -> bytes:
    """A new configuration, with these secrets, and a mask for those of settings if there is one."""
    from wizard.pomerium.merge import masked, of_routes, revealed  # noqa: PLC0415  ruamel.yaml: 25 ms
    from wizard.pomerium.new_config import new_config  # noqa: PLC0415
    from wizard.pomerium.upstreams import is_same  # noqa: PLC0415

    route_from = job.answers.text("output.route.from")
    own = (one for origin, one in of_routes(job.settings).items() if is_same(origin, route_from))
    return new_config(
        job.files,
        shared_secret=shared,
        cookie_secret=cookie,
        route_from=route_from,
        route_to=job.answers.text("output.route.to"),
        email=job.answers.text("output.route.email") or None,
        address=job.place.listens(job.answers.text("output.address")),
        development=job.material is not None and job.material.is_development,
        settings=masked(job.settings, mask) if mask else revealed(job.settings),
        route_settings=next(own, {}),
    )


def _first(job: Job, action: WriteFile) -> Delivery:
    """What goes with settings that are new."""
    notices = (
        ()
        if job.answers.text("output.route.email")
        else ("The new route lets nobody in until its policy names who may (output.route.email).",)
    )
    writable(job.path)
    first = NextStep("Open its first route", job.answers.text("output.route.from"))
    return Delivery((action,), notices, _start(job, "Start Pomerium with it", first))


def _start(job: Job, what: str, *then: NextStep) -> tuple[NextStep, ...]:
    """How Pomerium is started, unless its services are by configurations of their own."""
    return () if is_split(job.answers) else (NextStep(what, job.place.start), *then)
