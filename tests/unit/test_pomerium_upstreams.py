"""Settings of routes join every way in which routes are written; every other byte stays."""

import pytest
from ruamel.yaml import YAML

from wizard.core.errors import WizardError
from wizard.pomerium.config import parse, with_settings
from wizard.pomerium.upstreams import is_same, routes

FROM = "https://a.example.com"
OURS = {"tls_custom_ca_file": "/ca: 1 # x.pem", "tls_upstream_server_name": "a.internal"}
CA, NAME = "tls_custom_ca_file: '/ca: 1 # x.pem'", "tls_upstream_server_name: a.internal"

SHAPES = {
    "plain": (
        "routes:\n  - from: https://a.example.com\n    to: https://x\n",
        f"routes:\n  - from: https://a.example.com\n    to: https://x\n    {CA}\n    {NAME}\n",
    ),
    "dashes under the key": (
        "routes:\n- from: https://a.example.com\n  to: https://x\naddress: :443\n",
        f"routes:\n- from: https://a.example.com\n  to: https://x\n  {CA}\n  {NAME}\n"
        "address: :443\n",
    ),
    "policy, the older name": (
        "policy:\n- from: https://a.example.com\n  to: https://x\n",
        f"policy:\n- from: https://a.example.com\n  to: https://x\n  {CA}\n  {NAME}\n",
    ),
    "wide dashes": (
        "routes:\n  -   from: https://a.example.com\n      to: https://x\n",
        f"routes:\n  -   from: https://a.example.com\n      to: https://x\n      {CA}\n      {NAME}\n",
    ),
    "a dash alone": (
        "routes:\n  -\n    from: https://a.example.com\n    to: https://x\n",
        f"routes:\n  -\n    from: https://a.example.com\n    to: https://x\n    {CA}\n    {NAME}\n",
    ),
    "comments around": (
        "routes:\n  # one\n  - from: https://a.example.com # mine\n    to: https://x # there\n"
        "    # for later\n  # two\n  - from: https://b\n    to: https://y\n",
        "routes:\n  # one\n  - from: https://a.example.com # mine\n    to: https://x # there\n"
        f"    {CA}\n    {NAME}\n"
        "    # for later\n  # two\n  - from: https://b\n    to: https://y\n",
    ),
    "a policy last": (
        "routes:\n  - from: https://a.example.com\n    to: https://x\n    policy:\n"
        "      - allow:\n          or:\n            - email:\n                is: me@x\n\n"
        "  - from: https://b\n    to: https://y\n",
        "routes:\n  - from: https://a.example.com\n    to: https://x\n    policy:\n"
        "      - allow:\n          or:\n            - email:\n                is: me@x\n"
        f"    {CA}\n    {NAME}\n\n"
        "  - from: https://b\n    to: https://y\n",
    ),
    "a block text last": (
        "routes:\n  - to: https://x\n    from: https://a.example.com\n    policy: |\n"
        "      allow:\n        or: []\n  - from: https://b\n    to: https://y\n",
        "routes:\n  - to: https://x\n    from: https://a.example.com\n    policy: |\n"
        f"      allow:\n        or: []\n    {CA}\n    {NAME}\n  - from: https://b\n    to: https://y\n",
    ),
    "a block text at the end, without a line end": (
        "routes:\n  - from: https://a.example.com\n    to: https://x\n    policy: |\n      text",
        f"routes:\n  - {CA}\n    {NAME}\n    from: https://a.example.com\n    to: https://x\n"
        "    policy: |\n      text",
    ),
    "no line end": (
        "routes:\n  - from: https://a.example.com\n    to: https://x",
        f"routes:\n  - from: https://a.example.com\n    to: https://x\n    {CA}\n    {NAME}",
    ),
    "flow items": (
        "routes:\n  - {from: https://a.example.com, to: https://x}  # one line\n",
        f"routes:\n  - {{from: https://a.example.com, to: https://x, {CA}, {NAME}}}  # one line\n",
    ),
    "flow list": (
        "routes: [{from: https://a.example.com, to: https://x}, {from: https://b, to: https://y}]\n",
        f"routes: [{{from: https://a.example.com, to: https://x, {CA}, {NAME}}}, "
        "{from: https://b, to: https://y}]\n",
    ),
    "flow over lines": (
        "routes: [\n  {\n    from: https://a.example.com,\n    to: https://x,\n  },\n]\n",
        f"routes: [\n  {{\n    from: https://a.example.com,\n    to: https://x,\n    {CA},\n"
        f"    {NAME},\n  }},\n]\n",
    ),
    "JSON": (
        '{"routes": [{"from": "https://a.example.com", "to": ["https://x"]}]}',
        '{"routes": [{"from": "https://a.example.com", "to": ["https://x"], '
        '"tls_custom_ca_file": "/ca: 1 # x.pem", "tls_upstream_server_name": "a.internal"}]}',
    ),
    "another value stands there": (
        "routes:\n  - from: https://a.example.com\n    tls_custom_ca_file: /old # why\n"
        "    to: https://x\n",
        "routes:\n  - from: https://a.example.com\n    tls_custom_ca_file: '/ca: 1 # x.pem' # why\n"
        f"    to: https://x\n    {NAME}\n",
    ),
    "an empty value stands there": (
        "routes:\n  - from: https://a.example.com\n    tls_custom_ca_file:\n    to: https://x\n",
        f"routes:\n  - from: https://a.example.com\n    {CA}\n    to: https://x\n    {NAME}\n",
    ),
    "it stands there in capitals": (
        "routes:\n  - From: https://a.example.com\n    To: https://x\n    TLS_CUSTOM_CA_FILE: /o\n",
        "routes:\n  - From: https://a.example.com\n    To: https://x\n"
        f"    TLS_CUSTOM_CA_FILE: '/ca: 1 # x.pem'\n    {NAME}\n",
    ),
    "the same place, written otherwise": (
        "routes:\n  - from: 'HTTPS://A.example.com:443/'\n    to: https://x\n",
        f"routes:\n  - from: 'HTTPS://A.example.com:443/'\n    to: https://x\n    {CA}\n    {NAME}\n",
    ),
    "several with other paths, and one that leads elsewhere": (
        "routes:\n  - from: https://a.example.com\n    prefix: /a\n    to: https://x\n"
        "  - from: https://a.example.com\n    prefix: /b\n    to: http://x\n"
        "  - from: https://a.example.com\n    to:\n      - https://x,1\n      - https://y,2\n",
        "routes:\n  - from: https://a.example.com\n    prefix: /a\n    to: https://x\n"
        f"    {CA}\n    {NAME}\n"
        "  - from: https://a.example.com\n    prefix: /b\n    to: http://x\n"
        "  - from: https://a.example.com\n    to:\n      - https://x,1\n      - https://y,2\n"
        f"    {CA}\n    {NAME}\n",
    ),
    "routes and policy": (
        "policy:\n  - from: https://a.example.com\n    to: https://x\n"
        "routes:\n  - from: https://a.example.com\n    to: https://y\n",
        f"policy:\n  - from: https://a.example.com\n    to: https://x\n    {CA}\n    {NAME}\n"
        f"routes:\n  - from: https://a.example.com\n    to: https://y\n    {CA}\n    {NAME}\n",
    ),
    "it takes the rest from an anchor": (
        "x: &all {to: https://x, timeout: 5s}\n"
        "routes:\n  - <<: *all\n    from: https://a.example.com\n",
        "x: &all {to: https://x, timeout: 5s}\n"
        f"routes:\n  - <<: *all\n    from: https://a.example.com\n    {CA}\n    {NAME}\n",
    ),
    "an anchor nobody uses": (
        "routes:\n  - &a\n    from: https://a.example.com\n    to: &b https://x\n",
        f"routes:\n  - &a\n    from: https://a.example.com\n    to: &b https://x\n    {CA}\n    {NAME}\n",
    ),
    "it leads to an alias": (
        "x: &there https://x\nroutes:\n  - from: https://a.example.com\n    to: [*there]\n",
        f"x: &there https://x\nroutes:\n  - from: https://a.example.com\n    to: [*there]\n"
        f"    {CA}\n    {NAME}\n",
    ),
    "a text over lines last": (
        "routes:\n  - to: https://x\n    from: https://a.example.com\n    description: one\n"
        "      two\n",
        "routes:\n  - to: https://x\n    from: https://a.example.com\n    description: one\n"
        f"      two\n    {CA}\n    {NAME}\n",
    ),
    "tabs before a comment": (
        "routes:\n  - from: https://a.example.com\n    to: https://x\t# tab\n",
        f"routes:\n  - from: https://a.example.com\n    to: https://x\t# tab\n    {CA}\n    {NAME}\n",
    ),
    "the end is marked": (
        "---\nroutes:\n  - from: https://a.example.com\n    to: https://x\n...\n",
        f"---\nroutes:\n  - from: https://a.example.com\n    to: https://x\n    {CA}\n    {NAME}\n...\n",
    ),
}


def made(text: str) -> bytes:
    edit = with_settings(parse(text.encode(), "config.yaml"), {"routes": {FROM: OURS}})
    again = with_settings(parse(edit.text, "config.yaml"), {"routes": {FROM: OURS}})
    assert (again.text, again.changed) == (edit.text, False)
    return edit.text


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_only_the_routes_from_there_change(shape: str, newline: str) -> None:
    before, after = (text.replace("\n", newline) for text in SHAPES[shape])
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
        "routes:\n  - &a {from: https://a.example.com, to: https://x}\n"
        "  - {<<: *a, from: https://b}\n",
        "routes: &all\n  - from: https://a.example.com\n    to: https://x\npolicy: *all\n",
        "routes:\n  - from: https://a.example.com\n    to: https://x\n"
        "    tls_custom_ca_file: &ca /old\n  - from: https://b\n    tls_custom_ca_file: *ca\n",
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
