"""Settings of routes join every way in which routes are written; every other byte stays."""

from pathlib import Path

import pytest
from corpus_support import EDITED, UNREADABLE, Data, load, removed
from ruamel.yaml import YAML

from wizard.core.errors import WizardError
from wizard.pomerium.config import parse, with_settings
from wizard.pomerium.upstreams import LISTS, is_same, routes

FROM = "https://a.example.com"
OURS = {"tls_custom_ca_file": "/ca: 1 # x.pem", "tls_upstream_server_name": "a.internal"}
SHAPES = sorted((Path(__file__).parents[1] / "golden/pomerium/routes").glob("*.yaml"))
"""Each with what it becomes beside it, `.after`."""


def made(text: str) -> bytes:
    edit = with_settings(parse(text.encode(), "config.yaml"), {"routes": {FROM: OURS}})
    again = with_settings(parse(edit.text, "config.yaml"), {"routes": {FROM: OURS}})
    assert (again.text, again.changed) == (edit.text, False)
    return edit.text


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_only_the_routes_from_there_change(shape: Path, newline: str) -> None:
    paths = shape, shape.with_suffix(".after")
    before, after = (path.read_bytes().decode().replace("\n", newline) for path in paths)
    assert made(before).decode() == after
    if "\t" in after:  # which the plain loader does not take there
        return
    loader = YAML(typ="safe", pure=True)
    said = {str(key).lower(): value for key, value in loader.load(after).items()}
    every = [*said.get("policy", []), *said.get("routes", [])]
    own = [{str(key).lower(): value for key, value in one.items()} for one in every]
    tls = [one for one in own if is_same(one["from"], FROM) and "https://" in str(one["to"])]
    assert tls
    assert all(OURS.items() <= one.items() for one in tls)


@pytest.mark.parametrize(
    "text",
    [
        "x: &a\n  from: https://a.example.com\n  to: https://x\nroutes:\n  - *a\n",
        "routes:\n  - &a\n    from: https://a.example.com\n    to: https://x\n  - *a\n",
        "routes: [&a {from: https://a.example.com, to: https://x}, {<<: *a, from: https://b}]\n",
        "routes: &all\n  - from: https://a.example.com\n    to: https://x\npolicy: *all\n",
        "routes: [{from: https://a.example.com, to: https://x, tls_custom_ca_file: &ca /o}, *ca]",
    ],
)
def test_what_another_place_uses_too_is_left_to_a_person(text: str) -> None:
    with pytest.raises(WizardError) as caught:
        made(text)
    assert caught.value.code == "config-anchor-shared"
    assert "line" in caught.value.summary


@pytest.mark.parametrize(
    "text",
    [
        "address: :443\n",
        "routes: []\n",
        "routes:\n",
        "routes:\n  - from: https://b\n    to: https://x\n",
        "routes:\n  - from: https://a.example.com\n    redirect: {https_redirect: true}\n",
        "routes:\n  - from: https://a.example.com\n    to: 'https://[::1'\n",
        "routes: [1, null, [], {from: []}]\n",
    ],
)
def test_what_does_not_lead_there_by_tls_stays(text: str) -> None:
    assert made(text).decode() == text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a", "https://A/", True),
        ("https://a:443", "https://a", True),
        ("https://a:8443", "https://a", False),
        ("http://a", "https://a", False),
        ("tcp+https://a:22", "tcp+https://a:22", True),
        ("https://*.a", "https://b.a", False),
        ("https://a:x", "https://a:x", True),
        ("https://a:x", "https://a:y", False),
    ],
)
def test_places_are_told_apart(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    assert is_same(one, other) is same


def test_a_route_says_where_it_leads() -> None:
    text = (
        "routes:\n  - from: https://a\n    to: [https://x:8443, 'http://y', 'https://z,5']\n"
        "    tls_skip_verify: True\n"
    )
    (route,) = routes(parse(text.encode(), "config.yaml"))
    assert [url.hostname for url in route.upstreams] == ["x", "z"]
    assert (route.line, route.skips_verify) == (2, True)


OWN = frozenset(OURS)
INLINE = {"084-upstream-inline-ca"}
"""Has an authority inside the file."""


@pytest.mark.parametrize("path", EDITED, ids=lambda path: path.stem)
def test_routes_as_people_write_them_keep_all_else(path: Path) -> None:
    text = path.read_bytes()
    document = parse(text, path.name)
    every = list(routes(document))
    wanted = {route.origin: OURS for route in every}
    if path.stem in INLINE:
        with pytest.raises(WizardError) as caught:
            with_settings(document, {"routes": wanted})
        assert caught.value.code == "upstream-inline"
        return
    edit = with_settings(document, {"routes": wanted})
    assert edit.changed is any(route.upstreams for route in every)
    again = with_settings(parse(edit.text, path.name), {"routes": wanted})
    assert (again.text, again.changed) == (edit.text, False)
    if not any(name.encode() in text for name in OWN):
        assert removed(text, edit.text) == set()
    if path.stem in UNREADABLE:
        return
    before, after = load(text), load(edit.text)
    assert [set(one) - OWN for one in listed(before)] == [set(one) - OWN for one in listed(after)]
    assert {k: v for k, v in before.items() if k.lower() not in LISTS} == {
        k: v for k, v in after.items() if k.lower() not in LISTS
    }


def listed(data: Data) -> list[Data]:
    """The routes of both lists."""
    return [one for key, value in data.items() if key.lower() in LISTS for one in value or ()]
