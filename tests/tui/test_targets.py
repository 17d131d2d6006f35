"""Where Pomerium runs, on screens: what is found stands chosen, and each asks what it must know."""

import os
from pathlib import Path

import pytest
from conftest import Need
from target_support import DROP_IN, Machine

from tui.support import wizard
from wizard.engine import Session
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.review import ReviewScreen
from wizard.tui.widgets.entry import Entry


async def test_a_container_asks_for_its_compose_file_and_gets_it(
    session: Session, tmp_path: Path
) -> None:
    async with wizard(session) as driver:
        await driver.jump("target")
        assert "Plain files" in driver.words()
        await driver.press("down", "down", "enter", "enter")
        assert driver.app.at == "output"
        assert "Which Compose file starts Pomerium?" in driver.words()
        await driver.press("enter", "enter")
        await driver.write(str(tmp_path / "compose.yaml"))
        await driver.until(ReviewScreen)
        assert driver.app.plan is not None
        changes = [action.preview().what for action in driver.app.plan.actions]
        assert str(tmp_path / "compose.yaml") in changes
        await driver.until(DoneScreen)
        assert "docker compose --file" in driver.words()
    text = (tmp_path / "compose.yaml").read_text()
    assert "pomerium/pomerium:nonroot-" in text
    key = "/pomerium/tls/_wildcard.localhost.pomerium.io-key.pem"
    assert key in (tmp_path / "config.yaml").read_text()


async def test_back_from_one_target_to_another_asks_no_more_than_it_must(
    session: Session,
) -> None:
    async with wizard(session) as driver:
        await driver.jump("target")
        await driver.press("down", "down", "enter", "enter")
        assert len(driver.app.screen.query(Entry)) == 3
        await driver.press("escape", "escape", "up", "up", "enter", "enter")
        assert driver.app.at == "output"
        assert len(driver.app.screen.query(Entry)) == 2


async def test_a_service_that_is_here_stands_chosen(tmp_path: Path, need: Need) -> None:
    need.that(os.geteuid() == 0, "only root installs for a service", "run as root")
    machine = Machine(tmp_path)
    async with wizard(machine.session()) as driver:
        await driver.jump("target")
        await driver.press("enter", "enter")
        assert driver.app.session.given.text("output.target") == "systemd"
        assert driver.shows(str(machine.root / "etc/pomerium/config.yaml"))
        await driver.until(DoneScreen)
        assert "systemctl restart pomerium.service" in driver.words()
    assert (machine.root / DROP_IN).exists()
    assert machine.calls() == ["daemon-reload with"]


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36)], ids=str)
async def test_every_target_can_be_read(session: Session, size: tuple[int, int]) -> None:
    async with wizard(session, size) as driver:
        await driver.jump("target")
        seen = driver.words()
        for _ in range(3):
            await driver.press("down")
            seen += driver.words()
        for title in ("Plain files", "A systemd service", "A container", "A Kubernetes cluster"):
            assert title in seen
