"""Certificates for people: issue one, list them, revoke one everywhere Pomerium reads the list."""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509

from wizard.core import ourselves
from wizard.core.actions import Action, WriteFile
from wizard.core.answers import Answers
from wizard.core.control import Control
from wizard.core.errors import UsageError
from wizard.core.events import Event, Json, NextStep
from wizard.core.files import writable
from wizard.core.journal import Journal
from wizard.core.plan import Plan
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.engine import carry_out
from wizard.mtls import downstream
from wizard.mtls.clients import Clients
from wizard.parts import target
from wizard.pki import clients as pki
from wizard.pki.clients import Client
from wizard.pki.keys import PrivateKey
from wizard.upkeep import installations

LIFETIME, LONGEST = timedelta(days=365), timedelta(days=3650)


def issue(
    system: System,
    state: Path,
    name: str,
    target: Path,
    password: Secret,
    *,
    lifetime: timedelta = LIFETIME,
    legacy: bool = False,
) -> Iterator[Event]:
    """Issues a certificate to `name` and writes it with its key as PKCS #12; the key is not kept.

    Raises:
        UsageError: `file-exists`, `client-name`.
        WizardError: see `carry_out` and `Clients.load`.
    """
    if target.exists() or target.is_symlink():
        raise UsageError(
            "file-exists",
            f"{target} is there already, and the key in it may be the only one.",
            "Name another file with --out.",
        )
    writable(target)
    after = Journal(system, state).latest()
    found = Clients.load(system, state) or Clients.new(system, state)
    now = system.now()
    found.refuse_ended(now)

    @cache
    def made() -> tuple[x509.Certificate, PrivateKey]:
        return pki.issue(found.authority, name, now=now, lifetime=lifetime)

    @cache
    def content() -> bytes:
        return pki.bundle(found.authority, *made(), password, legacy=legacy)

    # A name that cannot be is told before anything is written.
    made()
    person = system.person
    is_theirs = system.invoked_by_other and target.is_relative_to(person.home)
    bundle = WriteFile(
        target,
        "client certificate with its key",
        "To be imported into one browser. Keep it like the key, and delete it after that.",
        content,
        mode=0o600,
        owner=(person.uid, person.gid) if is_theirs else None,
    )
    actions = (*found.files(), found.record(lambda: made()[0], name), bundle)
    revoke = NextStep(REVOKE, ourselves.line(system, state, "client", "revoke", name))
    policy = NextStep("Where a route is for this client alone, its policy", _policy(made()[0]))
    yield from _apply(system, state, actions, after, (*IMPORTS, policy, revoke))


def _policy(certificate: x509.Certificate) -> str:
    """What lets a client in and nobody else (pkg/policy/criteria/client_certificate.go).

    With enforcement `policy` Pomerium compares certificates that it has not verified: without the
    second rule whoever makes one with the same address gets in, and so does who was revoked.
    """
    client = Client(certificate, None)
    named = f"fingerprint: {client.fingerprint}"
    for kind in client.sans:
        named = f"san_{kind}: {{is: {json.dumps(client.name)}}}"
    return f"""\
policy:
  - allow:
      or:
        - client_certificate: {{{named}}}
  - deny:
      or:
        - invalid_client_certificate: true"""


REVOKE: Final = "If it must not count any more (undo forgets it and revokes nothing)"
IMPORTS: Final = (
    NextStep("Chrome", "chrome://certificate-manager/clientcerts, Import"),
    NextStep("Firefox", "Settings, Privacy & Security, View Certificates, Your Certificates"),
    NextStep("Windows, macOS", "open the file; the system asks for the password"),
    NextStep("A system that calls the right password wrong", "issue again with --legacy"),
)


def clients(system: System, state: Path) -> tuple[Client, ...]:
    """Everybody that a certificate was issued to, the oldest first.

    Raises:
        WizardError: see `Clients.load`.
    """
    found = Clients.load(system, state)
    return found.issued if found else ()


def to_json(client: Client) -> dict[str, Json]:
    """A client as data; times are ISO 8601 in UTC."""
    return {
        "event": "client",
        "name": client.name,
        "serial": f"{client.certificate.serial_number:x}",
        "expires": client.certificate.not_valid_after_utc.isoformat(),
        "revoked": client.revoked.isoformat() if client.revoked else None,
        "fingerprint": client.fingerprint,
    }


def revoke(system: System, state: Path, name: str) -> Iterator[Event]:
    """Revokes every certificate of `name`, also where Pomerium reads the list.

    Raises:
        UsageError: `no-such-client`.
        WizardError: see `carry_out` and `Clients.load`.
    """
    after = Journal(system, state).latest()
    found = Clients.load(system, state)
    named = [one for one in found.issued if one.name == name] if found else []
    if found is None or not named:
        raise UsageError(
            "no-such-client",
            f"No certificate was issued to {name!r}.",
            f"See who has one: {ourselves.line(system, state, 'client', 'list')}",
        )
    left = [one for one in named if one.revoked is None]
    actions: list[Action] = []
    pem = found.list_pem()
    if left:
        kept, pem = found.without(left, system)
        actions = [kept]
    next_steps: list[NextStep] = []
    for path, answers in _lists(system, state).items():
        before = system.keep(path)
        if before is None or before.content == pem:
            continue
        # Pomerium may go by one that later answers do not ask for any more.
        if not answers.flag(downstream.WANTED) and not found.has_signed(before.content):
            continue
        why = "Pomerium reads it here."
        actions.append(WriteFile(path, "revocation list", why, lambda: pem, before=before))
        where = target(answers.text("output.target")).hand_on(answers, system, path, pem)
        actions += where.actions
        next_steps += where.next_steps
    yield from _apply(system, state, tuple(actions), after, tuple(next_steps))


def _lists(system: System, state: Path) -> dict[Path, Answers]:
    """Where a Pomerium may go by a revocation list, with the answers that count there."""
    found = (answers for _, answers in installations(system, state))
    return {downstream.places(answers)[1]: answers for answers in found}


def _apply(
    system: System,
    state: Path,
    actions: tuple[Action, ...],
    after: str,
    next_steps: tuple[NextStep, ...],
) -> Iterator[Event]:
    yield from carry_out(
        Plan(Answers(), (), actions, next_steps=next_steps, after=after),
        system,
        Journal(system, state),
        may_ask=False,
        control=Control(),
        prove=lambda: iter(()),
    )
