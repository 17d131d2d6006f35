"""The files of the local authority: STATE/ca/root.pem, issuer.pem and issuer-key.pem."""

from pathlib import Path
from typing import Final

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pki import chain, keys
from wizard.pki.authority import Authority

FILES: Final = ("root.pem", "issuer.pem", "issuer-key.pem")


def load(system: System, state: Path) -> Authority | None:
    """The authority of a state directory, or None where there is none.

    Raises:
        WizardError: `ca-incomplete`, `key-mode`, or a file of it cannot be read.
    """
    paths = [state / "ca" / name for name in FILES]
    files = [system.keep(path) for path in paths]
    root, issuer, key = files
    if root is None and issuer is None and key is None:
        return None
    if root is None or issuer is None or key is None:
        gone = ", ".join(path.name for path, file in zip(paths, files, strict=True) if not file)
        raise WizardError(
            "ca-incomplete",
            f"The local CA in {state / 'ca'} lost {gone}.",
            "Put the file back, or move the directory away to have a new root made.",
        )
    if key.mode & 0o077:
        raise WizardError(
            "key-mode",
            f"The private key {paths[2]} has mode {key.mode:04o}: others can read it.",
            f"If nobody can have read it: chmod 0600 {paths[2]}. Else move {state / 'ca'} away to "
            "have a new root made.",
        )
    return Authority(
        chain.read(root.content, str(paths[0]))[0],
        chain.read(issuer.content, str(paths[1]))[0],
        keys.from_pem(key.content, str(paths[2])),
    )
