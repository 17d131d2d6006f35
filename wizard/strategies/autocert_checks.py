"""What would keep Pomerium from getting its certificates, looked at before anything is changed."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Finding
from wizard.core.secrets import Secret
from wizard.core.system import Command, System
from wizard.doctor import reach
from wizard.pki import chain
from wizard.pki.material import Settings
from wizard.pki.names import registered_domain
from wizard.pomerium.certificates import listed
from wizard.pomerium.detect import names_at
from wizard.pomerium.document import Document, lookup, string
from wizard.pomerium.merge import revealed
from wizard.pomerium.routes import autocert_hosts, hosts
from wizard.pomerium.surroundings import Variable
from wizard.pomerium.variables import TRUE
from wizard.strategies.autocert_questions import is_bucket, is_letsencrypt, is_public

A_WEEK: Final = 50
"""New certificates that Let's Encrypt gives a registered domain in seven days."""
SHOWN: Final = 3
HTTP, HTTPS = 80, 443
OTHERS: Final = 0o007


class Ground(NamedTuple):
    """What the checks look at: the answers, and what is on this machine."""

    answers: Answers
    system: System
    document: Document | None
    variables: dict[str, Variable]
    settings: Settings

    @property
    def asked(self) -> tuple[str, ...]:
        """The hosts that Pomerium will ask certificates for."""
        if self.document is None:
            return self.answers.texts("names")[:1]
        return autocert_hosts(self.document)

    @property
    def is_public(self) -> bool:
        """Whether the authority looks at this machine from the Internet."""
        return is_public(self.answers)

    @property
    def address(self) -> str:
        """Where Pomerium listens."""
        if "ADDRESS" in self.variables:
            return self.variables["ADDRESS"].value
        if self.document is None:
            return self.answers.text("output.address")
        return string(lookup(self.document.root, "address")) or f":{HTTPS}"


def refuse(ground: Ground) -> None:
    """Refuses what can bring no certificate at all.

    Raises:
        WizardError: `autocert-no-routes`, `autocert-must-staple`.
    """
    if not ground.asked:
        raise WizardError(
            "autocert-no-routes",
            "Pomerium asks for no certificate: its configuration has no route from https:// and "
            "one host.",
            "Add a route such as `from: https://app.example.com` and run again. A route with a "
            "star needs the strategy dns-01.",
        )
    staple = ground.variables.get("AUTOCERT_MUST_STAPLE")
    if staple and staple.value.lower() in TRUE and is_letsencrypt(ground.answers):
        raise WizardError(
            "autocert-must-staple",
            f"AUTOCERT_MUST_STAPLE is set in {staple.where}, and Let's Encrypt refuses every such "
            "certificate since 2025.",
            "Remove the variable and run again.",
        )


def findings(ground: Ground) -> Iterator[Finding]:
    """What may keep some host from its certificate, each with the way to mend it."""
    yield from _routes(ground)
    yield from _overridden(ground)
    yield from _manual(ground)
    yield from _limits(ground)
    yield from _staple(ground)
    yield from _directory(ground)
    yield from _readable(ground)
    yield from _trusted(ground)
    yield from _ports(ground)
    yield from _dns(ground)


def _routes(ground: Ground) -> Iterator[Finding]:
    if ground.document is not None:
        starred = [host for host in hosts(ground.document) if "*" in host]
        if starred:
            yield Finding(
                "autocert-wildcard-route",
                "warning",
                f"autocert gets no certificate for {_list(starred)}.",
                "Routes with a star need a wildcard certificate: the strategy dns-01.",
            )
    left = [name for name in ground.answers.texts("names") if name not in ground.asked]
    if left:
        yield Finding(
            "autocert-name-not-routed",
            "warning",
            f"No route is from https://{left[0]}, so Pomerium gets no certificate for "
            f"{_list(left)}.",
            "Add a route for each to Pomerium's configuration, or leave the name out.",
        )


def _overridden(ground: Ground) -> Iterator[Finding]:
    """Settings that a variable takes the word from."""
    for name, value in revealed(ground.settings).items():
        variable = ground.variables.get(name.upper())
        if variable is None:
            continue
        is_flag = isinstance(value, bool)
        said = variable.value.lower() in TRUE if is_flag else variable.value.rstrip("/")
        if said != (value if is_flag else str(value).rstrip("/")):
            fix = {
                "systemd": f"Drop `[Service]` and `UnsetEnvironment={variable.name}` in: systemctl "
                "edit pomerium",
                "compose": f"Set {variable.name} under `environment:` of the service instead.",
            }.get(variable.by, f"Start Pomerium without {variable.name}.")
            yield Finding(
                "autocert-environment",
                "warning",
                f"{variable.name} in {variable.where} wins over {name} in the configuration.",
                fix,
            )


def _manual(ground: Ground) -> Iterator[Finding]:
    """Certificates that the file lists for the same hosts."""
    if ground.document is None:
        return
    read = partial(names_at, system=ground.system)
    for where, names in listed(ground.document, read):
        exact = [host for host in ground.asked if host in names]
        starred = [
            h for h in ground.asked if f"*.{h.partition('.')[2]}" in names and h not in exact
        ]
        if exact:
            yield Finding(
                "autocert-manual-certificate",
                "warning",
                f"{where} is served for {_list(exact)}; the one that autocert gets never is.",
                "Take its entry out of the configuration.",
            )
        if starred:
            yield Finding(
                "autocert-manual-wildcard",
                "warning",
                f"{where} covers {_list(starred)} already; autocert gets certificates for each of "
                "them all the same, and those are served instead.",
                "Keep one of the two: take its entry out, or do without autocert.",
            )


def _limits(ground: Ground) -> Iterator[Finding]:
    if not is_letsencrypt(ground.answers) or ground.answers.flag("autocert.staging"):
        return
    for domain, count in Counter(map(registered_domain, ground.asked)).items():
        if count > A_WEEK:
            yield Finding(
                "autocert-rate-limit",
                "warning",
                f"{count} hosts below {domain} need {count} certificates, and Let's Encrypt gives "
                f"a domain {A_WEEK} new ones in seven days.",
                f"One for *.{domain} would do: the strategy dns-01.",
            )


def _staple(ground: Ground) -> Iterator[Finding]:
    root = ground.document.root if ground.document is not None else None
    if (string(lookup(root, "autocert_must_staple")) or "").lower() in TRUE:
        does = "it is switched off: Let's Encrypt refuses such certificates since 2025"
        fix = "Nothing is to be done."
        if not is_letsencrypt(ground.answers):
            does = "Envoy refuses such a certificate while it has no OCSP answer to staple"
            fix = "Take it out, unless this authority answers OCSP."
        yield Finding(
            "autocert-must-staple", "warning", f"autocert_must_staple is set; {does}.", fix
        )


def _directory(ground: Ground) -> Iterator[Finding]:
    """Whether Pomerium's user gets to write where it is to keep its certificates."""
    directory, name = ground.answers.text("autocert.directory"), ground.answers.text("output.owner")
    # A container has its own directories, and the target sees to that one.
    if is_bucket(directory) or not name or ground.answers.text("output.target") == "docker":
        return
    standing = ground.system.at(directory)
    while not os.path.isdir(standing) and standing != standing.parent:  # noqa: PTH112  never fails
        standing = standing.parent
    import pwd  # noqa: PLC0415  POSIX only

    with contextlib.suppress(KeyError):
        if pwd.getpwnam(name).pw_uid == standing.stat().st_uid:
            return
    line = Command(("install", "-d", "-o", name, "-m", "0700", directory)).shell()
    yield Finding(
        "autocert-directory",
        "warning",
        f"{standing} belongs to somebody else than {name}, who is to keep certificates in "
        f"{directory}.",
        f"As root: {line}",
    )


def _readable(ground: Ground) -> Iterator[Finding]:
    """Whether everybody could read the key of the account, which has no file of its own."""
    path = ground.answers.text("output.config")
    kept = ground.system.keep(Path(path)) if ground.document is not None else None
    holds = any(isinstance(value, Secret) for value in ground.settings.values())
    if holds and kept is not None and kept.mode & OTHERS:
        line = Command(("chmod", "o=", path)).shell()
        yield Finding(
            "autocert-key-readable",
            "warning",
            f"Everybody on this machine can read {path}, which will hold the HMAC key (EAB).",
            f"Close it: {line}",
        )


def _trusted(ground: Ground) -> Iterator[Finding]:
    """The root of the authority's own TLS, which Pomerium reads and then does not use."""
    path = ground.answers.text("autocert.trusted_ca")
    if not path:
        return
    yield Finding(
        "autocert-trusted-ca",
        "warning",
        f"Pomerium reads {path} and does not use it (all releases up to v0.33.1): it sets it on a "
        "client that is made already.",
        "Put the root into the trust store of the system that Pomerium runs on, too.",
    )
    try:
        kept = ground.system.keep(Path(path))
        missing = not chain.read(kept.content if kept else b"", path)
    except WizardError:
        missing = True
    if missing:
        yield Finding(
            "autocert-trusted-ca-unreadable",
            "warning",
            f"No certificate can be read from {path}; Pomerium does not start without it.",
            "Put it there, in PEM form, where Pomerium runs.",
        )


def _ports(ground: Ground) -> Iterator[Finding]:
    host, _, port = ground.address.rpartition(":")
    if port != str(HTTPS):
        yield Finding(
            "autocert-address",
            "warning",
            f"Pomerium listens on {ground.address}, but authorities come to port {HTTPS}.",
            f"Set address to :{HTTPS}, or have port {HTTPS} led there.",
        )
    if ground.is_public and reach.is_loopback(host):
        yield Finding(
            "autocert-loopback",
            "warning",
            f"Pomerium listens on {ground.address}, which no authority can reach.",
            f"Set address to :{HTTPS}.",
        )
    for number in (HTTPS, HTTP):
        taker = reach.listener(ground.system, number)
        if taker is not None and taker not in reach.POMERIUM:
            who = taker or "A program that cannot be told from here"
            yield Finding(
                "autocert-port-taken",
                "warning",
                f"{who} listens on port {number}, where Pomerium has to answer the authority.",
                "Stop it, unless it is Pomerium or leads there.",
            )


def _dns(ground: Ground) -> Iterator[Finding]:
    """Whether every host leads here, as far as can be seen from here."""
    try:
        found = reach.addresses(ground.asked, ground.answers.texts("dns.resolvers"))
    except WizardError as error:
        yield Finding(
            "autocert-dns-unreachable",
            "warning",
            f"Whether the hosts lead to this machine is not known: {error.summary}",
            "An authority must find each of them in DNS.",
        )
        return
    missing = [host for host, ips in found.items() if not ips]
    if missing:
        yield Finding(
            "autocert-dns-missing",
            "warning",
            f"DNS has no address for {_list(missing)}.",
            "Publish an A or AAAA record that leads to this machine before Pomerium starts.",
        )
    if not ground.is_public:
        return
    private = [h for h, ips in found.items() if ips and not any(map(reach.is_public, ips))]
    if private:
        yield Finding(
            "autocert-not-public",
            "warning",
            f"{_list(private)} leads to an address of a private network ({found[private[0]][0]}), "
            "where no public authority can come to.",
            "Publish a public address, or use the strategy dns-01, which needs none.",
        )
    elsewhere = [
        host
        for host, ips in found.items()
        if ips and host not in private and not any(map(reach.is_ours, ips))
    ]
    if elsewhere:
        yield Finding(
            "autocert-dns-elsewhere",
            "warning",
            f"{_list(elsewhere)} leads to {found[elsewhere[0]][0]}, which is no address of this "
            "machine.",
            f"That is well where a router or a load balancer there leads ports {HTTP} and {HTTPS} "
            "here.",
        )


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
