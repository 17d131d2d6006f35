"""When a certificate of an order is due: the authority is asked, but no more than it wants."""

from datetime import datetime
from pathlib import Path

from cryptography.x509 import Certificate

from wizard.acme import renewal_info
from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.strategies.dns01_wanted import Wanted


def due_from(certificate: Certificate, order: Path | None, system: System) -> datetime:
    """When it is time for the next one, by what is known here of the order that brought it."""
    suggestion = renewal_info.kept(system, order) if order else None
    return renewal_info.renew_after(certificate, suggestion)


def ask(wanted: Wanted, certificate: Certificate, order: Path, system: System) -> str:
    """Has the authority say when, unless it said so lately; returns the page that says why.

    An authority that does not answer is asked the next time (RFC 9773, 4.3.3).
    """
    found = renewal_info.kept(system, order)
    if found is None or system.now() >= found.ask_after:
        from wizard.acme.session import Session  # noqa: PLC0415  loads requests

        try:
            session = Session(system, wanted.authority.directory_url, wanted.ca_bundle)
            fresh = renewal_info.fetch(session, certificate, found)
        except WizardError:
            fresh = None
        if fresh is not None:
            renewal_info.keep(system, order, fresh)
            found = fresh
    return found.explanation if found else ""
