"""Applications with TLS of their own, on screens: a line each, and a mistake is said in place."""

from pathlib import Path

from bundle_support import Forge
from upstream_support import CONFIG, FROM, line

from tui.support import Desk, answers, wizard
from wizard.engine import Session
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.review import ReviewScreen
from wizard.tui.widgets.entry import Entry


async def test_a_line_each_is_taken_and_kept(desk: Desk, forge: Forge, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    session = Session(desk, tmp_path / "state", answers(tmp_path, {"output.config": str(config)}))
    async with wizard(session) as driver:
        await driver.press("enter", "f3")
        await driver.jump("mtls")
        driver.one(Entry).focus()
        await driver.write(f"{FROM} cert=/x")
        await driver.press("enter")
        assert "Did you mean certificate?" in driver.words()
        await driver.press("ctrl+u")
        await driver.write(line(forge))
        await driver.press("enter")
        await driver.until(ReviewScreen)
        await driver.press("escape")
        assert driver.one(Entry).text == line(forge)
        await driver.until(DoneScreen)
        assert "pkill -HUP -x pomerium" in driver.words()
    assert config.read_text().count("tls_client_key_file") == 2
