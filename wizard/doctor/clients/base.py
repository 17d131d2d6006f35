"""What the client families share: the page they load, and the lines that mend their trust."""

import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from wizard.core.events import Proof
from wizard.core.system import Command, Result, System
from wizard.trust.base import Anchor, certificates, common_name, holds
from wizard.trust.linux import bundle

ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
PROGRAM = "pomcert-wizard"
SECONDS = 30.0
"""How long a client may take. A browser needs four seconds where nothing else is going on."""


class Page(NamedTuple):
    """`https://HOST:PORT/` on 127.0.0.1, its local root, and the machine whose clients load it."""

    system: System
    port: int
    host: str
    anchor: Anchor

    @classmethod
    def served(cls, system: System, port: int, host: str, root: Path) -> "Page":
        """The page as this machine's clients see it, with the environment that they have.

        But for proxies: a page on loopback is nobody else's business.
        """
        own = {
            one: value for one, value in system.env.items() if not one.lower().endswith("_proxy")
        }
        direct = System({**own, "no_proxy": "*", "NO_PROXY": "*"}, system.root, system.platform)
        (der, *_) = certificates(root.read_bytes())
        return cls(direct, port, host, Anchor(common_name(der), der, root))

    @property
    def url(self) -> str:
        """What a client loads."""
        return f"https://{self.host}:{self.port}/"

    @property
    def bundle(self) -> Path | None:
        """The file with the system's roots; None where the system keeps them in no file."""
        return bundle(self.system) if self.system.platform == "linux" else None

    @property
    def is_bundled(self) -> bool:
        """Whether the system's roots hold ours."""
        return self.bundle is not None and self.is_in(self.bundle)

    def is_in(self, file: Path) -> bool:
        """Whether a file of certificates holds the root."""
        return file.is_file() and holds(file.read_bytes(), self.anchor.der)

    def run(self, *argv: str) -> Result:
        """Runs a client; one that takes too long is a `command-timeout`."""
        return self.system.run(Command(argv), SECONDS)


class Probe(NamedTuple):
    """A client, and the way to ask it; no answer means that it is not here after all."""

    client: str
    ask: Callable[[], Proof | None]


@contextlib.contextmanager
def workplace(system: System) -> Iterator[Path]:
    """A scratch directory of the person's own, whose clients run as that person."""
    with system.scratch() as directory:
        give(system, directory)
        yield directory


def give(system: System, path: Path) -> None:
    """Hands a scratch file or directory to the person, also when root asks."""
    if system.invoked_by_other:
        os.chown(path, system.person.uid, system.person.gid)


def shortened(text: str, length: int = 200) -> str:
    """The last line of a client's words, fit for one line."""
    lines = [line for line in text.splitlines() if line.strip()]
    return " ".join(lines[-1].split())[:length] if lines else "it said nothing"


def wizard(page: Page, *words: str) -> str:
    """A command of this wizard as a line to paste, with the state directory that has the root."""
    system, state = page.system, page.anchor.path.parent.parent
    # In a virtual environment that is not active it stands beside the interpreter.
    beside = Path(sys.executable).with_name(PROGRAM)
    program = [str(beside)] if beside.is_file() else [sys.executable, "-m", "wizard"]
    if system.which(PROGRAM):
        program = [PROGRAM]
    sudo = ["sudo"] if system.invoked_by_other else []
    usual = (system.xdg("XDG_STATE_HOME", ".local/state"), Path.home() / ".local/state")
    where = [] if state.parent in usual else ["--state-dir", str(state)]
    return shlex.join([*sudo, *program, *words, *where])


def trust(page: Page, store: str) -> str:
    """The line that installs the root into a store."""
    return wizard(page, "trust", "install", "--store", store)


def export(page: Page, variable: str, value: Path | str) -> str:
    """The line that sets an environment variable: for sh, on Windows for PowerShell."""
    if page.system.platform == "win32":
        return f"$env:{variable} = '{value}'"
    return f"export {variable}={shlex.quote(str(value))}"


def extend(page: Page, roots: Path | None, variable: str) -> str:
    """The line that adds the root to a copy of `roots` and makes that what a variable names.

    The root alone would take every other site away from a client that reads nothing else.
    """
    if roots is None or not roots.is_file():
        return export(page, variable, page.anchor.path)
    both = page.anchor.path.with_name("with-public-roots.pem")
    named = export(page, variable, both)
    if page.system.platform == "win32":
        return (
            f"Get-Content '{roots}', '{page.anchor.path}' | "
            f"Set-Content -Encoding ascii '{both}'; {named}"
        )
    files = shlex.join([str(roots), str(page.anchor.path)])
    return f"cat {files} > {shlex.quote(str(both))} && {named}"
