"""OpenSSL, curl, Python and Python requests: each reads a file of roots, usually the system's.

Each says what it reads, so that the fix mends what it reads and not what others do.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypedDict, cast

from wizard.core.events import Proof
from wizard.core.system import System
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
from wizard.trust.linux import LinuxStore

PYTHON = """
import sys
sys.path = [path for path in sys.path if path]
import json, platform, socket, ssl
port, host = sys.argv[1:]
paths = ssl.get_default_verify_paths()
told = {"version": "Python " + platform.python_version(),
        "reads": [path for path in (paths.cafile, paths.capath) if path]}
try:
    with socket.create_connection(("127.0.0.1", int(port)), 10) as connection:
        ssl.create_default_context().wrap_socket(connection, server_hostname=host).close()
    told["verdict"], told["reason"] = "accepted", ""
except ssl.SSLCertVerificationError as error:
    told["verdict"], told["reason"] = "refused", error.verify_message
except OSError as error:
    told["verdict"], told["reason"] = "unknown", str(error)
print(json.dumps(told))
"""
REQUESTS = """
import sys
sys.path = [path for path in sys.path if path]
import json, os, platform, socket
try:
    import requests
except ImportError:
    raise SystemExit(3)
port, host = sys.argv[1:]
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda _, *more, **named: resolve("127.0.0.1", *more, **named)
named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
told = {"version": "requests " + requests.__version__ + ", Python " + platform.python_version(),
        "reads": [named or requests.certs.where()]}
try:
    requests.get("https://" + host + ":" + port + "/", timeout=10)
    told["verdict"], told["reason"] = "accepted", ""
except requests.exceptions.SSLError as error:
    told["verdict"], told["reason"] = "refused", str(error)
except OSError as error:
    told["verdict"], told["reason"] = "unknown", str(error)
    if "CA certificate bundle" in str(error):
        told["verdict"] = "refused"
print(json.dumps(told))
"""
NOT_HERE = 3
"""The exit status by which `REQUESTS` says that this Python does not have the library."""
CURL_REFUSALS = (51, 60, 77)
"""curl's exit statuses for a certificate it does not trust, and for a bundle it cannot read."""


class _Answer(NamedTuple):
    verdict: str
    reason: str
    version: str
    reads: tuple[Path, ...]


class _Told(TypedDict):
    verdict: str
    reason: str
    version: str
    reads: list[str]


def probes(page: Page) -> Iterator[Probe]:
    """Those of the four that are here."""
    system = page.system
    if openssl := system.which("openssl"):
        yield _probe(page, "OpenSSL", "SSL_CERT_FILE", lambda: _openssl(page, openssl))
    if curl := system.which("curl"):
        yield _probe(page, "curl", "CURL_CA_BUNDLE", lambda: _curl(page, curl))
    pythons = _pythons(system)
    if pythons:
        yield _probe(page, "Python", "SSL_CERT_FILE", lambda: _python(page, pythons[0], PYTHON))
        yield _probe(
            page, "Python requests", "REQUESTS_CA_BUNDLE", lambda: _requests(page, pythons)
        )


def _probe(page: Page, client: str, variable: str, ask: Callable[[], _Answer | None]) -> Probe:
    def proof() -> Proof | None:
        answer = ask()
        if answer is None:
            return None
        detail = f"{answer.reason} ({answer.version})" if answer.reason else answer.version
        fix = _fix(page, variable, answer.reads) if answer.verdict == REFUSED else ""
        return Proof(client, answer.verdict, detail, fix)

    return Probe(client, proof)


def _fix(page: Page, variable: str, reads: tuple[Path, ...]) -> str:
    """The system's own roots, where there are such; else a copy of what the client reads."""
    bundle = page.bundle
    if bundle is None or not _can_be_written(page):
        if page.system.platform != "linux" and variable == "CURL_CA_BUNDLE":
            return trust(page, "system")
        return extend(page, next((one for one in reads if one.is_file()), bundle), variable)
    same = {bundle.resolve(), page.system.at("/etc/ssl/certs").resolve()}
    follows = any(one.resolve() in same for one in reads)
    steps = [] if page.is_bundled else [trust(page, "system")]
    if page.is_bundled or not follows:
        steps.append(export(page, variable, bundle))
    return " && ".join(steps)


def _can_be_written(page: Page) -> bool:
    """Whether the system's roots hold ours or can be made to; NixOS builds its own elsewhere."""
    (place,) = LinuxStore().places(page.system)
    commands = place.install_commands(page.anchor)
    here = all(page.system.which(command.argv[0]) for command in commands)
    return page.is_bundled or (bool(commands) and here)


def _openssl(page: Page, program: str) -> _Answer:
    described = page.run(program, "version", "-v", "-d").output
    version = described.partition("\n")[0].partition("(")[0].strip()
    directory = re.search(r'^OPENSSLDIR: "(.*)"', described, re.MULTILINE)
    home = Path(directory[1] if directory else "/etc/ssl")
    env = page.system.env
    reads = [Path(env.get("SSL_CERT_FILE") or home / "cert.pem")]
    reads += map(Path, (env.get("SSL_CERT_DIR") or str(home / "certs")).split(os.pathsep))
    output = page.run(
        *(program, "s_client", "-connect", f"127.0.0.1:{page.port}", "-servername", page.host),
        *("-verify_hostname", page.host, "-verify_return_error"),
    ).output
    codes = re.findall(r"Verify return code: (\d+) \((.*)\)", output)
    if not codes:
        return _Answer(UNKNOWN, shortened(output), f"{version}, {program}", ())
    code, reason = codes[-1]
    verdict, reason = (ACCEPTED, "") if code == "0" else (REFUSED, reason)
    return _Answer(verdict, reason, f"{version}, {program}", tuple(reads))


def _curl(page: Page, program: str) -> _Answer:
    named = page.run(program, "--version").output.split("(")[0].strip()
    result = page.run(
        *(program, "--silent", "--show-error", "--verbose", "--noproxy", "*", "--max-time", "20"),
        *("--resolve", f"{page.host}:{page.port}:127.0.0.1", page.url),
    )
    reads = re.findall(r"^\* +CA(?:file|path): (/.*)$", result.output, re.MULTILINE)
    reasons = re.findall(r"^curl: \(\d+\) (.*)$", result.output, re.MULTILINE)
    verdict = ACCEPTED if result.ok else REFUSED if result.status in CURL_REFUSALS else UNKNOWN
    reason = "" if result.ok else "".join(reasons[-1:]) or shortened(result.output)
    if result.ok and "continuing anyway" in result.output:
        reason = "its settings make it accept every certificate"
    return _Answer(verdict, reason, f"{named}, {program}", tuple(map(Path, reads)))


def _python(page: Page, program: str, script: str) -> _Answer | None:
    result = page.run(program, "-c", script, str(page.port), page.host)
    if result.status == NOT_HERE:
        return None
    told = _told(result.output) if result.ok else None
    if told is None:
        return _Answer(UNKNOWN, shortened(result.output), program, ())
    reason = re.sub(r"^.*certificate verify failed: (.*?) \(_ssl.*$", r"\1", told["reason"])
    reads = tuple(map(Path, told["reads"]))
    return _Answer(told["verdict"], reason, f"{told['version']}, {program}", reads)


def _told(output: str) -> _Told | None:
    """The last line as a script of ours prints it; None where it is something else."""
    try:
        told = json.loads(output.rstrip().rpartition("\n")[2])
    except ValueError:
        return None
    is_ours = isinstance(told, dict) and told.keys() == _Told.__annotations__.keys()
    return cast("_Told", told) if is_ours else None


def _requests(page: Page, pythons: list[str]) -> _Answer | None:
    """Asks the first Python that has the library."""
    answers = (_python(page, program, REQUESTS) for program in pythons)
    return next((answer for answer in answers if answer), None)


def _pythons(system: System) -> list[str]:
    """Every Python 3 on PATH, the one that is started by that name first."""
    found: dict[str, str] = {}
    for directory in system.env.get("PATH", os.defpath).split(os.pathsep):
        # By directory: in a virtual environment it is a link, and yet another Python.
        if directory and (python := shutil.which("python3", path=directory)):
            found.setdefault(os.path.realpath(directory), python)
    return list(found.values())
