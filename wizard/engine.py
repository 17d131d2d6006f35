"""The façade that both front ends use. A front end asks, shows and confirms; all else is here."""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from wizard.core import apply, validation
from wizard.core.answers import Answers, read_word
from wizard.core.control import Control
from wizard.core.elevation import Elevation
from wizard.core.errors import UsageError, WizardError
from wizard.core.events import Event, Finished
from wizard.core.flow import Flow, Step
from wizard.core.journal import Journal
from wizard.core.plan import Plan, Renewal
from wizard.core.questions import Detected, Kind, Known, Problem, Question, Value
from wizard.core.system import System
from wizard.core.tables import lines
from wizard.mtls.base import together
from wizard.parts import (
    asked_of_hops,
    first_steps,
    hops,
    known_questions,
    obtained,
    strategy,
    target,
    task_of,
    where_it_runs,
)
from wizard.pki import names
from wizard.strategies.base import Work
from wizard.targets.base import Delivery


class Session:
    """One way through the wizard: the answers so far, the questions left, the plan they make.

    What was answered is kept even while an earlier answer hides its question, so that going back
    and forth loses nothing.
    """

    def __init__(self, system: System, state: Path, given: Answers | None = None) -> None:
        """`given` are answers as they were written; each is checked when it is taken over."""
        self.system = system
        self.state = state
        self.journal = Journal(system, state)
        self.given = Answers()
        self.take(given or Answers())

    def take(self, given: Answers, where: Callable[[str], str] = str) -> None:
        """Takes over many answers; `where` says of a key where its answer was given.

        Raises:
            UsageError: one is wrong.
        """
        for key, value in given.values.items():
            problem = self.answer(self.question(key), value)
            if problem is not None:
                raise UsageError(problem.code, f"{where(key)}: {problem.summary}", problem.hint)

    @cached_property
    def known(self) -> Known:
        """Every question there is."""
        return known_questions(self.system)

    def question(self, key: str) -> Question:
        """A question by its key."""
        return self.known[key]

    @property
    def flow(self) -> Flow:
        """The steps for the strategy and the target chosen."""
        chosen = str(self.value(self.question("strategy")).value)
        asked = where_it_runs(self.system)
        where = str(self.value(asked).value)
        way = strategy(chosen)
        which, for_names = first_steps(self.system)
        own = self._own_steps(chosen, where)
        place = Step("target", "Target", (asked,))
        return Flow(
            (
                which,
                *((*own, for_names, place) if way.asks_names_last else (for_names, place, *own)),
                *target(where).steps(self.system),
                Step("mtls", "Mutual TLS", tuple(asked_of_hops())),
            )
        )

    def _own_steps(self, chosen: str, where: str) -> tuple[Step, ...]:
        """What the strategy asks, without what means nothing where something else obtains."""
        steps = tuple(strategy(chosen).steps(self.system, self.given))
        there = target(where).obtains.get(chosen)
        if there is None:
            return steps
        kept = ((step, (one for one in step.questions if there.asks(one.key))) for step in steps)
        return tuple(step._replace(questions=tuple(questions)) for step, questions in kept)

    def value(self, question: Question, answers: Answers | None = None) -> Detected:
        """What stands as an answer now and where it comes from: given, found here, or the default.

        An empty text stands for nothing where a question is optional; where it is not, the empty
        answer means that somebody has to give one.
        """
        if question.key in self.given.values:
            return Detected(self.given.values[question.key], "your answer")
        standing = question.default
        found = (
            standing(self.given if answers is None else answers) if callable(standing) else standing
        )
        if isinstance(found, Detected):
            return found
        return Detected("" if found is None else found, "the default")

    def answer(self, question: Question, value: Value) -> Problem | None:
        """Takes an answer over, in the form it will be used in, or says what is wrong with it."""
        value = self._clean(question, value)
        problem = validation.check(question, value, self.given)
        if problem is None:
            self.given = self.given.having(question.key, value)
        return problem

    def answer_word(self, key: str, word: str, where: str) -> None:
        """Takes over an answer from `--set`, a variable or a typed line.

        Raises:
            UsageError: the word is not an answer to that question.
        """
        question = self.question(key)
        problem = self.answer(question, read_word(word, question, where))
        if problem is not None:
            raise UsageError(problem.code, f"{where}: {problem.summary}", problem.hint)

    def _clean(self, question: Question, value: Value) -> Value:
        match question.kind, value:
            case Kind.NAMES, tuple():
                return tuple(dict.fromkeys(names.normalise(name) for name in value))
            case Kind.TABLES, tuple():
                fields = tuple(question.fields)
                return tuple(line for text in value for line in lines(text, fields))
            case Kind.PATH, str() if value == "~" or value.startswith("~/"):
                return str(self.system.person.home / value[2:])
            case Kind.PATH, str() if value and not value.startswith("~"):
                return str(Path(value).absolute())
        return value

    def answers(self, *, is_example: bool = False) -> Answers:
        """Every visible question with its answer: what was given, found, or taken by default.

        An example names what another machine has: its answers are not checked here.

        Raises:
            UsageError: `answer-missing`, naming the key and the ways to answer it.
        """
        complete = Answers()
        for step in self.flow.steps:
            for question in step.questions:
                if not question.when(complete):
                    continue
                value = self.value(question, complete).value
                problem = None if is_example else validation.check(question, value, complete)
                if problem is not None:
                    raise UsageError(
                        problem.code,
                        f"{question.key}: {problem.summary}",
                        f"{problem.hint} It is {question.key} in the answers file, "
                        f"--set {question.key}=…, or {question.variable}.",
                    )
                complete = complete.having(question.key, value)
        return complete

    def order(self) -> tuple[str, ...]:
        """The keys of the questions, in the order in which they are asked."""
        return tuple(question.key for question in self.flow.questions())

    def plan(self, renewal: Renewal = Renewal.NO) -> Plan:
        """What would be done. Reads only.

        Raises:
            WizardError: an answer is missing or wrong, or it cannot be done on this machine.
        """
        self.journal.check()
        after = self.journal.latest()
        self.journal.refuse_cut_off()
        task = task_of(self.answers(), self.system, self.state, renewal)
        chosen, where = task.answers.text("strategy"), task.answers.text("output.target")
        # What is obtained where Pomerium runs is no work for the strategy.
        work = Work() if obtained(task.answers) else strategy(chosen).work(task)
        secured = together(one.work(task) for one in hops())
        settings = {**work.settings, **secured.settings}
        # A renewal that brings nothing leaves what was delivered as it is.
        brings = work.material is not None or not task.is_renewal
        delivery = target(where).deliver(task, work.material, settings) if brings else Delivery()
        finished = secured.finish(delivery.actions)
        return Plan(
            task.answers,
            self.order(),
            (*work.before, *secured.actions, *delivery.actions, *finished.actions, *work.after),
            (*work.notices, *secured.notices, *finished.notices, *delivery.notices),
            (*delivery.next_steps, *secured.next_steps, *finished.next_steps, *work.next_steps),
            after,
        )

    def apply(
        self,
        plan: Plan,
        *,
        may_ask: bool,
        control: Control | None = None,
        with_clients: bool = True,
    ) -> Iterator[Event]:
        """Applies the plan.

        Args:
            plan: as it was reviewed.
            may_ask: whether a person is there to type a password for sudo, doas or run0.
            control: how a person stops it, which rolls it back, or has it look at once.
            with_clients: whether the clients of this machine are asked too when something changed.

        Raises:
            WizardError: see `carry_out`.
        """
        task = task_of(plan.answers, self.system, self.state)

        def prove() -> Iterator[Event]:
            elsewhere = obtained(task.answers)
            if elsewhere is not None:
                return iter((elsewhere.proof(task.answers),))
            way = strategy(task.answers.text("strategy"))
            return way.prove(task, with_clients=with_clients and not plan.is_empty)

        yield from carry_out(
            plan,
            self.system,
            self.journal,
            may_ask=may_ask,
            control=control or Control(),
            prove=prove,
        )


def carry_out(
    plan: Plan,
    system: System,
    journal: Journal,
    *,
    may_ask: bool,
    control: Control,
    prove: Callable[[], Iterator[Event]],
) -> Iterator[Event]:
    """Applies a plan under the lock; see `core.apply.apply`.

    Raises:
        WizardError: `locked`, or `run-cut-off` when an earlier run has to be taken back first.
    """
    if plan.is_empty:
        yield from prove()
        yield Finished("nothing-to-do", 0, "")
        return
    elevation = Elevation(system, may_ask=may_ask)
    try:
        with journal.lock():
            journal.refuse_cut_off()
            if journal.latest() != plan.after:
                raise WizardError(
                    "changed-since-plan",
                    "Another run has changed this machine after the plan was made.",
                    "Run again, and review what is left to do.",
                )
            yield from apply.apply(
                plan, system, journal, elevation=elevation, prove=prove, control=control
            )
    finally:
        elevation.stop()


def settle(system: System, journal: Journal, *, may_ask: bool) -> Iterator[Event]:
    """Takes back what crashed runs left half done; call it before planning.

    Raises:
        WizardError: `locked`, or `run-cut-off` when something could not be taken back.
    """
    journal.check()
    if not journal.cut_off():
        return
    elevation = Elevation(system, may_ask=may_ask)
    try:
        with journal.lock():
            for run in reversed(journal.cut_off()):
                apply.refuse_drift(run, system)
                if (yield from apply.take_back(run, system, elevation, "rolled-back")):
                    raise apply.half_done(run, "Do what is said above.")
    finally:
        elevation.stop()
