"""What the tests of the doctor share: a configuration that is well, and what is found in one."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bundle_support import HOST, Forge
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from wizard.core.system import System
from wizard.doctor.checks import Look, look
from wizard.doctor.grade import Finding

SECRET = base64.b64encode(bytes(range(32))).decode()
WELL = f"""\
shared_secret: {SECRET}
cookie_secret: {SECRET}
"""
ROUTES = f"""\
routes:
  - from: https://{HOST}
    to: https://app.example.net
"""


@dataclass
class Patient:
    """A directory with a configuration, and files that an authority of openssl's signed."""

    folder: Path
    forge: Forge
    env: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def file(self, name: str, content: bytes, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def pair(self, name: str, *certificates: str, key: str = "") -> str:
        """An entry of `certificates`, of the forge's certificates and the first one's key."""
        first, *_ = certificates
        cert = self.file(f"{name}.pem", self.forge.pem(*certificates))
        its = self.file(f"{name}.key", self.forge.pem(f"{key or first}.key"))
        return f"  - cert: {cert}\n    key: {its}\n"

    def write(self, *entries: str, more: str = "", routes: str = ROUTES) -> None:
        """A configuration of these entries and settings."""
        listed = "certificates:\n" + "".join(entries) if entries else ""
        self.file("config.yaml", f"{WELL}{listed}{more}{routes}".encode())

    def well(self) -> None:
        """The usual one, in which nothing is wrong."""
        self.write(self.pair("site", "site", "issuing"))

    def look(self, root: Path | None = None, config: Path | None = None) -> Look:
        system = System(self.env, root or self.folder / "machine")
        return look(system, config or self.config)

    def found(self, root: Path | None = None) -> Mapping[str, Finding]:
        """What is wrong, by code, the first of each."""
        codes: dict[str, Finding] = {}
        for finding in self.look(root).findings:
            if finding.level != "good":
                codes.setdefault(finding.code, finding)
        return codes

    def only(self, code: str, level: str = "error") -> Finding:
        """The one thing that is wrong."""
        (found,) = self.found().values()
        assert (found.code, found.level) == (code, level), found
        assert found.hint, found
        return found


def crl(forge: Forge, authority: str, days: int) -> bytes:
    """A revocation list of an authority that is good for so many days from now."""
    issuer = x509.load_pem_x509_certificate(forge.pem(authority))
    key = load_pem_private_key(forge.pem(f"{authority}.key"), None)
    now = datetime.now(UTC)
    built = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - timedelta(days=100))
        .next_update(now + timedelta(days=days))
        .sign(key, hashes.SHA256())  # type: ignore[arg-type]  the forge makes no other kind
    )
    return built.public_bytes(Encoding.PEM)


def other_forms(forge: Forge) -> None:
    """The certificate `site` and its key in forms that Pomerium does not take, and other things."""
    forge.openssl("x509 -in site.pem -outform DER -out site.der")
    forge.openssl("pkey -in site.key -outform DER -out site.derkey")
    forge.openssl("pkey -in site.key -aes256 -passout env:PASSWORD -out site.encrypted")
    forge.pkcs12(forge.folder / "site.pkcs12")
    (forge.folder / "site.nothing").write_bytes(b"# a comment\n")
    (forge.folder / "site.foreign").write_bytes(forge.pem("root.key"))
