"""Downstream mTLS as part of an installation: what is asked, and what the answers make."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from wizard.core import ourselves
from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.events import NextStep
from wizard.core.owners import owner_of
from wizard.core.questions import Choice, Kind, Question
from wizard.core.system import System
from wizard.mtls.base import Expiry, Hop, Secured
from wizard.pki.material import Contents, Task

WANTED, ENFORCEMENT = "mtls.downstream", "mtls.enforcement"
CA, CRL = "client-ca.pem", "client-crl.pem"
CLOSE: Final = (
    "Routes still let in who has none, a revoked one or one that somebody else made; add this to "
    "the policy of each that must not"
)
POLICY: Final = "- deny:\n    or:\n      - invalid_client_certificate: true"

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
        "It is `enforcement` below `downstream_mtls` in Pomerium's configuration. With policy a "
        "revoked certificate, or one that somebody else made, counts like any other wherever a "
        "policy does not deny invalid_client_certificate.",
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


def _left(answers: Answers, system: System) -> Iterator[str]:
    """What an earlier run set, and these answers do not ask for any more."""
    config = answers.text("output.config")
    if not config or not os.path.isfile(places(answers)[0]):  # noqa: PTH113  of a closed directory it says no
        return
    kept = system.keep(Path(config))
    if kept is not None and CA.encode() in kept.content:
        yield (
            f"{config} still asks browsers for a certificate, as an earlier run had it do: take "
            "`downstream_mtls` out of it if nobody is to be asked any more."
        )


class Downstream(Hop):
    """From browsers to Pomerium: an authority for the certificates of people."""

    questions: ClassVar[Sequence[Question]] = QUESTIONS

    def work(self, task: Task) -> Secured:
        """The authority where there is none, and copies where Pomerium reads them.

        Raises:
            WizardError: see `Clients.load`.
        """
        answers, system, state = task.answers, task.system, task.state
        if task.is_renewal:
            return Secured()
        if not answers.flag(WANTED):
            return Secured(notices=tuple(_left(answers, system)))
        from wizard.mtls.clients import Clients  # noqa: PLC0415  loads cryptography

        clients = Clients.load(system, state) or Clients.new(system, state)
        clients.refuse_ended(system.now())
        ca, crl = places(answers)
        actions, owner = clients.files(), owner_of(answers.text("output.owner"), system)
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
                actions.append(WriteFile(path, what, why, content, owner=owner, before=before))
        issue = ourselves.line(system, state, "client", "issue", "NAME")
        steps = [NextStep("Give each person a certificate", issue)]
        if answers.text(ENFORCEMENT) == "policy":
            steps.append(NextStep(CLOSE, POLICY))
        return Secured(
            tuple(actions),
            {
                "downstream_mtls.ca_file": Contents(ca, clients.pem),
                "downstream_mtls.crl_file": Contents(crl, clients.list_pem),
                "downstream_mtls.enforcement": answers.text(ENFORCEMENT),
            },
            next_steps=tuple(steps),
        )

    def expiries(self, task: Task) -> Iterator[Expiry]:
        """The authority, its list, and of the clients' certificates the one that ends next."""
        answers, system, state = task.answers, task.system, task.state
        if not answers.flag(WANTED):
            return
        from wizard.mtls.clients import ISSUED, Clients  # noqa: PLC0415  loads cryptography

        clients = Clients.load(system, state)
        if clients is None:
            return
        yield Expiry(
            "authority for clients, and its revocation list",
            places(answers)[0],
            clients.authority.certificate.not_valid_after_utc,
            "from then on nobody gets in",
        )
        client = clients.ends_next(system.now())
        if client is not None:
            again = ourselves.line(system, state, "client", "issue", client.name)
            yield Expiry(
                f"certificate of the client {client.name}",
                clients.directory / ISSUED,
                client.certificate.not_valid_after_utc,
                f"nobody renews it: {again}",
            )
