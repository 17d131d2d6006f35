"""Plain files: a certificate, its key and Pomerium's configuration, where Pomerium reads them."""

import os
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import ClassVar

from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.flow import Step
from wizard.core.registry import Info
from wizard.core.system import Command, Kept, System
from wizard.pki.material import Installed, Material
from wizard.pomerium.detect import names_at
from wizard.pomerium.paths import require_yaml_name, unread
from wizard.targets.base import Delivery
from wizard.targets.output import ROUTE, output

MADE_AT_APPLY = "(32 random bytes, made when the file is written)"
OTHERS = 0o007
LONGEST_STEM = 200


class Files:
    """Writes certificate, key and configuration; Pomerium reloads them by itself."""

    info: ClassVar[Info] = Info(
        "files", "Plain files", "Certificate, key and configuration where Pomerium reads them."
    )

    def steps(self, system: System) -> Sequence[Step]:
        """Where the files go, and the first route of a configuration that does not exist yet."""
        return (
            Step("output", "Output", output(system)),
            Step("route", "First route", ROUTE),
        )

    def installed(self, answers: Answers, system: System) -> Installed:
        """The certificate and the key that are there now.

        Raises:
            WizardError: `key-mode` when everybody can read the key.
        """
        directory = Path(answers.text("output.directory"))
        stem = _stem(answers.texts("names")[0])
        chain, key = directory / f"{stem}.pem", directory / f"{stem}-key.pem"
        return Installed(chain, key, system.keep(chain), _private(key, system))

    def deliver(self, answers: Answers, system: System, material: Material) -> Delivery:
        """The key, the chain, the root, and the configuration that names them."""
        installed = self.installed(answers, system)
        owner = _owner(answers.text("output.owner"), system)
        actions: list[WriteFile] = []
        if not (material.is_current and _is_owned(installed.key, owner)):
            actions.append(
                WriteFile(
                    installed.key_path,
                    "private key",
                    "Proves that this Pomerium owns the certificate. Nobody else may read it.",
                    lambda: material.key().reveal(),
                    mode=0o600,
                    owner=owner,
                    before=installed.key,
                )
            )
        if not material.is_current:
            actions.append(
                WriteFile(
                    installed.chain_path,
                    "certificate chain",
                    f"For {', '.join(material.names)}; the leaf first, then what issued it.",
                    material.chain,
                    owner=owner,
                    before=installed.chain,
                )
            )
        actions += _root(_root_path(installed), system, material, owner)
        actions += _exports(system, material, owner)
        for action in actions:
            writable(action.path)
        if material.is_renewal:
            return Delivery(tuple(actions))
        name_them = "Name them in Pomerium's configuration, under certificates"
        files = f"- cert: {installed.chain_path}\n  key: {installed.key_path}"
        config = Delivery((), (), (NextStep(name_them, files),))
        if answers.text("output.config"):
            config = _config(answers, system, material, installed, owner)
        return config._replace(actions=(*actions, *config.actions))


def _stem(name: str) -> str:
    """A file name for a certificate's first name; file systems take at most 255 bytes."""
    stem = name.replace("*", "_wildcard")
    if len(stem) <= LONGEST_STEM:
        return stem
    from hashlib import sha256  # noqa: PLC0415  hardly a name is that long

    return f"{stem[: LONGEST_STEM - 17]}-{sha256(name.encode()).hexdigest()[:16]}"


def _private(path: Path, system: System) -> Kept | None:
    """The file that holds a private key, if there is one that nobody else can read."""
    kept = system.keep(path)
    if kept is not None and kept.mode & OTHERS:
        raise WizardError(
            "key-mode",
            f"The private key {path} has mode {kept.mode:04o}: everybody can read it.",
            f"Delete it to have a new one made, or, if nobody read it: chmod 0600 {path}",
        )
    return kept


def _root_path(installed: Installed) -> Path:
    return installed.chain_path.with_name("ca.pem")


def _root(
    path: Path, system: System, material: Material, owner: tuple[int, int] | None
) -> list[WriteFile]:
    """The root beside the certificate, for clients that must be given it."""
    before = system.keep(path)
    if material.root is None:
        return []
    if material.has_root and before is not None and before.content == material.root():
        return []
    if before is not None and _is_foreign(before):
        if material.is_renewal:
            return []
        raise WizardError(
            "foreign-ca",
            f"{path} holds a certificate of somebody else, which Pomerium may be using.",
            "Choose another output.directory, or move the file away.",
        )
    why = "For clients that must be given the root by name; it holds no secret."
    return [WriteFile(path, "root certificate", why, material.root, owner=owner, before=before)]


def _is_foreign(kept: Kept) -> bool:
    from wizard.pki import chain  # noqa: PLC0415  only where a root is there
    from wizard.pki.authority import ORGANIZATION  # noqa: PLC0415

    try:
        found = chain.read(kept.content, "")
    except WizardError:
        return False
    return any(ORGANIZATION not in one.subject.rfc4514_string() for one in found)


def _exports(system: System, material: Material, owner: tuple[int, int] | None) -> list[WriteFile]:
    """The other forms that were asked for, where they are missing or hold something else."""
    actions = []
    for export in material.exports:
        before = _private(export.path, system)
        fits = before is not None and _is_owned(before, owner) and export.fits(before.content)
        if material.is_current and fits:
            continue
        actions.append(
            WriteFile(
                export.path,
                export.what,
                export.why,
                # Encrypting salts: asked twice it would give other bytes.
                cache(export.content),
                mode=0o600,
                owner=owner,
                before=before,
            )
        )
    return actions


def _config(
    answers: Answers,
    system: System,
    material: Material,
    installed: Installed,
    owner: tuple[int, int] | None,
) -> Delivery:
    """An edit of the configuration that is there, or a whole new one."""
    # Unlike Path.resolve this leaves a loop of links for `read` to tell.
    path = Path(os.path.realpath(answers.text("output.config")))
    theirs = (installed.chain_path, installed.key_path, _root_path(installed))
    if any(path == Path(os.path.realpath(one)) for one in theirs):
        raise UsageError(
            "same-file",
            f"output.config: the certificate's files go to {path}.",
            "Give the configuration another name, such as config.yaml.",
        )
    if not os.path.lexists(path):
        return _new_config(path, answers, material, installed, owner)
    from wizard.pomerium import config  # noqa: PLC0415  ruamel.yaml costs 25 ms

    document = config.read(path)
    if document is None:
        return _new_config(path, answers, material, installed, owner)
    before = system.keep(path)
    closed = (
        *unread(Path(answers.text("output.config"))),
        *_closed(path, before, answers.text("output.owner"), owner),
    )
    edit = config.with_certificate(
        document,
        installed.chain_path,
        installed.key_path,
        material.names,
        partial(names_at, system=system),
    )
    if not edit.changed or before is None:
        return Delivery((), (*edit.notices, *closed))
    action = WriteFile(
        path,
        "Pomerium's configuration",
        "Names the certificate; everything else in the file stays as it is.",
        lambda: edit.text,
        before=before,
        shown=lambda: (config.redacted(before.content), config.redacted(edit.text)),
    )
    writable(path)
    start = NextStep("Start Pomerium; a running one has read it already", _start(path))
    return Delivery((action,), (*edit.notices, *closed), (start,))


def _closed(
    path: Path, kept: Kept | None, name: str, owner: tuple[int, int] | None
) -> tuple[str, ...]:
    """What to do about a configuration that its Pomerium cannot read, and that stays as it is."""
    if kept is None or _is_owned(kept, owner) or kept.mode & 0o044:
        return ()
    line = Command(("chown", name, str(path))).shell()
    return (f"{name} cannot read {path}, which has mode {kept.mode:04o}. If it must: {line}",)


def _new_config(
    path: Path,
    answers: Answers,
    material: Material,
    installed: Installed,
    owner: tuple[int, int] | None,
) -> Delivery:
    require_yaml_name(Path(answers.text("output.config")))
    from wizard.pomerium.new_config import new_config  # noqa: PLC0415  ruamel.yaml costs 25 ms
    from wizard.pomerium.secrets import new_secret  # noqa: PLC0415

    def render(shared: str, cookie: str) -> bytes:
        return new_config(
            installed.chain_path,
            installed.key_path,
            shared_secret=shared,
            cookie_secret=cookie,
            route_from=answers.text("output.route.from"),
            route_to=answers.text("output.route.to"),
            email=answers.text("output.route.email") or None,
            address=answers.text("output.address"),
            development=material.is_development,
        )

    action = WriteFile(
        path,
        "Pomerium's configuration",
        "A complete file that serves one route; add yours to it.",
        cache(lambda: render(new_secret(), new_secret())),
        mode=0o600,
        owner=owner,
        shown=lambda: ("", render(MADE_AT_APPLY, MADE_AT_APPLY).decode()),
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


def _is_owned(kept: Kept | None, owner: tuple[int, int] | None) -> bool:
    """Whether a file is there and belongs to whom it must."""
    return kept is not None and (owner is None or kept.uid == owner[0])


def _owner(name: str, system: System) -> tuple[int, int] | None:
    if not name:
        return None
    import pwd  # noqa: PLC0415  POSIX only

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(
            "no-such-user",
            f"output.owner: there is no user {name!r} on this machine.",
            "Name the user that Pomerium runs as, or leave it empty.",
        ) from None
    if entry.pw_uid != system.uid and not system.is_root:
        raise UsageError(
            "owner-needs-root",
            f"output.owner: only root can give files to {name}.",
            "Run as root, or leave it empty.",
        )
    return entry.pw_uid, entry.pw_gid
