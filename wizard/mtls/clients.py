"""The client authority of a state directory, and what it has issued.

STATE/clients/authority.pem, authority-key.pem    who signs
STATE/clients/revoked.pem                         the revocation list, also the record of it
STATE/clients/issued/0001-alice.pem               a certificate; its key is in the bundle alone
"""

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from wizard.core.actions import WriteFile
from wizard.core.errors import WizardError
from wizard.core.system import Kept, System
from wizard.pki import chain, keys
from wizard.pki.clients import Client, ClientAuthority, create, revocations

AUTHORITY, KEY, REVOKED, ISSUED = "authority.pem", "authority-key.pem", "revoked.pem", "issued"
OTHERS: Final = 0o077


class Clients(NamedTuple):
    """What a state directory holds, read once."""

    directory: Path
    authority: ClientAuthority
    revocation_list: x509.CertificateRevocationList
    issued: tuple[Client, ...] = ()
    revoked_file: Kept | None = None

    @classmethod
    def load(cls, system: System, state: Path) -> "Clients | None":
        """The authority and its clients, or None where there is none.

        Raises:
            WizardError: `clients-incomplete`, `clients-mismatch`, `key-mode`, or a file cannot be
                read.
        """
        directory = state / "clients"
        names = (AUTHORITY, KEY, REVOKED)
        files = [system.keep(directory / name) for name in names]
        certificate, key, revoked = files
        if certificate is None and key is None:
            return None
        if certificate is None or key is None or revoked is None:
            gone = ", ".join(name for name, file in zip(names, files, strict=True) if not file)
            raise _broken("clients-incomplete", directory, f"lost {gone}")
        if key.mode & OTHERS:
            raise WizardError(
                "key-mode",
                f"The private key {directory / KEY} has mode {key.mode:04o}: others can read it.",
                f"If nobody can have read it: chmod 0600 {directory / KEY}.",
            )
        authority = ClientAuthority(
            chain.read(certificate.content, str(directory / AUTHORITY))[0],
            keys.from_pem(key.content, str(directory / KEY)),
        )
        found = _list(revoked.content, authority, directory)
        issued = tuple(
            _client(system, path, found) for path in sorted((directory / ISSUED).glob("*.pem"))
        )
        return cls(directory, authority, found, issued, revoked)

    @classmethod
    def new(cls, system: System, state: Path) -> "Clients":
        """A new authority, not yet on disk."""
        now = system.now()
        authority = create(now)
        nobody = revocations(authority, None, (), now)
        return cls(state / "clients", authority, nobody)

    def files(self) -> list[WriteFile]:
        """The authority's files, where they are not on disk yet."""
        if self.revoked_file is not None:
            return []
        return [
            _private(
                self.directory / KEY,
                "key of the client authority",
                "Signs certificates for people; whoever has it can pass as any of them.",
                lambda: keys.to_pem(self.authority.key).reveal(),
            ),
            _private(
                self.directory / AUTHORITY,
                "client authority",
                "Pomerium takes the client certificates that it has signed, and no others.",
                self.pem,
            ),
            _private(
                self.directory / REVOKED,
                "revocation list",
                "Names the client certificates that are good no more; none so far.",
                self.list_pem,
            ),
        ]

    def pem(self) -> bytes:
        """The authority's certificate: Pomerium's `downstream_mtls.ca_file`."""
        return chain.to_pem([self.authority.certificate])

    def list_pem(self) -> bytes:
        """The revocation list: Pomerium's `downstream_mtls.crl_file`."""
        return self.revocation_list.public_bytes(Encoding.PEM)

    def has_signed(self, pem: bytes) -> bool:
        """Whether this is a revocation list of this authority's, old or new."""
        try:
            _list(pem, self.authority, self.directory)
        except WizardError:
            return False
        return True

    def refuse_ended(self, now: datetime) -> None:
        """Refuses an authority whose certificates nobody would take.

        Raises:
            WizardError: `clients-ended`.
        """
        ends = self.authority.certificate.not_valid_after_utc
        if ends <= now:
            raise WizardError(
                "clients-ended",
                f"The client authority in {self.directory} ended on {ends:%Y-%m-%d}.",
                f"Move {self.directory} away to have a new one made and run again; everybody needs "
                "a new certificate then.",
            )

    def ends_next(self, now: datetime) -> Client | None:
        """Whose certificate ends next, of those that are good now."""
        good = [
            one
            for one in self.issued
            if one.revoked is None and one.certificate.not_valid_after_utc > now
        ]
        return min(good, key=lambda one: one.certificate.not_valid_after_utc, default=None)

    def record(self, certificate: Callable[[], x509.Certificate], name: str) -> WriteFile:
        """Keeps what is issued, so that it can be listed and revoked."""
        stem = re.sub(r"[^A-Za-z0-9@._+-]", "_", name)
        paths = (self.directory / ISSUED).glob("[0-9]*-*.pem")
        numbers = [int(path.name.partition("-")[0]) for path in paths]
        return _private(
            self.directory / ISSUED / f"{max(numbers, default=0) + 1:04}-{stem}.pem",
            "client certificate",
            "To list and to revoke it; the key is not kept.",
            lambda: chain.to_pem([certificate()]),
        )

    def without(self, clients: list[Client], system: System) -> tuple[WriteFile, bytes]:
        """The list that revokes these too: how it is kept, and its PEM."""
        certificates = [client.certificate for client in clients]
        made = revocations(self.authority, self.revocation_list, certificates, system.now())
        pem = made.public_bytes(Encoding.PEM)
        action = _private(
            self.directory / REVOKED,
            "revocation list",
            f"Pomerium lets {', '.join(sorted({client.name for client in clients}))} in no more.",
            lambda: pem,
            self.revoked_file,
        )
        return action, pem


def _client(system: System, path: Path, revoked: x509.CertificateRevocationList) -> Client:
    kept = system.keep(path)
    certificate = chain.read(kept.content if kept else b"", str(path))[0]
    entry = revoked.get_revoked_certificate_by_serial_number(certificate.serial_number)
    return Client(certificate, entry.revocation_date_utc if entry else None)


def _list(
    pem: bytes, authority: ClientAuthority, directory: Path
) -> x509.CertificateRevocationList:
    """The revocation list, which must be this authority's."""
    try:
        authority.certificate.verify_directly_issued_by(authority.certificate)
        found = x509.load_pem_x509_crl(pem)
    except (ValueError, TypeError, InvalidSignature):
        raise _broken("clients-mismatch", directory, "has files that cannot be read") from None
    own = authority.certificate.public_key()
    if not chain.belongs(authority.certificate, authority.key) or not found.is_signature_valid(own):  # type: ignore[arg-type]  # every key of ours can sign lists
        raise _broken("clients-mismatch", directory, "has files that do not belong together")
    return found


def _broken(code: str, directory: Path, what: str) -> WizardError:
    return WizardError(
        code,
        f"The client authority in {directory} {what}.",
        f"Put the right file back. With {directory} moved away a new authority is made, and "
        "everybody needs a new certificate.",
    )


def _private(
    path: Path, what: str, why: str, content: Callable[[], bytes], before: Kept | None = None
) -> WriteFile:
    return WriteFile(
        path, what, why, cache(content), mode=0o600, before=before, directory_mode=0o700
    )
