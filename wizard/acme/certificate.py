"""What an authority hands over as a certificate, looked at before it is kept."""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wizard.core.errors import ExitCode, WizardError
from wizard.pki import chain


def check(pem: bytes, csr: bytes, names: Sequence[str], directory: Path) -> None:
    """That it is a certificate, for the key of the request and for every name (RFC 8555, 7.4.2).

    More names than those are the authority's to give: some add the domain to its wildcard.

    Raises:
        WizardError: `certificate-wrong`, exit code 4.
    """
    try:
        leaf = x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise _wrong("what it handed over is no certificate in PEM form", directory) from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ours = x509.load_der_x509_csr(csr).public_key()
    if leaf.public_key().public_bytes(*form) != ours.public_bytes(*form):
        raise _wrong("its certificate is for another key than the one of the request", directory)
    missing = sorted(set(names) - {name.lower() for name in chain.names_of(leaf)})
    if missing:
        raise _wrong(f"its certificate is not for {', '.join(missing)}", directory)


def _wrong(what: str, directory: Path) -> WizardError:
    return WizardError(
        "certificate-wrong",
        f"The authority says that the order is through, but {what}. It was not kept.",
        "The order is: run again to fetch the certificate anew. If it stays wrong, tell the "
        f"authority, and move {directory} away to order another one.",
        exit_code=ExitCode.REFUSED_BY_AUTHORITY,
    )
