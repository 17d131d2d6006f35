"""Downstream mTLS as part of an installation: what is asked, and what the answers make."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from wizard.core import ourselves
from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.events import NextStep
from wizard.core.questions import Choice, Kind, Question
from wizard.mtls.base import Hop, Secured
from wizard.pki.material import Contents, Task

WANTED, ENFORCEMENT = "mtls.downstream", "mtls.enforcement"
CA, CRL = "client-ca.pem", "client-crl.pem"

QUESTIONS: Final = (
    Question(
        WANTED,
        Kind.FLAG,
        "Must browsers show a certificate of their own?",
        "A second lock: without such a certificate nobody gets as far as the login.",
        "An authority for clients is made, and only its certificates count. Issue them with "
        "pomcert-wizard client issue NAME. Browsers ask for one on every route, public ones too.",
        default=False,
        advanced=True,
    ),
    Question(
        ENFORCEMENT,
        Kind.CHOICE,
        "What happens to who has none?",
        "It decides between a page that says so, your own policies, and a closed door.",
        "It is `enforcement` below `downstream_mtls` in Pomerium's configuration.",
        default="policy_with_default_deny",
        choices=(
            Choice("policy_with_default_deny", "An error page", "on every route, public ones too"),
            Choice(
                "policy", "What the policies say", "a route without a word about it lets them in"
            ),
            Choice(
                "reject_connection",
                "No connection",
                "TLS fails, also for the sign-in page and for JWKS",
            ),
        ),
        advanced=True,
        when=lambda answers: answers.flag(WANTED),
    ),
)


def places(answers: Answers) -> tuple[Path, Path]:
    """Where Pomerium reads the authority and the revocation list."""
    directory = answers.text("output.directory") or answers.text("kubernetes.directory")
    folder = Path(directory) if directory else Path(answers.text("output.config")).parent
    return folder / CA, folder / CRL


class Downstream(Hop):
    """From browsers to Pomerium: an authority for the certificates of people."""

    questions: ClassVar[Sequence[Question]] = QUESTIONS

    def work(self, task: Task) -> Secured:
        """The authority where there is none, and copies where Pomerium reads them.

        Raises:
            WizardError: see `Clients.load`.
        """
        answers, system, state = task.answers, task.system, task.state
        if not answers.flag(WANTED) or task.is_renewal:
            return Secured()
        from wizard.mtls.clients import Clients  # noqa: PLC0415  loads cryptography

        clients = Clients.load(system, state) or Clients.new(system, state)
        ca, crl = places(answers)
        actions = clients.files()
        for path, what, why, content in (
            (
                ca,
                "client authority",
                "Pomerium takes certificates of people that it has signed.",
                clients.pem,
            ),
            (crl, "revocation list", "Names those that are good no more.", clients.list_pem),
        ):
            before = system.keep(path)
            if before is None or before.content != content():
                actions.append(WriteFile(path, what, why, content, before=before))
        issue = ourselves.line(system, state, "client", "issue", "NAME")
        return Secured(
            tuple(actions),
            {
                "downstream_mtls.ca_file": Contents(ca, clients.pem),
                "downstream_mtls.crl_file": Contents(crl, clients.list_pem),
                "downstream_mtls.enforcement": answers.text(ENFORCEMENT),
            },
            next_steps=(NextStep("Give each person a certificate", issue),),
        )
