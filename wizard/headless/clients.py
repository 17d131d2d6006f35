"""The command `client`: certificates for people and their browsers."""

import argparse
import getpass
import re
from pathlib import Path

from wizard import clients
from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.errors import ExitCode, UsageError
from wizard.core.journal import Journal
from wizard.core.secrets import Secret, is_reference, resolve
from wizard.core.system import System
from wizard.engine import settle
from wizard.headless.front import Front, follow
from wizard.headless.jsonl import JsonLines


def run(
    options: argparse.Namespace, system: System, state: Path, front: Front, *, may_ask: bool
) -> int:
    """Runs `client issue`, `client list` or `client revoke`, and returns the exit code."""
    if options.do == "list":
        return _list(system, state, as_json=options.json)
    if not options.name:
        example = f"pomcert-wizard client {options.do} alice@example.com"
        raise UsageError("usage", f"client {options.do} needs a name.", f"Write: {example}")
    if options.do == "revoke":
        follow(settle(system, Journal(system, state), may_ask=may_ask), front)
        return follow(clients.revoke(system, state, options.name), front)
    problem = validation.lifetime(clients.LONGEST)(options.lifetime, Answers())
    if problem is not None:
        raise UsageError(problem.code, f"--lifetime: {problem.summary}", problem.hint)
    stem = re.sub(r"[^A-Za-z0-9@._+-]", "_", options.name)
    target = Path(options.out or f"{stem}.p12").absolute()
    password = _password(options.password, system, may_ask=may_ask)
    follow(settle(system, Journal(system, state), may_ask=may_ask), front)
    return follow(
        clients.issue(
            system,
            state,
            options.name,
            target,
            password,
            lifetime=validation.duration(options.lifetime) or clients.LIFETIME,
            legacy=options.legacy,
        ),
        front,
    )


def _password(reference: str, system: System, *, may_ask: bool) -> Secret:
    """From where it is said to be, else from whoever sits there, typed twice."""
    if reference:
        if not is_reference(reference):
            raise UsageError(
                "password",
                "--password says where the password is; it is never on the command line itself.",
                "Write env:NAME or file:PATH.",
            )
        return resolve(reference, system)
    if not may_ask:
        raise UsageError(
            "password",
            "The file with the key needs a password, and nobody is here to type one.",
            "Say where it is: --password env:NAME, or file:PATH.",
        )
    first = getpass.getpass("Password for the file with the key: ")
    if not first or first != getpass.getpass("Once more: "):
        raise UsageError(
            "password", "The two are not the same, or empty.", "Nothing was made. Run again."
        )
    return Secret(first.encode())


def _list(system: System, state: Path, *, as_json: bool) -> int:
    found = clients.clients(system, state)
    for client in found:
        if as_json:
            JsonLines().row(clients.to_json(client))
            continue
        until = client.certificate.not_valid_after_utc
        standing = f"until {until:%Y-%m-%d}"
        if client.revoked:
            standing = f"revoked {client.revoked:%Y-%m-%d}"
        elif until < system.now():
            standing = f"expired {until:%Y-%m-%d}"
        print(f"{client.name:32} {standing:20} fingerprint {client.fingerprint}")
    if not found and not as_json:
        print("No client certificate was issued. To issue one: pomcert-wizard client issue NAME")
    return int(ExitCode.DONE)
