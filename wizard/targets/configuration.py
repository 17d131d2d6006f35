"""Pomerium's configuration with what a strategy brings: an edit of what is there, or a new file."""

import os
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.system import Command, Kept, System
from wizard.pki.material import Installed, Material, Settings
from wizard.pomerium.detect import names_at
from wizard.pomerium.paths import require_yaml_name, unread
from wizard.targets.base import Delivery

if TYPE_CHECKING:
    from wizard.pomerium.config import Document, Edit

MASKED: Final = "(not shown)"
MADE_AT_APPLY: Final = "(32 random bytes, made when the file is written)"
Owner = tuple[int, int] | None


class Wanted(NamedTuple):
    """What the configuration is to say: where a certificate lies, if there is one, and settings."""

    material: Material | None
    installed: Installed
    settings: Settings

    @property
    def files(self) -> tuple[Path, Path] | None:
        """The certificate to name and its key."""
        return (self.installed.chain_path, self.installed.key_path) if self.material else None


def configured(answers: Answers, system: System, wanted: Wanted, owner: Owner) -> Delivery:
    """An edit of the configuration that is there, or a whole new one; what to do without any."""
    if not answers.text("output.config"):
        return Delivery((), (), (_by_hand(wanted),))
    # Unlike Path.resolve this leaves a loop of links for `read` to tell.
    path = Path(os.path.realpath(answers.text("output.config")))
    theirs = (*wanted.files, root_path(wanted.installed)) if wanted.files else ()
    if any(path == Path(os.path.realpath(one)) for one in theirs):
        raise UsageError(
            "same-file",
            f"output.config: the certificate's files go to {path}.",
            "Give the configuration another name, such as config.yaml.",
        )
    if not os.path.lexists(path):
        return _new(path, answers, wanted, owner)
    from wizard.pomerium import config  # noqa: PLC0415  ruamel.yaml costs 25 ms

    document = config.read(path)
    if document is None:
        return _new(path, answers, wanted, owner)
    before = system.keep(path)
    closed = (
        *unread(Path(answers.text("output.config"))),
        *_closed(path, before, answers.text("output.owner"), owner),
    )
    edit = _edit(document, wanted, system)
    if not edit.changed or before is None:
        return Delivery((), (*edit.notices, *closed))
    does = "Names the certificate" if wanted.material else "Lets Pomerium get its certificates"
    action = WriteFile(
        path,
        "Pomerium's configuration",
        f"{does}; everything else in the file stays as it is.",
        lambda: edit.text,
        before=before,
        shown=lambda: (config.redacted(before.content), config.redacted(edit.text)),
    )
    writable(path)
    start = NextStep("Start Pomerium; a running one has read it already", _start(path))
    return Delivery((action,), (*edit.notices, *closed), (start,))


def _edit(document: "Document", wanted: Wanted, system: System) -> "Edit":
    from wizard.pomerium import config  # noqa: PLC0415  ruamel.yaml costs 25 ms

    if wanted.material is None:
        return config.with_settings(document, wanted.settings)
    names = wanted.material.names
    read = partial(names_at, system=system)
    installed = wanted.installed
    return config.with_certificate(document, installed.chain_path, installed.key_path, names, read)


def _by_hand(wanted: Wanted) -> NextStep:
    """What a person writes into a configuration that the wizard is not to touch."""
    if wanted.material is not None:
        chain, key = wanted.installed.chain_path, wanted.installed.key_path
        name_them = "Name them in Pomerium's configuration, under certificates"
        return NextStep(name_them, f"- cert: {chain}\n  key: {key}")
    from wizard.pomerium.emitter import dump  # noqa: PLC0415  ruamel.yaml costs 25 ms
    from wizard.pomerium.merge import masked  # noqa: PLC0415

    said = {name: value for name, value in masked(wanted.settings, MASKED).items() if value}
    return NextStep("Set this in Pomerium's configuration", dump(said).rstrip())


def _closed(path: Path, kept: Kept | None, name: str, owner: Owner) -> tuple[str, ...]:
    """What to do about a configuration that its Pomerium cannot read, and that stays as it is."""
    if kept is None or is_owned(kept, owner) or kept.mode & 0o044:
        return ()
    line = Command(("chown", name, str(path))).shell()
    return (f"{name} cannot read {path}, which has mode {kept.mode:04o}. If it must: {line}",)


def _new(path: Path, answers: Answers, wanted: Wanted, owner: Owner) -> Delivery:
    require_yaml_name(Path(answers.text("output.config")))
    from wizard.pomerium.merge import Plain, masked, revealed  # noqa: PLC0415  ruamel.yaml: 25 ms
    from wizard.pomerium.new_config import new_config  # noqa: PLC0415
    from wizard.pomerium.secrets import new_secret  # noqa: PLC0415

    def render(shared: str, cookie: str, settings: Plain) -> bytes:
        return new_config(
            wanted.files,
            shared_secret=shared,
            cookie_secret=cookie,
            route_from=answers.text("output.route.from"),
            route_to=answers.text("output.route.to"),
            email=answers.text("output.route.email") or None,
            address=answers.text("output.address"),
            development=wanted.material is not None and wanted.material.is_development,
            settings=settings,
        )

    made, shown = MADE_AT_APPLY, masked(wanted.settings, MASKED)
    action = WriteFile(
        path,
        "Pomerium's configuration",
        "A complete file that serves one route; add yours to it.",
        cache(lambda: render(new_secret(), new_secret(), revealed(wanted.settings))),
        mode=0o600,
        owner=owner,
        shown=lambda: ("", render(made, made, shown).decode()),
    )
    notices = (
        ()
        if answers.text("output.route.email")
        else ("The new route lets nobody in until its policy names who may (output.route.email).",)
    )
    writable(path)
    start = NextStep("Start Pomerium with it", _start(path))
    first = NextStep("Open its first route", answers.text("output.route.from"))
    return Delivery((action,), notices, (start, first))


def _start(config: Path) -> str:
    return Command(("pomerium", "-config", str(config))).shell()


def is_owned(kept: Kept | None, owner: Owner) -> bool:
    """Whether a file is there and belongs to whom it must."""
    return kept is not None and (owner is None or kept.uid == owner[0])


def root_path(installed: Installed) -> Path:
    """Where the root lies that a certificate was issued from."""
    return installed.chain_path.with_name("ca.pem")
