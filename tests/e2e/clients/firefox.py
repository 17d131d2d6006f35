"""Firefox ESR, headless, in the profile it makes for itself."""

import configparser
import json
from pathlib import Path

from . import Client, Target, Verdict, nss
from .marionette import Marionette, MarionetteError
from .process import DEADLINE, PAGE, run, running, until

PREFERENCES = {
    "network.dns.forceResolve": "127.0.0.1",
    "marionette.port": 0,  # any free one; Firefox writes it into the profile
    # Nothing on this list is about certificates: they keep Firefox from calling home.
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
}


def profile(home: Path) -> Path:
    """Firefox's profile in `home`, made by Firefox itself where there is none.

    It lives in one of two places, by Firefox's version: the profile is where Firefox put it.
    """
    if not (found := _profile_in(home)):
        run(["firefox-esr", "--headless", "-CreateProfile", "test"], home=home)
        found = _profile_in(home)
    if not found:
        raise RuntimeError(f"Firefox made no profile in {home}")
    return found


def _profile_in(home: Path) -> Path | None:
    for root in (home / ".mozilla/firefox", home / ".config/mozilla/firefox"):
        register = configparser.ConfigParser()
        register.read(root / "profiles.ini")
        for section in register.sections():
            if "Path" in register[section]:
                return root / register[section]["Path"]
    return None


def trust(home: Path, root_pem: Path) -> None:
    nss.trust(profile(home), root_pem)


def load(target: Target) -> Verdict:
    folder = profile(target.home)
    lines = (
        f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in sorted(PREFERENCES.items())
    )
    (folder / "user.js").write_text("".join(lines))
    argv = ["firefox-esr", "--headless", "--marionette", "--profile", str(folder)]
    with (
        running(argv, home=target.home) as process,
        Marionette(until(process, lambda: _port(folder)), DEADLINE) as browser,
    ):
        browser.command("WebDriver:NewSession")
        try:
            browser.command("WebDriver:Navigate", url=target.url)
        except MarionetteError:
            return Verdict(accepted=False, detail=_why(browser))
        text = browser.command(
            "WebDriver:ExecuteScript", script="return document.body.innerText", args=[]
        )
    return Verdict(text == PAGE, str(text))


def _why(browser: Marionette) -> str:
    """The code of the certificate error; only Firefox's own error page may ask for it."""
    script = "return document.getFailedCertSecurityInfo().errorCodeString"
    return str(browser.command("WebDriver:ExecuteScript", script=script, args=[]))


def _port(folder: Path) -> int | None:
    """Where Marionette listens, once Firefox has said so."""
    announced = folder / "MarionetteActivePort"
    return int(announced.read_text() or 0) or None if announced.exists() else None


CLIENT = Client(
    "firefox",
    ("firefox-esr", "certutil"),
    load,
    "SEC_ERROR_CERT_NOT_IN_NAME_SPACE",
    trust,
)
