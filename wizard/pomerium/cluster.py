"""Manifests for a cluster in the current directory: somebody's own, and those the wizard made."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pomerium.mark import is_ours

FOLDER: Final = "pomerium-cluster"
"""The directory of manifests that is made where there is none."""
CERTIFICATE: Final = "certificate.yaml"
MOST_MANIFESTS: Final = 100
LARGEST_MANIFEST: Final = 2**16
KIND: Final = re.compile(rb"(?m)^apiVersion: *[\"']?ingress\.pomerium\.io/")


def folders() -> Iterator[Path]:
    """Where manifests are looked for; nowhere when the current directory is gone."""
    with suppress(OSError):
        yield from (Path.cwd(), Path.cwd() / FOLDER)


def find_manifest(folder: Path) -> Path | None:
    """A file of a directory that sets Pomerium's ingress controller, read without a YAML parser.

    Raises:
        OSError: the directory cannot be read.
    """
    if not folder.is_dir():
        return None
    found = sorted(one for one in folder.iterdir() if one.suffix in {".yaml", ".yml"})
    for path in found[:MOST_MANIFESTS]:
        if path.is_file() and os.access(path, os.R_OK):
            with path.open("rb") as file:
                if KIND.search(file.read(LARGEST_MANIFEST)):
                    return path
    return None


def certified(system: System) -> tuple[tuple[str, ...], Path | None]:
    """The names that a manifest of the wizard's has certified in a cluster, and that manifest."""
    from wizard.pomerium.document import elements, lookup, read, string  # noqa: PLC0415  ruamel: 25 ms

    for path in (folder / CERTIFICATE for folder in folders()):
        with suppress(WizardError):
            kept = system.keep(path)
            document = read(path) if kept is not None and is_ours(kept.content) else None
            # Keys are looked up as Pomerium does, in small letters.
            listed = lookup(lookup(document.root, "spec"), "dnsnames") if document else None
            found = tuple(filter(None, map(string, elements(listed))))
            if found:
                return found, path
    return (), None
