"""Orders (RFC 8555, 7.4): every step is on disk before the next one; see `shelf`."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from josepy.b64 import b64encode

from wizard.acme import challenges, renewal_info, shelf
from wizard.acme.account import Account
from wizard.acme.challenges import Txt
from wizard.acme.problems import kind_of, told
from wizard.acme.session import JsonObject, Reply, Session
from wizard.acme.shelf import CHAIN, CSR, DEAD, RECORD
from wizard.core.control import Control
from wizard.core.errors import ExitCode, ResumableError, WizardError
from wizard.core.events import OrderChanged
from wizard.core.system import System

FIRST_WAIT, LONGEST_WAIT = 0.05, 10.0
"""Seconds between two looks at the authority; each is twice the last one."""


class Authorization(NamedTuple):
    """The proof that one identifier is ours; `answered` when the authority was asked to look."""

    identifier: str
    url: str
    status: str
    challenge_url: str
    value: str
    answered: bool


class Order:
    """An order, as the authority and the disk have it."""

    def __init__(self, system: System, directory: Path, record: JsonObject) -> None:
        self._system = system
        self.directory = directory
        self.url = str(record["url"])
        self.names = tuple(str(name) for name in _list(record["names"]))
        self.challenge = str(record["challenge"])
        self.profile = str(record["profile"])
        self.status = str(record["status"])
        self.expires = datetime.fromisoformat(str(record["expires"]))
        self._finalize = str(record["finalize"])
        self._certificate = str(record["certificate"])
        self._authorization_urls = tuple(str(url) for url in _list(record["authorizations"]))
        self.authorizations = tuple(
            Authorization(
                str(row["identifier"]),
                str(row["url"]),
                str(row["status"]),
                str(row["challenge_url"]),
                str(row["value"]),
                row["answered"] is True,
            )
            for row in _rows(record["proofs"])
        )
        self._retry_after: float | None = None
        self.problem: object = None

    @classmethod
    def load(cls, system: System, directory: Path) -> "Order | None":
        """The order that a directory holds, unless it never came so far."""
        kept = system.keep(directory / RECORD)
        return cls(system, directory, json.loads(kept.content)) if kept else None

    @classmethod
    def create(
        cls,
        session: Session,
        system: System,
        directory: Path,
        account: Account,
        names: Sequence[str],
        *,
        profile: str = "",
        key_type: str = "ecdsa-p256",
        challenge: str = challenges.DNS_01,
        replaces: str = "",
    ) -> "Order":
        """Makes an order (RFC 8555, 7.4); everything about it is on disk when this returns.

        Raises:
            WizardError: the authority refused; the directory then holds no order.
        """
        for path in reversed((directory, *directory.parents)):
            if not path.exists():
                system.make_directory(path, 0o700)
        was_begun = shelf.request(system, directory, names, key_type)
        payload: dict[str, object] = {
            "identifiers": [{"type": "dns", "value": name} for name in names]
        }
        if profile:
            payload["profile"] = profile
        # What was cut off while the authority answered may have left an order that nobody knows.
        reply = _orphan(session, directory, account, names) if was_begun else None
        reply = reply or renewal_info.order(session, payload, replaces)
        order = cls(
            system,
            directory,
            {
                "url": reply.location,
                "names": list(names),
                "challenge": challenge,
                "profile": profile,
                "proofs": [],
                **_body(reply.json, system.now()),
            },
        )
        order._save()
        order.fetch(session, account.url)
        return order

    # ── what stands ────────────────────────────────────────────────────────────────────────────

    @property
    def is_alive(self) -> bool:
        """Whether it can still lead to a certificate."""
        return self.status not in DEAD and (
            self.status in {"valid", "processing"} or self._system.now() < self.expires
        )

    @property
    def is_answered(self) -> bool:
        """Whether the authority was asked to look at every record."""
        return all(one.answered or one.status != "pending" for one in self.authorizations)

    def txt(self) -> tuple[Txt, ...]:
        """The records that are still needed, each once, in a stable order."""
        found: dict[tuple[str, str], list[str]] = {}
        for one in self.authorizations:
            if one.status == "pending":
                name = challenges.name_of(self.challenge, one.identifier)
                found.setdefault((name, one.value), []).append(one.identifier)
        return tuple(Txt(*key, tuple(found[key])) for key in sorted(found))

    def _save(self) -> None:
        record = {
            "url": self.url,
            "names": self.names,
            "challenge": self.challenge,
            "profile": self.profile,
            "status": self.status,
            "expires": self.expires.isoformat(),
            "finalize": self._finalize,
            "certificate": self._certificate,
            "authorizations": self._authorization_urls,
            "proofs": [one._asdict() for one in self.authorizations],
        }
        self._system.write(self.directory / RECORD, json.dumps(record, indent=1).encode())

    # ── the authority ──────────────────────────────────────────────────────────────────────────

    def fetch(self, session: Session, account_url: str) -> None:
        """Reads every authorization and what answers it.

        Raises:
            WizardError: `challenge-not-offered`, or the authority refused.
        """
        self.authorizations = tuple(
            self._authorization(session, url, account_url) for url in self._authorization_urls
        )
        self._save()

    def refresh(self, session: Session, account_url: str) -> None:
        """Reads the order again, as after an interruption; an unknown one is `gone`."""
        try:
            self._take(session)
        except WizardError as error:
            if error.code not in {"acme-malformed", "acme-not-found"}:
                raise
            self.status = "gone"
            self._save()
            return
        if self.status == "pending":
            self.fetch(session, account_url)

    def answer(self, session: Session) -> None:
        """Asks the authority to look at every record, one right after the other."""
        for one in self.authorizations:
            if one.status == "pending" and not one.answered:
                session.post(one.challenge_url, {})
        self.authorizations = tuple(one._replace(answered=True) for one in self.authorizations)
        self._save()

    def watch(self, session: Session, control: Control, who: str) -> Iterator[OrderChanged]:
        """Follows the authorizations and then the order until there is something to do.

        Raises:
            WizardError: an authorization failed, or the order did; `interrupted`.
        """
        waits = _waits()
        while self.status in {"pending", "processing"}:
            before = self.status
            self._take(session)
            waiting = [one for one in self.authorizations if one.status == "pending"]
            if self.status in {"pending", "invalid"}:
                # What failed, and why, only the authorizations say.
                for one in waiting:
                    yield from self._look(session, one, who)
            else:
                self.authorizations = tuple(
                    one._replace(status="valid") for one in self.authorizations
                )
                yield from (OrderChanged(who, one.identifier, "valid", "") for one in waiting)
            self._save()
            if self.status != before:
                yield OrderChanged(who, "order", self.status, "")
            if self.status in {"pending", "processing"}:
                self._wait(control, waits)
        if self.status in DEAD:
            raise dead(self, who)

    def finalize(self, session: Session) -> None:
        """Sends the request for the certificate, where that is due (RFC 8555, 7.4)."""
        if self.status == "ready":
            kept = self._system.keep(self.directory / CSR)
            csr = b64encode(kept.content if kept else b"").decode()
            reply = session.post(self._finalize, {"csr": csr})
            self._update(reply.json, reply.retry_after)

    def download(self, session: Session) -> bytes:
        """Fetches the certificate and keeps it."""
        pem = session.post(self._certificate, None).content
        self._system.write(self.directory / CHAIN, pem)
        return pem

    # ── the parts of it ────────────────────────────────────────────────────────────────────────

    def _take(self, session: Session) -> None:
        reply = session.post(self.url, None)
        self._update(reply.json, reply.retry_after)

    def _update(self, body: JsonObject, retry_after: float | None) -> None:
        self._retry_after = retry_after
        merged = _body(body, self._system.now())
        self.status, self._certificate = str(merged["status"]), str(merged["certificate"])
        self.problem = body.get("error")
        self._save()

    def _authorization(self, session: Session, url: str, account_url: str) -> Authorization:
        body = session.post(url, None).json
        identifier = _identifier(body)
        for found in _rows(body.get("challenges", [])):
            if found.get("type") == self.challenge:
                break
        else:
            # Proved before, in another way: nothing is left to do.
            if body.get("status") == "valid":
                return Authorization(identifier, url, "valid", "", "", answered=True)
            raise WizardError(
                "challenge-not-offered",
                f"The authority does not offer {self.challenge} for {identifier}.",
                'Set dns_01.challenge = "dns-01", or choose another authority.',
                exit_code=ExitCode.REFUSED_BY_AUTHORITY,
            )
        if self.challenge == challenges.DNS_01:
            value = challenges.digest(str(found.get("token", "")), session.thumbprint)
        else:
            wildcard = f"*.{identifier.removeprefix('*.')}" in self.names
            value = challenges.persistent(found, account_url, session.meta, wildcard=wildcard)
        return Authorization(
            identifier,
            url,
            str(body.get("status", "")),
            str(found.get("url", "")),
            value,
            found.get("status") != "pending",
        )

    def _look(self, session: Session, one: Authorization, who: str) -> Iterator[OrderChanged]:
        reply = session.post(one.url, None)
        self._retry_after = reply.retry_after
        status = str(reply.json.get("status", ""))
        if status == one.status:
            return
        self.authorizations = tuple(
            other._replace(status=status) if other is one else other
            for other in self.authorizations
        )
        yield OrderChanged(who, one.identifier, status, "")
        if status != "valid":
            self.status = "invalid"
            self._save()
            raise _failed(reply.json, one.identifier, who)

    def _wait(self, control: Control, waits: Iterator[float]) -> None:
        seconds = max(next(waits), self._retry_after or 0.0)
        left = (self.expires - self._system.now()).total_seconds()
        control.wait(min(seconds, max(left, 0.0)))
        if control.stopped:
            raise ResumableError(
                "interrupted",
                "You stopped while the authority was at work.",
                "Run again: the order is kept and goes on from here.",
                exit_code=ExitCode.INTERRUPTED,
            )
        if left <= 0:
            self.status = "expired"
            self._save()


def dead(order: Order, who: str) -> WizardError:
    """The error for an order that leads nowhere any more."""
    if isinstance(order.problem, dict):
        return told(order.problem, who)
    return WizardError(
        "order-dead",
        f"{who} says that the order is {order.status}.",
        "Run again: a new order is made, with new values to publish.",
        exit_code=ExitCode.REFUSED_BY_AUTHORITY,
    )


def _failed(body: JsonObject, identifier: str, who: str) -> WizardError:
    for found in _rows(body.get("challenges", [])):
        problem = found.get("error")
        if isinstance(problem, dict) and kind_of(problem):
            error = told(problem, who)
            return WizardError(
                error.code,
                f"{identifier}: {error.summary}",
                error.hint,
                exit_code=ExitCode.REFUSED_BY_AUTHORITY,
            )
    return WizardError(
        "authorization-failed",
        f"{who} says that the proof for {identifier} is {body.get('status')}, and not why.",
        "Run again: a new order is made, with new values to publish.",
        exit_code=ExitCode.REFUSED_BY_AUTHORITY,
    )


def _orphan(
    session: Session, directory: Path, account: Account, names: Sequence[str]
) -> Reply | None:
    """An open order of the account for these names that no directory has (RFC 8555, 7.1.2.1).

    Where an authority lists none, it mostly gives the same order again when asked for the same.
    """
    known = shelf.known(directory.parents[1])
    page = str(session.post(account.url, None).json.get("orders", ""))
    while page:
        listed = session.post(page, None)
        for url in map(str, _list(listed.json.get("orders"))):
            if url in known:
                continue
            found = session.post(url, None)
            asked = {str(row.get("value")) for row in _rows(found.json.get("identifiers"))}
            if asked == set(names) and found.json.get("status") in {"pending", "ready"}:
                return found._replace(location=url)
        page = listed.links.get("next", "")
    return None


def _body(body: JsonObject, now: datetime) -> dict[str, object]:
    expires = str(body.get("expires") or (now + timedelta(days=7)).isoformat())
    return {
        "status": body.get("status", ""),
        "expires": expires,
        "finalize": body.get("finalize", ""),
        "certificate": body.get("certificate", ""),
        "authorizations": body.get("authorizations", []),
    }


def _identifier(body: JsonObject) -> str:
    found = body.get("identifier")
    name = str(found.get("value", "")) if isinstance(found, dict) else ""
    return f"*.{name}" if body.get("wildcard") is True else name


def _waits() -> Iterator[float]:
    """Ever longer waits, each a little off, so that many clients do not come all at once."""
    wait = FIRST_WAIT
    while True:
        yield wait * random.uniform(0.8, 1.2)  # noqa: S311  no secret
        wait = min(wait * 2, LONGEST_WAIT)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in _list(value) if isinstance(row, dict)]
