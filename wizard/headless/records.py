"""DNS records and how far they are, as lines for people."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from wizard.core.events import (
    DnsChecked,
    DnsRecord,
    DnsRecords,
    Finding,
    NameserverAnswer,
    OrderChanged,
    RecordsLeft,
    readable,
)

SIGNS: Final = {"error": "✗", "warning": "!", "info": "·"}
STATES: Final = {
    "ok": "has all of it",
    "partial": "has only some of it",
    "wrong": "has other values",
    "nodata": "has no such record",
    "nxdomain": "has no such name",
    "referral": "refers to other name servers",
    "lame": "does not serve the zone",
    "servfail": "cannot answer (SERVFAIL)",
    "timeout": "does not answer",
    "skipped": "cannot be reached from here",
}


class Records:
    """Tells each look once: a line is only said again when it has changed."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], str] = {}
        self._findings: tuple[Finding, ...] = ()

    def lines(self, event: DnsRecords | DnsChecked | OrderChanged | RecordsLeft) -> Iterator[str]:
        """What an event says that was not said before."""
        match event:
            case DnsRecords():
                yield from _asked_for(event)
            case DnsChecked():
                yield from self._checked(event)
            case OrderChanged(what=what, status=status, detail=detail):
                yield f"· {what}: {status}{f', {readable(detail)}' if detail else ''}"
            case RecordsLeft(records=records, by_hand=by_hand):
                yield "These records may be removed now:" if by_hand else "✓ records removed:"
                yield from (f"    {one.name}  {one.type}  {one.value}" for one in records)

    def _checked(self, event: DnsChecked) -> Iterator[str]:
        for answer in event.answers:
            key, line = (answer.name, answer.address), _served(answer)
            if self._told.get(key) != line:
                self._told[key] = line
                yield line
        for finding in event.findings:
            if finding not in self._findings:
                yield f"{SIGNS[finding.level]} {readable(finding.summary)} [{finding.code}]"
                yield f"    {readable(finding.hint)}"
        self._findings = event.findings


def _asked_for(event: DnsRecords) -> Iterator[str]:
    manual = event.provider == "manual"
    many = len(event.records) > 1
    if manual:
        yield f"Create {'these records' if many else 'this record'}, before {event.expires}:"
    else:
        yield f"These records are being published ({event.provider}):"
    for zone, records in groupby(event.records, lambda record: record.zone):
        yield f"  in the zone {zone}:" if zone else "  in its zone:"
        for record in records:
            yield from _record(record)
    if manual and len({record.name for record in event.records}) < len(event.records):
        yield "  Records of the same name stand side by side: add each, replace none."


def _record(record: DnsRecord) -> Iterator[str]:
    yield f"    name   {record.name}"
    yield f"    host   {record.host}    (where the form adds the zone itself)"
    if record.delegated_from:
        yield f"           {record.delegated_from} is a CNAME to it"
    yield f"    type   {record.type}"
    yield f"    value  {record.value}"
    yield ""


def _served(answer: NameserverAnswer) -> str:
    sign = "✓" if answer.state == "ok" else "·" if answer.state == "skipped" else "…"
    detail = f" ({readable(answer.detail)})" if answer.detail else ""
    state = STATES[answer.state]
    return f"{sign} {answer.nameserver} [{answer.address}] {state}: {answer.name}{detail}"
