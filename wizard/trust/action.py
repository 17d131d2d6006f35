"""Trusting a root, and no longer trusting one, as actions of a plan."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from wizard.core.actions import Action, Change, ChangeKind, RestoreFile
from wizard.core.errors import WizardError
from wizard.core.events import Json, lines
from wizard.core.journal import Run
from wizard.core.system import Command, System
from wizard.trust import places
from wizard.trust.base import Anchor, Place, Status, Trust


class TrustRoot(NamedTuple):
    """Trusts a root in one place.

    `anchor` gives the root and makes it where it is new, so only a run may call it; `expected`
    stands for it in the plan.
    """

    place: Place
    store: str
    anchor: Callable[[], Anchor]
    expected: Anchor
    why: str
    isolated: bool = True

    @property
    def id(self) -> str:
        """The action's name in plans and journals."""
        return f"trust:{self.place.id}"

    @property
    def title(self) -> str:
        """What it does, in words."""
        return f"trust the root in {self.place.title}"

    def preview(self) -> Change:
        """The place and its commands."""
        return _change(self, self.place.install_commands(self.expected), "trust the root")

    def privileged(self, _system: System) -> Sequence[Command]:
        """The commands that need root."""
        return _as_root(self.place.install_commands(self.anchor()))

    def undo(self, system: System, run: Run) -> "RestoreTrust":
        """Remove it again, unless it was trusted before."""
        anchor = self.anchor()
        trusted = self.place.check(anchor).trust is Trust.FULL
        return _undo(self.store, self.place, anchor, system, run, trusted=trusted)

    def apply(self, _system: System) -> None:
        """Installs, and looks whether it took."""
        status = self.place.install(self.anchor())
        if status.trust is not Trust.FULL:
            raise _incomplete(self.place, status, "does not trust the root")


class DistrustRoot(NamedTuple):
    """Removes a root of ours from one place."""

    place: Place
    store: str
    root: Anchor
    why: str
    isolated: bool = True

    @property
    def id(self) -> str:
        """The action's name in plans and journals."""
        return f"distrust:{self.root.stem}:{self.place.id}"

    @property
    def title(self) -> str:
        """What it does, in words."""
        return f"remove {self.root.name} from {self.place.title}"

    def preview(self) -> Change:
        """The place and its commands."""
        return _change(self, self.place.uninstall_commands(self.root), f"remove {self.root.name}")

    def privileged(self, _system: System) -> Sequence[Command]:
        """The commands that need root."""
        return _as_root(self.place.uninstall_commands(self.root))

    def undo(self, system: System, run: Run) -> "RestoreTrust":
        """Trust it again, if it was trusted."""
        trusted = self.place.check(self.root).trust is not Trust.NONE
        return _undo(self.store, self.place, self.root, system, run, trusted=trusted)

    def apply(self, _system: System) -> None:
        """Uninstalls, and looks whether it is gone."""
        status = self.place.uninstall(self.root)
        if status.trust is not Trust.NONE:
            raise _incomplete(self.place, status, "still has the root")


class Unreadable(NamedTuple):
    """Stands in a plan for what cannot be planned, because a place cannot be read."""

    place: Place
    error: WizardError
    isolated: bool = True

    @property
    def id(self) -> str:
        """The action's name in plans and journals."""
        return f"unreadable:{self.place.id}"

    @property
    def title(self) -> str:
        """What it does, in words."""
        return f"look into {self.place.title}"

    def preview(self) -> Change:
        """The reason."""
        return Change(ChangeKind.NONE, self.place.title, "cannot be read", self.error.summary)

    def privileged(self, _system: System) -> Sequence[Command]:
        """None."""
        return ()

    def undo(self, _system: System, _run: Run) -> "RestoreTrust":
        """There is nothing to take back."""
        raise self.error

    def apply(self, _system: System) -> None:
        """Fails, for a person to mend it."""
        raise self.error


class RestoreTrust(NamedTuple):
    """Puts one place back: the root trusted, or not there. A place that is gone needs nothing."""

    store: str
    place: str
    name: str
    path: Path
    der: bytes
    trusted: bool
    files: tuple[RestoreFile, ...] = ()

    @classmethod
    def from_json(cls, entry: Mapping[str, Json]) -> "RestoreTrust":
        """Reads what `to_json` wrote."""
        store, place, name, path, der = (
            str(entry[key]) for key in ("store", "place", "name", "path", "der")
        )
        files = entry["files"] if isinstance(entry["files"], list) else []
        return cls(
            *(store, place, name, Path(path), bytes.fromhex(der), entry["trusted"] is True),
            tuple(RestoreFile.from_json(file) for file in files if isinstance(file, dict)),
        )

    def to_json(self) -> dict[str, Json]:
        """The record for the journal."""
        return {
            "kind": "trust",
            "store": self.store,
            "place": self.place,
            "name": self.name,
            "path": str(self.path),
            "der": self.der.hex(),
            "trusted": self.trusted,
            "files": [file.to_json() for file in self.files],
        }

    def _place(self, system: System) -> Place | None:
        found = (place for _, place in places(system, [self.store]) if place.id == self.place)
        return next(found, None)

    def privileged(self, system: System) -> Sequence[Command]:
        """The commands that need root, when the place is not as it was."""
        place, anchor = self._place(system), Anchor(self.name, self.der, self.path)
        if place is None or _as_it_was(place.check(anchor), trusted=self.trusted):
            return ()
        commands = place.install_commands if self.trusted else place.uninstall_commands
        return _as_root(commands(anchor))

    def drift(self, _system: System) -> str:
        """Nothing: a root that somebody removed since is as good as removed."""
        return ""

    def apply(self, system: System, run: Run) -> None:
        """Installs or uninstalls, when the place is not as it was, and puts its bytes back."""
        place, anchor = self._place(system), Anchor(self.name, self.der, self.path)
        if place is None:
            return
        status = place.check(anchor)
        if not _as_it_was(status, trusted=self.trusted):
            status = place.install(anchor) if self.trusted else place.uninstall(anchor)
        if not _as_it_was(status, trusted=self.trusted):
            raise _incomplete(place, status, "is not as it was")
        for directory, each in groupby(self.files, key=lambda file: file.path.parent):
            files = list(each)
            before = {file.path.name: run.kept(file.kept) for file in files if file.kept}
            if place.alike(directory, before, anchor):
                for file in files:
                    file.apply(system, run)


def changes(
    system: System,
    stores: Sequence[str],
    anchor: Callable[[], Anchor],
    expected: Anchor,
    replaced: Anchor | None,
) -> tuple[Action, ...]:
    """Trust for a root in every place that lacks it, and none any more for the root it replaces.

    Args:
        system: the machine.
        stores: as `trust.places` takes them.
        anchor: gives the root, and makes it where it is new.
        expected: the root; one that is yet to be made has no DER and no name of its own.
        replaced: the root that it replaces, if any.
    """

    def changes_of(store: str, place: Place) -> Iterator[Action]:
        if place.check(expected).trust is not Trust.FULL:
            why = "So that its clients accept the certificate."
            yield TrustRoot(place, store, anchor, expected, why)
        if replaced is not None and place.check(replaced).trust is not Trust.NONE:
            yield DistrustRoot(place, store, replaced, "The new root replaces it.")

    return in_every_place(system, stores, changes_of)


def in_every_place(
    system: System, stores: Sequence[str], changes_of: Callable[[str, Place], Iterator[Action]]
) -> tuple[Action, ...]:
    """The actions for each place of these stores; a place that cannot be read stops no other."""
    actions: list[Action] = []
    for store, place in places(system, stores):
        try:
            actions += changes_of(store, place)
        except WizardError as error:
            actions.append(Unreadable(place, error))
    return tuple(actions)


def _as_it_was(status: Status, *, trusted: bool) -> bool:
    return status.trust is (Trust.FULL if trusted else Trust.NONE)


def _undo(
    store: str, place: Place, anchor: Anchor, system: System, run: Run, *, trusted: bool
) -> RestoreTrust:
    """An undo that has the root for itself: its own files may be gone by then."""
    path = anchor.path
    if trusted:
        path = run.directory / "kept" / run.keep(anchor.pem)
    files = tuple(RestoreFile.of(file, system, run) for file in place.files())
    return RestoreTrust(store, place.id, anchor.name, path, anchor.der, trusted, files)


def _as_root(commands: Sequence[Command]) -> tuple[Command, ...]:
    return tuple(command for command in commands if command.as_root)


def _change(action: TrustRoot | DistrustRoot, commands: Sequence[Command], detail: str) -> Change:
    by_root = " (needs root)" if _as_root(commands) else ""
    notes = dict.fromkeys(command.note for command in commands if command.note)
    return Change(
        ChangeKind.RUN,
        action.place.title,
        f"{detail}{by_root}",
        " ".join((action.why, *notes)),
        commands=lines(tuple(commands)),
    )


def _incomplete(place: Place, status: Status, what: str) -> WizardError:
    reason = status.reason.rstrip(".") or "its commands changed nothing"
    return WizardError(
        "trust-incomplete",
        f"{place.title} {what}: {reason}.",
        "See: pomcert-wizard trust status",
    )
