"""Accounts: one for each authority and state directory, made once and used ever after.

STATE/accounts/NAME/account.key    the key, on disk before the authority hears of it
STATE/accounts/NAME/account.json   where the account is, and which terms were accepted
STATE/accounts/NAME/next.key       the key that a change began with, until it has taken its place
"""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from josepy.b64 import b64decode
from josepy.jwa import ES256, HS256
from josepy.jwk import JWKEC, JWKOct

from wizard.acme.authorities import Authority
from wizard.acme.problems import RefusedError
from wizard.acme.session import JsonObject, Reply, Session, signed
from wizard.core.errors import UsageError
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.pki import keys
from wizard.pki.keys import PrivateKey

KEY, RECORD, NEXT_KEY = "account.key", "account.json", "next.key"
EAB_TYPES: Final = {
    "acme-external-account-required",
    "acme-malformed",
    "acme-unauthorized",
}
NEW_PAIR: Final = (
    "Make a new pair of key id and HMAC key {where}, and put both where dns_01.eab_key_id and "
    "dns_01.eab_hmac_key point to."
)
EAB_SAID: Final = (
    (
        r"(?i)expir|revoked|deactivated|disabled|already (been )?used|not awaiting",
        "says that this external account key (EAB) is over",
        NEW_PAIR,
    ),
    (
        r"(?i)invalid mac|\bh?mac\b.*(invalid|match)|verification (failed|error)",
        "says that the HMAC key is not the one of this key id",
        "Copy both again from the same place, whole and as they are. " + NEW_PAIR,
    ),
    (
        r"(?i)unknown|not known|not found|invalid.*(kid|key id)",
        "does not know this key id",
        NEW_PAIR,
    ),
    (
        r"(?i)must include a value",
        "does not take the external account (EAB)",
        "Set dns_01.email to the address of your account there. If that is not it: " + NEW_PAIR,
    ),
)
"""What Google, ZeroSSL with Sectigo, and Pebble write of an external account, and what to do."""


class Account(NamedTuple):
    """An account: its URL at the authority, its key, and where both are kept."""

    url: str
    key: PrivateKey
    directory: Path


def directory_of(state: Path, authority: Authority) -> Path:
    """Where the account for an authority is kept."""
    mark = sha256(authority.directory_url.encode()).hexdigest()[:12]
    return state / "accounts" / f"{authority.id}-{mark}"


def open_account(
    session: Session,
    system: System,
    state: Path,
    authority: Authority,
    *,
    email: str = "",
    eab: tuple[str, Secret] | None = None,
    accept_terms: bool,
) -> Account:
    """The account there is, or a new one; the session signs with it from then on (RFC 8555, 7.3).

    After an interrupted newAccount the account that has the key is asked for first: what ties it to
    an external one may be good for a single use. After an interrupted change of keys the authority
    is asked which one it knows.

    Raises:
        WizardError: `terms-not-accepted`, `eab-missing`, or the authority refused.
    """
    directory = directory_of(state, authority)
    for path in (directory.parent, directory):
        system.make_directory(path, 0o700)
    was_begun = system.keep(directory / KEY) is not None
    key = _key(system, directory / KEY)
    kept = system.keep(directory / RECORD)
    if kept is not None:
        url = str(json.loads(kept.content)["url"])
        key = _changed(session, system, directory) or key
        session.sign_as(key, url)
        return Account(url, key, directory)
    if session.terms_of_service and not accept_terms:
        raise UsageError(
            "terms-not-accepted",
            f"{authority.title} asks you to accept its terms: {session.terms_of_service}",
            "Read them, then set dns_01.accept_terms = true.",
        )
    if session.needs_eab and eab is None:
        raise UsageError(
            "eab-missing",
            f"{authority.title} ties accounts to one that you have there already (EAB).",
            "Set dns_01.eab_key_id and dns_01.eab_hmac_key to where its two values are.",
        )
    session.sign_as(key, None)
    reply = _existing(session) if was_begun else None
    if reply is None:
        payload: dict[str, object] = {"termsOfServiceAgreed": accept_terms}
        if email:
            payload["contact"] = [f"mailto:{email}"]
        if eab is not None:
            payload["externalAccountBinding"] = _binding(session, key, *eab)
        try:
            reply = session.post(session.url("newAccount"), payload)
        except RefusedError as error:
            raise (_eab_refused(error, authority) if eab else None) or error from None
    record = {
        "url": reply.location,
        "directory": session.directory_url,
        "terms": session.terms_of_service,
        "at": system.now().isoformat(),
    }
    system.write(directory / RECORD, json.dumps(record).encode())
    session.sign_as(key, reply.location)
    return Account(reply.location, key, directory)


def _existing(session: Session) -> Reply | None:
    """The account that the key has already (RFC 8555, 7.3.1)."""
    try:
        return session.post(session.url("newAccount"), {"onlyReturnExisting": True})
    except RefusedError as error:
        # ZeroSSL wants the binding before it looks.
        if error.code in {"acme-account-does-not-exist", "acme-external-account-required"}:
            return None
        raise


def _eab_refused(error: RefusedError, authority: Authority) -> RefusedError | None:
    """The error for an external account that is not taken; None where it is about something else.

    Authorities have no type of their own for it, only words.
    """
    if error.code not in EAB_TYPES:
        return None
    says, hint = next(
        ((says, hint) for pattern, says, hint in EAB_SAID if re.search(pattern, error.detail)),
        ("does not take the external account (EAB)", NEW_PAIR),
    )
    return RefusedError(
        "eab-refused",
        f"{authority.title} {says}: {error.detail}.",
        hint.format(where=authority.eab),
        error.detail,
    )


def forget(system: System, account: Account) -> None:
    """Lets go of an account that the authority no longer knows; the key stays for the next one."""
    system.remove(account.directory / RECORD)


def change_key(session: Session, system: System, account: Account) -> Account:
    """Replaces the account's key (RFC 8555, 7.3.5); the new one is on disk before it counts.

    Raises:
        WizardError: the authority refused, or did not answer: then `open_account` finds out which
            key is the one.
    """
    new = _key(system, account.directory / NEXT_KEY)
    jwk = JWKEC(key=new)
    old = JWKEC(key=account.key.public_key())
    payload = json.dumps({"account": account.url, "oldKey": old.to_partial_json()}).encode()
    url = session.url("keyChange")
    session.post(url, signed(payload, jwk, ES256, url))
    _replace(system, account.directory, new)
    session.sign_as(new, account.url)
    return account._replace(key=new)


def _changed(session: Session, system: System, directory: Path) -> PrivateKey | None:
    """The next key, where a change was cut off and the authority has made it (RFC 8555, 7.3.1).

    Where it has not, that key stays for the next try: the request may still be on its way.
    """
    kept = system.keep(directory / NEXT_KEY)
    if kept is None:
        return None
    new = keys.from_pem(kept.content, str(directory / NEXT_KEY))
    session.sign_as(new, None)
    if _existing(session) is None:
        return None
    _replace(system, directory, new)
    return new


def _replace(system: System, directory: Path, new: PrivateKey) -> None:
    system.write(directory / KEY, keys.to_pem(new).reveal())
    system.remove(directory / NEXT_KEY)


def _key(system: System, path: Path) -> PrivateKey:
    kept = system.keep(path)
    if kept is not None:
        return keys.from_pem(kept.content, str(path))
    key = keys.generate("ecdsa-p256")
    system.write(path, keys.to_pem(key).reveal())
    return key


def _binding(session: Session, key: PrivateKey, kid: str, hmac_key: Secret) -> JsonObject:
    """The account key, signed with the key that the authority gave (RFC 8555, 7.3.4)."""
    text = hmac_key.reveal().decode(errors="replace").strip()
    if not re.fullmatch(r"[A-Za-z0-9_-]+=*", text):
        raise UsageError(
            "eab-not-base64url",
            "The EAB HMAC key is not base64url text.",
            "Copy it again from the authority's web site, whole and without quotes.",
        )
    jwk = JWKOct(key=b64decode(text))
    public = json.dumps(JWKEC(key=key.public_key()).to_partial_json()).encode()
    return signed(public, jwk, HS256, session.url("newAccount"), kid=kid)
