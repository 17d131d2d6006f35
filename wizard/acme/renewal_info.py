"""When to renew: the window that the authority suggests (RFC 9773), else by the life that is left.

STATE/orders/NAME/0001/renewal.json    what it suggested for that certificate, and when to ask again
"""

import json
import random
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.x509 import AuthorityKeyIdentifier, Certificate, ExtensionNotFound

from wizard.core.errors import WizardError
from wizard.core.system import System

if TYPE_CHECKING:
    from wizard.acme.session import JsonObject, Reply, Session

FILE: Final = "renewal.json"
SHORT_LIFE: Final = timedelta(days=10)
SOONEST, USUAL, LATEST = timedelta(minutes=1), timedelta(hours=6), timedelta(days=1)
"""Until it is asked again: at least, when the authority does not say, at most (RFC 9773, 4.3)."""

NO_SUCCESSOR: Final = frozenset(
    {"acme-already-replaced", "acme-malformed", "acme-unauthorized", "authority-busy"}
)
"""Refusals that may be about what is replaced: it has a successor, is another's, cannot be found.

Pebble answers with the last one where the serial number's DER begins with a zero.
"""


class Suggestion(NamedTuple):
    """What an authority suggests for one certificate.

    `start` and `end` are its window; `moment` was chosen in it once, at random, so that not all
    clients come together; `explanation` is a page that says why, mostly empty.
    """

    start: datetime
    end: datetime
    moment: datetime
    explanation: str
    ask_after: datetime


def renew_after(certificate: Certificate, suggestion: Suggestion | None) -> datetime:
    """When it is time for the next certificate.

    Without a suggestion a third of its life is left then, or half of a short one, as Let's Encrypt
    advises. A moment after its end is no suggestion.
    """
    end = certificate.not_valid_after_utc
    if suggestion is not None and suggestion.moment < end:
        return suggestion.moment
    life = end - certificate.not_valid_before_utc
    return end - life / (2 if life < SHORT_LIFE else 3)


def identifier(certificate: Certificate) -> str:
    """The certificate's name among those of its authority (RFC 9773, 4.1); empty when it has none.

    It is the base64url of the authority key identifier, a dot, and that of the serial number as
    DER encodes it: with a zero byte before a first bit that is set.
    """
    try:
        found = certificate.extensions.get_extension_for_class(AuthorityKeyIdentifier)
    except ExtensionNotFound:
        return ""
    serial = certificate.serial_number
    octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    parts = (found.value.key_identifier or b"", octets)
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def kept(system: System, directory: Path) -> Suggestion | None:
    """What the authority last suggested for the certificate of an order."""
    found = system.keep(directory / FILE)
    if found is None:
        return None
    row = json.loads(found.content)
    start, end, moment, ask_after = (
        datetime.fromisoformat(row[name]) for name in ("start", "end", "moment", "ask_after")
    )
    return Suggestion(start, end, moment, row["explanation"], ask_after)


def keep(system: System, directory: Path, suggestion: Suggestion) -> None:
    """Keeps a suggestion beside the order that brought the certificate."""
    row = suggestion._asdict()
    row |= {name: at.isoformat() for name, at in row.items() if isinstance(at, datetime)}
    system.write(directory / FILE, json.dumps(row, indent=1).encode())


def fetch(
    session: "Session", certificate: Certificate, before: Suggestion | None
) -> Suggestion | None:
    """Asks the authority; None where it suggests nothing of use (RFC 9773, 4.2).

    The moment stays what it was while the window does.

    Raises:
        WizardError: no answer, or a refusal.
    """
    where, name = session.url("renewalInfo"), identifier(certificate)
    if not (where and name):
        return None
    reply = session.get(f"{where.rstrip('/')}/{name}")
    found = reply.json.get("suggestedWindow")
    try:
        start, end = (_time(found[side]) for side in ("start", "end"))  # type: ignore[index]
    except (ValueError, TypeError, KeyError):
        return None
    if end <= start:
        return None
    moment = start + (end - start) * random.random()  # noqa: S311  no secret
    if before is not None and (before.start, before.end) == (start, end):
        moment = before.moment
    wait = USUAL if reply.retry_after is None else timedelta(seconds=reply.retry_after)
    ask_after = session.system.now() + min(max(wait, SOONEST), LATEST)
    why = reply.json.get("explanationURL")
    return Suggestion(start, end, moment, why if isinstance(why, str) else "", ask_after)


def order(session: "Session", payload: "JsonObject", replaces: str) -> "Reply":
    """Makes an order, as the successor of a certificate if the authority takes it for one.

    Such a renewal counts for no rate limit of Let's Encrypt (RFC 9773, 5).

    Raises:
        WizardError: the authority refuses the order itself.
    """
    where = session.url("newOrder")
    if replaces:
        try:
            return session.post(where, {**payload, "replaces": replaces})
        except WizardError as error:
            if error.code not in NO_SUCCESSOR:
                raise
    return session.post(where, payload)


def _time(text: str) -> datetime:
    """A time of RFC 3339, in UTC; one without an offset is none."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found.astimezone(UTC)
