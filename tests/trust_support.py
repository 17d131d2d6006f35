"""What the tests of the trust stores share: roots to trust, and stand-ins for programs."""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wizard.core.system import Command, Result, System
from wizard.trust.base import Anchor

FAKES = Path(__file__).parent / "golden" / "trust" / "programs"


def make_anchor(directory: Path, name: str = "") -> Anchor:
    """A root as the wizard makes it, named by the mark unless told otherwise."""
    return make_authority(directory, name)[0]


def make_authority(directory: Path, name: str = "") -> tuple[Anchor, ec.EllipticCurvePrivateKey]:
    """A root and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = name or f"pomcert {token_hex(4)}"
    certificate = (
        _builder(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{token_hex(4)}.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return Anchor(name, certificate.public_bytes(Encoding.DER), path), key


def make_leaf(anchor: Anchor, issuer: ec.EllipticCurvePrivateKey, directory: Path) -> Path:
    """A file with a key and a certificate for localhost, which the root issued."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder("localhost", anchor.name, key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(issuer, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = directory / "leaf.pem"
    path.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    return path


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    def named(name: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "pomcert dev CA"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
    )


def program(directory: Path, name: str, script: str) -> Path:
    """An executable; `script` is shell, and every call is recorded in `<name>.calls`."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    record = f"printf '%s\\n' \"$*\" >> '{path}.calls'"
    path.write_text(f"#!/bin/sh\n{record}\n{script}\n")
    path.chmod(0o755)
    return path


def fake(directory: Path, name: str, state: Path) -> None:
    """Puts a program of golden/trust/programs on a path; it keeps its store in `state`."""
    state.mkdir(parents=True, exist_ok=True)
    program(directory, name, f"STATE='{state}' exec '{sys.executable}' '{FAKES / name}.py' \"$@\"")


def calls(directory: Path, name: str) -> list[str]:
    """What a program was called with."""
    record = directory / f"{name}.calls"
    return record.read_text().splitlines() if record.exists() else []


@dataclass
class Unprivileged:
    """Runs what needs root as it is: enough in a tree that the tests own."""

    system: System
    prefix: str = "sudo"

    def run(self, command: Command, timeout: float) -> Result:
        return self.system.run(command._replace(as_root=False), timeout)


def machine(
    root: Path, programs: Path | None = None, platform: str = "linux", **env: str
) -> System:
    """A system below `root`, its own programs first on PATH, whose privileged commands just run."""
    path = os.environ["PATH"] if programs is None else f"{programs}:{os.environ['PATH']}"
    system = System(env={**os.environ, "PATH": path, **env}, root=root, platform=platform)
    system.elevated = Unprivileged(system)
    return system


def snapshot(*roots: Path) -> dict[str, bytes | str]:
    """Every file below, with its bytes; the records of the fakes are not part of a machine."""
    found: dict[str, bytes | str] = {}
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.suffix != ".calls":
                found[str(path)] = path.read_bytes() if path.is_file() else "directory"
    return found


def output(*argv: str | Path, data: bytes = b"") -> str:
    """What a program prints; one that fails fails the test."""
    done = subprocess.run(argv, input=data, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout.decode()
