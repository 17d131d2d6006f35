"""Every target: a plan reads only, a run is done once, undone to the byte, and renewed quietly."""

import os
from pathlib import Path

import pytest
from cli_support import tree
from conftest import Need
from target_support import MACHINES, Machine

from wizard import upkeep
from wizard.core import registry
from wizard.core.answers import read
from wizard.core.events import Event, Finished
from wizard.engine import Session
from wizard.export import to_toml
from wizard.parts import known_questions, target
from wizard.targets.output import directory_of


@pytest.fixture(params=registry.TARGETS)
def where(request: pytest.FixtureRequest, need: Need) -> str:
    need.that(os.geteuid() == 0, "only root installs for a service", "run as root")
    return str(request.param)


@pytest.fixture
def machine(where: str, tmp_path: Path) -> Machine:
    return MACHINES[where](tmp_path)


@pytest.fixture
def session(machine: Machine, where: str) -> Session:
    given = {key.removeprefix("output."): value for key, value in machine.answers.items()}
    return machine.session(target=where, **given)


def done(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    assert events[-1].exit_code == 0
    return events[-1]


def test_it_says_what_it_is(where: str) -> None:
    info = target(where).info
    assert info.id == where
    assert info.summary.endswith(".")


def test_its_questions_are_known_and_have_answers(where: str, session: Session) -> None:
    known = known_questions(session.system)
    keys = {q.key for step in target(where).steps(session.system) for q in step.questions}
    assert keys <= set(known)
    assert session.answers().text("output.target") == where
    assert directory_of(session.answers())


def test_a_plan_changes_nothing(machine: Machine, session: Session) -> None:
    before = tree(machine.folder)
    assert not session.plan().is_empty
    assert tree(machine.folder) == before


def test_a_run_is_done_once_and_undone_to_the_byte(machine: Machine, session: Session) -> None:
    before = tree(machine.root)
    finished = done(list(session.apply(session.plan(), may_ask=False)))
    assert any("Pomerium" in step.what for step in finished.next_steps)
    assert session.plan().is_empty
    (row,) = upkeep.status(machine.system, machine.folder / "state")
    assert row.drift == ()
    assert done(list(upkeep.undo(machine.system, machine.folder / "state"))).outcome == "undone"
    assert tree(machine.root) == before


def test_a_run_that_is_left_in_the_middle_takes_itself_back(
    machine: Machine, session: Session
) -> None:
    before = tree(machine.root)
    plan = session.plan()
    for last in range(1, 2 * len(plan.actions) + 1):
        run = session.apply(plan, may_ask=False)
        for _ in range(last):
            next(run)
        run.close()
        assert tree(machine.root) == before, last
        plan = session.plan()


def test_a_renewal_writes_the_certificate_and_its_key_only(
    machine: Machine, session: Session
) -> None:
    list(session.apply(session.plan(), may_ask=False))
    before = tree(machine.root)
    done(list(upkeep.renew(machine.system, machine.folder / "state", force=True)))
    after = tree(machine.root)
    assert after.keys() == before.keys()
    changed = {Path(path).suffix for path in after if after[path] != before[path]}
    assert changed == {".pem"}


def test_its_answers_make_the_same_plan_again(
    machine: Machine, session: Session, where: str
) -> None:
    plan = session.plan()
    text = to_toml(plan.answers, plan.order)
    again = Session(
        machine.system,
        machine.folder / "state",
        read(text, where, known_questions(machine.system)),
    )
    assert again.plan().to_json() == plan.to_json()
