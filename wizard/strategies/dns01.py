"""A certificate from a public authority, proved by DNS records: dns-01 of RFC 8555, 8.4."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from cryptography.x509 import Certificate

from wizard.acme.shelf import issued, open_order
from wizard.core import ourselves
from wizard.core.actions import Lasting
from wizard.core.answers import Answers
from wizard.core.events import Event, NextStep
from wizard.core.flow import Step
from wizard.core.plan import Renewal
from wizard.core.questions import Problem, Question, Value
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.dns.providers.lexicon_options import known_options
from wizard.pki import chain, keys
from wizard.pki.material import Material, Task
from wizard.pki.names import never_public
from wizard.strategies import dns01_questions as asked
from wizard.strategies.base import Strategy, Work
from wizard.strategies.dns01_order import Obtain, Tidy
from wizard.strategies.dns01_renewal import ask, due_from
from wizard.strategies.dns01_wanted import Wanted


class Dns01(Strategy):
    """Obtains from an ACME authority; a person or a DNS provider publishes the records."""

    info: ClassVar[Info] = Info(
        "dns-01",
        "Let's Encrypt wildcard by DNS",
        "A certificate that everybody trusts. You show by DNS records that the domain is yours.",
    )
    example: ClassVar[Mapping[str, Value]] = {
        "names": ("*.corp.example.com", "corp.example.com"),
        "dns_01.accept_terms": True,
    }

    def check_names(
        self, names: Sequence[str], _answers: Answers, _system: System
    ) -> Problem | None:
        """Names that no public authority certifies, and pairs that it takes for one."""
        if (problem := never_public(names)) is not None:
            return problem
        for name in names:
            wildcard = f"*.{name.partition('.')[2]}"
            if wildcard in names and name != wildcard:
                return Problem(
                    "name-redundant",
                    f"{wildcard} covers {name} already, and authorities refuse the two together.",
                    f"Leave {name} out.",
                )
        return None

    def steps(self, _system: System, given: Answers) -> Sequence[Step]:
        """Whose certificate it is, how the records get into DNS, what the certificate is like."""
        return asked.steps(given)

    def more(self, name: str) -> Mapping[str, Question]:
        """What the library of DNS providers asks, for each of those that it knows."""
        return known_options(name)

    def work(self, task: Task) -> Work:
        """An order where no good certificate of this authority is installed or at hand."""
        answers, system, state = task.answers, task.system, task.state
        wanted = Wanted.of(answers)
        obtain = Obtain(wanted, system, state, rehearses=False)
        order = issued(system, obtain.directory)
        at_hand = chain.read(obtain.chain(), str(order))[0] if order else None
        if order and at_hand and task.renewal is Renewal.DUE:
            obtain.reason = ask(wanted, at_hand, order, system)
        is_installed = at_hand is not None and _is_installed(at_hand, obtain, task)
        is_good = bool(order and at_hand and system.now() < due_from(at_hand, order, system))
        if task.renewal is Renewal.NOW and is_installed:
            is_good = False
        before: list[Lasting] = [] if is_good else [obtain]
        tidy = Tidy(obtain)
        if is_good and tidy.is_due:
            before.append(tidy)
        rehearses = answers.flag("dns_01.rehearse") and asked.can_rehearse(answers)
        if not is_good and rehearses and open_order(system, obtain.directory) is None:
            before.insert(0, Obtain(wanted.rehearsal(), system, state, rehearses=True))
        material = Material(
            wanted.names,
            obtain.chain,
            obtain.key,
            is_current=is_good and is_installed,
            is_development=False,
        )
        next_steps = () if task.is_renewal else _next_steps(wanted, task)
        return Work(tuple(before), material, (), _notices(wanted), next_steps)

    def renew_after(self, certificate: Certificate, task: Task) -> datetime:
        """When the authority suggests to renew, else when a third of the life is left."""
        directory = Wanted.of(task.answers).directory(task.state)
        return due_from(certificate, issued(task.system, directory), task.system)

    def prove(self, task: Task, *, with_clients: bool) -> Iterator[Event]:
        """Serves the certificate on loopback: the whole chain, every name, and who trusts it."""
        from wizard.doctor.proof import prove_chain  # noqa: PLC0415  ssl, for a proof

        yield from prove_chain(
            task.system,
            task.installed.chain_path,
            task.installed.key_path,
            task.answers.texts("names"),
            is_strict=True,
            with_clients=with_clients,
        )


def _is_installed(at_hand: Certificate, obtain: Obtain, task: Task) -> bool:
    installed = task.installed
    if installed.chain is None or installed.key is None:
        return False
    key = keys.from_pem(installed.key.content, str(installed.key_path))
    return installed.chain.content == obtain.chain() and chain.belongs(at_hand, key)


def _notices(wanted: Wanted) -> tuple[str, ...]:
    if wanted.provider != asked.MANUAL:
        return ()
    notice = (
        "A certificate whose records you publish by hand cannot renew itself: renew shows new "
        "records when it is due. A DNS provider that the wizard reaches does it without you."
    )
    hurry = (
        f"The profile {wanted.profile} leaves one hour to publish the records by hand; after that "
        "there is a new order with other values. The profile classic leaves a week."
    )
    return (notice, hurry) if wanted.profile in wanted.authority.hasty else (notice,)


def _next_steps(wanted: Wanted, task: Task) -> tuple[NextStep, ...]:
    renew = ourselves.line(task.system, task.state, "renew")
    when = "when it is due" if wanted.provider == asked.MANUAL else "from a timer, twice a day"
    return (NextStep(f"Renew it {when}", renew),)
