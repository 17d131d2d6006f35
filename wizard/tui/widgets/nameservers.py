"""How far every name server is, and what is wrong: a table that each look brings up to date."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby, zip_longest
from typing import Final, NamedTuple

from textual.containers import Vertical
from textual.content import Content

from wizard.core.events import DnsChecked, DnsRecord, Finding, NameserverAnswer, readable
from wizard.tui.widgets.rows import Row
from wizard.tui.words import LEVELS, SERVES, Sign

UNASKED: Final = "skipped"
MOST: Final = 40
"""Lines of a table; more than these nobody reads, and each of them makes every key slower."""
FEW: Final = {1: "it", 2: "both"}


class Line(NamedTuple):
    """A line of a table: its mark, its text, and whether it belongs to a line above."""

    mark: Content
    text: Content
    inner: bool = False


class Table(Vertical):
    """Lines that are changed in place, so that nothing flickers while they are read."""

    def __init__(self, *, classes: str) -> None:
        super().__init__(classes=classes)
        self._rows: list[Row] = []
        self._shown: list[Line] = []

    async def show(self, lines: Sequence[Line]) -> None:
        """Shows these lines."""
        before, self._shown = self._shown, list(lines)
        if len(lines) != len(before):
            await self.remove_children()
            self._rows = [Row(line.mark, line.text) for line in lines]
            await self.mount_all(self._rows)
            before = []
        for row, line, old in zip_longest(self._rows, lines, before):
            if line != old:
                row.mark(line.mark)
                row.say(line.text)
                row.set_class(line.inner, "-inner")


class NameServers(Table):
    """Name server and record. Of many names, those that are served everywhere take one line."""

    def __init__(self, records: Sequence[DnsRecord]) -> None:
        super().__init__(classes="servers")
        self._numbers = {(one.name, one.value): at for at, one in enumerate(records, 1)}

    async def look(self, checked: DnsChecked, age: timedelta) -> None:
        """Shows what a look has found, which is so old."""
        await self.show(list(self._lines(checked.answers, age)))

    def _lines(self, answers: Sequence[NameserverAnswer], age: timedelta) -> Iterator[Line]:
        names = [(name, list(of)) for name, of in groupby(answers, lambda one: one.name)]
        if len(names) == 1:
            yield from (self._line(answer, age, inner=False) for answer in answers)
            return
        if len(names) > MOST:
            names.sort(key=lambda item: _is_complete(item[1]))
        told = 0
        for at, (name, of_name) in enumerate(names):
            if told >= MOST:
                yield _others([of for _, of in names[at:]])
                return
            yield _summary(name, of_name)
            lacking = [one for one in of_name if one.state not in {"ok", UNASKED}]
            yield from (self._line(one, age, inner=True) for one in lacking)
            told += 1 + len(lacking)

    def _line(self, answer: NameserverAnswer, age: timedelta, *, inner: bool) -> Line:
        left = max(0, answer.ttl - round(age.total_seconds()))
        more = [f"TTL {left} s"] if answer.ttl else []
        more += [readable(answer.detail)] if answer.detail else []
        text = Content.assemble(
            answer.nameserver,
            (f"  {answer.address}", "$foreground-muted"),
            ("".join(f"  {part}" for part in more), "$foreground-muted"),
        )
        return Line(_mark(self._sign(answer)), text, inner)

    def _sign(self, answer: NameserverAnswer) -> Sign:
        """The sign of a state; it says how many values there are, or the number of the missing."""
        sign = SERVES[answer.state]
        if answer.state == "ok":
            return sign._replace(word=f"{sign.word} {quantity(len(answer.found))}")
        if answer.state == "partial":
            lacking = sorted(self._numbers.get((answer.name, one), 0) for one in answer.missing)
            return sign._replace(word=f"{sign.word} {', '.join(map(str, lacking))}")
        return sign


def quantity(values: int) -> str:
    """So many values, in a word or two."""
    return FEW.get(values, f"all {values}")


class Findings(Table):
    """What is wrong, or worth to know, and what to do about it."""

    def __init__(self) -> None:
        super().__init__(classes="findings")

    async def look(self, findings: Sequence[Finding]) -> None:
        """Shows them."""
        await self.show([_finding(one) for one in findings])


def _summary(name: str, answers: Sequence[NameserverAnswer]) -> Line:
    good, of = _served(answers)
    sign = Sign("✓", f"on all {of}", "$success")
    if good < of or not of:
        sign = Sign("…", f"on {good} of {of}", "$warning")
    return Line(_mark(sign), Content(name))


def _is_complete(answers: Sequence[NameserverAnswer]) -> bool:
    good, of = _served(answers)
    return bool(of) and good == of


def _others(names: Sequence[Sequence[NameserverAnswer]]) -> Line:
    """The names that have no line of their own."""
    complete = sum(map(_is_complete, names))
    which = "name" if len(names) == 1 else "names"
    text = f"and {len(names)} {which} more, {complete} of them complete"
    return Line(Content(""), Content(text))


def _served(answers: Sequence[NameserverAnswer]) -> tuple[int, int]:
    """How many addresses serve all of it, and how many can be asked."""
    asked = [one for one in answers if one.state != UNASKED]
    return sum(one.state == "ok" for one in asked), len(asked)


def _finding(finding: Finding) -> Line:
    text = Content.assemble(
        readable(finding.summary),
        (f" [{finding.code}]", "$foreground-faint"),
        (f"\n{readable(finding.hint)}" if finding.hint else "", "$foreground-muted"),
    )
    return Line(_mark(LEVELS[finding.level]), text)


def _mark(sign: Sign) -> Content:
    return Content.assemble((sign.glyph, f"bold {sign.style}"), (f" {sign.word}", sign.style))


def tally(answers: Sequence[NameserverAnswer], values: int) -> str:
    """How many addresses serve all they should, in words; `values` is how many there are."""
    by_address: dict[str, list[NameserverAnswer]] = {}
    for answer in answers:
        if answer.state != UNASKED:
            by_address.setdefault(answer.address, []).append(answer)
    good = sum(all(one.state == "ok" for one in of) for of in by_address.values())
    has = "has" if good == 1 else "have"
    return f"{good} of {len(by_address)} {has} {FEW.get(values, 'all')}"
