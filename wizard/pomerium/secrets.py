"""The random secrets Pomerium asks for."""

import base64
import secrets

_SECRET_BYTES = 32
"""`shared_secret` and `cookie_secret` are refused with any other length."""


def new_secret() -> str:
    """A fresh secret: base64 of exactly 32 random bytes."""
    return base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
