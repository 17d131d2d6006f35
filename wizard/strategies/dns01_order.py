"""The order as a step of a run: it goes on where the last run stopped, and is never made twice."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wizard.acme.authorities import AUTHORITIES, Authority
from wizard.acme.shelf import CHAIN, KEY, issued, next_directory, old_values, open_order
from wizard.core.actions import Change, ChangeKind, Lasting
from wizard.core.answers import Answers
from wizard.core.control import Control
from wizard.core.errors import ExitCode, UsageError, WizardError
from wizard.core.events import (
    DnsChecked,
    DnsRecord,
    DnsRecords,
    Event,
    Finding,
    OrderChanged,
    RecordsLeft,
)
from wizard.core.secrets import Secret, resolve
from wizard.core.system import System
from wizard.pki import chain
from wizard.strategies.dns01_questions import provider

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from wizard.acme.account import Account
    from wizard.acme.challenges import Txt as ChallengeTxt
    from wizard.acme.order import Order
    from wizard.acme.session import Session
    from wizard.dns.propagation import Look
    from wizard.dns.providers.base import Provider, Txt
    from wizard.dns.zone import Located, View

PUBLISHED: Final = "published.json"
"""Records that a provider was asked to set and not yet asked to remove."""


class Wanted(NamedTuple):
    """What is wanted of an authority; `eab` are references to the key id and the HMAC key."""

    authority: Authority
    names: tuple[str, ...]
    profile: str
    key_type: str
    challenge: str
    email: str
    eab: tuple[str, str]
    ca_bundle: Path | None
    provider: str
    wait: timedelta
    answers: Answers

    def rehearsal(self) -> "Wanted":
        """The same of the authority's staging, where mistakes cost nothing."""
        return self._replace(authority=AUTHORITIES[self.authority.staging])

    def directory(self, state: Path) -> Path:
        """Where orders for exactly this are kept, one directory each, numbered."""
        what = (self.authority.directory_url, sorted(self.names), self.profile, self.key_type)
        mark = sha256(json.dumps([*what, self.challenge]).encode()).hexdigest()[:16]
        stem = self.names[0].replace("*", "_wildcard")[:100]
        return state / "orders" / f"{stem}-{self.authority.id}-{mark}"


class Obtain(Lasting):
    """Obtains a certificate, or goes on with the order that an earlier run began."""

    def __init__(self, wanted: Wanted, system: System, state: Path, *, rehearses: bool) -> None:
        """`rehearses` says that the certificate is for nobody: only the way to it is tried out."""
        self.wanted = wanted
        self.state = state
        self.directory = wanted.directory(state)
        self.rehearses = rehearses
        who = wanted.authority.title
        self.id = f"obtain:{wanted.authority.id}:{wanted.names[0]}"
        self.title = f"rehearse with {who}" if rehearses else f"obtain a certificate from {who}"
        self._system = system
        self._records: tuple[DnsRecord, ...] = ()

    def preview(self) -> Change:
        """Whose certificate, for which names, and whether an order is open already."""
        names = ", ".join(self.wanted.names)
        begun = open_order(self._system, self.directory)
        why = (
            "Goes on with the order that an earlier run began; its records stay the same."
            if begun
            else "You prove by TXT records below _acme-challenge that the names are yours."
        )
        return Change(ChangeKind.RUN, self.title, f"for {names}", why)

    def chain(self) -> bytes:
        """The certificate and what issued it, once `carry_on` is through."""
        return _content(self._system, self._certified() / CHAIN)

    def key(self) -> Secret:
        """Its private key."""
        return Secret(_content(self._system, self._certified() / KEY))

    def _certified(self) -> Path:
        found = issued(self._system, self.directory)
        if found is None:
            raise WizardError("not-issued", "There is no certificate yet.", "Run again.")
        return found

    def carry_on(self, system: System, control: Control) -> Iterator[Event]:
        """Account, order, records, the gate, answers, certificate, as in RFC 8555, 7.1.

        Raises:
            WizardError: exit code 3, 4, 5 or 130: see `WizardError.code`.
        """
        from wizard.acme.account import forget  # noqa: PLC0415  loads requests
        from wizard.acme.session import Session  # noqa: PLC0415

        wanted, who = self.wanted, self.wanted.authority.title
        session = Session(system, wanted.authority.directory_url, wanted.ca_bundle)
        publisher = provider(wanted.provider)(wanted.answers, system)
        account = self._account(session)
        yield OrderChanged(who, "account", "valid", account.url)
        try:
            order = self._order(session, account)
        except WizardError as error:
            if error.code != "acme-account-does-not-exist":
                raise
            forget(system, account)
            account = self._account(session)
            yield OrderChanged(who, "account", "valid", f"{account.url}, made anew")
            order = self._order(session, account)
        yield OrderChanged(who, "order", order.status, order.url)
        if order.status == "pending":
            if not order.is_answered:
                yield from self._show(order, publisher)
                yield from self._wait_for_records(order, publisher, control)
                order.answer(session)
                yield OrderChanged(who, "order", "answered", "the authority looks now")
            try:
                yield from order.watch(session, control, who)
            except WizardError as error:
                if error.exit_code is ExitCode.REFUSED_BY_AUTHORITY:
                    yield from self.remove(publisher)
                raise
        order.finalize(session)
        yield from order.watch(session, control, who)
        certificates = chain.read(order.download(session), order.url)
        yield OrderChanged(who, "certificate", "valid", _until(certificates[0]))
        yield from self.remove(publisher)

    # ── the order ──────────────────────────────────────────────────────────────────────────────

    def _account(self, session: "Session") -> "Account":
        from wizard.acme.account import open_account  # noqa: PLC0415  as above

        wanted = self.wanted
        return open_account(
            session,
            self._system,
            self.state,
            wanted.authority,
            email=wanted.email,
            eab=_eab(wanted.eab, self._system),
            accept_terms=True,
        )

    def _order(self, session: "Session", account: "Account") -> "Order":
        """The order that is open still, or a new one, once CAA allows it."""
        from wizard.acme.order import Order  # noqa: PLC0415  as above

        wanted = self.wanted
        found = open_order(self._system, self.directory)
        order = Order.load(self._system, found) if found else None
        if order is not None:
            order.refresh(session, account.url)
            if order.is_alive:
                return order
        return Order.create(
            session,
            self._system,
            next_directory(self._system, self.directory),
            account,
            wanted.names,
            profile=_profile(session, wanted),
            key_type=wanted.key_type,
            challenge=wanted.challenge,
        )

    # ── the records ────────────────────────────────────────────────────────────────────────────

    def _show(self, order: "Order", publisher: "Provider") -> Iterator[Event]:
        """Says which records there have to be, and has them published."""
        from wizard.dns.probes import Probes  # noqa: PLC0415  dnspython, for an order only
        from wizard.dns.propagation import Watch  # noqa: PLC0415
        from wizard.dns.zone import View  # noqa: PLC0415

        answers = self.wanted.answers
        self._view = View(answers.texts("dns.resolvers"), answers.texts("dns.authoritative"))
        self._probes = Probes(self._view)
        places = self._places(order, self._view)
        self._records = tuple(
            DnsRecord(
                place.name,
                "TXT",
                txt.value,
                place.zone.apex,
                place.host,
                txt.name if place.name != txt.name else "",
                txt.identifiers,
            )
            for txt, place in places
        )
        expires = order.expires.isoformat()
        yield DnsRecords(self.wanted.authority.title, self.wanted.provider, self._records, expires)
        wanted: dict[Located, frozenset[str]] = {}
        for txt, place in places:
            wanted[place] = wanted.get(place, frozenset()) | {txt.value}
        self._watch = Watch(wanted, settle_owed=publisher.settles)
        if not publisher.is_manual:
            records = [_txt(place, places) for place in wanted]
            # With what an earlier run published: a proof seen since is asked for no more.
            every = dict.fromkeys((*self._published(), *records))
            rows = [record._asdict() for record in every]
            self._system.write(self.directory / PUBLISHED, json.dumps(rows).encode())
            publisher.publish(records)

    def _places(self, order: "Order", view: "View") -> "list[tuple[ChallengeTxt, Located]]":
        """Every record with where it belongs; apex and wildcard share a place."""
        found: dict[str, Located] = {}
        for txt in order.txt():
            if txt.name not in found:
                try:
                    found[txt.name] = view.locate(txt.name, txt.identifiers[0].removeprefix("*."))
                except WizardError as error:
                    from wizard.dns.diagnosis import explain  # noqa: PLC0415  seldom needed

                    raise explain(error, txt.name.partition(".")[2], self._probes) from error
        return [(txt, found[txt.name]) for txt in order.txt()]

    def _wait_for_records(
        self, order: "Order", publisher: "Provider", control: Control
    ) -> Iterator[Event]:
        """Looks until the gate opens: every name server that answers serves every value."""
        began = time.monotonic()
        patience = self.wanted.wait.total_seconds()
        while True:
            look = self._watch.look()
            passed = time.monotonic() - began
            left = (order.expires - self._system.now()).total_seconds()
            if not control.attended:
                left = min(left, patience - passed)
            pause = 0.0 if look.ready else max(0.0, min(self._watch.pause(), left))
            yield DnsChecked(
                look.answers,
                self._findings(look, order),
                look.ready,
                round(pause),
                self._system.now().isoformat(),
                order.expires.isoformat(),
            )
            if look.ready:
                return
            if left <= 0:
                raise self._out_of_time(publisher)
            control.wait(pause)
            if control.stopped:
                raise WizardError(
                    "interrupted",
                    "You stopped while the records were waited for.",
                    "The order is kept, and its records stay the same: run again to go on.",
                    exit_code=ExitCode.INTERRUPTED,
                )

    def _findings(self, look: "Look", order: "Order") -> tuple[Finding, ...]:
        """What is wrong with the records; a round in which nothing is costs no question more."""
        if look.clean:
            return ()
        from wizard.dns.diagnosis import about_order, diagnose  # noqa: PLC0415  seldom needed

        found = diagnose(look, self._probes, old_values=old_values(self.directory))
        return found + about_order(self.wanted.names, now=self._system.now(), expires=order.expires)

    def _out_of_time(self, publisher: "Provider") -> WizardError:
        if publisher.is_manual:
            return WizardError(
                "waiting-for-records",
                "The records above are not on every name server of the zone yet.",
                "Create them, then run the same command again: the values stay the same.",
                exit_code=ExitCode.WAITING,
            )
        return WizardError(
            "not-propagated",
            f"The records were published, but not every name server served them in "
            f"{self.wanted.wait}.",
            "Run the same command again to go on waiting; a longer dns_01.wait waits longer.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    def _published(self) -> "list[Txt]":
        kept = self._system.keep(self.directory / PUBLISHED)
        return [_read(row) for row in json.loads(kept.content)] if kept else []

    def remove(self, publisher: "Provider") -> Iterator[Event]:
        """Has the records removed that were published, or says which a person may remove."""
        if publisher.is_manual:
            if self._records:
                yield RecordsLeft(self._records, by_hand=True)
            return
        published = self._published()
        if not published:
            return
        publisher.remove(published)
        self._system.remove(self.directory / PUBLISHED)
        yield RecordsLeft(self._records, by_hand=False)


class Tidy(Lasting):
    """Removes records that a run had published before it was cut off."""

    def __init__(self, obtain: Obtain) -> None:
        self._obtain = obtain
        self.id = obtain.id.replace("obtain:", "tidy:")
        self.title = "remove the DNS records of the last order"

    @property
    def is_due(self) -> bool:
        """Whether there are any."""
        return (self._obtain.directory / PUBLISHED).exists()

    def preview(self) -> Change:
        """That they are removed."""
        why = "They proved the names and are of no more use."
        return Change(ChangeKind.RUN, self.title, f"by {self._obtain.wanted.provider}", why)

    def carry_on(self, system: System, _control: Control) -> Iterator[Event]:
        """Has the provider remove them."""
        wanted = self._obtain.wanted
        yield from self._obtain.remove(provider(wanted.provider)(wanted.answers, system))


def _profile(session: "Session", wanted: Wanted) -> str:
    """The profile to ask for: the one wanted, else classic, which leaves days for the records."""
    offered = session.profiles
    if wanted.profile and wanted.profile not in offered:
        raise UsageError(
            "profile-not-offered",
            f"{wanted.authority.title} offers no profile {wanted.profile}.",
            f"It offers: {', '.join(sorted(offered)) or 'none; leave dns_01.profile out'}.",
        )
    return wanted.profile or next((one for one in ("classic", "default") if one in offered), "")


def _txt(place: "Located", places: "Sequence[tuple[ChallengeTxt, Located]]") -> "Txt":
    """What a provider is handed for one name."""
    from wizard.dns.providers.base import Txt  # noqa: PLC0415  as above

    here = [txt for txt, other in places if other == place]
    primary = next(
        (str(address) for host, address in place.zone.addresses if host == place.zone.primary),
        str(next(address for _, address in place.zone.addresses)),
    )
    return Txt(
        place.name,
        place.zone.apex,
        tuple(txt.value for txt in here),
        place.asked,
        primary,
        tuple(txt.identifiers[0] for txt in here),
    )


def _read(row: Mapping[str, str | list[str]]) -> "Txt":
    """A record as it was written down before it was published."""
    from wizard.dns.providers.base import Txt  # noqa: PLC0415  as above

    name, zone, asked, primary = (str(row[key]) for key in ("name", "zone", "asked", "primary"))
    values, identifiers = tuple(row["values"]), tuple(row["identifiers"])
    return Txt(name, zone, values, asked, primary, identifiers)


def _eab(references: tuple[str, str], system: System) -> tuple[str, Secret] | None:
    key_id, hmac_key = references
    if not (key_id and hmac_key):
        return None
    return resolve(key_id, system).reveal().decode(errors="replace"), resolve(hmac_key, system)


def _content(system: System, path: Path) -> bytes:
    kept = system.keep(path)
    if kept is None:
        raise WizardError("file-lost", f"{path} is gone.", "Run again to have a new one issued.")
    return kept.content


def _until(certificate: "Certificate") -> str:
    return f"until {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
