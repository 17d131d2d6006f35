"""A certificate's files on disk: its key, its chain, its root, and who can read them."""

from functools import cache
from pathlib import Path

from wizard.core.actions import WriteFile
from wizard.core.errors import WizardError
from wizard.core.files import writable
from wizard.core.owners import Owner, is_owned, private
from wizard.core.system import Kept, System
from wizard.pki.material import Installed, Material, Task

LONGEST_STEM = 200


def installed_in(directory: Path, name: str, system: System) -> Installed:
    """The certificate for a first name and its key, in a directory.

    Raises:
        WizardError: `key-mode` when everybody can read the key.
    """
    stem = _stem(name)
    chain, key = directory / f"{stem}.pem", directory / f"{stem}-key.pem"
    return Installed(chain, key, system.keep(chain), private(key, system))


def write(task: Task, material: Material, owner: Owner) -> tuple[WriteFile, ...]:
    """The key, the chain, the root and the exports, each where it is missing or outdated.

    Raises:
        WizardError: one of them cannot be written, or belongs to somebody else.
    """
    there = task.installed
    actions: list[WriteFile] = []
    if not (material.is_current and is_owned(there.key, owner)):
        actions.append(
            WriteFile(
                there.key_path,
                "private key",
                "Proves that this Pomerium owns the certificate. Nobody else may read it.",
                lambda: material.key().reveal(),
                mode=0o600,
                owner=owner,
                before=there.key,
            )
        )
    if not material.is_current:
        actions.append(
            WriteFile(
                there.chain_path,
                "certificate chain",
                f"For {', '.join(material.names)}; the leaf first, then what issued it.",
                material.chain,
                owner=owner,
                before=there.chain,
            )
        )
    actions += _root(task, material, owner)
    actions += _exports(task.system, material, owner)
    for action in actions:
        writable(action.path)
    return tuple(actions)


def _stem(name: str) -> str:
    """A file name for a certificate's first name; file systems take at most 255 bytes."""
    stem = name.replace("*", "_wildcard")
    if len(stem) <= LONGEST_STEM:
        return stem
    from hashlib import sha256  # noqa: PLC0415  hardly a name is that long

    return f"{stem[: LONGEST_STEM - 17]}-{sha256(name.encode()).hexdigest()[:16]}"


def root_path(installed: Installed) -> Path:
    """Where the root goes, for clients that must be given it."""
    return installed.chain_path.with_name("ca.pem")


def _root(task: Task, material: Material, owner: Owner) -> list[WriteFile]:
    """The root beside the certificate, for clients that must be given it."""
    if material.root is None:
        return []
    path = root_path(task.installed)
    before = task.system.keep(path)
    if material.has_root and before is not None and before.content == material.root():
        return []
    if before is not None and _is_foreign(before):
        if task.is_renewal:
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


def _exports(system: System, material: Material, owner: Owner) -> list[WriteFile]:
    """The other forms that were asked for, where they are missing or hold something else."""
    actions = []
    for export in material.exports:
        before = private(export.path, system)
        fits = before is not None and is_owned(before, owner) and export.fits(before.content)
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
