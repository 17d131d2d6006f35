"""Pomerium's autocert: it gets and renews a certificate for the host of each route by itself."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from wizard.acme.eab import unpadded
from wizard.core import ourselves
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.events import Event, NextStep
from wizard.core.flow import Step
from wizard.core.questions import Problem, Value
from wizard.core.registry import Info
from wizard.core.secrets import resolve
from wizard.core.system import System
from wizard.pki.material import Setting, Settings, Task
from wizard.pki.names import never_public
from wizard.strategies import autocert_questions as asked
from wizard.strategies.base import Strategy, Work

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from wizard.pomerium.document import Document

REDIRECT: str = ":80"


class Autocert(Strategy):
    """Brings settings instead of a certificate."""

    info: ClassVar[Info] = Info(
        "autocert",
        "Pomerium's own autocert",
        "Pomerium gets a certificate for each route. Ports 80 and 443 must be public; no wildcard.",
    )
    example: ClassVar[Mapping[str, Value]] = {"names": ("app.corp.example.com",)}

    def check_names(
        self, names: Sequence[str], _answers: Answers, _system: System
    ) -> Problem | None:
        """A wildcard, which only DNS records can prove."""
        starred = next((name for name in names if name.startswith("*.")), None)
        if starred is None:
            return None
        return Problem(
            "autocert-wildcard",
            f"Pomerium's autocert gets no certificate for {starred}.",
            "Name the hosts of the routes one by one, or use the strategy dns-01.",
        )

    def steps(self, system: System, _given: Answers) -> Sequence[Step]:
        """Whose certificates they are, and where Pomerium keeps them."""
        return asked.steps(system)

    def work(self, task: Task) -> Work:
        """Settings; nothing for a renewal, which is Pomerium's own affair."""
        if task.is_renewal:
            return Work()
        from wizard.pomerium.surroundings import variables  # noqa: PLC0415  ruamel.yaml: 25 ms
        from wizard.strategies.autocert_checks import (  # noqa: PLC0415  as above
            Ground,
            findings,
            refuse,
        )

        answers, system = task.answers, task.system
        problem = never_public(answers.texts("names")) if asked.is_public(answers) else None
        if problem is not None:
            raise UsageError(*problem)
        document = _document(answers)
        settings = _settings(answers, system, document)
        around = variables(system, Path(answers.text("output.config") or "/"))
        ground = Ground(answers, system, document, around, settings)
        refuse(ground)
        notices = [f"{one.summary} {one.hint} [{one.code}]" for one in findings(ground)]
        return Work(notices=tuple(notices), next_steps=_next_steps(task), settings=settings)

    def renew_after(self, _certificate: "Certificate", _task: Task) -> None:
        """Never: Pomerium renews by itself."""

    def prove(
        self,
        task: Task,
        *,
        with_clients: bool,  # noqa: ARG002  a handshake with Pomerium asks no other program
    ) -> Iterator[Event]:
        """Tells which hosts have their certificate and why the others have none."""
        from wizard.strategies.autocert_proof import prove  # noqa: PLC0415  ssl, for a proof

        yield from prove(task.answers, task.system, _document(task.answers))


def _document(answers: Answers) -> "Document | None":
    from wizard.pomerium import config, variables  # noqa: PLC0415  ruamel.yaml costs 25 ms

    path = answers.text("output.config")
    if not path:
        return None
    read = variables.document if answers.text("output.form") == "env" else config.read
    return read(Path(path))


def _settings(answers: Answers, system: System, document: "Document | None") -> Settings:
    """Every setting of autocert, so that none of an earlier authority is left."""
    from wizard.pomerium.document import lookup, string  # noqa: PLC0415  ruamel.yaml costs 25 ms

    root = document.root if document is not None else None
    redirect = string(lookup(root, "http_redirect_addr")) or ""
    settings: dict[str, Setting] = {
        # Only with exactly this port Pomerium answers HTTP-01 (internal/autocert/manager.go).
        "http_redirect_addr": redirect if redirect.endswith(REDIRECT) else REDIRECT,
        "autocert": True,
        "autocert_dir": answers.text("autocert.directory"),
        "autocert_email": answers.text("autocert.email"),
        "autocert_use_staging": answers.flag("autocert.staging"),
        "autocert_ca": answers.text("autocert.authority_url"),
        "autocert_trusted_ca": "",
        "autocert_trusted_ca_file": answers.text("autocert.trusted_ca"),
        **_eab(answers, system),
    }
    if asked.is_letsencrypt(answers):
        settings["autocert_must_staple"] = False
    return settings


def _eab(answers: Answers, system: System) -> Settings:
    """What ties the account to one that exists; Pomerium has no place but its file for the key."""
    references = answers.text("autocert.eab_key_id"), answers.text("autocert.eab_hmac_key")
    needs = asked.authority(answers).needs_eab
    if not any(references) and not needs:
        return {"autocert_eab_key_id": "", "autocert_eab_mac_key": ""}
    if not all(references):
        raise UsageError(
            "eab-missing",
            "autocert.eab_key_id and autocert.eab_hmac_key tie the account to one that you have.",
            "Give both: env:NAME, file:/PATH." + ("" if needs else " Or neither."),
        )
    key_id, key = (resolve(one, system) for one in references)
    return {
        "autocert_eab_key_id": key_id.reveal().strip().decode(errors="replace"),
        "autocert_eab_mac_key": unpadded(key),
    }


def _next_steps(task: Task) -> tuple[NextStep, ...]:
    system, state = task.system, task.state
    again = ourselves.line(system, state, "--answers", "FILE")
    steps = [NextStep("Once Pomerium runs, see which hosts have their certificate", again)]
    if task.answers.flag("autocert.staging"):
        real = ourselves.line(system, state, "--answers", "FILE", "--set", "autocert.staging=false")
        steps.append(NextStep("When all of them have one of staging, get the real ones", real))
    return tuple(steps)
