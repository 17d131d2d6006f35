"""Challenges: from the token of an authorization to the record that answers it."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from josepy.b64 import b64encode

from wizard.core.errors import ExitCode, WizardError

DNS_01: Final = "dns-01"
PERSIST: Final = "dns-persist-01"
LABELS: Final = {DNS_01: "_acme-challenge", PERSIST: "_validation-persist"}


class Txt(NamedTuple):
    """A TXT record that an order needs: its name without a dot at the end, and what it proves."""

    name: str
    value: str
    identifiers: tuple[str, ...]


def name_of(challenge: str, identifier: str) -> str:
    """Where the record for an identifier belongs; a wildcard's is its domain's."""
    return f"{LABELS[challenge]}.{identifier.removeprefix('*.')}"


def digest(token: str, thumbprint: str) -> str:
    """The value that answers dns-01: SHA-256 of the key authorization (RFC 8555, 8.4)."""
    return b64encode(sha256(f"{token}.{thumbprint}".encode()).digest()).decode()


def persistent(
    challenge: Mapping[str, object],
    account_url: str,
    meta: Mapping[str, object],
    *,
    wildcard: bool,
) -> str:
    """The value that answers dns-persist-01 (draft-ietf-acme-dns-persist-01), an issue-value.

    Raises:
        WizardError: `persist-unknown-form`: a later draft's form, or another account's URI.
    """
    issuers = challenge.get("issuer-domain-names") or challenge.get("issuerDomainNames")
    account = challenge.get("accounturi", account_url)
    if (
        "accountHashPrefix" in meta
        or not (isinstance(issuers, list) and issuers)
        or account != account_url
    ):
        raise WizardError(
            "persist-unknown-form",
            "The authority offers dns-persist-01 in a form that this version does not know.",
            'Set dns_01.challenge = "dns-01"; a record in a wrong form would prove nothing.',
            exit_code=ExitCode.REFUSED_BY_AUTHORITY,
        )
    policy = "; policy=wildcard" if wildcard else ""
    return f"{issuers[0]}; accounturi={account_url}{policy}"
