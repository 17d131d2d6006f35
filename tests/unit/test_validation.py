"""Checks of single answers, each with what is right, what is wrong, and what to write instead."""

from datetime import timedelta

import pytest

from wizard.core import validation
from wizard.core.answers import Answers

NONE = Answers()


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90d", timedelta(days=90)),
        ("36h", timedelta(hours=36)),
        ("30m", timedelta(minutes=30)),
        ("0d", timedelta(0)),
        ("90", None),
        ("d", None),
        ("", None),
        ("-1d", None),
        ("1.5d", None),
        ("90 d", None),
        ("90d\n", None),
        ("\N{ARABIC-INDIC DIGIT NINE}d", None),
        ("9999999d", None),
        ("1w", None),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, span: timedelta | None) -> None:
    assert validation.duration(text) == span


@pytest.mark.parametrize(
    ("text", "is_good"),
    [("1h", True), ("59m", False), ("825d", True), ("826d", False), ("90d", True), ("x", False)],
)
def test_a_lifetime_lies_between_an_hour_and_the_longest(text: str, is_good: bool) -> None:  # noqa: FBT001
    found = validation.lifetime(timedelta(days=825))(text, NONE)
    assert (found is None) is is_good
    if found is not None:
        assert found.code == "lifetime"
        assert text in found.summary


@pytest.mark.parametrize("value", ["/etc/pomerium", "/", "/with blank/ü", "/tmp/a.b", "/a'b\"c"])
def test_a_path_from_the_root_is_good(value: str) -> None:
    assert validation.absolute_path(value, NONE) is None


@pytest.mark.parametrize(
    "value", ["etc", "./x", "~", "~/x", "~you/x", "/a/$HOME", "/a\0b", "/a\nb"]
)
def test_any_other_path_says_what_pomerium_would_make_of_it(value: str) -> None:
    found = validation.absolute_path(value, NONE)
    assert found is not None
    assert found.code == "path"
    assert found.hint


@pytest.mark.parametrize(
    ("value", "is_good"),
    [
        ("you@example.com", True),
        ("o'brien+x@mail.example.co.uk", True),
        ("ü@example.com", True),
        ("you", False),
        ("you@", False),
        ("@example.com", False),
        ("you@localhost", False),
        ("you@a@example.com", False),
        ("you @example.com", False),
        ("<you@example.com>", False),
        ("you@example.com\n", False),
        ('"you"@example.com', False),
    ],
)
def test_an_email_address_is_one_plain_address(value: str, is_good: bool) -> None:  # noqa: FBT001
    assert (validation.email(value, NONE) is None) is is_good


@pytest.mark.parametrize(
    ("value", "is_good"),
    [
        ("https://a.example.com", True),
        ("http://localhost:8000/path", True),
        ("http://[::1]:8000", True),
        ("ftp://a.example.com", False),
        ("a.example.com", False),
        ("https://", False),
        ("https://:443", False),
        ("http://a:99999", False),
        ("http://a:0", False),
        ("http://a:x", False),
        ("http://[::1", False),
        ("", False),
        ("https://user:word@app.example.com", False),
    ],
)
def test_a_url_has_a_scheme_and_a_host(value: str, is_good: bool) -> None:  # noqa: FBT001
    assert (validation.https_url(value, NONE) is None) is is_good


@pytest.mark.parametrize(
    ("value", "is_good"),
    [
        (":443", True),
        ("127.0.0.1:8443", True),
        ("[::1]:443", True),
        ("localhost:65535", True),
        ("443", False),
        ("localhost", False),
        (":", False),
        (":0", False),
        (":65536", False),
        ("::1:443", False),
        (":443\n", False),
        ("https://:443", False),
        (":\N{FULLWIDTH DIGIT FOUR}43", False),
    ],
)
def test_an_address_to_listen_on_has_a_port(value: str, is_good: bool) -> None:  # noqa: FBT001
    assert (validation.listen_address(value, NONE) is None) is is_good


@pytest.mark.parametrize(
    ("value", "is_good"),
    [("env:NAME", True), ("file:/x", True), ("env:", False), ("hunter2", False), ("pass:x", False)],
)
def test_a_secret_is_named_by_where_it_is(value: str, is_good: bool) -> None:  # noqa: FBT001
    found = validation.secret_reference(value, NONE)
    assert (found is None) is is_good
    if found is not None:
        assert "hunter2" not in found.summary + found.hint
