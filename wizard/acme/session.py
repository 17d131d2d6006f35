"""One conversation with an ACME server: signed requests, nonces, errors in plain words."""

import json
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from acme.jws import JWS
from josepy.b64 import b64decode, b64encode
from josepy.jwa import ES256, JWASignature
from josepy.jwk import JWK, JWKEC

from wizard.acme import clock
from wizard.acme.connection import Connection, CutError
from wizard.acme.problems import GONE, refused
from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.pki.keys import PrivateKey

if TYPE_CHECKING:
    from datetime import datetime

JsonObject = Mapping[str, object]
NONCE_TRIES: Final = 30
"""Clusters, and Pebble on purpose, refuse good nonces; each refusal brings a new one."""
BAD_NONCE: Final = "urn:ietf:params:acme:error:badNonce"
NEEDED: Final = ("newNonce", "newAccount", "newOrder")
FAILED: Final = 400


class Reply(NamedTuple):
    """An answer: status, the headers that matter (`links` by relation), the object, the bytes."""

    status: int
    location: str
    retry_after: float | None
    json: JsonObject
    content: bytes
    links: Mapping[str, str]


class Session:
    """Speaks to one ACME server over one connection. For one thread at a time."""

    def __init__(self, system: System, directory_url: str, ca_bundle: Path | None = None) -> None:
        """Fetches the directory (RFC 8555, 7.1.1).

        Raises:
            WizardError: `directory-not-acme`, or as `Connection.send`.
        """
        self.system = system
        self.directory_url = directory_url
        self._connection = Connection(system, directory_url, ca_bundle)
        self.clock_ahead = timedelta()
        """How far the server's clock is ahead of ours."""
        self._nonces: list[str] = []
        self._key: JWK | None = None
        self._account_url: str | None = None
        reply = self._read("GET", directory_url)
        if reply.status not in GONE:
            self._checked(reply, directory_url)
        if not all(isinstance(reply.json.get(name), str) for name in NEEDED):
            raise WizardError(
                "directory-not-acme",
                f"{directory_url} answers, but it is no ACME directory (RFC 8555, 7.1.1).",
                "Check dns_01.directory_url; it is the address that clients are given.",
            )
        self.directory = reply.json
        meta = reply.json.get("meta")
        self.meta: JsonObject = meta if isinstance(meta, dict) else {}

    @property
    def terms_of_service(self) -> str:
        """The page with the terms; empty when there are none."""
        return str(self.meta.get("termsOfService", ""))

    @property
    def profiles(self) -> Mapping[str, str]:
        """The profiles on offer, each with what is said about it."""
        found = self.meta.get("profiles")
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    @property
    def caa_identities(self) -> tuple[str, ...]:
        """The issuer domain names that a CAA record may name (RFC 8659, 4.2)."""
        found = self.meta.get("caaIdentities")
        return tuple(str(one) for one in found) if isinstance(found, list) else ()

    @property
    def needs_eab(self) -> bool:
        """Whether accounts are tied to one that exists elsewhere (RFC 8555, 7.3.4)."""
        return self.meta.get("externalAccountRequired") is True

    def url(self, resource: str) -> str:
        """Where a resource of the directory is; empty when the server has none."""
        return str(self.directory.get(resource, ""))

    def sign_as(self, key: PrivateKey, account_url: str | None) -> None:
        """Signs from now on with this key, an ECDSA one: as an account, or to make one."""
        self._key = JWKEC(key=key)
        self._account_url = account_url

    @property
    def thumbprint(self) -> str:
        """The account key's thumbprint (RFC 7638), base64url."""
        return b64encode(self._signer.thumbprint()).decode()

    @property
    def _signer(self) -> JWK:
        if self._key is None:
            raise RuntimeError("nobody signs yet")
        return self._key

    def get(self, url: str) -> Reply:
        """Fetches what needs no signature.

        Raises:
            WizardError: as `post`.
        """
        return self._checked(self._read("GET", url), url)

    def post(self, url: str, payload: JsonObject | None) -> Reply:
        """Sends a signed request; None as payload only reads (POST-as-GET, RFC 8555, 6.3).

        What only reads is sent once more, with another nonce, where the connection was dropped.
        What changes something is not: it may have arrived, and an order that is made twice counts
        twice. The next run looks at what became of it.

        Raises:
            WizardError: the connection failed, or the server refused: `problems.refused`.
        """
        body = b"" if payload is None else json.dumps(payload).encode()
        tries, may_repeat = NONCE_TRIES, payload is None
        while True:
            tries -= 1
            nonce = b64decode(self._nonce())
            kid = self._account_url
            request = signed(body, self._signer, ES256, url, kid=kid, nonce=nonce)
            try:
                reply = self._send("POST", url, json.dumps(request).encode())
            except CutError:
                if not may_repeat:
                    raise
                may_repeat = False
                continue
            if not tries or reply.status < FAILED or reply.json.get("type") != BAD_NONCE:
                return self._checked(reply, url)

    def _nonce(self) -> str:
        if not self._nonces:
            self._read("HEAD", self.url("newNonce"))
        if not self._nonces:
            raise WizardError(
                "directory-not-acme",
                f"{self.url('newNonce')} gives no nonce (RFC 8555, 7.2).",
                "Check dns_01.directory_url; the server does not speak ACME.",
            )
        return self._nonces.pop()

    def _read(self, method: str, url: str) -> Reply:
        try:
            return self._send(method, url)
        except CutError:
            return self._send(method, url)

    def _send(self, method: str, url: str, body: bytes | None = None) -> Reply:
        answer = self._connection.send(method, url, body)
        if nonce := answer.headers.get("Replay-Nonce"):
            self._nonces.append(nonce)
        now = self.system.now()
        self.clock_ahead = clock.difference(answer.headers, now)
        try:
            found = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
        except ValueError:
            found = {}
        return Reply(
            answer.status_code,
            answer.headers.get("Location", ""),
            retry_after(answer.headers.get("Retry-After", ""), now + self.clock_ahead),
            found if isinstance(found, dict) else {},
            answer.content,
            {str(rel): link["url"] for rel, link in answer.links.items()},
        )

    def _checked(self, reply: Reply, url: str) -> Reply:
        if reply.status < FAILED:
            return reply
        raise refused(reply.status, reply.json, url, reply.retry_after, self.system.now())


def signed(
    payload: bytes,
    key: JWK,
    algorithm: JWASignature,
    url: str,
    *,
    kid: str | None = None,
    nonce: bytes | None = None,
) -> JsonObject:
    """A JSON Web Signature as ACME has it (RFC 8555, 6.2): by `kid`, or with the key inside."""
    jws = JWS.sign(payload, key=key, alg=algorithm, nonce=nonce, url=url, kid=kid)
    found: JsonObject = json.loads(jws.json_dumps())
    return found


def retry_after(text: str, now: "datetime") -> float | None:
    """Seconds until it may be tried again, from either form of the header (RFC 9110, 10.2.3)."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None
