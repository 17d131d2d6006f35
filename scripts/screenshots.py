"""Writes every screen to screenshots/ as SVG and PNG: `make screenshots`.

The pictures are the same on every machine, because time, paths and the run are those of the tests.
"""

import asyncio
import html
import os
import re
import shutil
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

os.environ["TEXTUAL_ANIMATIONS"] = "none"
for name in ("NO_COLOR", "TEXTUAL_THEME", "COLORTERM"):
    os.environ.pop(name, None)

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]

import cairosvg  # noqa: E402
from tui.challenge_support import start, wildcard  # noqa: E402
from tui.support import NOW, Driver, Staged, StillDesk, cut_off, wizard  # noqa: E402

from wizard.core import registry  # noqa: E402
from wizard.core.answers import Answers  # noqa: E402
from wizard.core.errors import WizardError  # noqa: E402
from wizard.engine import Session  # noqa: E402
from wizard.pki import authority, chain, leaf  # noqa: E402
from wizard.tui.screens.base import Failed  # noqa: E402
from wizard.tui.screens.done import DoneScreen  # noqa: E402
from wizard.tui.screens.review import ReviewScreen  # noqa: E402

HOME = Path("/tmp/ada")
SIZES = ((80, 24), (120, 36))
TARGET = REPOSITORY / "screenshots"
CELL = 12.2
"""The width of a character in the pictures."""
FONT = "DejaVu Sans Mono"
FONT_SIZE = 20.265
"""The size at which that font's characters are as wide as a cell."""

TEXT = re.compile(
    r'<text class="(?P<look>[^"]*)" x="(?P<x>[^"]*)" y="(?P<y>[^"]*)" textLength="[^"]*" '
    r'clip-path="(?P<clip>[^"]*)">(?P<text>[^<]*)</text>'
)


def clean(svg: str) -> str:
    """The picture without the font from afar and the number that changes with its content."""
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", FONT)
    return re.sub(r"terminal-\d+-", "terminal-", svg)


def png(svg: str) -> bytes:
    """The picture as pixels; each character is put into its own cell."""

    def by_cell(match: re.Match[str]) -> str:
        start, text = float(match["x"]), html.unescape(match["text"])
        places = " ".join(f"{start + CELL * place:.1f}" for place in range(len(text)))
        return (
            f'<text class="{match["look"]}" x="{places}" y="{match["y"]}" '
            f'clip-path="{match["clip"]}">{match["text"]}</text>'
        )

    svg = TEXT.sub(by_cell, svg).replace("font-size: 20px", f"font-size: {FONT_SIZE}px")
    return cairosvg.svg2png(svg.encode(), scale=1.25)


class Camera:
    """Takes pictures of one size, numbered in the order of the wizard."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def take(self, driver: Driver, name: str) -> None:
        """Writes one picture in both forms."""
        width, height = self.size
        svg = clean(driver.app.export_screenshot())
        path = TARGET / f"{name}-{width}x{height}"
        path.with_suffix(".svg").write_text(svg)
        path.with_suffix(".png").write_bytes(png(svg))


def session() -> Staged:
    """A session at a desk where nothing happened yet."""
    shutil.rmtree(HOME)
    HOME.mkdir()
    os.chdir(HOME)
    (HOME / ".root/usr/local/share/ca-certificates").mkdir(parents=True)
    state = HOME / ".local/state/pomcert-wizard"
    return Staged(StillDesk(HOME), state, Answers({"local_ca.export": ("pkcs12",)}))


async def path(camera: Camera) -> None:
    """The way from the welcome to the proof."""
    staged = session()
    async with wizard(staged, camera.size) as driver:
        camera.take(driver, "01-welcome")
        await driver.press("enter")
        camera.take(driver, "02-strategy")
        await driver.press("enter")
        camera.take(driver, "03-names")
        await driver.press("enter")
        camera.take(driver, "28-target")
        await driver.press("enter")
        camera.take(driver, "04-trust")
        await driver.press("space", "enter")
        camera.take(driver, "06-output")
        await driver.press("enter", "enter")
        camera.take(driver, "07-route")
        await driver.press("enter", "enter")
        await driver.write("ada@example.com")
        await driver.until(ReviewScreen)
        camera.take(driver, "08-review")
        await driver.press("space")
        camera.take(driver, "20-details")
        await driver.press("escape", "f4")
        camera.take(driver, "21-save")
        await driver.press("escape", "enter")
        await driver.press("enter", running=True)
        await driver.press(running=True)
        camera.take(driver, "09-apply")
        staged.go_on.set()
        await driver.rest(running=True)
        camera.take(driver, "22-privilege")
        await driver.press("escape")
        await driver.until(DoneScreen, "f24")
        camera.take(driver, "10-done")


async def details(camera: Camera) -> None:
    """All questions, an answer that is wrong, help, quitting."""
    async with wizard(session(), camera.size) as driver:
        await driver.press("enter", "enter")
        await driver.write("*.*.example.com")
        await driver.press("enter")
        camera.take(driver, "11-problem")
        await driver.press("f1")
        camera.take(driver, "23-help")
        await driver.press("escape", "ctrl+q")
        camera.take(driver, "24-quit")
        await driver.press("escape")
        await driver.write("*.localhost.pomerium.io")
        await driver.press("f3", "enter", "enter", "enter")
        camera.take(driver, "05-certificate")


async def trouble(camera: Camera) -> None:
    """An error, and a run that was cut off."""
    staged = session()
    async with wizard(staged, camera.size) as driver:
        error = WizardError(
            "locked",
            f"Another run of pomcert-wizard is working in {staged.state}.",
            "Wait until it has finished and run again.",
        )
        driver.app.screen.post_message(Failed(error))
        await driver.rest()
        camera.take(driver, "12-error")
    cut_off(Session(staged.system, staged.state))
    async with wizard(staged, camera.size) as driver:
        await driver.rest()
        camera.take(driver, "25-cut-off")


async def challenge(camera: Camera) -> None:
    """The records of an order: waited for, proved, and done with; and a run that was stopped."""
    desk = session().system
    assert isinstance(desk, StillDesk)
    staged = wildcard(desk)
    staged.script = staged.whole()
    async with wizard(staged, camera.size) as driver:
        await start(driver)
        await driver.press("1", running=True)
        camera.take(driver, "13-records")
        await driver.press("c", running=True)
        await driver.sees("*.corp.example.com")
        camera.take(driver, "14-proved")
        staged.go_on()
        await driver.until(DoneScreen, "f24")
        camera.take(driver, "27-records-to-remove")
    staged.script = staged.whole()
    async with wizard(staged, camera.size) as driver:
        await start(driver)
        await driver.press("escape")
        await driver.until(DoneScreen, "f24")
        camera.take(driver, "26-stopped")


async def autocert(camera: Camera) -> None:
    """What is asked where Pomerium gets its certificates itself, and the plan for it."""
    config = HOME / "config.yaml"
    desk = session().system
    config.write_text(
        "# Ours since 2021. Ask before you change it.\naddress: :443\nroutes:\n"
        "  - from: https://app.example.com   # the old one\n    to: http://127.0.0.1:8080\n"
    )
    # Nobody answers there, so that the pictures are the same everywhere.
    given = Answers({"dns.resolvers": ("127.0.0.1:9",), "autocert.email": "ada@example.com"})
    async with wizard(Session(desk, HOME / ".local/state/pomcert-wizard", given), camera.size) as (
        driver
    ):
        down = ["down"] * list(registry.STRATEGIES).index("autocert")
        await driver.press("enter", *down, "enter", "enter", "enter")
        camera.take(driver, "31-autocert")
        await driver.until(ReviewScreen)
        camera.take(driver, "32-autocert-review")
        await driver.until(DoneScreen)
        camera.take(driver, "33-autocert-done")


async def existing(camera: Camera) -> None:
    """A certificate that is there already, and its key elsewhere."""
    staged = session()
    names = ("*.corp.example.com", "corp.example.com")
    issued = leaf.issue(
        authority.create(names, now=NOW), names, now=NOW, lifetime=timedelta(days=90)
    )
    pem = chain.to_pem([issued.certificate, *issued.issuers])
    (HOME / "corp.example.com.crt").write_bytes(pem)
    async with wizard(staged, camera.size) as driver:
        await driver.press("enter", "down", "down", "down", "enter")
        await driver.write("~/corp.example.com.crt")
        await driver.press("enter")
        camera.take(driver, "34-existing")


async def cluster(camera: Camera) -> None:
    """A wildcard that cert-manager gets in a cluster."""
    token = HOME / "cloudflare-token"
    staged = session()
    token.write_text("secret")
    token.chmod(0o600)
    given = {
        "strategy": "dns-01",
        "names": ("*.corp.example.com",),
        "dns_01.accept_terms": True,
        "output.target": "kubernetes",
        "kubernetes.solver": "cloudflare",
        "kubernetes.cloudflare.token": f"file:{token}",
        "output.route.email": "ada@example.com",
    }
    state = HOME / ".local/state/pomcert-wizard"
    async with wizard(Session(staged.system, state, Answers(given)), camera.size) as driver:
        await driver.jump("solver")
        camera.take(driver, "35-cluster")
        await driver.until(ReviewScreen)
        camera.take(driver, "36-cluster-review")
        await driver.until(DoneScreen)
        camera.take(driver, "37-cluster-done")


async def container(camera: Camera) -> None:
    """Pomerium in a container, started by a Compose file."""
    given = Answers({"local_ca.stores": (), "output.target": "docker"})
    state = HOME / ".local/state/pomcert-wizard"
    async with wizard(Session(session().system, state, given), camera.size) as driver:
        await driver.jump("output")
        camera.take(driver, "39-container")


async def hops(camera: Camera) -> None:
    """Mutual TLS on every hop: what is asked of whoever wants it."""
    given = Answers({"local_ca.stores": (), "mtls.downstream": True, "mtls.services": True})
    staged = session()
    state = HOME / ".local/state/pomcert-wizard"
    async with wizard(Session(staged.system, state, given), camera.size) as driver:
        await driver.press("enter", "f3")
        await driver.jump("mtls")
        camera.take(driver, "38-mutual-tls")


async def main() -> None:
    """Every scene at every size."""
    scenes: tuple[Callable[[Camera], Awaitable[None]], ...] = (
        *(path, details, trouble, challenge),
        autocert,
        existing,
        container,
        cluster,
        hops,
    )
    for size in SIZES:
        for scene in scenes:
            await scene(Camera(size))


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    try:
        HOME.mkdir()
    except FileExistsError:
        sys.exit(f"{HOME} is there already, and the pictures need it for themselves.")
    try:
        asyncio.run(main())
    finally:
        os.chdir(REPOSITORY)
        shutil.rmtree(HOME)
