"""After the first run: what is installed and how it fares, renewing it, trust, and undo."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core import apply
from wizard.core.actions import Action
from wizard.core.answers import Answers, read_tree
from wizard.core.control import Control
from wizard.core.elevation import Elevation
from wizard.core.errors import ExitCode, UsageError, WizardError
from wizard.core.events import Event, Finished, Json
from wizard.core.journal import Journal, Run, damaged
from wizard.core.plan import Plan, Renewal
from wizard.core.system import System
from wizard.engine import Session, carry_out
from wizard.parts import known_questions, obtained, strategy, task_of
from wizard.pki import chain
from wizard.pki.names import covers, normalise
from wizard.targets.output import directory_of
from wizard.trust.base import (
    Anchor,
    Place,
    Status,
    Trust,
    certificates,
    common_name,
    is_ours,
)

RECORDED: Final = ("strategy", "names", "output.target")
"""Without these answers, and where it was kept, there is no telling what a run installed."""


class Certificate(NamedTuple):
    """An installed certificate: how long it lasts, and what differs from what was asked for.

    `renew_after` is None where somebody else renews it: `kept_by` says who, where it is not even
    on this machine; else Pomerium does.
    """

    names: tuple[str, ...]
    strategy: str
    path: Path
    expires: datetime | None
    renew_after: datetime | None
    drift: tuple[str, ...]
    run: str
    kept_by: str = ""

    def to_json(self) -> dict[str, Json]:
        """The certificate as data; times are ISO 8601 in UTC."""
        return {
            "event": "certificate",
            "names": list(self.names),
            "strategy": self.strategy,
            "path": str(self.path),
            "expires": self.expires.isoformat() if self.expires else None,
            "renew_after": self.renew_after.isoformat() if self.renew_after else None,
            "drift": list(self.drift),
            "run": self.run,
            "kept_by": self.kept_by,
        }


def installations(system: System, state: Path) -> list[tuple[Run, Answers]]:
    """The answers of every installation that stands, each with the run that made it last."""
    journal = Journal(system, state)
    journal.check()
    known = known_questions(system)
    found: dict[tuple[str, str], tuple[Run, Answers]] = {}
    for run in journal.applied():
        begin = run.first().get("begin")
        if isinstance(begin, dict) and begin.get("strategy"):
            try:
                answers = read_tree(begin, f"run {run.id}", known)
            except UsageError:
                raise damaged(run, "has answers that this version does not know") from None
            place = directory_of(answers)
            if not place or not all(answers.values.get(key) for key in RECORDED):
                raise damaged(run, "does not say what it installed")
            key = (place, answers.texts("names")[0])
            found[key] = (run, answers)
    return list(found.values())


def status(system: System, state: Path) -> Iterator[Certificate]:
    """Every installed certificate, and how it differs from what was asked for. Reads only.

    Raises:
        WizardError: one of them cannot be told; the others were.
    """
    failed: WizardError | None = None
    for run, answers in installations(system, state):
        try:
            row = _row(system, state, run, answers)
        except WizardError as error:
            failed = failed or error
        else:
            yield row
    if failed is not None:
        raise failed


def _row(system: System, state: Path, run: Run, answers: Answers) -> Certificate:
    task = task_of(answers, system, state)
    where = task.installed
    expires = renew_after = None
    if where.chain is not None:
        leaf = chain.read(where.chain.content, str(where.chain_path))[0]
        expires = leaf.not_valid_after_utc
        renew_after = strategy(answers.text("strategy")).renew_after(leaf, task)
    try:
        drift = tuple(action.title for action in Session(system, state, answers).plan().actions)
    except UsageError as error:
        # What it was made from is not at hand: its password, or the file somebody else renews.
        drift = (f"cannot be compared: {error.summary}",)
    return Certificate(
        answers.texts("names"),
        answers.text("strategy"),
        where.chain_path,
        expires,
        renew_after,
        drift,
        run.id,
        there.by if (there := obtained(answers)) else "",
    )


def renew(
    system: System, state: Path, *, name: str = "", force: bool = False, may_ask: bool = False
) -> Iterator[Event]:
    """Issues again what is due, with the answers it was made from.

    Args:
        system: the machine.
        state: the state directory.
        name: only the certificate that covers this name.
        force: also when it is not due.
        may_ask: whether a person is there to grant privilege.

    Raises:
        WizardError: `nothing-installed` for a name nobody installed; see also `Session.plan`.
    """
    wanted = [
        answers
        for _, answers in installations(system, state)
        if not name or any(covers(one, normalise(name)) for one in answers.texts("names"))
    ]
    if name and not wanted:
        raise UsageError(
            "nothing-installed",
            f"No certificate for {name} was installed.",
            "See: pomcert-wizard status",
        )
    failed: WizardError | None = None
    is_due = False
    for answers in wanted:
        try:
            session = Session(system, state, answers)
            plan = session.plan(Renewal.NOW if force else Renewal.DUE)
        except WizardError as error:
            # One certificate that cannot be renewed does not let the others expire.
            failed = failed or error
            continue
        if not plan.is_empty:
            is_due = True
            # Mostly from a timer, which must start no browser.
            yield from session.apply(plan, may_ask=may_ask, with_clients=False)
    if failed is not None:
        raise failed
    if not is_due:
        yield Finished("nothing-to-do", 0, "")


def undo(
    system: System, state: Path, name: str = "", *, force: bool = False, may_ask: bool = False
) -> Iterator[Event]:
    """Restores what a run changed, to the byte; what it removes stays in the run's directory.

    Args:
        system: the machine.
        state: the state directory.
        name: the run; when empty the one that was cut off, or else the last one that stands.
        force: also where somebody else changed a file since.
        may_ask: whether a person is there to grant privilege.

    Raises:
        WizardError: `no-such-run`, or `changed-since` with the files that would lose their changes.
    """
    journal = Journal(system, state)
    journal.check()
    standing = [*journal.applied(), *journal.cut_off()]
    found = [run for run in standing if name in {"", run.id}]
    if not found:
        what = f"There is no run {name} to undo." if name else "There is no run to undo."
        raise UsageError("no-such-run", what, "See: pomcert-wizard status")
    run = found[-1]
    if not force:
        last = standing[-1].id
        apply.refuse_drift(run, system, last if last != run.id else "")
    elevation = Elevation(system, may_ask=may_ask)
    try:
        with journal.lock():
            stuck = yield from apply.take_back(run, system, elevation, "undone")
            code = ExitCode.NEEDS_CLEANUP if stuck else ExitCode.DONE
            yield Finished("needs-cleanup" if stuck else "undone", int(code), run.id)
    finally:
        elevation.stop()


class Trusted(NamedTuple):
    """How far one place trusts one root of ours; `is_lost` when its files are gone."""

    root: str
    store: str
    place: str
    status: Status
    is_lost: bool

    def to_json(self) -> dict[str, Json]:
        """The row as data."""
        return {
            "event": "trust",
            "root": self.root,
            "store": self.store,
            "place": self.place,
            "trust": self.status.trust.value,
            "reason": self.status.reason,
            "files_lost": self.is_lost,
        }


def trust_status(system: System, state: Path, stores: Sequence[str]) -> list[Trusted]:
    """Every place of these stores with every root of ours that it has or should have.

    Raises:
        WizardError: `store-not-here`, `unknown-store`.
    """
    Journal(system, state).check()
    own = _own(system, state)
    rows = []
    for store, place in _places(system, stores):
        try:
            found = [(own, False)] if own else []
            found += [(root, True) for root in _found(place.ours(), own, state)]
            rows += [
                Trusted(root.name, store, place.title, place.check(root), is_lost=is_lost)
                for root, is_lost in found
            ]
        except WizardError as error:
            status = Status(Trust.NONE, f"{error.summary.rstrip('.')} [{error.code}]")
            name = own.name if own else ""
            rows.append(Trusted(name, store, place.title, status, is_lost=False))
    return rows


def change_trust(
    system: System, state: Path, stores: Sequence[str], *, install: bool, may_ask: bool
) -> Iterator[Event]:
    """Installs the root into these stores, or removes every root of ours from them.

    Roots whose files were lost are found by their mark and removed too.

    Raises:
        WizardError: `no-root` when there is nothing to install, `store-not-here` when there is no
            place for it; what `authority_files.load` raises; `unknown-store`.
    """
    from wizard.trust.action import (  # noqa: PLC0415  looks at the whole machine
        DistrustRoot,
        TrustRoot,
        in_every_place,
    )

    why = "You asked for it."
    after = Journal(system, state).latest()
    own = _own(system, state)
    if install:
        from wizard.pki.authority_files import load  # noqa: PLC0415  a removal needs none of it

        # A root that can sign no more is worth no trust.
        if load(system, state) is None or own is None:
            problem = "There is no local root to trust yet."
            raise UsageError("no-root", problem, "Run: pomcert-wizard")
        _places(system, stores)

    def changes_of(store: str, place: Place) -> Iterator[Action]:
        if install and own is not None:
            if place.check(own).trust is not Trust.FULL:
                yield TrustRoot(place, store, lambda: own, own, why)
            return
        for root in [*([own] if own else []), *_found(place.ours(), own, state)]:
            if place.check(root).trust is not Trust.NONE:
                yield DistrustRoot(place, store, root, why)

    yield from carry_out(
        Plan(Answers(), (), in_every_place(system, stores, changes_of), after=after),
        system,
        Journal(system, state),
        may_ask=may_ask,
        control=Control(),
        prove=lambda: iter(()),
    )


def _places(system: System, stores: Sequence[str]) -> Sequence[tuple[str, Place]]:
    """Every place of these stores; each store that is named has to have one."""
    from wizard.trust import places  # noqa: PLC0415  looks at the whole machine

    for name in stores:
        if not places(system, [name]):
            raise UsageError(
                "store-not-here",
                f"This machine has no trust store of the kind {name!r}.",
                "See what it has: pomcert-wizard trust status",
            )
    return places(system, stores)


def _own(system: System, state: Path) -> Anchor | None:
    """Our root. Its certificate is enough: a store can let go of it whatever else was lost."""
    path = state / "ca" / "root.pem"
    kept = system.keep(path)
    ders = certificates(kept.content) if kept else []
    return next((Anchor(common_name(der), der, path) for der in ders if is_ours(der)), None)


def _found(ders: Sequence[bytes], own: Anchor | None, state: Path) -> list[Anchor]:
    """Anchors for roots that a store has and we have no files of."""
    path = state / "ca" / "root.pem"
    return [Anchor(common_name(der), der, path) for der in ders if own is None or der != own.der]
