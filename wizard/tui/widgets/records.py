"""The records of an order, whole, each with the key that copies it."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar, Final, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from wizard.core.events import DnsRecord
from wizard.tui.widgets.rows import Row

KEYS: Final = 9
"""So many values have a key of their own, `1` to `9`; the cursor goes to the others."""


class Copy(Message):
    """Something is to be copied; `what` says what it is."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__()
        self.text, self.what = text, what


class Item(Row):
    """One thing to paste: its key, what it is, and itself, which no line cuts."""

    def __init__(self, key: str, label: str, text: str, note: str = "") -> None:
        said = Content.assemble((text, "bold"), (note and f"  {note}", "$foreground-muted"))
        super().__init__(Content.assemble((key, "bold $accent")), said)
        self._label = label

    def compose(self) -> ComposeResult:
        """Key, label, text."""
        yield Static(self._mark, classes="mark")
        yield Static(self._label, classes="name", markup=False)
        yield Static(self._text, classes="text")


class Value(NamedTuple):
    """A record, and the rows of its value, its name and its host."""

    record: DnsRecord
    row: Item
    name: Item
    host: Item


class Records(Vertical, can_focus=True):
    """Records by zone and by name, with a cursor on one of them; Enter copies its value."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "copy", show=False),
        # Before what they lie in takes these keys for scrolling.
        Binding("up", "screen.move(-1)", show=False),
        Binding("down", "screen.move(1)", show=False),
    ]

    def __init__(self, records: Sequence[DnsRecord]) -> None:
        self._values: list[Value] = []
        self._at = 0
        super().__init__(*self._lines(in_order(records)))

    def _lines(self, records: Sequence[DnsRecord]) -> Iterator[Widget]:
        zones = [(zone, list(of_zone)) for zone, of_zone in groupby(records, lambda one: one.zone)]
        for zone, of_zone in zones:
            if zone and len(zones) > 1:
                yield Static(f"In the zone {zone}", classes="zone", markup=False)
            for _, same in groupby(of_zone, lambda one: one.name):
                with_name = list(same)
                row = self._named(with_name)
                row.set_class(with_name[0] not in {records[0], of_zone[0]}, "-next")
                yield row

    def _named(self, records: Sequence[DnsRecord]) -> Widget:
        """The rows of records with the same name."""
        first = records[0]
        via = first.delegated_from and f"where the CNAME {first.delegated_from} leads"
        name = Item("n", "name", first.name, via)
        note = f"where a form adds {first.zone} itself" if first.zone else ""
        host = Item("h", "host", first.host, note)
        rows = [name, host]
        for record in records:
            number = len(self._values) + 1
            row = Item(str(number) if number <= KEYS else "", record.type, record.value)
            self._values.append(Value(record, row, name, host))
            rows.append(row)
        return Vertical(*rows, classes="same")

    def on_mount(self) -> None:
        """Shows the cursor."""
        self._show()

    @property
    def current(self) -> DnsRecord:
        """The record at the cursor."""
        return self._values[self._at].record

    def copy(self, part: str) -> None:
        """Has the `value`, the `name` or the `host` of the record at the cursor copied."""
        record = self.current
        text = {"value": record.value, "name": record.name, "host": record.host}[part]
        number = f" {self._at + 1}" if part == "value" and len(self._values) > 1 else ""
        self.post_message(Copy(text, f"{part}{number}"))

    def copy_value(self, number: int) -> None:
        """Has the value of a record copied, and moves the cursor there; the first is number 1."""
        if 0 < number <= len(self._values):
            self._move_to(number - 1)
            self.copy("value")

    def move(self, by: int) -> bool:
        """Moves the cursor by so many records; says whether there was one to move to."""
        to = self._at + by
        if not 0 <= to < len(self._values):
            return False
        self._move_to(to)
        return True

    @property
    def row(self) -> Item:
        """The row at the cursor."""
        return self._values[self._at].row

    def action_copy(self) -> None:
        """Has the value at the cursor copied."""
        self.copy("value")

    def _move_to(self, at: int) -> None:
        self._at = at
        self._show()
        for row in (self._values[at].name, self.row):
            row.scroll_visible(animate=False)

    def _show(self) -> None:
        """Marks the current row, and where `n` and `h` copy from."""
        current = self._values[self._at]
        for one in self._values:
            one.row.set_class(one is current, "-at")
            for row, key in ((one.name, "n"), (one.host, "h")):
                row.mark(
                    Content.assemble((key if one.name is current.name else "", "bold $accent"))
                )

    @on(Row.Pressed)
    def _pressed(self, event: Row.Pressed) -> None:
        event.stop()
        for at, one in enumerate(self._values):
            for row, part in ((one.row, "value"), (one.name, "name"), (one.host, "host")):
                if row is event.row:
                    self._move_to(at)
                    self.copy(part)
                    return


def in_order(records: Sequence[DnsRecord]) -> list[DnsRecord]:
    """Records with those of the same zone and name side by side, otherwise as they came."""
    zones = list(dict.fromkeys(one.zone for one in records))
    names = list(dict.fromkeys(one.name for one in records))
    return sorted(records, key=lambda one: (zones.index(one.zone), names.index(one.name)))
