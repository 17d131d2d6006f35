"""Actions: each shows what it would change, does it, and knows beforehand how to take it back."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol

from wizard.core.control import Control
from wizard.core.errors import WizardError
from wizard.core.events import Event, Json
from wizard.core.journal import Run
from wizard.core.system import Command, Kept, System


class ChangeKind(Enum):
    """What a change does to a thing."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RUN = "run"
    NONE = "none"


class Change(NamedTuple):
    """What an action would change: the thing, how, why, and for a text the lines that differ."""

    kind: ChangeKind
    what: str
    detail: str
    why: str
    diff: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The change as data."""
        return {
            "kind": self.kind.value,
            "what": self.what,
            "detail": self.detail,
            "why": self.why,
            "diff": list(self.diff),
            "commands": list(self.commands),
        }


class Undo(Protocol):
    """How to take one action back, as data that survives a crash. Applying it twice is fine."""

    @classmethod
    def from_json(cls, entry: Mapping[str, Json]) -> "Undo":
        """Reads what `to_json` wrote."""

    def to_json(self) -> dict[str, Json]:
        """The record for the journal; `kind` names the class in `registry.UNDO`."""

    def privileged(self, system: System) -> Sequence[Command]:
        """The commands that need root, to show before they are run."""

    def drift(self, system: System) -> str:
        """What somebody else changed since, in words, or nothing."""

    def apply(self, system: System, run: Run) -> None:
        """Restores; whatever it removes is kept in the run first."""


class Action(Protocol):
    """One change."""

    @property
    def id(self) -> str:
        """Its name in plans and journals, the same in every plan that does the same."""

    @property
    def title(self) -> str:
        """What it does, in words."""

    @property
    def isolated(self) -> bool:
        """Whether its failure is told and the rest goes on."""

    def preview(self) -> Change:
        """What it would change; reads nothing that the plan has not read."""

    def privileged(self, system: System) -> Sequence[Command]:
        """The commands that need root, to show before they are run; none means no privilege."""

    def undo(self, system: System, run: Run) -> Undo:
        """How to take it back, recorded before `apply`."""

    def apply(self, system: System) -> None:
        """Does it and checks it."""


class Lasting(ABC):
    """An action that outlives its run: it takes long, tells how far it is, and is not undone.

    What it has done so far is on disk before each of its events, so that the next run goes on
    where this one stopped. It changes nothing on this machine outside the state directory.
    """

    id: str
    title: str

    @abstractmethod
    def preview(self) -> Change:
        """What it would do."""

    def privileged(self, _system: System) -> Sequence[Command]:
        """None: it needs the network and the state directory only."""
        return ()

    @abstractmethod
    def carry_on(self, system: System, control: Control) -> Iterator[Event]:
        """Does it, or what is left of it.

        Raises:
            WizardError: it cannot go on; with exit code WAITING or NOT_PROPAGATED the next run can.
        """


class WriteFile(NamedTuple):
    """Writes a file whole.

    `content` makes the bytes when a run asks first, for keys are made at apply and never before,
    and gives the same ones ever after. `before` is the file as the plan saw it; if it has changed
    by then, nothing is written. `shown` gives its text before and after, for people: no secrets.
    """

    path: Path
    what: str
    why: str
    content: Callable[[], bytes]
    mode: int = 0o644
    owner: tuple[int, int] | None = None
    before: Kept | None = None
    shown: Callable[[], tuple[str, str]] = lambda: ("", "")
    directory_mode: int = 0o755
    isolated: bool = False

    @property
    def id(self) -> str:
        """The action's name in plans and journals."""
        return f"write:{self.path}"

    @property
    def title(self) -> str:
        """What it does, in words."""
        return f"write {self.path}"

    def preview(self) -> Change:
        """A new file or an edit, with its mode and, for a text, the lines that differ."""
        before, after = self.shown()
        diff: tuple[str, ...] = ()
        if before != after:
            from difflib import unified_diff  # noqa: PLC0415  only a text that is shown needs it

            old, new = before.splitlines(), after.splitlines()
            diff = tuple(unified_diff(old, new, "before", "after", lineterm="", n=2))
        return Change(
            ChangeKind.CREATE if self.before is None else ChangeKind.UPDATE,
            str(self.path),
            f"{self.what}, mode {self._mode():04o}",
            self.why,
            diff,
        )

    def _mode(self) -> int:
        return self.mode if self.before is None else self.before.mode

    def privileged(self, _system: System) -> Sequence[Command]:
        """None: a file is written by whoever runs the wizard."""
        return ()

    def undo(self, system: System, run: Run) -> "RestoreFile":
        """Keeps the file as it is, and notes what will be written and which directories made."""
        before = system.keep(self.path)
        if before != self.before:
            raise WizardError(
                "changed-since-plan",
                f"{self.path} was changed by somebody else after it was reviewed.",
                "Review the plan again.",
            )
        wrote = sha256(self.content()).hexdigest()
        return RestoreFile.of(self.path, system, run, wrote)

    def apply(self, system: System) -> None:
        """Makes the missing directories and writes the file."""
        path = self.path.resolve()
        for parent in reversed(path.parents):
            if not parent.exists():
                system.make_directory(parent, self.directory_mode, self.owner)
        before = self.before
        owner = self.owner or ((before.uid, before.gid) if before else None)
        system.write(path, self.content(), self._mode(), owner)


class RestoreFile(NamedTuple):
    """Puts a file back as it was, or away when there was none, with the directories made for it.

    `wrote` and `kept` are the SHA-256 of what the run writes and of what was there before.
    """

    path: Path
    wrote: str
    kept: str | None
    mode: int
    uid: int
    gid: int
    made: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, system: System, run: Run, wrote: str = "") -> "RestoreFile":
        """Keeps a file as it is now, and notes which directories are yet to be made for it."""
        # A link that leads nowhere yet stays; the file it names is what comes and goes.
        path = path.resolve()
        before = system.keep(path)
        missing = [str(parent) for parent in path.parents if not parent.exists()]
        kept = run.keep(before.content) if before else None
        status = (before.mode, before.uid, before.gid) if before else (0, 0, 0)
        return cls(path, wrote, kept, *status, tuple(missing))

    @classmethod
    def from_json(cls, entry: Mapping[str, Json]) -> "RestoreFile":
        """Reads what `to_json` wrote."""
        kept, made = entry["kept"], entry["made"]
        mode, uid, gid = (int(str(entry[name])) for name in ("mode", "uid", "gid"))
        names = tuple(str(name) for name in made) if isinstance(made, list) else ()
        path, wrote = Path(str(entry["path"])), str(entry["wrote"])
        return cls(path, wrote, None if kept is None else str(kept), mode, uid, gid, names)

    def to_json(self) -> dict[str, Json]:
        """The record for the journal."""
        return {
            "kind": "file",
            "path": str(self.path),
            "wrote": self.wrote,
            "kept": self.kept,
            "mode": self.mode,
            "uid": self.uid,
            "gid": self.gid,
            "made": list(self.made),
        }

    def privileged(self, _system: System) -> Sequence[Command]:
        """None: whoever wrote the file may restore it."""
        return ()

    def drift(self, system: System) -> str:
        """Whether the file is neither what the run wrote nor what was there before."""
        now = system.keep(self.path)
        if now is None or sha256(now.content).hexdigest() in {self.wrote, self.kept}:
            return ""
        return f"{self.path} was changed since"

    def apply(self, system: System, run: Run) -> None:
        """Restores the bytes, the mode and the owner; what stands there now is kept in the run."""
        system.sweep(self.path.parent)
        now = system.keep(self.path)
        before = None
        if self.kept is not None:
            before = Kept(run.kept(self.kept), self.mode, self.uid, self.gid)
        removed = now.content if now is not None and now != before else None
        ours = removed is not None and sha256(removed).hexdigest() == self.wrote
        if removed is not None and not ours:
            run.keep(removed)
        if before is None:
            system.remove(self.path)
        elif now != before:
            self._put_back(before, system, may_remove=ours)
        for directory in self.made:
            system.remove_directory(Path(directory))
        if removed is not None and ours:
            # Last, for on a full disk what the run wrote must not take the room of what was there.
            with suppress(WizardError):
                run.keep(removed)

    def _put_back(self, before: Kept, system: System, *, may_remove: bool) -> None:
        owner = before.uid, before.gid
        # An earlier run that was undone first took along the directories it had made.
        is_private = not before.mode & 0o077
        for parent in reversed(self.path.parents):
            if not parent.exists():
                system.make_directory(parent, 0o700 if is_private else 0o755)
        try:
            system.write(self.path, before.content, before.mode, owner)
        except WizardError as error:
            if error.code != "disk-full" or not may_remove:
                raise
            # What stands there has the room that is needed, and what was there is safe in the run.
            system.remove(self.path)
            system.write(self.path, before.content, before.mode, owner)
