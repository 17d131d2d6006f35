"""What each service of a split Pomerium gets: its configuration, certificate, key and authority.

Everything that is no matter between services comes from the one configuration that the target
keeps, as it will be once the plan is applied.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from wizard.core.actions import Action, WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.files import writable
from wizard.core.owners import is_owned, owner_of, private
from wizard.core.plan import Renewal
from wizard.core.system import Kept, System
from wizard.mtls import service_settings as settings
from wizard.mtls.base import Secured
from wizard.mtls.service_ports import clash
from wizard.mtls.service_settings import CA, CONFIG, Secrets, Source, Split
from wizard.mtls.service_starts import steps
from wizard.mtls.services import FOLDER
from wizard.pki import chain
from wizard.pki.authority import Authority
from wizard.pki.authority_files import load, write
from wizard.pki.issuance import Issuance, Terms, misfit
from wizard.pki.material import Installed
from wizard.pomerium.document import lookup, read, string
from wizard.pomerium.redact import redacted
from wizard.pomerium.secrets import new_secret

LIFETIME: Final = timedelta(days=365)
UNMADE: Final = Secrets(*2 * ("(32 random bytes, made when the file is written)",))


class Leaf(Issuance):
    """A service's certificate, of an authority that is made once for all of them."""

    def __init__(
        self, names: tuple[str, ...], system: System, of: Issuance, installed: Installed
    ) -> None:
        super().__init__(of.terms._replace(names=names), system, of.standing, of.covered, installed)
        self._of = of

    @cached_property
    def authority(self) -> Authority:
        """The authority of all of them."""
        return self._of.authority


class Sets:
    """The directories of the services, one each."""

    def __init__(self, answers: Answers, system: System, state: Path, renewal: Renewal) -> None:
        """Nothing is read yet."""
        self._answers = answers
        self._system = system
        self._state = state
        self._renewal = renewal
        self._split = Split.of(answers)
        self._owner = owner_of(answers.text("output.owner"), system)
        self._config = Path(os.path.realpath(answers.text("output.config")))

    def secured(self) -> Secured:
        """The authority's files, then those of each service once the configuration is written.

        Raises:
            WizardError: `service-without-idp`, `service-port`, `same-file`, or a file cannot be
                read.
        """
        made: list[Action] = []
        if self._authority.standing is None:
            directory = self._state / FOLDER
            made += write(
                self._system,
                directory,
                self._authority,
                "Pomerium's services",
                "they show each other",
            )
        return Secured(tuple(made), finish=self._finish)

    def _refuse(self, source: Source) -> None:
        """Refuses what no service could start with."""
        signing_in = self._split.authenticate
        if signing_in and not source.get("idp_provider"):
            raise UsageError(
                "service-without-idp",
                f"{self._config} names no identity provider for {signing_in}.",
                "Set idp_provider, idp_client_id and idp_client_secret there, or leave "
                "mtls.authenticate_service_url empty.",
            )
        found = clash(self._split, source)
        if found is not None:
            one, other, port = found
            raise UsageError(
                "service-port",
                f"{one} and {other} would both listen on port {port} of this machine.",
                "Give one of them another port, as in https://HOST:8443: mtls.*_service_url here, "
                f"`address` and `health_check_addr` in {self._config}.",
            )
        own = [self._split.directory / each / CONFIG for each in self._split.services]
        if str(self._config) in map(os.path.realpath, own):
            raise UsageError(
                "same-file",
                f"The services are made from {self._config}, which is that of one of them.",
                "Name the configuration of all in output.config, or another "
                "mtls.services_directory.",
            )

    def _notices(self, source: Source) -> Iterator[str]:
        yield (
            f"The settings of all services come from {self._config}. Change them there and run "
            "this again; Pomerium is not to be started with that file any more."
        )
        if source.get("databroker_storage_type", "memory") == "memory":
            yield (
                "The databroker keeps sessions in memory: run one of it, and a restart signs "
                f"everybody out. databroker_storage_type in {self._config} says otherwise."
            )
        if self._split.override:
            yield (
                "No certificate of ours is for an IP address: callers expect the name "
                f"{self._split.override} there (override_certificate_name)."
            )
        named = source.get("certificate_authority_file")
        if named and not self._theirs(source):
            yield (
                f"certificate_authority_file in {self._config} cannot be read here: add the "
                "authorities in it to the ca.pem of each service."
            )

    # ── certificates ───────────────────────────────────────────────────────────────────────────

    @cached_property
    def _former(self) -> Authority | None:
        return load(self._system, self._state, FOLDER)

    @property
    def _former_root(self) -> bytes:
        return chain.to_pem([self._former.root]) if self._former else b""

    @cached_property
    def _authority(self) -> Issuance:
        """The authority that stands or, where it cannot go on, a new one for the same and more."""
        terms = Terms(self._split.every_name, "ecdsa-p256", LIFETIME, constrain=True)
        standing = self._former
        covered = (*terms.names, *((standing.permitted or ()) if standing else ()))
        is_renewal = self._renewal is not Renewal.NO
        if standing and misfit(standing, terms, self._system.now(), is_renewal=is_renewal):
            standing = None
        nothing = Installed(Path(), Path(), None, None)
        return Issuance(terms, self._system, standing, covered, nothing)

    def _identity(self, service: str, source: Source | None) -> Iterator[WriteFile]:
        """What a service shows, and whom it believes."""
        if service in self._split.listening:
            yield from self._certificate(service)
        yield from self._trust(service, source)

    def _certificate(self, service: str) -> Iterator[WriteFile]:
        """A service's key and certificate, where they are missing or no good any more."""
        folder = self._split.directory / service
        chain_path, key_path = (folder / name for name in settings.files_of(service))
        there = Installed(
            chain_path,
            key_path,
            self._system.keep(chain_path),
            private(key_path, self._system),
        )
        is_forced = self._renewal is Renewal.NOW
        seen = there._replace(chain=None, key=None) if is_forced else there
        leaf = Leaf(self._split.names_of(service), self._system, self._authority, seen)
        is_current = leaf.current is not None
        if not (is_current and is_owned(there.key, self._owner)):
            yield self._write(
                key_path,
                "private key",
                f"Proves to the other services that this is {service}.",
                lambda: leaf.key().reveal(),
                there.key,
                mode=0o600,
            )
        if not (is_current and is_owned(there.chain, self._owner)):
            yield self._write(
                chain_path,
                "certificate chain",
                f"For {', '.join(leaf.terms.names)}; the leaf first, then what issued it.",
                leaf.chain_pem,
                there.chain,
            )

    def _trust(self, service: str, source: Source | None) -> Iterator[WriteFile]:
        """The authority, and those that the configuration names, which it would else replace.

        A renewal has no configuration: somebody may be at it, and what was trusted besides stays.
        """
        path = self._split.directory / service / CA
        before = self._system.keep(path)
        if source is not None:
            theirs = self._theirs(source)
        elif before is not None:
            theirs = before.content.removeprefix(self._former_root)
        else:
            return
        if (
            self._authority.standing
            and before
            and is_owned(before, self._owner)
            and before.content == self._authority.root_pem() + theirs
        ):
            return
        yield self._write(
            path,
            "authority of the services",
            "By it the service knows the others; it holds no secret.",
            lambda: self._authority.root_pem() + theirs,
            before,
        )

    def _theirs(self, source: Source) -> bytes:
        """The authorities in the file that the configuration names."""
        return self._named(source, "certificate_authority_file")

    def _named(self, source: Source, setting: str) -> bytes:
        """What is in a file that the configuration names, as far as this machine has it."""
        path = source.get(setting)
        kept = self._system.keep(Path(str(path))) if path else None
        return kept.content if kept else b""

    # ── configurations ─────────────────────────────────────────────────────────────────────────

    def _finish(self, delivered: Sequence[Action]) -> Secured:
        """Each service's files, given what the target delivers."""
        services = self._split.services
        if self._renewal is not Renewal.NO:
            return Secured(tuple(one for each in services for one in self._identity(each, None)))
        writes = (one for one in delivered if isinstance(one, WriteFile))
        pending = next((one for one in writes if one.path == self._config), None)
        kept = self._system.keep(self._config)
        name = str(self._config)

        @cache
        def source() -> Source:
            content = pending.content() if pending else kept.content if kept else b""
            return settings.read(content, name)

        # What is new has secrets that are made at apply.
        is_new = pending is not None and pending.before is None
        shown = pending.shown()[1].encode() if pending and is_new else None
        planned = settings.read(shown, name) if shown is not None else source()
        actions: list[WriteFile] = []
        for service in services:
            actions += self._identity(service, planned)
            actions += self._configuration(service, source, planned, is_known=not is_new)
        self._refuse(planned)
        return Secured(
            tuple(actions),
            notices=tuple(self._notices(planned)),
            next_steps=steps(self._answers, self._system, self._split, planned),
        )

    def _configuration(
        self, service: str, source: Callable[[], Source], planned: Source, *, is_known: bool
    ) -> Iterator[WriteFile]:
        """A service's configuration, where it is not as it should be."""
        path = self._split.directory / service / CONFIG
        before = self._system.keep(path)
        if before and is_known and all(self._found(planned)) and is_owned(before, self._owner):
            secrets = self._secrets(planned)
            if before.content == settings.written(self._split, service, planned, secrets):
                return

        def content() -> bytes:
            return settings.written(self._split, service, source(), self._secrets(source()))

        def shown() -> tuple[str, str]:
            after = settings.written(self._split, service, planned, UNMADE)
            return redacted(before.content) if before else "", redacted(after)

        yield self._write(
            path,
            f"configuration of {service}",
            f"All that this service has to know, made from {self._config}.",
            content,
            before,
            mode=0o600,
            shown=shown,
        )

    # ── secrets ────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _standing(self) -> dict[str, str]:
        """The secrets that the services have already."""
        found: dict[str, str] = {}
        for service in self._split.services:
            document = read(self._split.directory / service / CONFIG)
            for name in ("shared_secret", "cookie_secret"):
                value = string(lookup(document.root, name)) if document else None
                if value:
                    found.setdefault(name, value)
        return found

    @cached_property
    def _new(self) -> Secrets:
        return Secrets(new_secret(), new_secret())

    def _found(self, source: Source) -> Iterator[str]:
        """The secrets that are there: the services' own, else the configuration's."""
        for name in ("shared_secret", "cookie_secret"):
            said = str(source.get(name) or "")
            file = self._named(source, f"{name}_file").decode(errors="replace").strip()
            yield self._standing.get(name) or said or file

    def _secrets(self, source: Source) -> Secrets:
        """The secrets that are there, and new ones for those that are not."""
        shared, cookie = self._found(source)
        return Secrets(str(shared or self._new.shared), str(cookie or self._new.cookie))

    def _write(
        self,
        path: Path,
        what: str,
        why: str,
        content: Callable[[], bytes],
        before: Kept | None,
        *,
        mode: int = 0o644,
        shown: Callable[[], tuple[str, str]] = lambda: ("", ""),
    ) -> WriteFile:
        writable(path)
        return WriteFile(
            path, what, why, cache(content), mode, self._owner, before, shown, directory_mode=0o700
        )
