"""What parts hand each other: a task; and to a target a certificate, or settings."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from wizard.core.answers import Answers
from wizard.core.plan import Renewal
from wizard.core.secrets import Secret
from wizard.core.system import Kept, System

ROUTES = "routes"


class Contents(NamedTuple):
    """A file that a setting names, and what it holds once the run is done.

    Where Pomerium cannot read the file, the setting is what it holds.
    """

    path: Path
    read: Callable[[], bytes]


OfRoutes: TypeAlias = Mapping[str, Mapping[str, str | Path]]
"""Settings of routes, by the `from` of these."""
Setting: TypeAlias = str | bool | Secret | Path | Contents | OfRoutes
Settings: TypeAlias = Mapping[str, Setting]
"""Settings of Pomerium by name, dotted below the top level; an empty or false one is as good as
none. A path is one of this machine. Those of routes are under `ROUTES`."""


class Export(NamedTuple):
    """One more file, in a form that some clients want.

    `content` is called once, at apply; `fits` says whether the bytes of an earlier file still do:
    encryption is salted, so that the same content never gives the same bytes.
    """

    path: Path
    what: str
    why: str
    content: Callable[[], bytes]
    fits: Callable[[bytes], bool]


class Material(NamedTuple):
    """A certificate to serve.

    `chain` is PEM, the leaf first, and `key` its key; both are called once, at apply. `is_current`
    says that the files on disk are good as they are. `root` is PEM of a private root, for clients
    that need it named; `has_root` says that asking for it makes none. `is_development` says that
    the names must not be pinned by HSTS.
    """

    names: tuple[str, ...]
    chain: Callable[[], bytes]
    key: Callable[[], Secret]
    is_current: bool
    is_development: bool
    root: Callable[[], bytes] | None = None
    has_root: bool = False
    exports: tuple[Export, ...] = ()


class Installed(NamedTuple):
    """Where a certificate and its key are kept, and what is there now."""

    chain_path: Path
    key_path: Path
    chain: Kept | None
    key: Kept | None


class Task(NamedTuple):
    """What every part is given that plans, proves or tells when: complete answers, and where."""

    answers: Answers
    system: System
    state: Path
    """The wizard's own directory."""
    installed: Installed
    renewal: Renewal = Renewal.NO

    @property
    def is_renewal(self) -> bool:
        """Whether only what there is gets renewed.

        The configuration then names it already, or a person took it out.
        """
        return self.renewal is not Renewal.NO
