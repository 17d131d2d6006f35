"""Plain files: a certificate, its key and Pomerium's configuration, where Pomerium reads them."""

import os
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import ClassVar, Final

from wizard.core import validation
from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.errors import UsageError, WizardError
from wizard.core.events import NextStep
from wizard.core.files import writable
from wizard.core.flow import Step
from wizard.core.questions import Detected, Kind, Question
from wizard.core.registry import Info
from wizard.core.system import Command, Kept, System
from wizard.pki import names
from wizard.pki.material import Installed, Material
from wizard.targets.base import Delivery

PACKAGED = "/etc/pomerium/config.yaml"
MADE_AT_APPLY = "(32 random bytes, made when the file is written)"
OTHERS = 0o007
LONGEST_STEM = 200


class Files:
    """Writes certificate, key and configuration; Pomerium reloads them by itself."""

    info: ClassVar[Info] = Info(
        "files", "Plain files", "Certificate, key and configuration where Pomerium reads them."
    )

    def steps(self, system: System) -> Sequence[Step]:
        """Where the files go, and the first route of a configuration that does not exist yet."""
        return (
            Step("output", "Output", _output(system)),
            Step("route", "First route", ROUTE),
        )

    def installed(self, answers: Answers, system: System) -> Installed:
        """The certificate and the key that are there now.

        Raises:
            WizardError: `key-mode` when everybody can read the key.
        """
        directory = Path(answers.text("output.directory"))
        stem = _stem(answers.texts("names")[0])
        chain, key = directory / f"{stem}.pem", directory / f"{stem}-key.pem"
        return Installed(chain, key, system.keep(chain), _private(key, system))

    def deliver(self, answers: Answers, system: System, material: Material) -> Delivery:
        """The key, the chain, the root, and the configuration that names them."""
        installed = self.installed(answers, system)
        owner = _owner(answers.text("output.owner"), system)
        actions: list[WriteFile] = []
        if not material.is_current:
            actions += [
                WriteFile(
                    installed.key_path,
                    "private key",
                    "Proves that this Pomerium owns the certificate. Nobody else may read it.",
                    lambda: material.key().reveal(),
                    mode=0o600,
                    owner=owner,
                    before=installed.key,
                ),
                WriteFile(
                    installed.chain_path,
                    "certificate chain",
                    f"For {', '.join(material.names)}; the leaf first, then what issued it.",
                    material.chain,
                    owner=owner,
                    before=installed.chain,
                ),
            ]
        actions += _root(installed.chain_path.with_name("ca.pem"), system, material)
        actions += _exports(system, material, owner)
        for action in actions:
            writable(action.path)
        if material.is_renewal:
            return Delivery(tuple(actions))
        name_them = "Name them in Pomerium's configuration, under certificates"
        files = f"- cert: {installed.chain_path}\n  key: {installed.key_path}"
        config = Delivery((), (), (NextStep(name_them, files),))
        if answers.text("output.config"):
            config = _config(answers, system, material, installed)
        return config._replace(actions=(*actions, *config.actions))


def _stem(name: str) -> str:
    """A file name for a certificate's first name; file systems take at most 255 bytes."""
    stem = name.replace("*", "_wildcard")
    if len(stem) <= LONGEST_STEM:
        return stem
    from hashlib import sha256  # noqa: PLC0415  hardly a name is that long

    return f"{stem[: LONGEST_STEM - 17]}-{sha256(name.encode()).hexdigest()[:16]}"


def _private(path: Path, system: System) -> Kept | None:
    """The file that holds a private key, if there is one that nobody else can read."""
    kept = system.keep(path)
    if kept is not None and kept.mode & OTHERS:
        raise WizardError(
            "key-mode",
            f"The private key {path} has mode {kept.mode:04o}: everybody can read it.",
            f"Delete it to have a new one made, or, if nobody read it: chmod 0600 {path}",
        )
    return kept


def _root(path: Path, system: System, material: Material) -> list[WriteFile]:
    """The root beside the certificate, for clients that must be given it."""
    before = system.keep(path)
    if material.root is None:
        return []
    if material.is_current and before is not None and before.content == material.root():
        return []
    why = "For clients that must be given the root by name; it holds no secret."
    return [WriteFile(path, "root certificate", why, material.root, before=before)]


def _exports(system: System, material: Material, owner: tuple[int, int] | None) -> list[WriteFile]:
    """The other forms that were asked for, where they are missing or hold something else."""
    actions = []
    for export in material.exports:
        before = _private(export.path, system)
        if material.is_current and before is not None and export.fits(before.content):
            continue
        actions.append(
            WriteFile(
                export.path,
                export.what,
                export.why,
                # Encrypting salts: asked twice it would give other bytes.
                cache(export.content),
                mode=0o600,
                owner=owner,
                before=before,
            )
        )
    return actions


def _config(answers: Answers, system: System, material: Material, installed: Installed) -> Delivery:
    """An edit of the configuration that is there, or a whole new one."""
    # Unlike Path.resolve this leaves a loop of links for `read` to tell.
    path = Path(os.path.realpath(answers.text("output.config")))
    if not os.path.lexists(path):
        return _new_config(path, answers, material, installed)
    from wizard.pomerium import config  # noqa: PLC0415  ruamel.yaml costs 25 ms

    document = config.read(path)
    if document is None:
        return _new_config(path, answers, material, installed)
    before = system.keep(path)
    edit = config.with_certificate(
        document,
        installed.chain_path,
        installed.key_path,
        material.names,
        partial(_names_at, system=system),
    )
    if not edit.changed or before is None:
        return Delivery((), edit.notices)
    action = WriteFile(
        path,
        "Pomerium's configuration",
        "Names the certificate; everything else in the file stays as it is.",
        lambda: edit.text,
        before=before,
        shown=lambda: (config.redacted(before.content), config.redacted(edit.text)),
    )
    writable(path)
    start = NextStep("Start Pomerium; a running one has read it already", _start(path))
    return Delivery((action,), edit.notices, (start,))


def _new_config(path: Path, answers: Answers, material: Material, installed: Installed) -> Delivery:
    from wizard.pomerium.new_config import new_config  # noqa: PLC0415  ruamel.yaml costs 25 ms
    from wizard.pomerium.secrets import new_secret  # noqa: PLC0415

    def render(shared: str, cookie: str) -> bytes:
        return new_config(
            installed.chain_path,
            installed.key_path,
            shared_secret=shared,
            cookie_secret=cookie,
            route_from=answers.text("output.route.from"),
            route_to=answers.text("output.route.to"),
            email=answers.text("output.route.email") or None,
            address=answers.text("output.address"),
            development=material.is_development,
        )

    action = WriteFile(
        path,
        "Pomerium's configuration",
        "A complete file that serves one route; add yours to it.",
        cache(lambda: render(new_secret(), new_secret())),
        mode=0o600,
        shown=lambda: ("", render(MADE_AT_APPLY, MADE_AT_APPLY).decode()),
    )
    notices = (
        ()
        if answers.text("output.route.email")
        else ("The new route lets nobody in until its policy names who may (output.route.email).",)
    )
    writable(path)
    start = NextStep("Start Pomerium with it", _start(path))
    first = NextStep("Open its first route", answers.text("output.route.from"))
    return Delivery((action,), notices, (start, first))


def _start(config: Path) -> str:
    return Command(("pomerium", "-config", str(config))).shell()


def _names_at(path: Path, *, system: System) -> tuple[str, ...] | None:
    """The DNS names of the certificate that a configuration mentions, if it can be read."""
    from wizard.pki import chain  # noqa: PLC0415  only a configuration with others needs it

    try:
        kept: Kept | None = system.keep(path)
        return chain.names_of(chain.read(kept.content, str(path))[0]) if kept else None
    except WizardError:
        return None


def _owner(name: str, system: System) -> tuple[int, int] | None:
    if not name:
        return None
    import pwd  # noqa: PLC0415  POSIX only

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(
            "no-such-user",
            f"output.owner: there is no user {name!r} on this machine.",
            "Name the user that Pomerium runs as, or leave it empty.",
        ) from None
    if entry.pw_uid != system.uid and not system.is_root:
        raise UsageError(
            "owner-needs-root",
            f"output.owner: only root can give files to {name}.",
            "Run as root, or leave it empty.",
        )
    return entry.pw_uid, entry.pw_gid


def find_config(system: System) -> Path | None:
    """Pomerium's configuration: where its packages put it, else in the current directory."""
    here = Path("config.yaml").absolute()
    packaged = system.at(PACKAGED)
    if packaged.is_file():
        return packaged
    return here if here.is_file() and b"\nroutes:" in b"\n" + here.read_bytes() else None


def detect_names(system: System) -> Detected | None:
    """Certificate names that cover the routes of the configuration found, if there are any.

    A certificate that it lists and that covers them comes first: so the names that were chosen for
    it are proposed again, and a second run has nothing to do.
    """
    path = find_config(system)
    if path is None or not os.access(path, os.R_OK):
        return None
    from wizard.pomerium import config, routes  # noqa: PLC0415  ruamel.yaml costs 25 ms

    document = config.read(path)
    if document is None:
        return None
    if standing := config.serving_all(document, partial(_names_at, system=system)):
        return Detected(standing, f"from the certificate in {path}")
    proposed = routes.propose_names(routes.hosts(document), names.is_public_suffix)
    return Detected(proposed, f"from the routes in {path}") if proposed else None


def _output(system: System) -> tuple[Question, ...]:
    def directory(_answers: Answers) -> str:
        if system.is_root and not system.invoked_by_other:
            return str(Path(PACKAGED).parent / "tls")
        return str(system.xdg("XDG_CONFIG_HOME", ".config") / "pomerium" / "tls")

    def config(answers: Answers) -> str | Detected:
        found = find_config(system)
        if found is not None:
            return Detected(str(found), "found on this machine")
        return str(Path(answers.text("output.directory")).parent / "config.yaml")

    def owner(_answers: Answers) -> str | Detected:
        if not system.is_root or system.platform == "win32":
            return ""
        import pwd  # noqa: PLC0415  POSIX only

        known = any(entry.pw_name == "pomerium" for entry in pwd.getpwall())
        return Detected("pomerium", "the user of Pomerium's package") if known else ""

    return (
        Question(
            "output.directory",
            Kind.PATH,
            "Where should the certificate and its key go?",
            "Pomerium reads them from there and again whenever they change.",
            "The directory is made if it is missing. In Docker mount the directory, never a single "
            "file: a mounted file keeps its old content when it is replaced.",
            default=directory,
            check=validation.absolute_path,
        ),
        Question(
            "output.config",
            Kind.PATH,
            "Which Pomerium configuration should name them?",
            "Only the certificate's entry is changed; comments and order stay.",
            "A file that does not exist is made, complete and ready to start. Leave it empty to "
            "write none and to name the files yourself.",
            default=config,
            optional=True,
            check=validation.absolute_path,
        ),
        Question(
            "output.owner",
            Kind.TEXT,
            "Which user does Pomerium run as?",
            "The key is readable by its owner only, so Pomerium must own it.",
            "The package's user is pomerium. Empty means whoever runs this wizard.",
            default=owner,
            optional=True,
            advanced=True,
        ),
    )


def _is_new(answers: Answers) -> bool:
    """Whether there is a configuration to be made."""
    path = answers.text("output.config")
    return bool(path) and not Path(path).exists()


def _first_route(answers: Answers) -> str:
    return "https://" + names.host_of(answers.texts("names")[0])


def _address(answers: Answers) -> str:
    """Names that point at this machine for everybody are served to this machine only."""
    own = ("localhost", "localhost.pomerium.io")
    bases = [name.removeprefix("*.") for name in answers.texts("names")]
    local = all(base in own or base.endswith((".localhost", f".{own[1]}")) for base in bases)
    return "127.0.0.1:443" if local else ":443"


ROUTE: Final = (
    Question(
        "output.route.from",
        Kind.TEXT,
        "Which address should the first route have?",
        "The new configuration needs a route, or Pomerium has nothing to serve.",
        "A URL with one of the certificate's names in it. A star cannot be a route here.",
        default=_first_route,
        when=_is_new,
        check=lambda value, answers: names.route_problem(str(value), answers.texts("names")),
    ),
    Question(
        "output.route.to",
        Kind.TEXT,
        "Where should it lead?",
        "verify.pomerium.com shows what Pomerium knows about whoever signed in: a good first test.",
        "The URL of an application that Pomerium can reach.",
        default="https://verify.pomerium.com",
        when=_is_new,
        check=validation.https_url,
    ),
    Question(
        "output.route.email",
        Kind.TEXT,
        "Who may use it?",
        "Pomerium lets nobody in who is not named by a policy.",
        "The e-mail address you sign in with. Empty lets nobody in until you edit the policy.",
        default="",
        optional=True,
        when=_is_new,
        check=validation.email,
    ),
    Question(
        "output.address",
        Kind.TEXT,
        "Which address should Pomerium listen on?",
        "127.0.0.1:443 is reachable from this machine only; :443 from everywhere.",
        "Ports below 1024 need root or CAP_NET_BIND_SERVICE; 127.0.0.1:8443 needs neither.",
        default=_address,
        when=_is_new,
        check=validation.listen_address,
        advanced=True,
    ),
)
