"""Certificates that a configuration names: which one the answers are for, and how it came there."""

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from wizard.adopt.base import Ground, Note, Part
from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.parts import strategy, target
from wizard.pki import names
from wizard.pki.material import Task
from wizard.pomerium.routes import hosts, propose_names
from wizard.pomerium.told import Pair

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def read(ground: Ground, pairs: tuple[Pair, ...]) -> Part:
    """The answers for the certificate that covers most hosts of the routes; others are told.

    Raises:
        UsageError: `names-unknown`: none can be read, and no route says what it is for.
    """
    wanted = hosts(ground.told.document)
    found = [(pair, ground.leaf(pair.cert)) for pair in pairs]

    def worth(one: tuple[Pair, "Certificate | None"]) -> tuple[int, bool]:
        own = _names(one[1])
        covered = sum(any(names.covers(name, host) for name in own) for host in wanted)
        return covered, one[1] is not None

    pair, leaf = max(found, key=worth)
    part = _existing(ground, pair, leaf) if leaf is None else _known(ground, pair, leaf)
    others = tuple(
        Note("names", f"Listed as well, and left as it is: {one.cert}{_for(other)}.")
        for one, other in found
        if one != pair
    )
    return Part(part.values, (*part.notes, *others))


def _known(ground: Ground, pair: Pair, leaf: "Certificate") -> Part:
    """One that can be read: of this state directory, or of somebody else."""
    from wizard.adopt import own  # noqa: PLC0415  loads cryptography

    made = own.local_ca(ground, leaf) or own.dns01(ground, pair.cert, leaf)
    if made is None:
        return _existing(ground, pair, leaf)
    before = ground.remembered(str(made.values["strategy"]), pair.cert)
    if before:
        # The other notes are about what only the run knows.
        return Part(before, made.notes[:1])
    return _put(ground, made, pair)


def _existing(ground: Ground, pair: Pair, leaf: "Certificate | None") -> Part:
    """One of somebody else, or that cannot be read now."""
    before = ground.remembered("existing", pair.cert)
    if before and os.path.exists(str(before["existing.certificate"])):  # noqa: PTH110  any path
        why = f"A run of this wizard copied it to {pair.cert}."
        return Part(before, (Note("strategy", why),))
    found, notes = _names(leaf), [Note("strategy", _whose(ground, pair, leaf))]
    if not found:
        proposed = propose_names(hosts(ground.told.document), names.is_public_suffix)
        found = tuple(one for one in proposed if names.problem(one) is None)
        notes.append(Note("names", "The routes need these; look whether the certificate has them."))
    if not found:
        raise UsageError(
            "names-unknown",
            f"{pair.cert} cannot be read, and no route says which names it is for.",
            "Put it there, or run as a user who may read it.",
        )
    values: dict[str, Value] = {
        "strategy": "existing",
        "names": found,
        "existing.certificate": str(pair.cert),
    }
    if pair.key is not None:
        values["existing.key"] = str(pair.key)
    notes += _unfit(ground, values) if leaf else []
    return _put(ground, Part(values, tuple(notes)), pair)


def _unfit(ground: Ground, values: dict[str, Value]) -> list[Note]:
    """What keeps a certificate from being served."""
    from wizard.strategies.existing_questions import opened  # noqa: PLC0415  loads cryptography

    try:
        opened(Answers(values), ground.system, (), is_whole=True)
    except WizardError as error:
        return [Note("existing.certificate", f"{error.summary} {error.hint}")]
    return []


def _whose(ground: Ground, pair: Pair, leaf: "Certificate | None") -> str:
    if not pair.is_here:
        return (
            f"{pair.cert} is in the container only. Copy it and its key to this machine, and name "
            "them in existing.certificate and existing.key."
        )
    if leaf is None:
        return f"{pair.cert} is not there, or you may not read it."
    from wizard.adopt import own  # noqa: PLC0415  loads cryptography

    return own.whose(ground, pair.cert, leaf)


def _put(ground: Ground, part: Part, pair: Pair) -> Part:
    """Where it is kept: there where it lies, if these answers would put it just so."""
    kept = _in_place(ground, part, pair)
    if kept is not None and _is_current(ground, kept):
        return part._replace(values=kept)
    note = (
        f"Pomerium reads {pair.cert} now. These answers copy it to output.directory, where "
        "Pomerium's user can read it, and have the configuration name the copy."
    )
    return part._replace(notes=(*part.notes, Note("output.target", note)))


def _in_place(ground: Ground, part: Part, pair: Pair) -> dict[str, Value] | None:
    """The answers that put a certificate where it lies; None where none do."""
    every = part.values["names"] if isinstance(part.values["names"], tuple) else ()
    for first in every:
        values: dict[str, Value] = {
            **part.values,
            # The files have the name of the first.
            "names": (first, *(one for one in every if one != first)),
            "output.directory": str(pair.cert.parent),
        }
        # A key that others can read is refused there, and may still be copied.
        with suppress(WizardError):
            there = target(ground.told.start.target).installed(Answers(values), ground.system)
            if there.key and (there.chain_path, there.key_path) == (pair.cert, pair.key):
                return {**values, "output.owner": _user(there.key.uid, ground.system)}
    return None


def _is_current(ground: Ground, values: dict[str, Value]) -> bool:
    """Whether nothing is written; what cannot be served at all is best mended where it lies."""
    if values["strategy"] != "existing":
        # One that the wizard issued may just be due.
        return True
    answers = Answers(values)
    with suppress(WizardError):
        there = target(ground.told.start.target).installed(answers, ground.system)
        work = strategy("existing").work(Task(answers, ground.system, ground.state, there))
        return work.material is not None and work.material.is_current
    return True


def _user(uid: int, system: System) -> str:
    """A user as answers name one; nothing for whoever runs this."""
    if uid == system.uid:
        return ""
    import pwd  # noqa: PLC0415  POSIX only

    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _names(leaf: "Certificate | None") -> tuple[str, ...]:
    if leaf is None:
        return ()
    from wizard.pki.fitness import usable_names  # noqa: PLC0415  loads cryptography

    return usable_names(leaf)


def _for(leaf: "Certificate | None") -> str:
    return f", for {', '.join(_names(leaf))}" if leaf else ""
