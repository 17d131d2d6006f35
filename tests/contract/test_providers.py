"""What every DNS provider promises, each against a real name server.

rfc2136 and command change zones of BIND, the latter by hooks as people have them for certbot;
lexicon changes zones of PowerDNS by its HTTP API. By hand there is nothing to change.
"""

from pathlib import Path
from typing import cast

import pytest
from conftest import Need
from dns_lab import Lab
from provider_support import PLACES, PREFIX, Place, provider

from wizard.core import registry
from wizard.core.answers import Answers
from wizard.dns.providers.base import Provider

ONE, TWO = (
    "one-value-of-43-characters-as-they-are-usual",
    "TWO_value-of-43-characters-as-they-are-usua",
)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path, need: Need) -> Place:
    need("nsupdate")
    with lab.inside():
        return PLACES[request.param](lab, tmp_path)


def publish(place: Place, *values: str, name: str = "_acme-challenge") -> None:
    with place.lab.inside():
        place.make().publish([place.txt(*values, name=name)])


def remove(place: Place, *values: str, name: str = "_acme-challenge") -> None:
    with place.lab.inside():
        place.make().remove([place.txt(*values, name=name)])


def test_every_provider_is_tried() -> None:
    assert {*PLACES, "manual"} == set(registry.PROVIDERS)


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_it_is_called_as_the_registry_says_and_asks_only_when_chosen(name: str) -> None:
    made = cast("type[Provider]", registry.load(registry.PROVIDERS, name))
    assert made.info.id == name
    assert made.is_manual is (name == "manual")
    for question in made.questions():
        assert question.key.startswith(PREFIX)
        assert question.when(Answers({f"{PREFIX}name": name}))
        for other in {*registry.PROVIDERS, ""} - {name}:
            assert not question.when(Answers({f"{PREFIX}name": other}))


def test_no_two_providers_share_a_key() -> None:
    keys = [
        question.key
        for name in registry.PROVIDERS
        for question in cast("type[Provider]", registry.load(registry.PROVIDERS, name)).questions()
    ]
    assert len(keys) == len(set(keys))


def test_the_values_of_a_domain_and_its_wildcard_stand_together(place: Place) -> None:
    publish(place, ONE, TWO)
    assert place.texts() == sorted([ONE, TWO])


def test_a_value_of_somebody_else_stays_where_it_is(place: Place) -> None:
    publish(place, "theirs")
    publish(place, ONE, TWO)
    assert place.texts() == sorted(["theirs", ONE, TWO])
    remove(place, ONE, TWO)
    assert place.texts() == ["theirs"]


def test_publishing_twice_and_removing_twice_is_as_once(place: Place) -> None:
    for _ in range(2):
        publish(place, ONE, TWO)
    assert place.texts() == sorted([ONE, TWO])
    for _ in range(2):
        remove(place, ONE, TWO)
    assert place.texts() == []


def test_what_was_never_there_can_be_removed(place: Place) -> None:
    remove(place, ONE, name="_acme-challenge.never")
    assert place.texts("_acme-challenge.never") == []


def test_many_names_are_published_at_once(place: Place) -> None:
    names = [f"_acme-challenge.host{number}" for number in range(20)]
    records = [place.txt(ONE, f"{name}-value", name=name) for name in names]
    with place.lab.inside():
        made = place.make()
        made.publish(records)
        for name in names:
            assert place.texts(name) == sorted([ONE, f"{name}-value"])
        made.remove(records)
    assert all(place.texts(name) == [] for name in names)


def test_a_short_life_so_that_a_rehearsal_is_forgotten_in_time(place: Place) -> None:
    publish(place, ONE)
    answer = place.lab.ask(place.address, f"_acme-challenge.{place.zone}", "TXT")
    assert answer.answer[0].ttl == 60


def test_by_hand_nothing_is_done(lab: Lab, tmp_path: Path) -> None:
    place = PLACES["rfc2136"](lab, tmp_path)
    made = provider("manual", {})
    made.publish([place.txt(ONE)])
    made.remove([place.txt(ONE)])
    assert place.texts() == []
