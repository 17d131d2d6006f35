"""What a target asks: where the files go, and the first route of a configuration that is new."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.questions import Choice, Detected, Kind, Question
from wizard.core.system import System
from wizard.pki import names
from wizard.pki.material import Installed
from wizard.pomerium.detect import PACKAGED, find_config
from wizard.pomerium.store import certificate_file

KEEPS_ITS_OWN: Final = "autocert"
"""The strategy that brings no files: Pomerium keeps what it gets in `autocert.directory`."""


def brings_files(answers: Answers) -> bool:
    """Whether the strategy gives the target a certificate to keep."""
    return answers.text("strategy") != KEEPS_ITS_OWN


KEPT_IN: Final = ("output.directory", "autocert.directory", "kubernetes.directory")
"""Where what was made is kept; of these one is asked for."""


def directory_of(answers: Answers) -> str:
    """Where certificates and keys are kept; a bucket where several Pomeriums share them."""
    return next(filter(None, map(answers.text, KEPT_IN)), "")


def kept_by_pomerium(answers: Answers, system: System) -> Installed:
    """The certificate that autocert has for the first name, as far as it may be looked at."""
    folder, host = Path(directory_of(answers)), answers.texts("names")[0]
    authority, staging = answers.text("autocert.authority_url"), answers.flag("autocert.staging")
    chain = certificate_file(folder, host, authority, staging=staging)
    kept = None
    # It belongs to Pomerium's user, who closes the directory.
    with contextlib.suppress(WizardError):
        kept = system.keep(chain)
    return Installed(chain, chain.with_suffix(".key"), kept, None)


Default: TypeAlias = Callable[[Answers], str | Detected]


FORMS: Final = (
    Choice("yaml", "A YAML file", "every setting, read again when it changes"),
    Choice(
        "env", "A file of variables", "for EnvironmentFile= of systemd, or env_file: of Compose"
    ),
)


def is_variables(answers: Answers) -> bool:
    """Whether the settings are kept as environment variables."""
    return answers.text("output.form") == "env"


def is_split(answers: Answers) -> bool:
    """Whether each service of Pomerium is started by itself, and not all of it as one."""
    return answers.flag("mtls.services")


class Defaults(NamedTuple):
    """Where a target would have things, and who reads them."""

    directory: Default
    config: Default
    owner: Default


def plain(system: System) -> Defaults:
    """Where things go when nothing is known of how Pomerium is run."""

    def directory(_answers: Answers) -> str:
        packaged = find_config(system) == system.at(PACKAGED)
        if system.is_root and (packaged or not system.invoked_by_other):
            return str(Path(PACKAGED).parent / "tls")
        return str(system.xdg("XDG_CONFIG_HOME", ".config") / "pomerium" / "tls")

    def config(answers: Answers) -> str | Detected:
        found = find_config(system)
        if found is not None:
            return Detected(str(found), "found on this machine")
        return str(
            Path(answers.text("output.directory") or directory(answers)).parent / "config.yaml"
        )

    def owner(answers: Answers) -> str | Detected:
        if not system.is_root or system.platform == "win32":
            return ""
        person = system.person
        place = answers.text("output.directory") or directory(answers)
        below = Path(place).is_relative_to(person.home)
        if system.invoked_by_other and below:
            return Detected(person.name, "whose home directory it is")
        import pwd  # noqa: PLC0415  POSIX only

        known = any(entry.pw_name == "pomerium" for entry in pwd.getpwall())
        return Detected("pomerium", "the user of Pomerium's package") if known else ""

    return Defaults(directory, config, owner)


def output(defaults: Defaults) -> tuple[Question, ...]:
    """Where the certificate, its key and the configuration go, and who reads them."""

    def config(answers: Answers) -> str | Detected:
        found = defaults.config(answers)
        if is_variables(answers):
            text = found if isinstance(found, str) else str(found.value)
            return str(Path(text).with_name("pomerium.env"))
        return found

    return (
        Question(
            "output.directory",
            Kind.PATH,
            "Where should the certificate and its key go?",
            "Pomerium reads them from there and again whenever they change.",
            "The directory is made if it is missing. In Docker mount the directory, never a single "
            "file: a mounted file keeps its old content when it is replaced.",
            default=defaults.directory,
            when=brings_files,
            check=validation.absolute_path,
        ),
        Question(
            "output.form",
            Kind.CHOICE,
            "In which form are Pomerium's settings kept?",
            "Variables win over a YAML file, and are read only when Pomerium starts.",
            "YAML holds every setting, and Pomerium reads it again when it changes. A file of "
            "variables is for whoever keeps settings in the environment; it holds one certificate.",
            default="yaml",
            choices=FORMS,
            advanced=True,
        ),
        Question(
            "output.config",
            Kind.PATH,
            "Which is Pomerium's configuration?",
            "Only what the certificate needs is changed; comments and order stay.",
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
            default=defaults.owner,
            optional=True,
            advanced=True,
        ),
    )


def _is_new(answers: Answers) -> bool:
    """Whether there is a configuration to be made."""
    path = answers.text("output.config")
    return bool(path) and not os.path.exists(path)  # noqa: PTH110  unlike Path.exists it never fails


def _first_route(answers: Answers) -> str | None:
    """A host of the first name; there is none before the names are known."""
    return next(("https://" + names.host_of(name) for name in answers.texts("names")), None)


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
        "The e-mail address they sign in with. Without one the route lets nobody in.",
        "It goes into the route's policy, which you can edit later: Pomerium lets nobody in who is "
        "not named by a policy.",
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
