"""The parts that the registries name, loaded: what they are given, and all that they ask."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, cast

from wizard.core import registry
from wizard.core.answers import Answers
from wizard.core.flow import Step
from wizard.core.plan import Renewal
from wizard.core.questions import Choice, Detected, Kind, Known, Problem, Question, Source, Value
from wizard.core.system import System
from wizard.mtls.base import Hop
from wizard.pki import names
from wizard.pki.material import Task
from wizard.strategies.base import Strategy
from wizard.targets.base import Obtained, Target

TARGET: Final = "output.target"


def strategy(name: str) -> Strategy:
    """A strategy by its name in answers."""
    return cast("type[Strategy]", registry.load(registry.STRATEGIES, name))()


def target(name: str) -> Target:
    """A target by its name in answers."""
    return cast("type[Target]", registry.load(registry.TARGETS, name))()


def obtained(answers: Answers) -> Obtained | None:
    """Who obtains and renews the certificate where Pomerium runs, if not the wizard."""
    return target(answers.text(TARGET)).obtains.get(answers.text("strategy"))


def task_of(answers: Answers, system: System, state: Path, renewal: Renewal = Renewal.NO) -> Task:
    """What complete answers ask for, with what is installed by them now.

    Raises:
        WizardError: `key-mode` when everybody can read the key.
    """
    installed = target(answers.text(TARGET)).installed(answers, system)
    return Task(answers, system, state, installed, renewal)


def hops() -> list[Hop]:
    """Every connection that mutual TLS can secure."""
    return [cast("type[Hop]", registry.load(registry.HOPS, name))() for name in registry.HOPS]


def asked_of_hops() -> Iterator[Question]:
    """What all hops ask, in order."""
    for one in hops():
        yield from one.questions


def first_steps(system: System) -> tuple[Step, Step]:
    """What everybody is asked: how to get a certificate, and for which names."""

    def chosen(answers: Answers) -> Strategy:
        return strategy(answers.text("strategy") or next(iter(registry.STRATEGIES)))

    def found(answers: Answers) -> Value | Detected | None:
        from wizard.pomerium.detect import detect_names  # noqa: PLC0415  reads the configuration

        way = chosen(answers)
        told = way.names_told(answers, system)
        if told is not None:
            return told
        detected = detect_names(
            system, lambda found: way.check_names(found, answers, system) is None
        )
        return detected or way.names or None

    def fits(value: Value, answers: Answers) -> Problem | None:
        given = value if isinstance(value, tuple) else ()
        return names.problems(given) or chosen(answers).check_names(given, answers, system)

    def offered() -> tuple[Choice, ...]:
        infos = [strategy(name).info for name in registry.STRATEGIES]
        return tuple(Choice(info.id, info.title, info.summary) for info in infos)

    return (
        Step(
            "strategy",
            "Strategy",
            (
                Question(
                    "strategy",
                    Kind.CHOICE,
                    "How should Pomerium get its certificate?",
                    "It decides who trusts the certificate and what has to be proved for it.",
                    "Nothing on this machine changes before you have seen and confirmed the plan.",
                    default=next(iter(registry.STRATEGIES)),
                    choices=offered,
                    among=registry.STRATEGIES,
                ),
            ),
        ),
        Step(
            "names",
            "Names",
            (
                Question(
                    "names",
                    Kind.NAMES,
                    "Which names should the certificate be for?",
                    "A wildcard covers every host one level below it, but not the domain itself.",
                    "*.localhost.pomerium.io points at 127.0.0.1 for everybody, so it works on any "
                    "laptop without touching DNS. One name a line, or separated by commas.",
                    default=found,
                    check=fits,
                ),
            ),
        ),
    )


def where_it_runs(system: System) -> Question:
    """The question for the target: found on this machine, then asked."""

    def found(_answers: Answers) -> Value | Detected:
        from wizard.pomerium.detect import detect_target  # noqa: PLC0415  looks at the machine

        return detect_target(system) or next(iter(registry.TARGETS))

    def offered() -> tuple[Choice, ...]:
        infos = [target(name).info for name in registry.TARGETS]
        return tuple(Choice(info.id, info.title, info.summary) for info in infos)

    return Question(
        TARGET,
        Kind.CHOICE,
        "Where does Pomerium run?",
        "It decides where the files go and who must be able to read them.",
        "What is found on this machine is proposed: a service of systemd, a Compose file "
        "or a cluster's manifests here.",
        default=found,
        choices=offered,
        among=registry.TARGETS,
    )


def known_questions(system: System) -> Known:
    """Every question of every strategy and target, by key: what an answers file may hold.

    The table of a strategy's name is its own; what all targets ask is in `output`.
    """

    def by_key(steps: Sequence[Step]) -> dict[str, Question]:
        return {question.key: question for step in steps for question in step.questions}

    def way(name: str) -> dict[str, Question]:
        return by_key(strategy(name).steps(system, Answers()))

    def place(name: str) -> dict[str, Question]:
        return by_key(target(name).steps(system))

    def own(name: str) -> dict[str, Question]:
        return {key: one for key, one in place(name).items() if key.startswith(f"{name}.")}

    def output() -> dict[str, Question]:
        return {TARGET: where_it_runs(system), **place(next(iter(registry.TARGETS)))}

    def more(name: str) -> dict[str, Question]:
        ways = [strategy(each) for each in registry.STRATEGIES]
        return {key: found for one in ways for key, found in one.more(name).items()}

    sources: dict[str, Source] = {
        name.replace("-", "_"): partial(way, name) for name in registry.STRATEGIES
    }
    sources |= {"output": output} | {name: partial(own, name) for name in registry.TARGETS}
    sources["mtls"] = lambda: {question.key: question for question in asked_of_hops()}
    return Known(by_key(first_steps(system)), sources, more)
