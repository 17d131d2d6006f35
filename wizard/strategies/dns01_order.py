"""The order as a step of a run: it goes on where the last run stopped, and is never made twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wizard.acme import renewal_info
from wizard.acme.shelf import CHAIN, KEY, issued, next_directory, open_order
from wizard.core.actions import Change, ChangeKind, Lasting
from wizard.core.control import Control
from wizard.core.errors import UsageError, WizardError
from wizard.core.events import (
    Event,
    Finding,
    OrderChanged,
)
from wizard.core.secrets import Secret, resolve
from wizard.core.system import System
from wizard.pki import chain
from wizard.strategies.dns01_questions import provider
from wizard.strategies.dns01_wanted import PUBLISHED, Wanted

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from wizard.acme.account import Account
    from wizard.acme.order import Order
    from wizard.acme.session import Session
    from wizard.dns.zone import View


class Obtain(Lasting):
    """Obtains a certificate, or goes on with the order that an earlier run began."""

    def __init__(self, wanted: Wanted, system: System, state: Path, *, rehearses: bool) -> None:
        """`rehearses` says that the certificate is for nobody: only the way to it is tried out."""
        self.wanted = wanted
        self.state = state
        self.directory = wanted.directory(state)
        self.rehearses = rehearses
        self.reason = ""
        """The page where the authority says why it is time to renew."""
        who = wanted.authority.title
        self.id = f"obtain:{wanted.authority.id}:{wanted.names[0]}"
        self.title = f"rehearse with {who}" if rehearses else f"obtain a certificate from {who}"
        self._system = system
        self._warnings: tuple[Finding, ...] = ()

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
        from wizard.dns.zone import View  # noqa: PLC0415  loads dnspython
        from wizard.strategies.dns01_records import Records  # noqa: PLC0415  as above

        wanted, who = self.wanted, self.wanted.authority.title
        if self.reason:
            yield OrderChanged(who, "renewal", "suggested", self.reason)
        session = Session(system, wanted.authority.directory_url, wanted.ca_bundle)
        answers = wanted.answers
        view = View(answers.texts("dns.resolvers"), answers.texts("dns.authoritative"))
        publisher = provider(wanted.provider)(answers, system)
        records = Records(wanted, system, self.state, view, publisher)
        account = self._account(session)
        yield OrderChanged(who, "account", "valid", account.url)
        try:
            order = self._order(session, account, view)
        except WizardError as error:
            if error.code != "acme-account-does-not-exist":
                raise
            forget(system, account)
            account = self._account(session)
            yield OrderChanged(who, "account", "valid", f"{account.url}, made anew")
            order = self._order(session, account, view)
        yield OrderChanged(who, "order", order.status, order.url)
        if order.status == "pending" and not order.is_answered:
            yield from records.show(order)
            yield from records.wait(order, control, self._warnings)
            order.answer(session)
            yield OrderChanged(who, "order", "answered", "the authority looks now")
        try:
            yield from order.watch(session, control, who)
        except WizardError:
            if not order.is_alive:
                yield from records.left()
            raise
        order.finalize(session)
        yield from order.watch(session, control, who)
        certificates = chain.read(order.download(session), order.url)
        yield OrderChanged(who, "certificate", "valid", _until(certificates[0]))
        yield from records.left()

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

    def _order(self, session: "Session", account: "Account", view: "View") -> "Order":
        """The order that is open still, or a new one, once CAA allows it."""
        from wizard.acme.order import Order  # noqa: PLC0415  as above
        from wizard.dns import caa  # noqa: PLC0415

        wanted = self.wanted
        found = open_order(self._system, self.directory)
        order = Order.load(self._system, found) if found else None
        if order is not None:
            order.refresh(session, account.url)
            if order.is_alive:
                return order
        self._warnings = caa.check(
            wanted.names,
            session.caa_identities or wanted.authority.caa,
            view,
            account_url=account.url,
            method=wanted.challenge,
        )
        return Order.create(
            session,
            self._system,
            next_directory(self._system, self.directory),
            account,
            wanted.names,
            profile=_profile(session, wanted),
            key_type=wanted.key_type,
            challenge=wanted.challenge,
            replaces=self._replaced(session),
        )

    def _replaced(self, session: "Session") -> str:
        """The certificate that this one replaces, as RFC 9773, 4.1 names it."""
        before = issued(self._system, self.directory)
        if before is None or not session.url("renewalInfo"):
            return ""
        certificates = chain.read(_content(self._system, before / CHAIN), str(before))
        return renewal_info.identifier(certificates[0])


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
        from wizard.strategies.dns01_records import clear  # noqa: PLC0415  loads dnspython

        wanted = self._obtain.wanted
        publisher = provider(wanted.provider)(wanted.answers, system)
        yield from clear(system, self._obtain.directory, publisher)


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
