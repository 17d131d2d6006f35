"""Trust in an NSS database, by NSS's own certutil."""

from pathlib import Path

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
