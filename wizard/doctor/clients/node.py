"""Node.js: it brings its own roots; newer ones can be told to read the system's too."""

from collections.abc import Iterator
from pathlib import Path

from wizard.core.events import Proof
from wizard.doctor.clients.base import (
    ACCEPTED,
    REFUSED,
    UNKNOWN,
    Page,
    Probe,
    export,
    extend,
    shortened,
    trust,
)

# `tls` itself: no proxy, no DNS, and the same roots as `https`.
SCRIPT = """
const [port, host] = process.argv.slice(1);
const [major, minor] = process.versions.node.split('.').map(Number);
const reads = major > 24 || (major === 24 && minor >= 6) || (major === 22 && minor >= 19);
const tell = (...words) => { console.log(...words); process.exit(); };
console.log(process.version, reads ? 'system' : 'own');
require('tls').connect({host: '127.0.0.1', port: Number(port), servername: host})
  .on('secureConnect', function () { tell('accepted', this.authorized ? '' : 'unchecked'); })
  .on('error', (error) => tell(
    /^E[A-Z]+$|^ERR_SSL/.test(error.code) ? 'unknown' : 'refused', error.message));
"""
"""Prints the version, whether NODE_USE_SYSTEM_CA works in it (since 22.19 and 24.6), the verdict.

An error of the network is named ECONNREFUSED and so on, one of the protocol ERR_SSL_…; those of a
certificate have names such as UNABLE_TO_GET_ISSUER_CERT_LOCALLY.
"""

ELSEWHERE = ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_OPTIONS", "NODE_USE_SYSTEM_CA")
"""What may keep NODE_USE_SYSTEM_CA=1 from leading to the system's roots, or has not led there."""


def probes(page: Page) -> Iterator[Probe]:
    """The Node that is first on PATH."""
    if program := page.system.which("node"):
        yield Probe("Node.js", lambda: _ask(page, program))


def _ask(page: Page, program: str) -> Proof:
    output = page.run(program, "-e", SCRIPT, str(page.port), page.host).output
    lines = [line.partition(" ") for line in output.splitlines()]
    verdict, _, reason = lines[-1] if lines else ("", "", "")
    version, roots = next(((one, two) for one, _, two in lines if one.startswith("v")), ("", ""))
    named = f"Node {version}, {program}" if version else program
    if verdict == ACCEPTED:
        blind = f"NODE_TLS_REJECT_UNAUTHORIZED=0 makes it accept every certificate ({named})"
        return Proof("Node.js", ACCEPTED, blind if reason else named, "")
    if verdict == REFUSED:
        fix = _fix(page, can_read_system=roots == "system")
        return Proof("Node.js", REFUSED, f"{reason} ({named})", fix)
    said = reason if verdict == UNKNOWN else shortened(output)
    return Proof("Node.js", UNKNOWN, f"{said} ({named})", "")


def _fix(page: Page, *, can_read_system: bool) -> str:
    """The system's roots where they hold ours and Node can read them; else ours beside its own."""
    env, bundle = page.system.env, page.bundle
    if can_read_system and page.is_bundled and not any(map(env.get, ELSEWHERE)):
        return export(page, "NODE_USE_SYSTEM_CA", "1")
    given = env.get("NODE_EXTRA_CA_CERTS", "")
    extra = Path(given) if given else None
    if extra and bundle and extra.is_file() and extra.resolve() == bundle.resolve():
        return trust(page, "system")
    # It reads one such file and adds it to its own roots: what was named before stays in it.
    return extend(page, extra, "NODE_EXTRA_CA_CERTS")
