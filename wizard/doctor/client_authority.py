"""Certificates of people (`downstream_mtls`): their authority and what it revoked.

Pomerium itself looks only whether the authority's file and the list can be read (config/mtls.go).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from wizard.core.errors import WizardError
from wizard.doctor.grade import Finding
from wizard.pki import fitness
from wizard.pki.path import is_ca
from wizard.pki.pem import BLOCK, contents
from wizard.pomerium.setup import Setup, Source

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPublicKeyTypes

SOON: Final = timedelta(days=7)
CRL: Final = b"X509 CRL"


def findings(setup: Setup) -> Iterator[Finding]:
    """What would let nobody in, or somebody who was revoked."""
    # What is written into the configuration wins over a file (mtls.go, GetCA and GetCRL).
    ca, crl = (setup.source(f"downstream_mtls.{name}") for name in ("ca", "crl"))
    if ca is None:
        if crl is not None:
            yield Finding(
                "warning",
                "client-ca-missing",
                "`downstream_mtls` has a revocation list and no authority: nobody is asked for a "
                "certificate.",
                "Add `ca_file`.",
                crl.said.file,
                crl.said.line,
            )
        return
    try:
        authorities = _authorities(ca.content(setup), ca.where)
    except WizardError as error:
        yield Finding.of(error, ca.said.file, ca.said.line)
        return
    now = setup.system.now()
    yield from _ages(authorities, ca, now)
    if crl is not None:
        yield from _revocations(setup, crl, authorities, now)


def _authorities(data: bytes, where: str) -> tuple[x509.Certificate, ...]:
    found = contents(data).certificates
    if not found or b"-----BEGIN" not in data:
        raise WizardError(
            "client-ca-not-pem",
            f"There is no certificate in PEM form in {where}: nobody gets in.",
            "Name the certificate of the authority for clients.",
        )
    return found


def _ages(
    authorities: Sequence[x509.Certificate], source: Source, now: datetime
) -> Iterator[Finding]:
    where, said = source.where, source.said
    good: list[str] = []
    for one in authorities:
        who = fitness.subject(one)
        if not is_ca(one):
            yield Finding(
                "warning",
                "client-ca-is-none",
                f"{who} in {where} is no authority: it can vouch for nobody.",
                "Name the certificate that issued those of the clients.",
                said.file,
                said.line,
            )
        elif one.not_valid_after_utc < now:
            yield Finding(
                "error",
                "client-ca-expired",
                f"The authority {who} in {where} ended on {one.not_valid_after_utc:%Y-%m-%d}; "
                "nobody with its certificates gets in.",
                "Make another authority, and give everybody a new certificate.",
                said.file,
                said.line,
            )
        else:
            good.append(who)
    if good:
        yield Finding("good", "client-ca-good", f"Clients need a certificate of {', '.join(good)}.")


def _revocations(
    setup: Setup, source: Source, authorities: Sequence[x509.Certificate], now: datetime
) -> Iterator[Finding]:
    def found(level: str, code: str, summary: str, hint: str) -> Finding:
        return Finding(
            "error" if level == "error" else "warning", code, summary, hint, said.file, said.line
        )

    where, said = source.where, source.said
    try:
        lists = _lists(source.content(setup), where)
    except WizardError as error:
        yield Finding.of(error, said.file, said.line)
        return
    enforcement = setup.said("downstream_mtls.enforcement")
    is_strict = enforcement is not None and enforcement.text == "reject_connection"
    good = True
    for one in lists:
        if not any(_signed(one, authority) for authority in authorities):
            good = False
            yield found(
                "error" if is_strict else "warning",
                "crl-foreign",
                f"No authority of `downstream_mtls` signed the revocation list in {where}: it "
                "revokes nobody" + (", and nobody gets in." if is_strict else "."),
                "Get the list of the authority that issued the clients' certificates.",
            )
        barred = [it for it in authorities if _signed(one, it) and not _may_sign(it)]
        if barred:
            good = False
            yield found(
                "error",
                "crl-barred",
                f"{fitness.subject(barred[0])} may not sign the revocation list in {where}: none "
                "of its clients gets in.",
                "Its certificate needs cRLSign in its key usage; or do without the list.",
            )
        until = one.next_update_utc
        if until is not None and until < now + SOON:
            good = False
            is_over = until < now
            effect = "nobody gets in" if is_strict else "who was revoked since may get in"
            yield found(
                "error" if is_over and is_strict else "warning",
                "crl-expired" if is_over else "crl-ends-soon",
                f"The revocation list in {where} {'ended' if is_over else 'ends'} on "
                f"{until:%Y-%m-%d %H:%M} UTC; then {effect}.",
                "Get a new one from the authority. Lists of this wizard's own do not run out.",
            )
    missing = [
        fitness.subject(one) for one in authorities if not any(_signed(crl, one) for crl in lists)
    ]
    if missing and good and is_strict:
        good = False
        yield found(
            "error",
            "crl-missing",
            f"{where} has no revocation list of {missing[0]}: none of its clients gets in.",
            "Add its list to the file: each authority needs one once there is any.",
        )
    if good:
        count = sum(len(list(one)) for one in lists)
        yield Finding("good", "crl-good", f"{where} is in force; {count} are revoked.")


def _may_sign(authority: x509.Certificate) -> bool:
    """Whether its key usage has cRLSign, or it has none (RFC 5280, 4.2.1.3)."""
    try:
        return authority.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False


def _lists(data: bytes, where: str) -> list[x509.CertificateRevocationList]:
    """Every list of a file (pkg/cryptutil, ParseCRLs: PEM and nothing else)."""
    blocks = [match for match in BLOCK.finditer(data) if match[1] == CRL]
    try:
        lists = [x509.load_pem_x509_crl(match[0]) for match in blocks]
    except ValueError:
        lists = []
    if not lists:
        raise WizardError(
            "crl-unreadable",
            f"There is no revocation list in PEM form in {where}; Pomerium does not start with it.",
            "Convert it: openssl crl -inform DER -in FILE -out crl.pem",
        )
    return lists


def _signed(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    if crl.issuer != authority.subject:
        return False
    try:
        key = cast("CertificateIssuerPublicKeyTypes", authority.public_key())
        # One of a kind that signs nothing says so by a TypeError.
        return crl.is_signature_valid(key)
    except (TypeError, ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False
