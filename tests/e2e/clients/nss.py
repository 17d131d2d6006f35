"""NSS without a browser around it, and trust in its databases, by its own certutil."""

from pathlib import Path

from . import Client, Target, Verdict
from .process import run


def trust(database: Path, root_pem: Path) -> None:
    """Let `root_pem` vouch for TLS servers; the database is made where there is none."""
    database.mkdir(parents=True, exist_ok=True)
    certutil = ["certutil", "-d", f"sql:{database}"]
    commands = [[*certutil, "-A", "-n", "pomcert test root", "-t", "C,,", "-i", str(root_pem)]]
    if not (database / "cert9.db").exists():
        commands.insert(0, [*certutil, "-N", "--empty-password"])
    for command in commands:
        outcome = run(command, home=database)
        if outcome.code:
            raise RuntimeError(f"{command}: {outcome.text}")


def _trust_at_home(home: Path, root_pem: Path) -> None:
    trust(home / "nssdb", root_pem)


def load(target: Target) -> Verdict:
    outcome = run(
        [
            # -Q ends it after the handshake, which begins when there is something to send.
            *("tstclnt", "-Q", "-h", "127.0.0.1", "-p", str(target.port)),
            *("-a", target.host_name, "-d", f"sql:{target.home / 'nssdb'}"),
        ],
        home=target.home,
        request=target.request,
    )
    return Verdict(outcome.code == 0, outcome.text)


CLIENT = Client(
    "nss", ("tstclnt", "certutil"), load, "SEC_ERROR_CERT_NOT_IN_NAME_SPACE", _trust_at_home
)
