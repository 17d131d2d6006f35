"""The records of an order, and how far every name server is: what a person waits in front of."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from wizard.core.events import DnsChecked, DnsRecords
from wizard.tui.screens.base import Body, Help
from wizard.tui.widgets.nameservers import Findings, NameServers, tally
from wizard.tui.widgets.records import Records, in_order

MANUAL: Final = "manual"
UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))

ABOUT_RECORDS: Final = Help(
    "The records",
    (
        (
            "The authority looks for these records to see that the names are yours. A form that "
            "shows the zone behind the field wants the host; any other wants the whole name. "
            "The values stay the same until the order ends: nothing is asked of the authority "
            "before every name server has them."
        ),
        (
            "1 to 9 copy a value, n copies the name and h the host of the record at the cursor; "
            "↑ ↓ move it, Enter or F2 copies there. F5 or c looks at the name servers at once."
        ),
        "Some terminals take no copies; there mark the value with the mouse, and Shift held down.",
        (
            "Stop keeps the order. Run the same again within its time, and it goes on with the "
            "same records."
        ),
        "TTL is for how long others may still remember the answer of the last look.",
    ),
)


class Challenge(Vertical):
    """Records with what to paste where; below them the name servers, live; then what is wrong.

    What is left of the time stands under all of it, wherever the page is scrolled to.
    """

    def __init__(self, asked: DnsRecords, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.asked = asked
        self.records = Records(asked.records)
        self._now = now
        self._checked: DnsChecked | None = None
        self._is_looking = True
        self._count = ""
        self._said: dict[Static, str] = {}
        self._head = Static("", classes="label", markup=False)
        self._servers = NameServers(in_order(asked.records))
        self._findings = Findings()
        self._countdown = Static("", id="countdown", markup=False)

    def compose(self) -> ComposeResult:
        """What is known at the beginning; the rest comes with each look."""
        with Body():
            yield self.records
            yield self._head
            yield self._servers
            yield self._findings
        yield self._countdown

    async def on_mount(self) -> None:
        """Counts down once a second; the panel is there only as long as somebody can see it."""
        self.set_interval(1.0, self._tick)
        await self._tick()

    @property
    def heading(self) -> str:
        """What is to be done."""
        count = len(self.asked.records)
        which = f"these {count} TXT records" if count > 1 else "this TXT record"
        if self.asked.provider != MANUAL:
            return f"{self.asked.provider} sets {which}"
        return f"Create {which} at your DNS provider"

    @property
    def reason(self) -> str:
        """How, and why."""
        who, records = self.asked.authority, self.asked.records
        if self.asked.provider != MANUAL:
            return f"You need do nothing. {who} looks once every name server has them."
        same = len(records) - len({record.name for record in records})
        if not same:
            return f"{who} is asked to look once every name server has them."
        if len(records) == 2:  # noqa: PLR2004  then there is a first one and a second one
            return "Add both under the same name; the second does not replace the first."
        return "Records of the same name stand side by side: add each, replace none."

    def move(self, by: int) -> None:
        """Moves the cursor among the records, or scrolls where it cannot be seen or go on."""
        body = self.query_one(Body)
        row = self.records.row
        is_seen = body.region.contains_region(row.region)
        if not is_seen or not self.records.move(by):
            body.scroll_relative(y=by, animate=False)

    def scroll_by(self, lines: int) -> None:
        """Scrolls by so many lines."""
        self.query_one(Body).scroll_relative(y=lines, animate=False)

    async def looking(self) -> None:
        """Says that the name servers are being asked."""
        self._is_looking = True
        await self._tick()

    async def show(self, checked: DnsChecked) -> None:
        """Shows what a look has found."""
        self._checked = checked
        self._is_looking = False
        await self._findings.look(checked.findings)
        await self._tick()
        # Only then is it known whether all of it fits on the page.
        self.call_after_refresh(self._tick)

    async def _tick(self) -> None:
        now = self._now()
        checked = self._checked
        if checked is not None:
            age = max(timedelta(), now - datetime.fromisoformat(checked.at))
            count = tally(checked.answers, len(self.asked.records))
            self._count = count
            self._say(self._head, f"Name servers · {count} · looked {span(age)} ago")
            await self._servers.look(checked, age)
        self._say(self._countdown, " · ".join(self._times(now)))

    def _say(self, line: Static, text: str) -> None:
        """Changes a line; only one of another length can move what is around it.

        A hundred names are half a second's work to lay out, and this is done every second.
        """
        before, self._said[line] = self._said.get(line, ""), text
        if text != before:
            line.update(Content(text), layout=len(text) != len(before))

    def _times(self, now: datetime) -> list[str]:
        body = self.query_one(Body).region
        is_told = not self._count or body.contains_region(self._head.region)
        said = [*(() if is_told else (self._count,)), self._next_look(now)]
        left = datetime.fromisoformat((self._checked or self.asked).expires) - now
        said.append(
            f"the order ends in {span(left)}" if left > timedelta() else "the order is over"
        )
        if self._findings.region.bottom > body.bottom:
            said.append("↓ more below")
        return said

    def _next_look(self, now: datetime) -> str:
        checked = self._checked
        if checked is None or self._is_looking:
            return "Asking the name servers …"
        pause = datetime.fromisoformat(checked.at) + timedelta(seconds=checked.next_check) - now
        return f"Next look in {span(pause)}" if pause > timedelta() else "Asking the name servers …"


def span(time: timedelta) -> str:
    """A time span in its two largest units: `6 d 23 h`, `4 min 10 s`."""
    seconds = max(0, round(time.total_seconds()))
    parts: list[str] = []
    for unit, size in UNITS:
        count, seconds = divmod(seconds, size)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
