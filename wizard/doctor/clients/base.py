"""What the client families share: the page they load, and the lines that mend their trust."""

import contextlib
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from wizard.core import ourselves
from wizard.core.events import Proof
from wizard.core.system import Command, Result, System
from wizard.trust.base import Anchor, certificates, common_name, holds
from wizard.trust.linux import bundle

ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
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


def trust(page: Page, store: str) -> str:
    """The line that installs the root into a store."""
    state = page.anchor.path.parent.parent
    return ourselves.line(page.system, state, "trust", "install", "--store", store)


def export(page: Page, variable: str, value: Path | str) -> str:
    """The line that sets an environment variable: for sh, on Windows for PowerShell."""
    if page.system.platform == "win32":
        return f"$env:{variable} = '{value}'"
    return f"export {variable}={shlex.quote(str(value))}"


def extend(page: Page, roots: Path | None, variable: str) -> str:
    """The line that makes a variable name the root, beside the roots that the client has.

    Args:
        page: has the root.
        roots: what the client reads now and would lose; None where it reads no file or adds the
            file to roots of its own.
        variable: names one file.
    """
    system, root = page.system, page.anchor.path
    lost = [roots] if roots and roots.is_file() else []
    if not lost and not system.invoked_by_other:
        return export(page, variable, root)
    both = root.with_name("with-other-roots.pem")
    if system.platform == "win32":
        files = ", ".join(f"'{one}'" for one in (*lost, root))
        joined = f"Get-Content {files} | Set-Content -Encoding ascii '{both}'; "
        return joined + export(page, variable, both)
    sudo = []
    if system.invoked_by_other:
        # Root's own state directory lets nobody else in.
        sudo, both = ["sudo"], system.person.home / ".pomcert-roots.pem"
    joined = shlex.join([*sudo, "cat", *map(str, (*lost, root))])
    return f"{joined} > {shlex.quote(str(both))} && {export(page, variable, both)}"
