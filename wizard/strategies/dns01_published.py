"""What a provider was asked to set, until it has removed it: STATE/orders/NAME/published.json."""

import json
from collections.abc import Iterable
from pathlib import Path

from wizard.core.system import System
from wizard.dns.providers.base import Txt
from wizard.strategies.dns01_wanted import PUBLISHED


class Published:
    """The values that stand in DNS for orders of one kind, whichever run had them set."""

    def __init__(self, system: System, shelf: Path) -> None:
        self._system = system
        self._path = shelf / PUBLISHED

    def records(self) -> list[Txt]:
        """Each value as a record of its own."""
        kept = self._system.keep(self._path)
        rows = json.loads(kept.content) if kept else ()
        return [
            Txt(
                row["name"],
                row["zone"],
                tuple(row["values"]),
                row["asked"],
                row["primary"],
                tuple(row["identifiers"]),
                tuple(row["notes"]),
            )
            for row in rows
        ]

    def add(self, records: Iterable[Txt]) -> None:
        """Notes them beside those of earlier runs, and is called before they are set.

        A proof that the authority has seen since is asked for no more, but its record is there.
        """
        found = {(one.name, one.values): one for one in self.records()}
        for record in records:
            for value, identifier in zip(record.values, record.identifiers, strict=True):
                key = record.name, (value,)
                notes = found[key].notes if key in found else ("",)
                found[key] = record._replace(
                    values=(value,), identifiers=(identifier,), notes=notes
                )
        self._write(found.values())

    def keep(self, name: str, value: str, note: str) -> None:
        """Notes what the provider wants to be told with a value when it is to remove it.

        A program that has nothing to do the second time, and says so by nothing, takes no earlier
        word of its own back.
        """
        if note:
            self._write(
                one._replace(notes=(note,)) if (one.name, one.values) == (name, (value,)) else one
                for one in self.records()
            )

    def forget(self) -> None:
        """All of it was removed."""
        self._system.remove(self._path)

    def _write(self, records: Iterable[Txt]) -> None:
        rows = [record._asdict() for record in records]
        self._system.write(self._path, json.dumps(rows).encode())
