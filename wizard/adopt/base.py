"""What every part of adopting looks at and gives back."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wizard.core import ourselves
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.mtls import services
from wizard.parts import target
from wizard.pomerium.paths import is_content
from wizard.pomerium.setup import Pair, Setup
from wizard.upkeep import installations

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class Note(NamedTuple):
    """What an answer does not say by itself; `key` is empty for what concerns all of them."""

    key: str
    text: str


class Part(NamedTuple):
    """Some of the answers; later parts win."""

    values: Mapping[str, Value]
    notes: tuple[Note, ...] = ()


class Files(NamedTuple):
    """A certificate and its key on this machine; `is_here` is no for what only a container has."""

    cert: Path
    key: Path | None
    is_here: bool = True


class Ground(NamedTuple):
    """The machine, the state directory, and what Pomerium is told."""

    system: System
    state: Path
    setup: Setup

    @property
    def config(self) -> dict[str, Value]:
        """The answers that name the configuration."""
        return {
            "output.config": str(self.setup.config.absolute()),
            "output.form": self.setup.form,
        }

    def files(self) -> tuple[Files, ...]:
        """Every certificate that is a file, in the order in which Envoy gets them."""
        pairs = (pair for pair in self.setup.pairs() if not pair.cert.is_inline)
        return tuple(self._files(pair) for pair in pairs if pair.cert.said.text)

    def _files(self, pair: Pair) -> Files:
        cert, key = pair.cert.said.text, pair.key.said.text
        if is_content(cert) or is_content(key):
            raise UsageError(
                "certificate-inline",
                f"{pair.place.file} holds a certificate or key itself, where its path belongs.",
                "Write it into a file, name that, and run again.",
            )
        with suppress(WizardError):
            return Files(self.setup.here(cert), self.setup.here(key) if key else None)
        return Files(Path(cert), Path(key) if key else None, is_here=False)

    def remembered(self, way: str, path: Path) -> dict[str, Value]:
        """The answers of the run that stands and made a file in this way; none where none did.

        The file is the certificate; for autocert, which makes none, the configuration.
        """
        for _, answers in reversed(installations(self.system, self.state)):
            if answers.text("strategy") != way:
                continue
            with suppress(WizardError):
                where = target(answers.text("output.target")).installed(answers, self.system)
                config = Path(answers.text("output.config"))
                made = config if way == "autocert" else where.chain_path
                if os.path.realpath(path) == os.path.realpath(made):
                    return {**answers.values, **self.config}
        return {}

    def require_original(self) -> None:
        """Refuses what a run made for one service out of the configuration of all of them.

        Raises:
            UsageError: `config-of-service`.
        """
        for _, answers in installations(self.system, self.state):
            folder = answers.text(services.DIRECTORY)
            if (
                answers.flag(services.WANTED)
                and folder
                and self.setup.config.is_relative_to(folder)
            ):
                original = answers.text("output.config")
                raise UsageError(
                    "config-of-service",
                    f"{self.setup.config} was made from {original} for one of its services.",
                    f"Name that one: {ourselves.line(self.system, self.state, 'adopt', original)}",
                )

    def leaf(self, path: Path) -> "Certificate | None":
        """The first certificate of a file; None where it is not there or cannot be read."""
        # A pipe or a device may never end; unlike Path.is_file this takes any path.
        if not os.path.isfile(path):  # noqa: PTH113
            return None
        from wizard.pki import chain  # noqa: PLC0415  loads cryptography

        with suppress(WizardError):
            kept = self.system.keep(path)
            return chain.read(kept.content, str(path))[0] if kept else None
        return None
