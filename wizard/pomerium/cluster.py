"""Manifests for a cluster in the current directory: somebody's own, and those the wizard made."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pomerium.mark import is_ours

if TYPE_CHECKING:
    from wizard.pomerium.document import Document

FOLDER: Final = "pomerium-cluster"
"""The directory of manifests that is made where there is none."""
CERTIFICATE: Final = "certificate.yaml"
MOST_MANIFESTS: Final = 100
LARGEST_MANIFEST: Final = 2**16
KIND: Final = rb"(?m)^apiVersion: *[\"']?ingress\.pomerium\.io/"


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
                if re.search(KIND, file.read(LARGEST_MANIFEST)):
                    return path
    return None


def hosts(answers: Answers) -> tuple[str, ...]:
    """Which hosts the manifests have a route from: all, where each has a certificate of its own."""
    first = urlsplit(answers.text("output.route.from")).hostname or ""
    every = answers.texts("names") if answers.text("strategy") == "autocert" else ()
    return tuple(dict.fromkeys((first, *every)))


def certified(system: System) -> tuple[tuple[str, ...], Path | None]:
    """The names that a manifest of the wizard's has certified in a cluster, and that manifest."""
    for path in (folder / CERTIFICATE for folder in folders()):
        with suppress(WizardError):
            kept = system.keep(path)
            text = kept.content if kept is not None and is_ours(kept.content) else b""
            found = tuple(one for made in _read(text) for one in _texts(made, "spec", "dnsnames"))
            if found:
                return found, path
    return (), None


def listed(manifest: Path, system: System) -> tuple[str, ...]:
    """The certificates that a manifest has Pomerium serve, each NAMESPACE/NAME."""
    with suppress(WizardError):
        kept = system.keep(manifest)
        text = kept.content if kept is not None else b""
        return tuple(one for made in _read(text) for one in _texts(made, "spec", "certificates"))
    return ()


class Object(NamedTuple):
    """What a cluster has because of a manifest."""

    kind: str
    namespace: str
    name: str

    def deletion(self) -> tuple[str, ...]:
        """The command that takes it out of the cluster."""
        where = ("--namespace", self.namespace) if self.namespace else ()
        return ("kubectl", "delete", "--ignore-not-found", self.kind.lower(), self.name, *where)


def objects(text: bytes) -> Iterator[Object]:
    """What a file of manifests makes in a cluster; of a kustomization its Secrets."""
    from wizard.pomerium.document import elements, lookup, string  # noqa: PLC0415  ruamel: 25 ms

    for made in _read(text):
        about = lookup(made.root, "metadata")
        made_here = ((lookup(made.root, "kind"), about),) if about else ()
        secrets = ((None, one) for one in elements(lookup(made.root, "secretgenerator")))
        for kind, node in (*made_here, *secrets):
            place, name = (string(lookup(node, key)) or "" for key in ("namespace", "name"))
            yield Object(string(kind) or "Secret", place, name)


def parts(kustomization: bytes) -> tuple[str, ...]:
    """The files that a kustomization is made of: manifests, and what its Secrets hold."""
    from wizard.pomerium.document import elements, lookup, string  # noqa: PLC0415  ruamel: 25 ms

    found: list[str | None] = []
    for made in _read(kustomization):
        found += map(string, elements(lookup(made.root, "resources")))
        for secret in elements(lookup(made.root, "secretgenerator")):
            held = filter(None, map(string, elements(lookup(secret, "files"))))
            found += (one.partition("=")[2] for one in held)
    return tuple(filter(None, found))


def _read(text: bytes) -> "Iterator[Document]":
    """The documents of a file.

    Raises:
        WizardError: one is not YAML.
    """
    from wizard.pomerium.document import parse  # noqa: PLC0415  ruamel: 25 ms

    for part in re.split(rb"(?m)^---$", text):
        yield parse(part, "the manifest")


def _texts(document: "Document", *keys: str) -> Iterator[str]:
    """The texts of a list, by its keys in small letters: they are looked up as Pomerium does."""
    from wizard.pomerium.document import elements, lookup, string  # noqa: PLC0415  ruamel: 25 ms

    node = document.root
    for key in keys:
        node = lookup(node, key)
    yield from filter(None, map(string, elements(node)))
