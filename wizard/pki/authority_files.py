"""The files of an authority of ours: STATE/ca/root.pem, issuer.pem and issuer-key.pem."""

from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature

from wizard.core.actions import WriteFile
from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pki import chain, keys
from wizard.pki.authority import Authority
from wizard.pki.issuance import Issuance

FILES: Final = ("root.pem", "issuer.pem", "issuer-key.pem")


def load(system: System, state: Path, folder: str = "ca") -> Authority | None:
    """The authority in a folder of a state directory, or None where there is none.

    Raises:
        WizardError: `ca-incomplete`, `ca-mismatch`, `key-mode`, or a file of it cannot be read.
    """
    directory = state / folder
    way_out = f"Put the right file back, or move {directory} away to have a new root made."
    paths = [directory / name for name in FILES]
    files = [system.keep(path) for path in paths]
    root, issuer, key = files
    if root is None and issuer is None and key is None:
        return None
    if root is None or issuer is None or key is None:
        gone = ", ".join(path.name for path, file in zip(paths, files, strict=True) if not file)
        raise WizardError(
            "ca-incomplete",
            f"The local CA in {directory} lost {gone}.",
            way_out,
        )
    if key.mode & 0o077:
        raise WizardError(
            "key-mode",
            f"The private key {paths[2]} has mode {key.mode:04o}: others can read it.",
            f"If nobody can have read it: chmod 0600 {paths[2]}. Else move {directory} away to "
            "have a new root made.",
        )
    try:
        authority = Authority(
            chain.read(root.content, str(paths[0]))[0],
            chain.read(issuer.content, str(paths[1]))[0],
            keys.from_pem(key.content, str(paths[2])),
        )
    except WizardError as error:
        raise WizardError(error.code, error.summary, way_out) from None
    if not _is_whole(authority):
        raise WizardError(
            "ca-mismatch",
            f"The files of the local CA in {directory} do not belong together.",
            way_out,
        )
    return authority


def write(
    system: System, directory: Path, issuance: Issuance, who: str, use: str
) -> list[WriteFile]:
    """The files of a new authority: `who` trust it, `use` says what its certificates do."""
    contents = (issuance.root_pem, issuance.issuer_pem, issuance.issuer_key)
    whats = ("root certificate", "issuer certificate", "issuer's private key")
    whys = (
        f"What {who} trust. Its private key is dropped as soon as the issuer is signed.",
        f"Issues the certificates that {use}, so that renewing needs no privilege.",
        "Never leaves this directory, which nobody else can enter.",
    )
    return [
        WriteFile(
            directory / name,
            what,
            why,
            content,
            mode=0o600,
            before=system.keep(directory / name),
            directory_mode=0o700,
        )
        for name, what, why, content in zip(FILES, whats, whys, contents, strict=True)
    ]


def _is_whole(authority: Authority) -> bool:
    """Whether the root signed the issuer, and the key is the issuer's."""
    try:
        authority.issuer.verify_directly_issued_by(authority.root)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return chain.belongs(authority.issuer, authority.issuer_key)
