"""Where Pomerium runs: found on this machine, then asked."""

from typing import Final, cast

from wizard.core import registry
from wizard.core.answers import Answers
from wizard.core.questions import Choice, Detected, Kind, Question, Value
from wizard.core.system import System
from wizard.targets.base import Target

TARGET: Final = "output.target"


def where_it_runs(system: System) -> Question:
    """The question for the target."""

    def found(_answers: Answers) -> Value | Detected:
        from wizard.pomerium.detect import detect_target  # noqa: PLC0415  looks at the machine

        return detect_target(system) or next(iter(registry.TARGETS))

    def offered() -> tuple[Choice, ...]:
        infos = [
            cast("type[Target]", registry.load(registry.TARGETS, name)).info
            for name in registry.TARGETS
        ]
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
