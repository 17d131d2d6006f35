"""Settings given their values in place; everything else is left alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wizard.core.errors import WizardError
from wizard.core.secrets import Secret
from wizard.pki.material import ROUTES, OfRoutes, Settings
from wizard.pomerium.certificates import Edit, edit
from wizard.pomerium.document import Document, lookup, refuse_others, string
from wizard.pomerium.edit import Editor
from wizard.pomerium.emitter import Value
from wizard.pomerium.trap_files import Read, nothing
from wizard.pomerium.traps import traps
from wizard.pomerium.upstreams import set_up
from wizard.pomerium.variables import FALSE, TRUE

Plain = dict[str, str | bool]
INLINE: Final = {
    "downstream_mtls.ca_file": "downstream_mtls.ca",
    "downstream_mtls.crl_file": "downstream_mtls.crl",
}
"""What one of two settings may say, not both (Pomerium config/mtls.go)."""


def with_settings(document: Document, settings: Settings, *, read: Read = nothing) -> Edit:
    """The configuration with these settings; its own result comes back unchanged.

    A setting that has its value already keeps the way it is written, and an empty or false one is
    written only over another value. `read` gives what a file holds that the configuration names.

    Raises:
        WizardError: `client-ca-inline`, `config-of-others`, `config-anchor-shared`,
            `config-edit-unproven`, `upstream-inline`.

    """
    for name in (INLINE[name] for name in settings if name in INLINE):
        if standing(document, name, ""):
            raise WizardError(
                "client-ca-inline",
                f"{document.name} holds `{name}` itself, and Pomerium takes no file beside it.",
                "Delete that line for the wizard's own, or leave mtls.downstream off.",
            )
    refuse_others(document)
    editor = Editor(document)
    new: dict[str, dict[str, Value]] = {}
    for name, value in revealed(settings).items():
        if standing(document, name, value) == value:
            continue
        above, _, leaf = name.rpartition(".")
        parent = lookup(document.root, above) if above else document.root
        if above and (parent is None or parent.kind != "mapping"):
            new.setdefault(above, {})[leaf] = value
        else:
            editor.set(parent, leaf, value)
    for above, values in new.items():
        editor.set(document.root, above, {**values})
    set_up(editor, document, of_routes(settings))
    made = editor.finish()
    return edit(document, made, (), traps(made, read))


def standing(document: Document, name: str, like: str | bool) -> str | bool | None:  # noqa: FBT001
    """What a setting says now, read as Pomerium reads a value of this type; None for none of it."""
    node = document.root
    for part in name.split("."):
        node = lookup(node, part) if node is None or node.kind == "mapping" else None
    if node is not None and node.kind != "scalar":
        return None
    text = string(node) or ""
    if not isinstance(like, bool):
        return text
    return text.lower() in TRUE if text.lower() in TRUE | FALSE else None


def revealed(settings: Settings) -> Plain:
    """The settings as Pomerium reads them, secrets included: for its file and for nothing else."""
    return {
        name: value.reveal().decode() if isinstance(value, Secret) else _plain(value)
        for name, value in settings.items()
        if not isinstance(value, Mapping)
    }


def masked(settings: Settings, mask: str) -> Plain:
    """The settings as people may see them."""
    return {
        name: mask if isinstance(value, Secret) else _plain(value)
        for name, value in settings.items()
        if not isinstance(value, Mapping)
    }


def of_routes(settings: Settings) -> dict[str, dict[str, str]]:
    """The settings of routes, by their `from`."""
    found = settings.get(ROUTES)
    routes: OfRoutes = found if isinstance(found, Mapping) else {}
    return {
        origin: {name: str(value) for name, value in values.items()}
        for origin, values in routes.items()
    }


def nested(settings: Mapping[str, str | bool]) -> dict[str, Value]:
    """Settings as they stand in a file: what has a dotted name below what is before the dot."""
    found: dict[str, Value] = {}
    for name, value in settings.items():
        above, _, leaf = name.rpartition(".")
        table = found.setdefault(above, {}) if above else found
        if isinstance(table, dict):
            table[leaf] = value
    return found


def _plain(value: str | bool | Path) -> str | bool:  # noqa: FBT001
    return str(value) if isinstance(value, Path) else value
