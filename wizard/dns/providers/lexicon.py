"""Some ninety DNS providers through the library dns-lexicon, which is an optional extra."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.questions import Question
from wizard.core.registry import Info
from wizard.core.secrets import Secret, resolve
from wizard.core.system import System
from wizard.dns.providers import lexicon_options as known
from wizard.dns.providers.base import Keep, Txt, forgotten

if TYPE_CHECKING:
    from lexicon.interfaces import Provider as Library

T = TypeVar("T")

TTL: Final = 60
"""In seconds, so that the values of a rehearsal are forgotten before the real ones are asked for.

Not every provider takes one so short; then the library's own is tried, which all of them take.
"""
SECONDS: Final = 60.0
"""For one call: the library itself waits forever."""
LONGEST: Final = 300
"""How many characters of what a provider said an error shows."""


class Lexicon:
    """Calls the API of whoever hosts the zone."""

    info: ClassVar[Info] = Info(
        "lexicon", "A provider's API", "Cloudflare, Hetzner, OVH, PowerDNS and some ninety others"
    )
    is_manual: ClassVar[bool] = False
    settles: ClassVar[bool] = True

    def __init__(self, answers: Answers, system: System) -> None:
        """Reads the answers.

        Raises:
            UsageError: `lexicon-missing`, `lexicon-unknown`, `lexicon-extra-missing`, or
                `secret-missing`.
        """
        self._provider = answers.text(known.PROVIDER.key)
        problem = known.PROVIDER.check(self._provider, answers)
        if problem is not None:
            raise UsageError(problem.code, problem.summary, problem.hint)
        self._values: dict[str, Secret | object] = {}
        for option in known.described(self._provider):
            value = answers.values.get(option.question.key, option.question.constant())
            if value is True:
                # Where the library wants a flag any text will do, and elsewhere it wants this one.
                self._values[option.name] = "true"
            elif isinstance(value, str) and value and option.is_secret:
                secret = resolve(value, system)
                self._values[option.name] = _wrapped(secret) if option.is_wrapped else secret
            elif isinstance(value, str) and value:
                self._values[option.name] = option.convert(value)

    @classmethod
    def questions(cls) -> Sequence[Question]:
        """Which provider; what that one needs is in `lexicon_options.options`."""
        return (known.PROVIDER,)

    def publish(self, records: Sequence[Txt], _keep: Keep = forgotten) -> None:
        """Creates each value beside those that are there.

        Raises:
            WizardError: `provider-authentication`, `provider-zone-unknown`,
                `provider-rate-limited`, `provider-unreachable`, `provider-unavailable`,
                `provider-failed`; `provider-keeps-one-value` when of two values at one name the
                second replaced the first.
        """
        for zone, here in _by_zone(records).items():
            try:
                with self._opened(zone, TTL) as there:
                    there.create(here)
            except WizardError as error:
                if error.code != "provider-failed":
                    raise
                with self._opened(zone) as there:
                    there.create(here)

    def remove(self, records: Sequence[Txt]) -> None:
        """Deletes exactly these values.

        Raises:
            WizardError: as `publish`.
        """
        for zone, here in _by_zone(records).items():
            with self._opened(zone) as there:
                there.delete(here)

    @contextmanager
    def _opened(self, zone: str, ttl: int | None = None) -> "Iterator[_Opened]":
        """The zone at the provider, logged in."""
        from lexicon.config import ConfigResolver  # noqa: PLC0415  only where it was chosen

        seen = {
            name: value.reveal().decode(errors="replace") if isinstance(value, Secret) else value
            for name, value in self._values.items()
        }
        secrets = [str(seen[name]) for name in seen if isinstance(self._values[name], Secret)]
        settings: dict[str, object] = {
            "provider_name": self._provider,
            "domain": zone,
            self._provider: seen,
        }
        # The library's own client guesses the zone from a list that it downloads; we know it. Nor
        # does it read settings from the environment this way.
        config = ConfigResolver()  # type: ignore[no-untyped-call]
        config.with_dict(settings | ({"ttl": ttl} if ttl else {}))
        with _quiet():
            opening = _Opened(self._provider, zone, secrets)
            opening.library = opening.do(partial(known.load(self._provider), config), "open")
            try:
                opening.do(opening.library.authenticate, "open")
                yield opening
            finally:
                with suppress(WizardError):
                    opening.do(opening.library.cleanup, "close")


class _Opened:
    """A zone at a provider: calls of the library that end in time, and whose errors are told."""

    library: "Library"

    def __init__(self, provider: str, zone: str, secrets: Sequence[str]) -> None:
        self._provider, self._zone, self._secrets = provider, zone, secrets

    def create(self, records: Sequence[Txt]) -> None:
        """Creates every value; of several at one name it looks whether all of them stand."""
        for record in records:
            for value in record.values:
                self._change(self.library.create_record, record.name, value, stands=True)
            found = self._values(record.name) if len(record.values) > 1 else frozenset()
            # A provider that is slow to list what it has lacks the last one, not the first.
            if record.values[-1] in found and not found.issuperset(record.values):
                raise WizardError(
                    "provider-keeps-one-value",
                    f"{self._provider} keeps only one TXT value at {record.name}; "
                    f"{len(record.values)} have to stand there together.",
                    "Take a wildcard and its domain in two certificates, or delegate that name by "
                    "a CNAME into a zone elsewhere.",
                )

    def delete(self, records: Sequence[Txt]) -> None:
        """Deletes every value."""
        delete = partial(self.library.delete_record, None)
        for record in records:
            for value in record.values:
                self._change(delete, record.name, value, stands=False)

    def _change(
        self, change: Callable[[str, str, str], bool], name: str, value: str, *, stands: bool
    ) -> None:
        """Makes a change; one that had been made already some providers refuse."""
        try:
            if self.do(partial(change, "TXT", name, value), "change") is not False:
                return
            failed = self._failed("it said no more than that")
        except WizardError as error:
            failed = error
        try:
            is_so = (value in self._values(name)) is stands
        except WizardError:
            is_so = False
        if not is_so:
            raise failed

    def _values(self, name: str) -> frozenset[str]:
        rows = self.do(partial(self.library.list_records, "TXT", name), "list")
        return frozenset(str(row.get("content", "")).strip('"') for row in rows)

    def do(self, call: Callable[[], T], verb: str) -> T:
        """Calls the library and waits for so long as a person would.

        Raises:
            WizardError: see `Lexicon.publish`.
        """
        from threading import Thread  # noqa: PLC0415  as above

        done: list[T] = []
        failed: list[Exception] = []

        def work() -> None:
            try:
                done.append(call())
            except Exception as error:  # noqa: BLE001  providers raise bare exceptions
                failed.append(error)

        thread = Thread(target=work, daemon=True)
        thread.start()
        thread.join(SECONDS)
        if done:
            return done[0]
        raise self._told(failed[0], verb) if failed else self._silent() from None

    # ── errors ─────────────────────────────────────────────────────────────────────────────────

    def _told(self, error: Exception, verb: str) -> WizardError:
        from lexicon.exceptions import AuthenticationError  # noqa: PLC0415  as above
        from requests import HTTPError, RequestException  # noqa: PLC0415

        text = self._scrubbed(str(error))
        match error:
            # The library uses this one too for a zone that the account does not have.
            case AuthenticationError() if re.search(r"\b(domain|zone)", text, re.IGNORECASE):
                return self._zone_unknown(text)
            case AuthenticationError():
                return self._unauthenticated(text)
            case HTTPError() if error.response is not None:
                reply = error.response
                later = reply.headers.get("Retry-After", "")
                text = self._scrubbed(f"status {reply.status_code}: {reply.text[:LONGEST]}")
                return self._status(reply.status_code, text, later, verb)
            case RequestException() if isinstance(error, ValueError):
                return self._failed(text)
            case OSError():
                return self._silent()
            case _:
                return self._failed(text or type(error).__name__)

    def _status(self, status: int, text: str, later: str, verb: str) -> WizardError:
        match status:
            case 401 | 403:
                return self._unauthenticated(text)
            case 404 | 422 if verb == "open":
                return self._zone_unknown(text)
            case 429:
                return WizardError(
                    "provider-rate-limited",
                    f"{self._provider} takes no more calls for now.",
                    f"Run again in {later} seconds." if later.isdecimal() else "Run again later.",
                )
            case _ if status >= 500:  # noqa: PLR2004  RFC 9110, 15.6
                return WizardError(
                    "provider-unavailable",
                    f"{self._provider} is out of order: {text}",
                    "Run again later: the order goes on with the same records.",
                )
        return self._failed(text)

    def _unauthenticated(self, text: str) -> WizardError:
        return WizardError(
            "provider-authentication",
            f"{self._provider} does not accept the credentials{f': {text}' if text else '.'}",
            "Look at what your account there calls them, and whether they may change the zone "
            f"{self._zone}.",
        )

    def _zone_unknown(self, text: str) -> WizardError:
        return WizardError(
            "provider-zone-unknown",
            f"The account at {self._provider} has no zone {self._zone}: {text}",
            "Look whether the zone is hosted there, in this account, and may be seen with these "
            "credentials.",
        )

    def _silent(self) -> WizardError:
        return WizardError(
            "provider-unreachable",
            f"{self._provider} does not answer.",
            "Look whether this machine reaches it, through its proxy where there is one, and "
            "whether the address is right where you gave one.",
        )

    def _failed(self, text: str) -> WizardError:
        return WizardError(
            "provider-failed",
            f"{self._provider} could not do it for {self._zone}: {text}",
            "Look at the answers below dns_01.provider; what they mean there is in the "
            "documentation of dns-lexicon.",
        )

    def _scrubbed(self, text: str) -> str:
        """An error's text on one line without secrets, which some providers want in URLs."""
        from urllib.parse import quote, quote_plus  # noqa: PLC0415  as above

        for secret in self._secrets:
            for form in (secret, quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(form, "…")
        return " ".join(re.sub(r"\?\S*", "", text).split())[:LONGEST]


def _by_zone(records: Sequence[Txt]) -> Mapping[str, list[Txt]]:
    zones: dict[str, list[Txt]] = {}
    for record in records:
        zones.setdefault(record.zone, []).append(record)
    return zones


def _wrapped(secret: Secret) -> Secret:
    """A secret file's content as the library takes it in place of the file's name."""
    content, mark = secret.reveal(), known.WRAPPED.encode()
    return secret if content.startswith(mark) else Secret(mark + b64encode(content))


@contextmanager
def _quiet() -> Iterator[None]:
    """Lets nothing be printed or logged: the library logs whole requests, some providers print."""
    import io  # noqa: PLC0415  as above
    import logging  # noqa: PLC0415
    import warnings  # noqa: PLC0415
    from contextlib import redirect_stderr, redirect_stdout  # noqa: PLC0415

    before = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            with redirect_stderr(io.StringIO()):
                yield
    finally:
        logging.disable(before)
