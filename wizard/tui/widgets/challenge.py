"""The records of an order, and how far every name server is: what a person waits in front of."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from wizard.core.events import DnsChecked, DnsRecord, DnsRecords, NameserverAnswer
from wizard.tui.widgets.rows import Row
from wizard.tui.words import Sign

STATES: Final = {
    "ok": Sign("✓", "has all of it", "$success"),
    "partial": Sign("…", "has one, not all", "$warning"),
    "wrong": Sign("✗", "has other values", "$error"),
    "nodata": Sign("…", "not there yet", "$warning"),
    "nxdomain": Sign("…", "not there yet", "$warning"),
    "referral": Sign("…", "refers elsewhere", "$warning"),
    "lame": Sign("!", "not its zone", "$warning"),
    "servfail": Sign("!", "cannot answer", "$warning"),
    "timeout": Sign("!", "no answer", "$warning"),
    "skipped": Sign("·", "not reachable", "$foreground-faint"),
}
LEVELS: Final = {"error": ("✗", "$error"), "warning": ("!", "$warning"), "info": ("·", "$accent")}


class Challenge(Vertical):
    """Records with what to paste where; below them the name servers, live; then what is wrong."""

    def __init__(self, asked: DnsRecords) -> None:
        super().__init__()
        self.asked = asked
        self.checked: DnsChecked | None = None
        self._servers = Static("", classes="servers")
        self._findings = Static("", classes="findings")
        self._countdown = Static("", classes="countdown")

    def compose(self) -> ComposeResult:
        """What is known at the beginning; the rest comes with each look."""
        yield Static(self._what_to_do(), classes="prompt", markup=False)
        for number, record in enumerate(self.asked.records, 1):
            yield Row(Content(str(number)), _record(record))
        yield self._servers
        yield self._findings
        yield self._countdown

    def on_mount(self) -> None:
        """Counts down once a second."""
        self.set_interval(1.0, self._tick)
        self._tick()

    def value(self, number: int) -> str:
        """The value to copy for a key; empty where there is no such record."""
        records = self.asked.records
        return records[number - 1].value if 0 < number <= len(records) else ""

    def show(self, checked: DnsChecked) -> None:
        """Shows what a look has found."""
        self.checked = checked
        self._servers.update(Content("\n").join(map(_server, checked.answers)))
        self._findings.update(Content("\n").join(_findings(checked)))
        self._tick()

    def _what_to_do(self) -> str:
        if self.asked.provider != "manual":
            return f"These records are set by {self.asked.provider}; there is nothing to do."
        names = {record.name for record in self.asked.records}
        if len(names) < len(self.asked.records):
            return (
                "Create these records at your DNS provider. Those of the same name stand side by "
                "side: add each, replace none. A number copies its value, c looks at once."
            )
        return "Create this record at your DNS provider. 1 copies its value, c looks at once."

    def _tick(self) -> None:
        now = datetime.now(UTC)
        ends = _left(datetime.fromisoformat(self.asked.expires) - now)
        if self.checked is None:
            text = f"The order ends in {ends}."
        elif self.checked.ready:
            text = "Every name server has it. The authority looks now."
        else:
            looked = datetime.fromisoformat(self.checked.at)
            pause = looked + timedelta(seconds=self.checked.next_check) - now
            next_look = _left(pause) if pause.total_seconds() > 0 else "a moment"
            ago = _left(now - looked)
            text = f"Looked {ago} ago, again in {next_look}. The order ends in {ends}."
        self._countdown.update(Content(text))


def _record(record: DnsRecord) -> Content:
    via = f"\n       ({record.delegated_from} is a CNAME to it)" if record.delegated_from else ""
    where = f"{record.type}  {record.name}{via}\nhost   {record.host}  in the zone {record.zone}"
    return Content.assemble((where, "$foreground-muted"), "\nvalue  ", (record.value, "bold"))


def _server(answer: NameserverAnswer) -> Content:
    sign = STATES[answer.state]
    ttl = f", TTL {answer.ttl} s" if answer.found else ""
    detail = f" ({answer.detail})" if answer.detail else ""
    return Content.assemble(
        (f"{sign.glyph} {sign.word:17}", sign.style),
        f" {answer.nameserver} [{answer.address}]{ttl}{detail}",
    )


def _findings(checked: DnsChecked) -> Iterator[Content]:
    for finding in checked.findings:
        glyph, style = LEVELS[finding.level]
        yield Content.assemble(
            (f"{glyph} {finding.summary} [{finding.code}]", style), f"\n  {finding.hint}"
        )


def _left(span: timedelta) -> str:
    """A time span in its two largest units: `6 d 23 h`, `4 min 10 s`."""
    seconds = max(0, round(span.total_seconds()))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
