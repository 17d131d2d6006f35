"""Every Java: `keytool` loads the page, for it is in each JRE and needs no compiler."""

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from wizard.core.events import Proof
from wizard.doctor.clients.base import (
    ACCEPTED,
    REFUSED,
    UNKNOWN,
    Page,
    Probe,
    give,
    shortened,
    trust,
    workplace,
)
from wizard.trust.base import Place, Trust
from wizard.trust.java import JavaStore

OPTIONS = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS")
"""Environment variables that every JVM obeys."""


def probes(page: Page) -> Iterator[Probe]:
    """One JVM for each keystore there is: those that share one have the same trust."""
    for place in JavaStore().places(page.system):
        yield Probe(place.title, functools.partial(_ask, page, place))


def _ask(page: Page, place: Place) -> Proof:
    keytool = place.install_commands(page.anchor)[0].argv[0]
    with workplace(page.system) as directory:
        # The JVM's own way to keep a name from DNS, since Java 9.
        hosts = directory / "hosts"
        page.system.write(hosts, f"127.0.0.1 {page.host}\n".encode())
        give(page.system, hosts)
        # A revocation list by URL comes over HTTPS with the JVM's default trust, unlike
        # `-printcert -sslserver`, which trusts everybody. That the page is no list is no matter.
        output = page.run(
            *(keytool, "-printcrl", "-file", page.url, f"-J-Djdk.net.hosts.file={hosts}"),
            *("-J-Djava.net.useSystemProxies=false", "-J-Dhttp.nonProxyHosts=*"),
            *("-J-DsocksNonProxyHosts=*", "-J-Duser.language=en"),
        ).output
    # Only its own error: what it says of JAVA_TOOL_OPTIONS may contain a password.
    error = re.search(r"^keytool error: (.*)$", output, re.MULTILINE)
    reason = error[1] if error else ""
    if "CRLException" in reason:
        return Proof(place.title, ACCEPTED, keytool, "")
    if "SSLHandshakeException" in reason:
        why = reason.rpartition("Exception: ")[2]
        return Proof(place.title, REFUSED, f"{why} ({keytool})", _fix(page, place))
    said = shortened(reason) if reason else "it could not load the page"
    return Proof(place.title, UNKNOWN, f"{said} ({keytool})", "")


def _fix(page: Page, place: Place) -> str:
    env = page.system.env
    # A trust store named there stands in front of the JVM's own, and so does the file below.
    steps = [f"unset {name}" for name in OPTIONS if "trustStore" in env.get(name, "")]
    command = place.install_commands(page.anchor)[0]
    first = Path(command.argv[0]).parents[1] / "lib/security/jssecacerts"
    if first.is_file():
        argv = [str(first) if word == place.id.partition(":")[2] else word for word in command.argv]
        sudo = ["sudo"] if command.as_root and page.system.uid != 0 else []
        steps.append(shlex.join([*sudo, *argv]))
    elif place.check(page.anchor).trust is not Trust.FULL:
        steps.append(trust(page, "java"))
    return " && ".join(steps)
