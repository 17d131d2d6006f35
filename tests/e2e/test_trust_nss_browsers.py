"""Chromium and Firefox read what was put into their NSS databases."""

import os
import shutil
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import Need
from nss_support import OLD, place
from trust_support import make_authority, make_leaf

from wizard.core.system import System
from wizard.trust.base import Anchor, Trust
from wizard.trust.browsers import BROWSERS

pytestmark = pytest.mark.e2e


@dataclass
class Page:
    """A page on localhost, and whether a browser trusted it enough to ask for it, or hung up."""

    url: str
    anchor: Anchor
    asked: list[str]
    refused: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    anchor, key = make_authority(tmp_path)
    asked: list[str] = []
    refused = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<p>trusted</p>")

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A browser that does not trust us hangs up."""
            refused.set()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_leaf(anchor, key, tmp_path))
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield Page(f"https://localhost:{server.server_port}/", anchor, asked, refused)
    server.shutdown()
    thread.join()
    server.server_close()


def load_in_chromium(browser: Path, url: str, home: Path, **env: str) -> None:
    options = (
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--dump-dom"),
        f"--user-data-dir={home / 'profile'}",
    )
    subprocess.run(
        [browser, *options, url], capture_output=True, env=_env(home, env), timeout=90, check=False
    )


def load_in_firefox(browser: Path, page: Page, home: Path) -> None:
    """Firefox ends after the picture, but of a page that it refuses it never takes one."""
    argv = [browser, "--headless", "--screenshot", "/dev/null", page.url]
    with subprocess.Popen(
        argv, stderr=subprocess.DEVNULL, env=_env(home, {}), start_new_session=True
    ) as process:
        for _ in range(600):
            if process.poll() is not None or page.refused.wait(0.1):
                break
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _env(home: Path, more: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return {**kept, "HOME": str(home), **more}


def at_home(home: Path, tmp_path: Path, **env: str) -> System:
    return System(env=_env(home, env), root=tmp_path / "root")


@pytest.mark.parametrize("case", ["nothing", "the old directory", "XDG_DATA_HOME"])
def test_chromium_trusts_what_was_installed_before_its_first_start(
    need: Need, home: Path, tmp_path: Path, page: Page, case: str
) -> None:
    browser = need("chromium")
    env = {"XDG_DATA_HOME": str(home / "elsewhere")} if case == "XDG_DATA_HOME" else {}
    if case == "the old directory":
        (home / OLD).mkdir(parents=True)
    load_in_chromium(browser, page.url, home, **env)
    assert "/" not in page.asked
    # Chromium has made its database by now: we look where it did.
    found = [path.parent for path in home.rglob("cert9.db")]
    system = at_home(home, tmp_path, **env)
    assert found == next(one for one in BROWSERS if one.id == "chromium").directories(system)
    shutil.rmtree(found[0])
    if case == "the old directory":
        found[0].mkdir()
    assert place(system, "nss:chromium").install(page.anchor).trust is Trust.FULL
    load_in_chromium(browser, page.url, home, **env)
    assert "/" in page.asked


@pytest.mark.parametrize("case", ["nothing", "the old directory"])
def test_firefox_that_never_ran_is_started_once_and_trusts_then(
    need: Need, home: Path, tmp_path: Path, page: Page, case: str
) -> None:
    browser = need("firefox-esr")
    if case == "the old directory":
        (home / ".mozilla/firefox").mkdir(parents=True)
    found = place(at_home(home, tmp_path), "nss:firefox")
    assert "has no profile yet" in found.check(page.anchor).reason
    assert found.install(page.anchor).trust is Trust.FULL
    profiles = {path.parent for path in home.rglob("cert9.db")}
    page.refused.clear()
    load_in_firefox(browser, page, home)
    assert "/" in page.asked
    assert {path.parent for path in home.rglob("cert9.db")} == profiles
    assert found.uninstall(page.anchor).trust is Trust.NONE
    page.asked.clear()
    page.refused.clear()
    load_in_firefox(browser, page, home)
    assert page.refused.is_set()
    assert "/" not in page.asked
