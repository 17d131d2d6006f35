"""A local certificate authority: offline, trusted on this machine only, for development."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from wizard.core import ourselves, validation
from wizard.core.actions import Action
from wizard.core.answers import AUTO, Answers
from wizard.core.errors import WizardError
from wizard.core.events import Event, NextStep
from wizard.core.flow import Step
from wizard.core.plan import Renewal
from wizard.core.questions import Choice, Kind, Problem, Question, Value
from wizard.core.registry import Info
from wizard.core.secrets import resolve
from wizard.core.system import System
from wizard.pki import chain
from wizard.pki.authority import Authority
from wizard.pki.authority_files import load, write
from wizard.pki.issuance import Issuance, Terms, misfit
from wizard.pki.leaf import LONGEST
from wizard.pki.material import Export, Material, Task
from wizard.strategies.base import Strategy, Work
from wizard.strategies.questions import KEY_TYPES

STORES: Final = (
    ("system", "The operating system", ("linux", "macos", "windows")),
    ("nss", "Firefox and Chromium", ("nss",)),
    ("java", "Java", ("java",)),
)
if TYPE_CHECKING:
    from wizard.trust.base import Anchor


class LocalCa(Strategy):
    """Issues from a root of this machine's own, which can vouch for no other names."""

    info: ClassVar[Info] = Info(
        "local-ca",
        "Local development CA",
        "A private root that this machine trusts. Works offline, in a minute; not for the public.",
    )

    names: ClassVar[tuple[str, ...]] = ("*.localhost.pomerium.io", "localhost.pomerium.io")
    example: ClassVar[Mapping[str, Value]] = {}

    def check_names(
        self, _names: Sequence[str], _answers: Answers, _system: System
    ) -> Problem | None:
        """Nothing: an authority of this machine's own may vouch for any name."""
        return None

    def steps(self, system: System, _given: Answers) -> Sequence[Step]:
        """Where the root is trusted, and what the certificate is like."""
        return (
            Step("trust", "Trust stores", (_stores(system),)),
            Step("certificate", "Certificate", CERTIFICATE),
        )

    def work(self, task: Task) -> Work:
        """A root where none fits, a leaf where none is good, trust where it is missing."""
        answers, system, state, installed = task.answers, task.system, task.state, task.installed
        terms, now = _terms(answers), system.now()
        old = load(system, state)
        if old is not None and now < old.issuer.not_valid_before_utc:
            raise _clock_behind(old, now, state)
        reason = misfit(old, terms, now, is_renewal=task.is_renewal) if old else ""
        fits = old is not None and not reason
        if task.renewal is Renewal.NOW:
            installed = installed._replace(chain=None, key=None)
        # A new root is also for what the old one covered, which it replaces.
        covered = (*terms.names, *((old.permitted or ()) if old else ()))
        issuance = Issuance(terms, system, old if fits else None, covered, installed)
        before: list[Action] = []
        notices: list[str] = []
        if not fits:
            ca = state / "ca"
            before = [*write(system, ca, issuance, "clients", "Pomerium serves")]
            if old is not None:
                notices.append(
                    f"The root {old.name} cannot vouch for these answers: {reason}. So a new root "
                    "replaces it. Certificates of the old one stop being trusted; renew makes them "
                    "again."
                )
        if not terms.constrain:
            notices.append(
                "The root is not constrained: whoever gets the issuer's key from the state "
                "directory can pretend to be any site in the world to whoever trusts this root."
            )
        material = Material(
            terms.names,
            issuance.chain_pem,
            issuance.key,
            is_current=issuance.current is not None,
            is_development=True,
            root=issuance.root_pem,
            has_root=fits,
            exports=_exports(task, issuance),
        )
        trusts = _wanted(answers) and not (fits and task.is_renewal)
        after = _trust(task, issuance, old) if trusts else ()
        next_steps = () if task.is_renewal else _next_steps(task)
        return Work(tuple(before), material, after, tuple(notices), next_steps)

    def renew_after(self, certificate: Certificate, _task: Task) -> datetime:
        """When a third of its life is left."""
        return chain.renew_after(certificate)

    def prove(self, task: Task, *, with_clients: bool) -> Iterator[Event]:
        """Serves the certificate on loopback, checks it, and asks the clients of this machine."""
        from wizard.doctor.proof import prove  # noqa: PLC0415  ssl, only when there is something

        yield from prove(
            task.system,
            task.installed.chain_path,
            task.installed.key_path,
            task.state / "ca" / "root.pem",
            task.answers.texts("names"),
            with_clients=with_clients and bool(_wanted(task.answers)),
        )


def anchor_of(authority: Authority, state: Path) -> "Anchor":
    """An authority's root, as trust stores take it."""
    from wizard.trust.base import Anchor  # noqa: PLC0415  stores = [] needs none of it

    der = authority.root.public_bytes(Encoding.DER)
    return Anchor(authority.name, der, state / "ca" / "root.pem")


def _terms(answers: Answers) -> Terms:
    return Terms(
        answers.texts("names"),
        answers.text("local_ca.key_type"),
        validation.duration(answers.text("local_ca.lifetime")) or timedelta(90),
        answers.flag("local_ca.constrain_names"),
    )


def _clock_behind(authority: Authority, now: datetime, state: Path) -> WizardError:
    """A new root would be no way out: made by a wrong clock, it is what everybody else refuses."""
    begins = authority.issuer.not_valid_before_utc
    return WizardError(
        "clock-behind",
        f"The clock says {now:%Y-%m-%d %H:%M} UTC, but the local CA begins at "
        f"{begins:%Y-%m-%d %H:%M} UTC.",
        f"Set the clock right. If it is, move {state / 'ca'} away to have a new root made.",
    )


def _exports(task: Task, issuance: Issuance) -> tuple[Export, ...]:
    """The forms of the certificate and of its root that were asked for."""
    wanted = task.answers.texts("local_ca.export")
    if not wanted:
        return ()
    from wizard.pki import pkcs12  # noqa: PLC0415  only an export needs it

    reference = task.answers.text("local_ca.export_password")
    password = resolve(reference, task.system) if reference else pkcs12.CUSTOMARY
    every = pkcs12.exports(
        issuance.installed.chain_path, lambda: (issuance.authority, issuance.leaf), password
    )
    return tuple(export for form, export in every.items() if form in wanted or wanted == AUTO)


def _wanted(answers: Answers) -> tuple[str, ...]:
    return answers.texts("local_ca.stores")


def _trust(task: Task, issuance: Issuance, old: Authority | None) -> tuple[Action, ...]:
    """Trust in every place that lacks it; a replaced root goes where the new one comes."""
    from wizard.trust.action import changes  # noqa: PLC0415  stores = [] needs none of it
    from wizard.trust.base import Anchor  # noqa: PLC0415

    standing, state = issuance.standing, task.state
    nobody = Anchor("pomcert XXXXXXXX", b"", state / "ca" / "root.pem")
    return changes(
        task.system,
        _wanted(task.answers),
        lambda: anchor_of(issuance.authority, state),
        anchor_of(standing, state) if standing else nobody,
        anchor_of(old, state) if old is not None and standing is None else None,
    )


def _next_steps(task: Task) -> tuple[NextStep, ...]:
    trust = ourselves.line(task.system, task.state, "trust", "install")
    renew = ourselves.line(task.system, task.state, "renew")
    untrusted = () if _wanted(task.answers) else (NextStep("Have this machine trust it", trust),)
    return (*untrusted, NextStep("Renew it when it is due, best from a timer", renew))


def _stores(system: System) -> Question:
    def offered() -> tuple[Choice, ...]:
        from wizard.trust import places  # noqa: PLC0415  stores = [] needs none of it

        found = places(system, AUTO)
        return tuple(
            Choice(word, title, ", ".join(p.title for s, p in found if s in stores) or "none here")
            for word, title, stores in STORES
        )

    return Question(
        "local_ca.stores",
        Kind.MANY,
        "Which trust stores should get the root?",
        "Only clients whose store has the root show a green padlock.",
        "The system store serves curl, wget, Go and most of the command line. nss is where Firefox "
        "and Chromium keep theirs on Linux. java is every Java runtime that is found. auto means "
        "every store found here; none at all is fine too: clients can be given the root file.",
        default=AUTO,
        choices=offered,
    )


CERTIFICATE: Final = (
    Question(
        "local_ca.key_type",
        Kind.CHOICE,
        "Which kind of key?",
        "P-256 is fast and accepted everywhere; RSA is for clients from before 2012.",
        "It is used for the root, the issuer and the certificate. Another kind means a new root.",
        default="ecdsa-p256",
        choices=KEY_TYPES,
        advanced=True,
    ),
    Question(
        "local_ca.lifetime",
        Kind.TEXT,
        "How long is a certificate valid?",
        "It is renewed without privilege when a third of its life is left.",
        "Write 90d for ninety days or 36h for hours. At most 825d, or Apple's clients refuse it.",
        default="90d",
        advanced=True,
        check=validation.lifetime(LONGEST),
    ),
    Question(
        "local_ca.export",
        Kind.MANY,
        "Which other forms of the certificate are needed?",
        "Pomerium needs none of them; some clients and servers take no PEM.",
        "They are written beside the certificate, readable by its owner only, and made anew with "
        "each renewal.",
        default=(),
        choices=(
            Choice("pkcs12", "PKCS #12", "certificate, chain and private key in one file"),
            Choice("java-truststore", "Java trust store", "the root, for Java programs"),
        ),
        advanced=True,
    ),
    Question(
        "local_ca.export_password",
        Kind.TEXT,
        "Where is the password for those files?",
        "They are encrypted under it; whoever imports them has to know it.",
        "env:NAME or file:/PATH. Empty means the word changeit, which every Java runtime uses.",
        default="",
        optional=True,
        advanced=True,
        when=lambda answers: bool(answers.texts("local_ca.export")),
        check=validation.secret_reference,
    ),
    Question(
        "local_ca.constrain_names",
        Kind.FLAG,
        "Limit the root to these names?",
        "A stolen key of a limited root is worth nothing anywhere else.",
        "The root then carries critical name constraints (RFC 5280, 4.2.1.10). Only clients built "
        "on mbedTLS or old wolfSSL, mostly in devices, cannot read it. Without the limit, whoever "
        "gets the issuer's key can pretend to be any site to whoever trusts the root.",
        default=True,
        advanced=True,
    ),
)
