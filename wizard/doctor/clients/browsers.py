"""Firefox, Chromium and their families on Linux: the real browser loads the page, unseen.

It starts in a throw-away home with a copy of the certificates and their trust: never the person's
own profile, and never a private key. What cannot be started so (forks, snap, Flatpak) is judged by
its database, and the detail says so.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import NamedTuple

from wizard.core.errors import WizardError
from wizard.core.events import Proof
from wizard.core.system import System
from wizard.doctor.clients import marionette
from wizard.doctor.clients.base import (
    ACCEPTED,
    REFUSED,
    SECONDS,
    UNKNOWN,
    Page,
    Probe,
    give,
    shortened,
    trust,
    workplace,
)
from wizard.trust.base import Place, Trust
from wizard.trust.browsers import CHROMIUMS, FIREFOXES, Browser
from wizard.trust.nss import NssStore

DATABASE = "cert9.db"
"""Certificates and their trust; the keys are in another file, which stays where it is."""
MOST = 3
"""Profiles that are loaded at most: a start takes seconds, and profiles are mostly alike."""
STARTS = 2
"""How often a browser is started that says nothing: on a busy machine one may fall over."""
POLL_SECONDS = 0.05
CONFINED = re.compile(rb"/snap/(bin/)?|\bflatpak run\b")
"""In a script that starts a browser of a sandbox, which sees no home but its own."""
PREFERENCES = {
    "network.dns.forceResolve": "127.0.0.1",
    "network.proxy.type": 0,
    "marionette.port": 0,  # any free one; Firefox writes it into the profile
    # Nothing below is about certificates: it keeps Firefox from calling home.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
}
CHROMIUM = (
    *("--headless", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"),
    *("--no-first-run", "--no-proxy-server", "--host-resolver-rules=MAP * 127.0.0.1"),
    # Not about certificates either.
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-breakpad", "--disable-extensions", "--password-store=basic"),
)


class _Verdict(NamedTuple):
    verdict: str
    reason: str = ""


Load = Callable[[Page, str, Path | None, Path], _Verdict]
"""Loads the page with a program, in a home, with a copy of a database or with an empty one."""


def probes(page: Page) -> Iterator[Probe]:
    """Each family that is installed or has left its data here."""
    store = NssStore()
    if not store.available(page.system):
        return
    places = {place.id: place for place in store.places(page.system)}
    for family, load in ((FIREFOXES, _firefox), (CHROMIUMS, _chromium)):
        for browser in family:
            if place := places.get(f"nss:{browser.id}"):
                yield Probe(place.title, functools.partial(_ask, page, browser, place, load))


def _ask(page: Page, browser: Browser, place: Place, load: Load) -> Proof:
    program = next(filter(None, map(page.system.which, browser.programs)), None)
    if program is None or _is_confined(program):
        return _by_database(page, place)
    verdict = _Verdict(UNKNOWN)
    # A profile comes with the first start; until then an empty database stands for it.
    every: list[Path | None] = [*browser.directories(page.system)]
    for database in every[:MOST] or [None]:
        for _ in range(STARTS):
            with workplace(page.system) as home:
                verdict = load(page, program, database, home)
            if verdict.verdict != UNKNOWN:
                break
        if verdict.verdict != ACCEPTED:
            break
    some = f" in {MOST} of {len(every)} profiles" if len(every) > MOST else ""
    detail = f"{verdict.reason or f'loaded the page{some}'} ({program})"
    fix = _fix(page, place) if verdict.verdict == REFUSED else ""
    return Proof(place.title, verdict.verdict, detail, fix)


def _by_database(page: Page, place: Place) -> Proof:
    status = place.check(page.anchor)
    if status.trust is Trust.FULL:
        return Proof(place.title, ACCEPTED, "by its database; it was not started", "")
    detail = f"{status.reason} (by its database; it was not started)"
    return Proof(place.title, REFUSED, detail, _fix(page, place))


def _fix(page: Page, place: Place) -> str:
    """The wizard's own line, but what a primary password keeps from it."""
    if "locked by a primary password" not in place.check(page.anchor).reason:
        return trust(page, "nss")
    return " && ".join(command.shell() for command in place.install_commands(page.anchor))


def _is_confined(program: str) -> bool:
    """Whether a program is a snap or a Flatpak, or a script that starts one."""
    real = Path(program).resolve()
    if real.name in {"snap", "flatpak"} or real.is_relative_to("/snap"):
        return True
    with real.open("rb") as file:
        begin = file.read(4096)
    return begin.startswith(b"#!") and CONFINED.search(begin) is not None


def _copy(system: System, database: Path | None, home: Path, *folders: str) -> Path:
    """Makes folders below `home`, in the last of them a copy of the database, if there is one."""
    for folder in folders:
        home /= folder
        system.make_directory(home, 0o700)
        give(system, home)
    if database and (kept := system.keep(database / DATABASE)):
        system.write(home / DATABASE, kept.content)
        give(system, home / DATABASE)
    return home


def _at_home(home: Path) -> tuple[str, ...]:
    """What starts a program so that it knows no other home."""
    names = ("CONFIG_HOME", "DATA_HOME", "CACHE_HOME", "STATE_HOME", "RUNTIME_DIR")
    # Without TMPDIR it is /tmp: where the path of Chromium's socket is too long, Chromium aborts.
    return (
        "env",
        "-u",
        "TMPDIR",
        f"HOME={home}",
        *(f"XDG_{name}={home / name.lower()}" for name in names),
    )


def _chromium(page: Page, program: str, database: Path | None, home: Path) -> _Verdict:
    # Of the two places it looks in, this one wins where it exists, in every version.
    _copy(page.system, database, home, ".pki", "nssdb")
    # Its sandbox refuses root; the only page it sees is ours.
    root = ("--no-sandbox",) if page.system.is_root and not page.system.invoked_by_other else ()
    profile = f"--user-data-dir={home / 'profile'}"
    output = page.run(
        *_at_home(home), program, *CHROMIUM, *root, profile, "--dump-dom", page.url
    ).output
    problem = re.search(r"\bERR_[A-Z_]+", output)
    if problem is None:
        return _Verdict(ACCEPTED) if "<pre" in output else _Verdict(UNKNOWN, shortened(output))
    refused = problem[0].startswith("ERR_CERT_")
    return _Verdict(REFUSED if refused else UNKNOWN, problem[0])


def _firefox(page: Page, program: str, database: Path | None, home: Path) -> _Verdict:
    profile = _copy(page.system, database, home, "profile")
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items())
    page.system.write(profile / "user.js", "".join(lines).encode())
    give(page.system, profile / "user.js")
    options = ("--headless", "--no-remote", "--marionette", "--profile", str(profile))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(page.run, *_at_home(home), program, *options)
        announced = profile / "MarionetteActivePort"
        port, pause = "", Event()
        while not port and not running.done():
            pause.wait(POLL_SECONDS)
            port = announced.read_text() if announced.exists() else ""
        try:
            problem = marionette.load(int(port), page.url, SECONDS) if port else ""
        finally:
            ended = running.exception()
    if isinstance(ended, WizardError):
        raise ended
    if not port:
        return _Verdict(UNKNOWN, "it ended before it could load the page")
    return _Verdict(REFUSED, problem) if problem else _Verdict(ACCEPTED)
