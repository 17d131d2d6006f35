"""A cluster on screens: what it asks, what is not asked then, the plan, who has the last word."""

from pathlib import Path

import pytest

from tui.support import Desk, wizard
from wizard.core import registry
from wizard.core.answers import Answers
from wizard.engine import Session
from wizard.tui.screens.done import DoneScreen
from wizard.tui.screens.review import ReviewScreen

DOWN = ["down"] * list(registry.TARGETS).index("kubernetes")


@pytest.fixture
def session(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session that has chosen a wildcard by DNS, with the provider's token in a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("t0ken\n")
    given = {"strategy": "dns-01", "names": ("*.corp.example.com",), "dns_01.accept_terms": True}
    return Session(desk, tmp_path / "state", Answers(given))


@pytest.mark.parametrize("size", [(80, 24), (60, 18)], ids=str)
async def test_from_the_choice_to_the_cluster(
    session: Session, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with wizard(session, size) as driver:
        await driver.jump("target")
        await driver.press(*DOWN)
        assert "A Kubernetes cluster" in driver.words()
        await driver.press("enter")
        steps = [step.id for step in session.flow.visible(session.given)]
        assert "dns" not in steps
        await driver.jump("output")
        assert "Where should the manifests go?" in driver.words()
        await driver.write(str(tmp_path / "cluster"))
        await driver.press("enter")
        assert driver.app.at == "solver"
        await driver.press("enter")
        assert "Where is the API token?" in driver.words()
        await driver.write("t0ken")
        await driver.press("enter")
        assert "That does not say where the secret is." in driver.words()
        await driver.write(f"file:{tmp_path}/token")
        await driver.until(ReviewScreen)
        assert driver.app.plan is not None
        changes = {Path(one.preview().what).name for one in driver.app.plan.actions}
        assert changes >= {"issuer.yaml", "certificate.yaml", "kustomization.yaml"}
        await driver.until(DoneScreen)
        assert "cert-manager" in driver.words()
        assert "t0ken" not in driver.words().replace(f"{tmp_path}/token", "")
    assert (tmp_path / "cluster/secrets/cloudflare-token").read_text() == "t0ken"
