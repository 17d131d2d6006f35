"""Trust stores: one file a store, each with `check`, `install` and `uninstall` for its places."""

from collections.abc import Sequence
from typing import cast

from wizard.core import registry
from wizard.core.errors import UsageError
from wizard.core.nearest import nearest
from wizard.core.questions import Choice
from wizard.core.system import System
from wizard.trust.base import Place, Store

AUTO = "auto"
SYSTEM = "system"
OPERATING_SYSTEMS = ("linux", "macos", "windows")
"""The stores that are some operating system's own; under WSL there are two of them."""


def stores(system: System, wanted: Sequence[str]) -> tuple[Store, ...]:
    """The stores of this machine that the words name, in the registry's order, each once.

    `wanted` holds names of the registry, "system" (the operating system's own) and "auto" (every
    store this machine has). A store that this machine cannot have is left out.

    Raises:
        UsageError: `unknown-store`, with the nearest name there is.
    """
    known = (AUTO, SYSTEM, *registry.STORES)
    for word in wanted:
        if word not in known:
            near = nearest(word, known)
            raise UsageError(
                "unknown-store",
                f"There is no trust store named {word!r}.",
                f"Did you mean {near!r}?" if near else f"There are: {', '.join(known)}.",
            )
    named = [
        name
        for name in registry.STORES
        if name in wanted or AUTO in wanted or (SYSTEM in wanted and name in OPERATING_SYSTEMS)
    ]
    return tuple(store for store in map(_load, named) if store.available(system))


def choices(system: System) -> tuple[Choice, ...]:
    """The stores to choose from, those that this machine cannot have with the reason."""
    every = ((name, _load(name)) for name in registry.STORES)
    return (
        Choice(AUTO, "Every store found here"),
        Choice(SYSTEM, "The operating system's own"),
        *(
            Choice(
                name,
                store.info.title,
                store.info.summary,
                "" if store.available(system) else "not on this machine",
            )
            for name, store in every
        ),
    )


def places(system: System, wanted: Sequence[str]) -> tuple[tuple[str, Place], ...]:
    """Every place of those stores on this machine, each with its store's name; reads only.

    Raises:
        UsageError: `unknown-store`.
    """
    return tuple(
        (store.info.id, place) for store in stores(system, wanted) for place in store.places(system)
    )


def _load(name: str) -> Store:
    # The registry holds strings, so that naming a store imports none of them; the contract tests
    # hold each of its lines to this protocol.
    return cast("type[Store]", registry.load(registry.STORES, name))()
