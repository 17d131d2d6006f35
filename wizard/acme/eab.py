"""External account binding (RFC 8555, 7.3.4): the key that an authority's web site gives."""

import re

from wizard.core.errors import UsageError
from wizard.core.secrets import Secret


def unpadded(key: Secret) -> Secret:
    """The HMAC key as base64url without padding, the one form that every client takes.

    Raises:
        UsageError: `eab-not-base64url`.
    """
    text = key.reveal().strip()
    if not re.fullmatch(rb"[A-Za-z0-9+/_-]+=*", text):
        raise UsageError(
            "eab-not-base64url",
            "The EAB HMAC key is not base64url text.",
            "Copy it again from the authority's web site, whole and without quotes.",
        )
    return Secret(text.rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_")))
