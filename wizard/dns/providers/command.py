"""A script of one's own, called as certbot calls its manual hooks, so that those that exist work.

https://eff-certbot.readthedocs.io/en/stable/using.html#pre-and-post-validation-hooks
CERTBOT_TOKEN belongs to http-01 alone: certbot takes it out of the environment for DNS.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.questions import Kind, Problem, Question, Value
from wizard.core.registry import Info
from wizard.core.system import Command as Program
from wizard.core.system import System
from wizard.dns.providers.base import Keep, Txt, forgotten

SECONDS: Final = 600.0
"""For one call. Hooks wait for their records to spread, some of them for minutes."""
SHOWN: Final = 400
"""How many characters of a hook's last words an error shows."""
LONGEST: Final = 30_000
"""How many of all its words are kept: Linux takes a variable of at most 128 KiB."""


class Call(NamedTuple):
    """One call of a hook: for one value, with what it is told and what it printed before."""

    name: str
    value: str
    env: tuple[tuple[str, str], ...]
    said: str


class Command:
    """Calls a script once for each value, and another, or none, to remove it.

    A hook runs as whoever runs the wizard, under sudo as root: as with certbot it is root who may
    read the credentials that hooks take from /etc or /root.
    """

    info: ClassVar[Info] = Info(
        "command", "A script of yours", "Any program that certbot could call as a manual hook"
    )
    is_manual: ClassVar[bool] = False
    settles: ClassVar[bool] = False

    def __init__(self, answers: Answers, system: System) -> None:
        """Reads the answers."""
        self._system = system
        self._path = answers.text("dns_01.provider.path")
        self._cleanup_path = answers.text("dns_01.provider.cleanup_path")

    @classmethod
    def questions(cls) -> Sequence[Question]:
        """Which scripts."""
        return QUESTIONS

    def publish(self, records: Sequence[Txt], keep: Keep = forgotten) -> None:
        """Calls the script for each value; what it prints is kept for the other one.

        Raises:
            WizardError: `hook-failed`, `command-not-found`, `command-timeout`.
        """
        for call in _calls(records):
            said = self._run(self._path, call, "publish").replace("\0", "").strip()
            keep(call.name, call.value, said[-LONGEST:])

    def remove(self, records: Sequence[Txt]) -> None:
        """Calls the script for clean-up, where there is one, for each value.

        It is told what the other script printed when it published the value.

        Raises:
            WizardError: as `publish`.
        """
        if not self._cleanup_path:
            return
        for call in _calls(records):
            told = call._replace(env=(*call.env, ("CERTBOT_AUTH_OUTPUT", call.said)))
            self._run(self._cleanup_path, told, "remove")

    def _run(self, path: str, call: Call, verb: str) -> str:
        command = Program((path,), as_root=self._system.is_root, env=call.env, split=True)
        done = self._system.run(command, SECONDS)
        if done.ok:
            return done.output
        words = " ".join(f"{done.output}\n{done.errors}".split())
        said = f"it said: {words[-SHOWN:]}" if words else "it said nothing"
        ended = f"with status {done.status}" if done.status > 0 else f"by signal {-done.status}"
        raise WizardError(
            "hook-failed",
            f"{path} ended {ended} when it had to {verb} the TXT record {call.name}; {said}",
            "Mend the script; a status other than 0 means that it failed. Then run again.",
        )


def _calls(records: Sequence[Txt]) -> Iterator[Call]:
    """A call for each value, in order.

    CERTBOT_DOMAIN is the name that is proved, not the record's; where the record is delegated into
    another zone only POMCERT_RECORD and POMCERT_ZONE say where it belongs.
    """
    every = [
        (record, value, identifier.removeprefix("*."), note)
        for record in records
        for value, identifier, note in zip(
            record.values,
            record.identifiers,
            record.notes or ("",) * len(record.values),
            strict=True,
        )
    ]
    everybody = ",".join(identifier for _, _, identifier, _ in every)
    for number, (record, value, identifier, note) in enumerate(every, 1):
        yield Call(
            record.name,
            value,
            (
                ("CERTBOT_DOMAIN", identifier),
                ("CERTBOT_IDENTIFIER", identifier),
                ("CERTBOT_VALIDATION", value),
                ("CERTBOT_REMAINING_CHALLENGES", str(len(every) - number)),
                ("CERTBOT_ALL_DOMAINS", everybody),
                ("CERTBOT_ALL_IDENTIFIERS", everybody),
                ("POMCERT_RECORD", record.name),
                ("POMCERT_ZONE", record.zone),
            ),
            note,
        )


def _chosen(answers: Answers) -> bool:
    return answers.text("dns_01.provider.name") == Command.info.id


def _script(value: Value, answers: Answers) -> Problem | None:
    problem = validation.absolute_path(value, answers)
    if problem is not None:
        return problem
    path = Path(str(value))
    if not path.is_file():
        return Problem("hook-missing", f"There is no file {path}.", "Write where the script is.")
    if not os.access(path, os.X_OK):
        return Problem("hook-not-executable", f"{path} may not be run.", f"Run: chmod +x {path}")
    return None


QUESTIONS: Final = (
    Question(
        "dns_01.provider.path",
        Kind.PATH,
        "Which program publishes a record?",
        "It is called once for each value, with the variables of certbot's manual hooks.",
        "CERTBOT_DOMAIN has the domain, CERTBOT_VALIDATION the value for _acme-challenge below it. "
        "POMCERT_RECORD has the record's whole name, also where it is delegated, POMCERT_ZONE its "
        "zone. It has ten minutes, and runs as whoever runs the wizard.",
        when=_chosen,
        check=_script,
    ),
    Question(
        "dns_01.provider.cleanup_path",
        Kind.PATH,
        "Which program removes it again?",
        "Old values pile up otherwise, and many of them make an authority's look at them fail.",
        "It gets the same variables, and in CERTBOT_AUTH_OUTPUT what the other one printed. Empty "
        "leaves the records where they are.",
        default="",
        optional=True,
        when=_chosen,
        check=_script,
    ),
)
