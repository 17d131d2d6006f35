"""What an earlier run set up and these answers ask for no more: it stays, and that is told."""

from pathlib import Path

import pytest
import services_support
from bundle_support import Forge
from upstream_support import CONFIG, FROM, Place, line

from wizard.core.plan import Plan

STEM = "app.localhost.pomerium.io"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def told(plan: Plan, word: str) -> list[str]:
    return [one for one in plan.notices if word in one]


def test_an_application_that_is_asked_for_no_more_is_told_with_its_lines(
    place: Place, forge: Forge
) -> None:
    place.install(line(forge))
    said = told(place.session().plan(), "earlier run")
    assert len(said) == 2
    for one, number in zip(said, (4, 14), strict=True):
        assert f"{place.config}, line {number}: the route from {FROM}" in one
        assert "`tls_custom_ca_file`, `tls_client_cert_file`, `tls_client_key_file`" in one
    place.config.write_text(CONFIG)
    (said,) = told(place.session().plan(), "tls/upstream")
    assert f"{STEM}-client-key.pem" in said
    for path in (place.folder / "tls/upstream").iterdir():
        path.unlink()
    assert told(place.session().plan(), "tls/upstream") == []


def test_a_part_that_is_asked_for_no_more_is_told_and_the_rest_is_not(
    place: Place, forge: Forge
) -> None:
    place.install(line(forge))
    (one, other) = told(place.session(line(forge, certificate="", key="")).plan(), "earlier run")
    for said in (one, other):
        assert "still has `tls_client_cert_file`, `tls_client_key_file`" in said
    assert told(place.session(line(forge)).plan(), "earlier run") == []


def test_a_route_that_was_renamed_leaves_its_key_behind(place: Place, forge: Forge) -> None:
    place.install(line(forge))
    renamed = FROM.replace("app", "new")
    place.config.write_text(CONFIG.replace(FROM, renamed))
    plan = place.session(line(forge, renamed)).plan()
    (said,) = told(plan, "No route names")
    assert f"{STEM}-client-key.pem" in said


def test_variables_are_looked_at_as_well(place: Place, forge: Forge) -> None:
    env = {
        "output__form": "env",
        "output__config": str(place.folder / "pomerium.env"),
        "output__route__from": FROM,
        "output__route__to": "https://app.internal",
    }
    place.install(line(forge), **env)
    assert told(place.session(line(forge), **env).plan(), "earlier run") == []
    assert len(told(place.session(**env).plan(), "earlier run")) == 1


def test_services_that_are_together_again_are_told(tmp_path: Path) -> None:
    place = services_support.Place(tmp_path, services_support.RICH)
    assert told(place.plan(mtls__services=False), "earlier run") == []
    place.install()
    plan = place.plan(mtls__services=False)
    (said,) = told(plan, "earlier run")
    assert str(place.directory) in said
    assert f"Start Pomerium with {place.config} again" in said
    assert plan.is_empty
    for path in place.directory.glob("*/config.yaml"):
        path.unlink()
    assert told(place.plan(mtls__services=False), "earlier run") == []
