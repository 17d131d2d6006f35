"""What `existing` asks: where certificate, key and chain are, unless that is seen by itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Detected, Kind, Problem, Question, Value
from wizard.core.secrets import resolve
from wizard.core.system import System

if TYPE_CHECKING:
    from wizard.pki.bundle import Bundle
    from wizard.pki.hoard import Hoard, Source

CERTIFICATE: Final = "existing.certificate"
KEY: Final = "existing.key"
PASSWORD: Final = "existing.password"  # noqa: S105  the name of an answer
CHAIN: Final = "existing.chain"
LOCKED: Final = frozenset({"password-missing", "password-wrong", "secret-missing"})


def opened(
    answers: Answers, system: System, names: Sequence[str], *, is_whole: bool = False
) -> "Bundle":
    """The certificate that the answers name; see `bundle.open_bundle`.

    Raises:
        UsageError: it cannot be served.
        WizardError: a file cannot be read.
    """
    from wizard.pki.bundle import open_bundle  # noqa: PLC0415  loads cryptography

    if not answers.text(CERTIFICATE):
        raise UsageError(
            "certificate-missing", "No certificate was named.", f"Name it in {CERTIFICATE}."
        )
    return open_bundle(system, _source(answers, system), names, is_whole=is_whole)


def glimpse(answers: Answers, system: System) -> "Bundle | None":
    """The certificate, as far as it can be told by now."""
    try:
        return opened(answers, system, ())
    except WizardError:
        return None


def _source(answers: Answers, system: System) -> "Source":
    from wizard.pki.hoard import Source  # noqa: PLC0415  loads cryptography

    def path(key: str) -> Path | None:
        return Path(answers.text(key)) if answers.text(key) else None

    reference = answers.text(PASSWORD)
    password = resolve(reference, system) if reference else None
    return Source(Path(answers.text(CERTIFICATE)), path(KEY), path(CHAIN), password)


def questions(system: System, given: Answers) -> tuple[Question, ...]:
    """Where the certificate is, and what else has to be asked about it.

    What was `given` is never passed over, also where nobody would have asked for it.
    """
    look = _Look(system)
    return (
        Question(
            CERTIFICATE,
            Kind.PATH,
            "Where is the certificate?",
            "A file, or the directory in which certbot, acme.sh or lego keeps it.",
            "PEM in any order, DER, PKCS #7 (.p7b) and PKCS #12 (.p12, .pfx) are read. It stays "
            "where it is; Pomerium gets a copy that it can read, in order and without the root.",
            default=look.found,
            check=look.certificate,
        ),
        Question(
            KEY,
            Kind.PATH,
            "Where is its private key?",
            "It is not in the same file, and not beside it under a name that tools use.",
            "It lies where the certificate was requested: PEM or DER, as PKCS #8, PKCS #1 or "
            "SEC 1, encrypted or not.",
            absent="key-missing",
            when=lambda answers: bool(given.text(KEY)) or look.lacks_key(answers),
            check=look.file,
        ),
        Question(
            PASSWORD,
            Kind.TEXT,
            "Where is the password that opens it?",
            "The file is encrypted. Pomerium gets the key without a password, for its eyes only.",
            "env:NAME or file:/PATH. Renewals need it too: a file that only you can read is best.",
            absent="password-missing",
            when=lambda answers: bool(given.text(PASSWORD)) or look.is_locked(answers),
            check=look.password,
        ),
        Question(
            CHAIN,
            Kind.PATH,
            "Where are the certificates of those who issued it?",
            "Clients need all of them up to the root; without them many refuse the certificate.",
            "A file or a directory, in any order. Empty is right where the issuer is itself a root "
            "that your clients trust.",
            default="",
            optional=True,
            when=lambda answers: bool(given.text(CHAIN)) or look.lacks_chain(answers),
            check=look.file,
        ),
    )


class _Look:
    """What is seen of the files so far, and what is wrong with an answer."""

    def __init__(self, system: System) -> None:
        self._system = system

    def found(self, _answers: Answers) -> Detected | None:
        """The one certificate of another tool."""
        from wizard.strategies.existing_tools import detect  # noqa: PLC0415  loads cryptography

        return detect(self._system)

    def certificate(self, value: Value, answers: Answers) -> Problem | None:
        """Whether there is one, and whether it can be served; its key is asked for next."""
        only = Answers().having(CERTIFICATE, value)
        if answers.text(PASSWORD):
            only = only.having(PASSWORD, answers.text(PASSWORD))
        problem = self._problem(only)
        return None if problem and problem.code in LOCKED else problem

    def file(self, value: Value, _answers: Answers) -> Problem | None:
        """Whether it can be read at all; what is in it is told with the certificate."""
        from wizard.pki.hoard import Source, gather  # noqa: PLC0415  loads cryptography

        try:
            gather(self._system, Source(Path(str(value))))
        except WizardError as error:
            return Problem(error.code, error.summary, error.hint)
        return None

    def password(self, value: Value, answers: Answers) -> Problem | None:
        """Whether it opens what is encrypted."""
        problem = validation.secret_reference(value, answers)
        if problem is not None or not answers.text(CERTIFICATE):
            return problem
        problem = self._problem(answers.having(PASSWORD, value), is_whole=True)
        return problem if problem and problem.code in LOCKED else None

    def is_locked(self, answers: Answers) -> bool:
        """Whether a password is needed."""
        hoard = self._hoard(answers)
        return hoard is not None and hoard.is_locked

    def lacks_key(self, answers: Answers) -> bool:
        """Whether no key is at hand, nor anything locked that may have it."""
        hoard = self._hoard(answers)
        return hoard is not None and not (hoard.is_locked or hoard.main.keys or hoard.keys.keys)

    def lacks_chain(self, answers: Answers) -> bool:
        """Whether no certificate of the issuer is at hand."""
        bundle = glimpse(answers, self._system)
        return bundle is not None and not bundle.route.issuers and bundle.route.root is None

    def _hoard(self, answers: Answers) -> "Hoard | None":
        from wizard.pki.hoard import gather  # noqa: PLC0415  loads cryptography

        if not answers.text(CERTIFICATE):
            return None
        try:
            return gather(self._system, _source(answers.without(PASSWORD), self._system))
        except WizardError:
            return None

    def _problem(self, answers: Answers, *, is_whole: bool = False) -> Problem | None:
        try:
            opened(answers, self._system, (), is_whole=is_whole)
        except WizardError as error:
            return Problem(error.code, error.summary, error.hint)
        return None
