"""A certificate that is there already: a corporate authority's, or another tool's."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Event
from wizard.core.flow import Step
from wizard.core.questions import Detected, Problem, Value
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.pki.material import Installed, Material, Task
from wizard.strategies import existing_questions as asked
from wizard.strategies.base import Strategy, Work

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

    from wizard.pki.bundle import Bundle

LOCAL: Final = ("localhost", "localhost.pomerium.io")
"""What points at this machine for everybody."""


class Existing(Strategy):
    """Takes what somebody else issues and renews, whatever form it has."""

    info: ClassVar[Info] = Info(
        "existing",
        "A certificate you have",
        "From your company's authority, certbot, acme.sh, lego or mkcert, in whatever form.",
    )
    asks_names_last: ClassVar[bool] = True
    example: ClassVar[Mapping[str, Value]] = {
        "names": ("*.corp.example.com",),
        asked.CERTIFICATE: "wildcard.crt",
        asked.KEY: "wildcard.key",
        asked.PASSWORD: "env:KEY_PASSWORD",
        asked.CHAIN: "issuers.p7b",
    }

    def names_told(self, answers: Answers, system: System) -> Detected | None:
        """The names of the certificate that was named."""
        from wizard.pki.fitness import usable_names  # noqa: PLC0415  loads cryptography

        bundle = asked.glimpse(answers, system)
        found = usable_names(bundle.leaf) if bundle else ()
        return Detected(found, f"in {answers.text(asked.CERTIFICATE)}") if found else None

    def check_names(self, names: Sequence[str], answers: Answers, system: System) -> Problem | None:
        """Names that the certificate does not cover."""
        try:
            asked.opened(answers, system, names)
        except WizardError as error:
            # All else is told where it is asked for.
            if error.code == "names-not-covered":
                return Problem(error.code, error.summary, error.hint)
        return None

    def steps(self, system: System, given: Answers) -> Sequence[Step]:
        """Where certificate, key and chain are; nothing of what is found by itself."""
        return (Step("certificate", "Certificate", asked.questions(system, given)),)

    def work(self, task: Task) -> Work:
        """Nothing but the material: whoever renews it is told how to hand it on."""
        from wizard.strategies import existing_tools as tools  # noqa: PLC0415  reads directories

        answers, names = task.answers, task.answers.texts("names")
        bundle = asked.opened(answers, task.system, names, is_whole=True)
        where = Path(answers.text(asked.CERTIFICATE))
        tool = tools.renewer(where, bundle.leaf)
        material = Material(
            names,
            bundle.chain_pem,
            bundle.key_pem,
            is_current=_is_installed(bundle, task.installed),
            is_development=all(name.endswith(LOCAL) for name in names)
            or (tool is not None and tool.id == "mkcert"),
        )
        if task.is_renewal:
            return Work(material=material)
        after, next_steps = tools.hand_on(tool, task.system, task.state, names[0])
        return Work((), material, after, bundle.notices, next_steps)

    def renew_after(self, certificate: "Certificate", _task: Task) -> "datetime":
        """When whoever renews it mostly has: with a third of its life left."""
        from wizard.pki import chain  # noqa: PLC0415  a certificate has loaded it

        return chain.renew_after(certificate)

    def prove(self, task: Task, *, with_clients: bool) -> Iterator[Event]:
        """Serves it on loopback: every name, and whether this machine trusts it."""
        from wizard.doctor.proof import prove_chain  # noqa: PLC0415  ssl, for a proof

        yield from prove_chain(
            task.system,
            task.installed.chain_path,
            task.installed.key_path,
            task.answers.texts("names"),
            # A corporate root may lack what RFC 5280 asks for; browsers take it all the same.
            is_strict=False,
            with_clients=with_clients,
        )


def _is_installed(bundle: "Bundle", installed: Installed) -> bool:
    chain, key = installed.chain, installed.key
    return (
        chain is not None
        and key is not None
        and chain.content == bundle.chain_pem()
        and key.content == bundle.key_pem().reveal()
    )
