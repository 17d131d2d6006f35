"""Other tools' directories: who renews a certificate, and how it is handed on from there."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

from wizard.core import ourselves
from wizard.core.actions import Action, WriteFile
from wizard.core.errors import WizardError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.questions import Detected
from wizard.core.system import System

MKCERT: Final = "mkcert development CA"
HOOKS: Final = Path("renewal-hooks/deploy")
"""certbot runs every program in it, below its configuration directory, after a renewal."""


class Tool(NamedTuple):
    """A tool that renews; `name` is the certificate's name there, `folder` its directory.

    For certbot `folder` is the configuration directory.
    """

    id: str
    name: str
    folder: Path


def renewer(path: Path, leaf: x509.Certificate) -> Tool | None:
    """Which tool's files these are, known by files that only it makes; None for nobody's."""
    folder = path if path.is_dir() else path.parent
    config, name = folder.parent.parent, folder.name.removesuffix("_ecc")
    if folder.parent.name == "live" and (config / "renewal" / f"{folder.name}.conf").exists():
        return Tool("certbot", folder.name, config)
    if _begins(folder / f"{name}.conf", "Le_Domain="):
        return Tool("acme.sh", name, folder)
    for record in [path.with_suffix(".json")] if path != folder else sorted(folder.glob("*.json")):
        match _keys(record):
            case keys if {"domain", "certUrl"} <= keys:
                return Tool("lego", record.stem, folder)
            case keys if {"sans", "issuer_data"} <= keys:
                return Tool("caddy", record.stem, folder)
            case _:
                pass
    organization = leaf.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    if any(one.value == MKCERT for one in organization):
        return Tool("mkcert", "", folder)
    return None


def hand_on(
    tool: Tool | None, system: System, state: Path, name: str
) -> tuple[tuple[Action, ...], tuple[NextStep, ...]]:
    """How a renewed certificate comes here: a hook that is written, or a line to paste.

    Args:
        tool: who renews it.
        system: the machine.
        state: the state directory.
        name: one of the certificate's names.
    """
    argv = ourselves.unattended(system, state, "renew", "--name", name)
    command = _shell(argv)
    match tool:
        case Tool("certbot"):
            return _certbot(tool, system, argv)
        case Tool("acme.sh"):
            ecc = ["--ecc"] if tool.folder.name.endswith("_ecc") else []
            line = ["acme.sh", "--install-cert", "-d", tool.name, *ecc, "--reloadcmd", command]
            what = "Have acme.sh hand on what it renews; repeat the files you had it install before"
            return (), (NextStep(what, _shell(line)),)
        case Tool("lego"):
            what = "Have lego hand on what it renews: add this (--renew-hook before lego 5)"
            return (), (NextStep(what, _shell(["--deploy-hook", command])),)
        case Tool("mkcert"):
            what = "mkcert renews nothing: run it again before it ends, in the same place, and then"
        case Tool("caddy"):
            what = "Take over what Caddy renews, best from a timer, twice a day"
        case _:
            what = "Take over a new one once it lies in the same place, best from a timer"
    return (), (NextStep(what, ourselves.line(system, state, "renew", "--name", name)),)


def _certbot(
    tool: Tool, system: System, argv: list[str]
) -> tuple[tuple[Action, ...], tuple[NextStep, ...]]:
    lineage = tool.folder / "live" / tool.name
    script = (
        "#!/bin/sh\n"
        "# Written by pomcert-wizard: hands a renewed certificate on to Pomerium.\n"
        f'[ "$RENEWED_LINEAGE" = {_shell([str(lineage)])} ] || exit 0\n'
        f"exec {_shell(argv)}\n"
    )
    path = tool.folder / HOOKS / f"pomcert-{tool.name}"
    try:
        before = system.keep(path)
        if before is not None and before.content == script.encode():
            return (), ()
        writable(path)
    except WizardError:
        line = ["certbot", "reconfigure", "--cert-name", tool.name, "--deploy-hook", _shell(argv)]
        return (), (NextStep("Have certbot hand on what it renews", _shell(["sudo", *line])),)
    why = "certbot runs it after each renewal, so that Pomerium gets the new certificate."
    return (
        WriteFile(
            path,
            "certbot's deploy hook",
            why,
            script.encode,
            mode=0o755,
            before=before,
            shown=lambda: (before.content.decode(errors="replace") if before else "", script),
        ),
    ), ()


def detect(system: System) -> Detected | None:
    """The one certificate of a tool that this machine has, if there is exactly one."""
    found = list(_homes(system))
    return Detected(*found[0]) if len(found) == 1 else None


def _homes(system: System) -> Iterator[tuple[str, str]]:
    """Directories of certificates, and whose they are; what may not be looked into is left out."""
    places = ((system.at("/etc/letsencrypt/live"), "fullchain.pem", "certbot's"),)
    for base, mark, whose in (
        *places,
        (system.person.home / ".acme.sh", "fullchain.cer", "acme.sh's"),
    ):
        try:
            inside = sorted(os.listdir(base))  # noqa: PTH208  unlike iterdir it fails at once
        except OSError:
            continue
        for name in inside:
            if os.path.isfile(base / name / mark):  # noqa: PTH113  never fails
                yield str(base / name), f"{whose}, found on this machine"


def _begins(path: Path, text: str) -> bool:
    try:
        return path.read_text(errors="replace").startswith(text)
    except OSError:
        return False


def _keys(path: Path) -> set[str]:
    """The names in a JSON object; none where it is anything else."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return set()
    return set(found) if isinstance(found, dict) else set()


def _shell(argv: list[str]) -> str:
    import shlex  # noqa: PLC0415  slow, and only said at the end

    return shlex.join(argv)
