"""Answers that would produce what Pomerium is told here already, read from its configuration.

What a configuration does not say (which trust stores, which DNS provider) is taken from the runs of
the state directory, where one of them installed what is read.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from wizard.adopt import autocert, certificate
from wizard.adopt.base import Ground, Note, Part
from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session
from wizard.mtls import downstream
from wizard.pomerium.detect import find_installation, none_found
from wizard.pomerium.paths import require_absolute
from wizard.pomerium.routes import autocert_hosts
from wizard.pomerium.setup import Setup, setup_of

ALWAYS: Final = frozenset({"strategy", "names", "output.target"})
"""Said even where it is the default: the other answers hang on it."""


class Adopted(NamedTuple):
    """The answers, the order of their keys, what to know of them, and where they were read."""

    path: Path
    answers: Answers
    order: tuple[str, ...]
    notes: tuple[Note, ...]


def adopt(system: System, state: Path, config: Path | None = None) -> Adopted:
    """Reads a configuration, or the one that is found here. Changes nothing.

    Answers that are the default everywhere are left out.

    Raises:
        UsageError: `config-missing`, `certificate-inline`, `nothing-to-adopt`, `names-unknown`,
            `config-of-service`.
        WizardError: it cannot be read or named; see `setup_of`, `installations` and
            `require_absolute`.
    """
    path = config or find_installation(system)
    if path is None:
        raise none_found("adopt /PATH/config.yaml", "Have manifests made beside it: pomcert-wizard")
    require_absolute(path.absolute())
    setup = setup_of(system, path)
    ground = Ground(system, state, setup)
    ground.require_original()
    parts = (_place(ground), _way(ground), _clients(ground))
    values = {key: value for part in parts for key, value in part.values.items()}
    session = Session(system, state)
    # What is wrong with one of them is told by the plan, and a person can mend it in the file.
    session.given = Answers(values)
    complete = session.answers(is_example=True).values

    def is_said(key: str, value: Value) -> bool:
        if key in ALWAYS:
            return True
        is_known = key in values or value not in {"", ()}
        return is_known and session.question(key).constant() != value

    said = {key: value for key, value in complete.items() if is_said(key, value)}
    notes = (*_surroundings(setup), *(note for part in parts for note in part.notes))
    return Adopted(path, Answers(said), session.order(), notes)


def _place(ground: Ground) -> Part:
    """The target, and where its configuration is."""
    start = ground.setup.start
    values: dict[str, Value] = {"output.target": start.target, **ground.config}
    if start.service is not None:
        user = start.service.runs_as
        values["docker.compose"] = str(start.service.path)
        values["output.owner"] = user if ground.system.is_root and user.isdecimal() else ""
    return Part(values)


def _way(ground: Ground) -> Part:
    """The strategy, with its own answers and the names."""
    setup = ground.setup
    files = ground.files()
    # Without a host it gets nothing, and the certificate is what is served.
    if setup.is_on("autocert") and (autocert_hosts(setup.routed) or not files):
        return autocert.read(ground)
    if files:
        return certificate.read(ground, files)
    if setup.text("certificate"):
        raise UsageError(
            "certificate-inline",
            f"{setup.config} holds its certificate itself (`certificate`), in base64.",
            "Save it and its key as two files with base64 -d, name these as `certificate_file` and "
            "`certificate_key_file`, and run again.",
        )
    raise UsageError(
        "nothing-to-adopt",
        f"{setup.config} names no certificate, and autocert is off.",
        "Have the wizard bring one to it: pomcert-wizard",
    )


def _clients(ground: Ground) -> Part:
    """Whether browsers must show a certificate of this state directory's client authority."""
    setup = ground.setup
    ca = setup.source("downstream_mtls.ca")
    if ca is None:
        return Part({downstream.WANTED: False})
    from wizard.mtls.clients import Clients  # noqa: PLC0415  loads cryptography

    own, held = Clients.load(ground.system, ground.state), None
    with suppress(WizardError):
        held = ca.content(setup)
    if own is None or ca.is_inline or held != own.pem():
        note = Note(
            "",
            "`downstream_mtls` has a client authority that is not of this state directory. These "
            "answers leave it as it is; client issue makes no certificate for it.",
        )
        return Part({downstream.WANTED: False}, (note,))
    values: dict[str, Value] = {downstream.WANTED: True}
    if enforcement := setup.text("downstream_mtls.enforcement"):
        values[downstream.ENFORCEMENT] = enforcement
    return Part(values)


def _surroundings(setup: Setup) -> Iterator[Note]:
    """What else Pomerium is told, and by what."""
    for name, _, variable, winner in setup.overridden():
        yield Note("", f"{variable} in {winner.file} wins over `{name}` in {setup.config}.")
    said = setup.said("certificate_file")
    if said and said.by:
        yield Note(
            "",
            f"CERTIFICATE_FILE in {said.file} names a certificate. These answers name theirs "
            f"in {setup.config}; the variable is then of no use.",
        )
    if setup.text("certificate"):
        text = f"{setup.config} holds a certificate itself (`certificate`), which stays."
        yield Note("", text)
    if setup.is_on("insecure_server"):
        yield Note("", "`insecure_server` is on: Pomerium serves no TLS at all.")
