"""Files of TLS that a configuration names for other hops: inwards, and towards applications."""

from collections.abc import Iterator
from typing import Final

from wizard.core.errors import WizardError
from wizard.doctor.grade import Finding
from wizard.pki import fitness
from wizard.pki.pem import contents
from wizard.pomerium.document import elements, lookup
from wizard.pomerium.setup import Said, Setup

INWARDS: Final = "certificate_authority_file"
AUTHORITIES: Final = (INWARDS, "autocert_trusted_ca_file")
PAIRS: Final = ("metrics_certificate_file", "metrics_certificate_key_file")
ROUTE_AUTHORITY: Final = "tls_custom_ca_file"
ROUTE_PAIR: Final = ("tls_client_cert_file", "tls_client_key_file")


def findings(setup: Setup) -> Iterator[Finding]:
    """Files that are not there, and authorities that vouch for nothing."""
    root = setup.document.root
    routes = [one for key in ("routes", "policy") for one in elements(lookup(root, key))]
    authorities = [setup.said(name) for name in AUTHORITIES]
    authorities += [setup.at(lookup(route, ROUTE_AUTHORITY)) for route in routes]
    others = [setup.said(name) for name in PAIRS]
    others += [setup.at(lookup(route, name)) for route in routes for name in ROUTE_PAIR]
    for said in filter(None, authorities):
        yield from _authority(setup, said)
    for said in filter(None, others):
        try:
            setup.content(said)
        except WizardError as error:
            yield Finding.of(error, said.file, said.line)


def _authority(setup: Setup, said: Said) -> Iterator[Finding]:
    try:
        found = contents(setup.content(said).content).certificates
    except WizardError as error:
        told = Finding.of(error, said.file, said.line)
        if error.code == "file-missing" and said == setup.said(INWARDS):
            # The only one that Pomerium does without (seen with v0.32.9).
            summary = f"There is no {said.text}; Pomerium starts and does not trust what it is for."
            told = told._replace(level="warning", code="authority-missing", summary=summary)
        yield told
        return
    if not found:
        yield Finding(
            "error",
            "authority-unreadable",
            f"There is no certificate of an authority in {said.text}.",
            "Put it there, in PEM form.",
            said.file,
            said.line,
        )
    elif all(one.not_valid_after_utc < setup.system.now() for one in found):
        ended = found[0].not_valid_after_utc
        yield Finding(
            "error",
            "authority-expired",
            f"{fitness.subject(found[0])} in {said.text} ended on {ended:%Y-%m-%d}: nothing that "
            "it issued is trusted.",
            "Put the certificate there that took its place.",
            said.file,
            said.line,
        )
