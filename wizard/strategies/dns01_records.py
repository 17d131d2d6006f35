"""The records of an order: shown, set, watched until the gate opens, and removed again.

STATE/orders/seen.json   what authorities saw lately, and how long they may remember it
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from wizard.acme.challenges import PERSIST
from wizard.acme.challenges import Txt as Needed
from wizard.acme.order import Order
from wizard.acme.shelf import old_values
from wizard.core.control import Control
from wizard.core.errors import ExitCode, ResumableError, WizardError
from wizard.core.events import DnsChecked, DnsRecord, DnsRecords, Event, Finding, RecordsLeft
from wizard.core.system import System
from wizard.dns.probes import Probes
from wizard.dns.propagation import Look, Watch
from wizard.dns.providers.base import Provider, Txt
from wizard.dns.zone import Located, View
from wizard.strategies.dns01_published import Published
from wizard.strategies.dns01_wanted import Wanted

SEEN: Final = "seen.json"
REMEMBERED: Final = 60
"""Seconds, at least, for which an authority's resolver may remember what it saw."""


class Records:
    """The records of one order after the other, for the same names."""

    def __init__(
        self, wanted: Wanted, system: System, state: Path, view: View, publisher: Provider
    ) -> None:
        self._wanted = wanted
        self._system = system
        self._shelf = wanted.directory(state)
        self._seen = state / "orders" / SEEN
        self._view = view
        self._probes = Probes(view)
        self._publisher = publisher
        self._shown: tuple[DnsRecord, ...] = ()
        self._opened: Watch | None = None

    def show(self, order: Order) -> Iterator[Event]:
        """Says which records there have to be, and has them set.

        Raises:
            WizardError: a name cannot be located, or the provider refused.
        """
        needed = order.txt()
        places = self._places(needed)
        self._shown = tuple(_shown(txt, places[txt.name]) for txt in needed)
        who = self._wanted.authority.title
        yield DnsRecords(who, self._wanted.provider, self._shown, order.expires.isoformat())
        values: dict[Located, frozenset[str]] = {}
        for txt in needed:
            place = places[txt.name]
            values[place] = values.get(place, frozenset()) | {txt.value}
        self._watch = Watch(
            values,
            self._view,
            settle_owed=self._publisher.settles,
            hold=self._remembered(values),
        )
        if not self._publisher.is_manual:
            records = [_handed(place, needed, places) for place in values]
            published = Published(self._system, self._shelf)
            published.add(records)
            self._publisher.publish(records, published.keep)

    def wait(
        self, order: Order, control: Control, warnings: tuple[Finding, ...]
    ) -> Iterator[Event]:
        """Looks until the gate opens, and notes what the authority is about to see.

        Raises:
            WizardError: `waiting-for-records`, `not-propagated`, `order-ended` or `interrupted`.
        """
        ends = time.monotonic() + self._wanted.wait.total_seconds()
        while True:
            look = self._watch.look()
            left = (order.expires - self._system.now()).total_seconds()
            pause = 0.0 if look.ready else max(0.0, self._watch.pause())
            # What only has to settle is waited for, however little patience there is.
            if not (control.attended or (look.clean and pause <= REMEMBERED + 1)):
                pause = max(0.0, min(pause, ends - time.monotonic()))
            yield DnsChecked(
                look.answers,
                (*warnings, *self._findings(look, order, pause)),
                look.ready,
                round(pause),
                self._system.now().isoformat(),
                order.expires.isoformat(),
            )
            if look.ready:
                self._note(look)
                self._opened = self._watch
                return
            if left <= 0:
                raise _ended()
            if pause <= 0:
                raise self._out_of_time()
            control.wait(min(pause, left))
            if control.stopped:
                raise ResumableError(
                    "interrupted",
                    "You stopped while the records were waited for.",
                    "The order is kept, and its records stay the same: run again to go on.",
                    exit_code=ExitCode.INTERRUPTED,
                )

    def seen_by_the_world(self) -> str:
        """What public resolvers see, for an authority that did not; nothing where nobody knows."""
        from wizard.dns.diagnosis import vantage  # noqa: PLC0415  seldom needed

        answers = self._opened.vantage() if self._opened else ()
        if found := vantage(answers):
            return found[0].summary
        seen = any(one.state == "ok" for one in answers)
        return "Public resolvers see the right values." if seen else ""

    def left(self) -> Iterator[Event]:
        """Has the records removed, or says which a person may remove; one that stays stays."""
        if self._wanted.challenge == PERSIST:
            return
        if self._publisher.is_manual:
            if self._shown:
                yield RecordsLeft(self._shown, by_hand=True)
            return
        yield from clear(self._system, self._shelf, self._publisher)

    # ── where they belong, and what is wrong with them ─────────────────────────────────────────

    def _places(self, needed: Sequence[Needed]) -> dict[str, Located]:
        """Where each name's records belong; apex and wildcard share a name."""
        bases = {txt.name: txt.identifiers[0].removeprefix("*.") for txt in needed}
        try:
            return self._view.locate_all(bases)
        except WizardError as error:
            from wizard.dns.diagnosis import explain  # noqa: PLC0415  seldom needed

            raise explain(error, next(iter(bases.values())), self._probes) from error

    def _findings(self, look: Look, order: Order, pause: float) -> tuple[Finding, ...]:
        """What is wrong; a round in which nothing is costs no question more."""
        if look.ready:
            return look.notices
        if look.clean:
            waits = f"They are there; the authority is asked in {round(pause)} s, to be sure."
            hint = "Its resolver may still remember what stood there before. Nothing is to be done."
            return (*look.notices, Finding("authority-remembers", "info", waits, hint))
        from wizard.dns.diagnosis import about_order, diagnose  # noqa: PLC0415  seldom needed

        names, now = self._wanted.names, self._system.now()
        found = diagnose(look, self._probes, old_values=old_values(self._shelf))
        return (*look.notices, *found, *about_order(names, now=now, expires=order.expires))

    def _out_of_time(self) -> WizardError:
        if self._publisher.is_manual:
            return ResumableError(
                "waiting-for-records",
                "The records above are not on every name server of the zone yet.",
                "Create them, then run the same command again: the values stay the same.",
                exit_code=ExitCode.WAITING,
            )
        return ResumableError(
            "not-propagated",
            "The records were set, but not every name server served them within "
            f"{self._wanted.answers.text('dns_01.wait')}.",
            "Run the same command again to go on waiting; a longer dns_01.wait waits longer.",
            exit_code=ExitCode.NOT_PROPAGATED,
        )

    # ── what authorities remember ──────────────────────────────────────────────────────────────

    def _remembered(self, values: Mapping[Located, frozenset[str]]) -> float:
        """Seconds until no authority remembers other values than these (facts: RFC 2181, 5.2)."""
        now, seen = self._system.now(), self._lately()
        ends = [
            (datetime.fromisoformat(str(row["until"])) - now).total_seconds()
            for place, wanted in values.items()
            if (row := seen.get(place.name)) is not None and not wanted <= set(row["values"])
        ]
        return max(0.0, *ends) if ends else 0.0

    def _note(self, look: Look) -> None:
        """Writes down what the authority is about to see, before it is asked to look."""
        now, seen = self._system.now(), self._lately()
        for one in look.answers:
            until = (now + timedelta(seconds=max(one.ttl, REMEMBERED))).isoformat()
            before = seen.get(one.name, {"values": [], "until": until})
            values = sorted({*before["values"], *one.found}) if one.found else before["values"]
            seen[one.name] = {"values": values, "until": max(str(before["until"]), until)}
        self._system.write(self._seen, json.dumps(seen).encode())

    def _lately(self) -> dict[str, dict[str, list[str] | str]]:
        kept = self._system.keep(self._seen)
        rows = json.loads(kept.content) if kept else {}
        now = self._system.now()
        return {
            name: row for name, row in rows.items() if datetime.fromisoformat(row["until"]) > now
        }


def clear(system: System, shelf: Path, publisher: Provider) -> Iterator[Event]:
    """Has a provider remove what it was asked to set.

    Raises:
        WizardError: it cannot; the next run tries again.
    """
    published = Published(system, shelf)
    records = published.records()
    if not records:
        return
    publisher.remove(records)
    published.forget()
    yield RecordsLeft(
        tuple(
            DnsRecord(one.name, "TXT", value, one.zone, "", "", one.identifiers)
            for one in records
            for value in one.values
        ),
        by_hand=False,
    )


def _ended() -> WizardError:
    return WizardError(
        "order-ended",
        "The order has ended before its records were on every name server.",
        "Run again: a new order is made, with new values to publish.",
        exit_code=ExitCode.NOT_PROPAGATED,
    )


def _shown(txt: Needed, place: Located) -> DnsRecord:
    delegated = txt.name if place.name != txt.name else ""
    zone = place.zone.apex
    return DnsRecord(place.name, "TXT", txt.value, zone, place.host, delegated, txt.identifiers)


def _handed(place: Located, needed: Sequence[Needed], places: Mapping[str, Located]) -> Txt:
    """What a provider is handed for one place."""
    here = [txt for txt in needed if places[txt.name] == place]
    every = list(place.zone.addresses)
    primary = [address for host, address in every if host == place.zone.primary]
    return Txt(
        place.name,
        place.zone.apex,
        tuple(txt.value for txt in here),
        place.asked,
        str((primary or [address for _, address in every])[0]),
        tuple(txt.identifiers[0] for txt in here),
    )
