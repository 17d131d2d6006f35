"""What `renew` and `status` say of the certificates on all hops, not of the public one alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bundle_support import Forge
from upstream_support import CONFIG, FROM, Place, line

from wizard import clients, upkeep
from wizard.core.actions import WriteFile
from wizard.core.errors import WizardError
from wizard.core.events import Finished
from wizard.core.plan import Renewal
from wizard.core.secrets import Secret
from wizard.core.system import System
from wizard.pki import chain

ALL = {"mtls__downstream": True, "mtls__services": True}
STEM = "_wildcard.localhost.pomerium.io"


class Later(System):
    """A machine some days from now."""

    days = 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(self.days)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.system = Later(env={"HOME": str(tmp_path)}, root=tmp_path)
    return place


def public(place: Place) -> bytes:
    return (place.folder / f"tls/{STEM}.pem").read_bytes()


def renewed(place: Place, *, force: bool = True) -> str:
    """How `renew` ends: the code of its error, or its outcome."""
    try:
        events = list(upkeep.renew(place.system, place.state, force=force))
    except WizardError as error:
        return f"{error.code}: {error.summary}"
    return " ".join(event.outcome for event in events if isinstance(event, Finished))


# ── renew ──────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_somebody_lost_is_told_by_renew_and_lets_no_certificate_expire(
    place: Place, forge: Forge, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.pem"
    mine.write_bytes(forge.pem("root"))
    place.install(f"{FROM} ca={mine}")
    before = public(place)
    mine.write_text("nothing\n")
    said = renewed(place, force=False)
    assert said.startswith("certificate-missing: ")
    assert FROM in said
    assert str(mine) in said
    assert public(place) == before
    assert renewed(place) == said
    assert public(place) != before
    # Once no route names the copy any more, nobody waits for the file.
    place.config.write_text(CONFIG)
    assert renewed(place, force=False) == "nothing-to-do"


def test_a_service_key_that_all_can_read_is_told_by_renew_and_lets_no_certificate_expire(
    place: Place,
) -> None:
    place.install(**ALL)
    before = public(place)
    (place.folder / "services/authorize/authorize-key.pem").chmod(0o644)
    assert renewed(place).startswith("key-mode: ")
    assert public(place) != before


def test_services_are_renewed_while_somebody_is_at_the_configuration(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.config.write_text(f"certificate_authority_file: {place.folder}/theirs.pem\n{CONFIG}")
    theirs = place.folder / "theirs.pem"
    theirs.write_text("theirs\n")
    place.install(**ALL)
    leaf = place.folder / "services/authorize/authorize.pem"
    ca = place.folder / "services/proxy/ca.pem"
    before = leaf.read_bytes(), ca.read_bytes()
    place.config.write_text("routes: [\n")
    assert renewed(place) == "done"
    assert leaf.read_bytes() != before[0]
    assert ca.read_bytes() == before[1]
    # A new authority takes the place of the old one, and of nothing else.
    monkeypatch.setattr(Later, "days", 365 * 10 - 100)
    plan = place.session(**ALL).plan(Renewal.DUE)
    writes = [one for one in plan.actions if isinstance(one, WriteFile)]
    (new,) = [one.content() for one in writes if one.path == ca]
    assert new != before[1]
    assert new.endswith(b"-----END CERTIFICATE-----\ntheirs\n")
    assert new.count(b"BEGIN") == 1


# ── status ─────────────────────────────────────────────────────────────────────────────────────


def others(place: Place) -> dict[str, datetime]:
    (row,) = upkeep.status(place.system, place.state)
    return {one.what: one.expires for one in row.others}


def ends(path: Path) -> datetime:
    return chain.read(path.read_bytes(), str(path))[0].not_valid_after_utc


def test_status_says_when_each_certificate_on_each_hop_ends_the_next_one_first(
    place: Place, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.install(line(forge), **ALL)
    now = place.system.now()
    for name, days in (("ann", 30), ("ben", 20), ("eve", 10)):
        out = place.folder / f"{name}.p12"
        life = timedelta(days)
        list(clients.issue(place.system, place.state, name, out, Secret(b"pw"), lifetime=life))
    list(clients.revoke(place.system, place.state, "eve"))
    found = others(place)
    upstream = place.folder / "tls/upstream/app.localhost.pomerium.io"
    services = place.folder / "services"
    assert found == {
        "certificate of the client ben": found["certificate of the client ben"],
        "authority for clients, and its revocation list": ends(place.folder / "tls/client-ca.pem"),
        f"authority of the application behind {FROM}": ends(Path(f"{upstream}-ca.pem")),
        f"client certificate for the application behind {FROM}": ends(
            Path(f"{upstream}-client.pem")
        ),
        "authorize, for the other services": ends(services / "authorize/authorize.pem"),
        "databroker, for the other services": ends(services / "databroker/databroker.pem"),
    }
    assert found["certificate of the client ben"] - now < timedelta(20, 60)
    assert list(found.values()) == sorted(found.values())
    monkeypatch.setattr(Later, "days", 25)
    assert "certificate of the client ann" in others(place)


def test_status_says_who_renews_what(place: Place, forge: Forge) -> None:
    place.install(line(forge), **ALL)
    (row,) = upkeep.status(place.system, place.state)
    then = {one.what: one.then for one in row.others}
    assert then["authorize, for the other services"].startswith("renew replaces it from ")
    shown = then[f"client certificate for the application behind {FROM}"]
    assert shown == f"renew copies a newer {forge.folder}/pomerium-chain.pem"
    data = row.to_json()["others"]
    assert isinstance(data, list)
    assert [set(one) for one in data] == [{"what", "path", "expires", "then"}] * len(row.others)  # type: ignore[arg-type]  # objects


def test_status_has_nothing_more_to_say_where_there_is_one_hop(place: Place) -> None:
    place.install()
    assert others(place) == {}


def test_status_tells_when_a_certificate_ends_though_the_plan_cannot_be_made(place: Place) -> None:
    place.install(**ALL)
    place.config.write_text("routes: [\n")
    rows = upkeep.status(place.system, place.state)
    row = next(rows)
    assert row.expires == ends(place.folder / f"tls/{STEM}.pem")
    assert row.others
    with pytest.raises(WizardError) as caught:
        next(rows)
    assert caught.value.code == "config-not-yaml"
    assert row.drift == (f"cannot be compared: {caught.value.summary}",)


def test_status_tells_of_other_hops_where_one_cannot_be_read(place: Place) -> None:
    place.install(**ALL)
    (place.state / "clients/revoked.pem").write_text("nothing\n")
    rows = upkeep.status(place.system, place.state)
    assert {one.what.split(",")[0] for one in next(rows).others} == {"databroker", "authorize"}
    with pytest.raises(WizardError) as caught:
        next(rows)
    assert caught.value.code == "clients-mismatch"
