"""Diagnoses that need no name server: of values, of orders, of what an authority wrote."""

from datetime import UTC, datetime, timedelta

import pytest

from wizard.dns.diagnosis import CODES
from wizard.dns.diagnosis_codes import listed, span
from wizard.dns.diagnosis_order import about_order
from wizard.dns.diagnosis_values import classify, too_many, value_findings

VALUE = "gfj9Xq-Rg85nM_V6lYZ0aBcDeFgHiJkLmNoPqRsTuVw"
OTHER = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
STAGES = {
    "value-quoted": [f'"{VALUE}"', f'\\"{VALUE}\\"', f"\u201c{VALUE}\u201d", f"'{VALUE}'"],
    "value-whitespace": [f" {VALUE}", f"{VALUE}\n", f"{VALUE[:20]} {VALUE[20:]}", f"{VALUE}\u200b"],
    "value-dot": [f"{VALUE}."],
    "value-padded": [f"{VALUE}=", f"{VALUE}=="],
    "value-case": [VALUE.lower(), VALUE.upper()],
    "value-truncated": [VALUE[:-1], VALUE[:20], VALUE[1:]],
    "value-decorated": [f"_acme-challenge={VALUE}", f"txt:{VALUE};"],
    "values-joined": [f"{VALUE}{OTHER}", f"{VALUE}, {OTHER}", f'"{OTHER}" "{VALUE}"'],
    "value-unknown": [OTHER.swapcase()[::-1], "v=spf1 -all", VALUE[:4], ""],
}


@pytest.mark.parametrize(
    ("code", "seen"), [(code, seen) for code, every in STAGES.items() for seen in every]
)
def test_a_value_that_is_nearly_right_is_explained(code: str, seen: str) -> None:
    (verdict,) = classify({VALUE, OTHER}, {seen})
    assert (verdict.code, verdict.seen) == (code, seen)
    (found,) = value_findings("_acme-challenge.example.com", {VALUE, OTHER}, {seen}, (), 60)
    assert found.code == code
    assert found.level == "error"
    assert "_acme-challenge.example.com" in found.summary


@pytest.mark.parametrize("seen", [{VALUE}, {VALUE, OTHER}, {VALUE, f'"{VALUE}"'}, {VALUE, "old"}])
def test_what_stands_beside_the_right_value_harms_nobody(seen: set[str]) -> None:
    assert classify({VALUE}, seen, {"old"}) == ()


def test_one_of_two_is_told_and_what_stands_in_the_place_of_the_other_first() -> None:
    (one,) = classify({VALUE, OTHER}, {OTHER})
    assert one == ("one-of-two", OTHER, VALUE)
    assert [found.code for found in classify({VALUE, OTHER}, {OTHER, "old"}, {"old"})] == [
        "one-of-two",
        "old-value",
    ]
    assert [found.code for found in classify({VALUE, OTHER}, {OTHER, f'"{VALUE}"'})] == [
        "value-quoted"
    ]


def test_an_old_value_is_old_even_where_it_looks_like_a_new_one() -> None:
    (found,) = classify({VALUE}, {VALUE.lower()}, {VALUE.lower()})
    assert found.code == "old-value"
    (told,) = value_findings("_acme-challenge.example.com", {VALUE}, {"old"}, {"old"}, 300)
    assert "300 s" in told.hint


def test_a_record_with_blanks_of_its_own_is_compared_without_them() -> None:
    persistent = "ca.example; accounturi=https://ca.example/acct/1; policy=wildcard"
    (found,) = classify({persistent}, {persistent.replace("; ", ";")})
    assert found.code == "value-whitespace"
    (found,) = classify({persistent}, {f'"{persistent}"'})
    assert found.code == "value-quoted"


def test_a_dozen_values_are_too_many_unless_they_are_all_wanted() -> None:
    values = {f"{number:043}" for number in range(12)}
    assert too_many("_acme-challenge.example.com", values, {VALUE}) is not None
    assert too_many("_acme-challenge.example.com", values, values) is None
    assert too_many("_acme-challenge.example.com", set(list(values)[:10]), {VALUE}) is None


def test_a_long_value_is_told_short() -> None:
    (found,) = value_findings("x.example.com", {VALUE}, {"v" * 4000}, (), 0)
    assert len(found.summary) < 150


def test_every_code_has_a_line_and_the_22_diagnoses_have_one_each() -> None:
    assert len(CODES) >= 22
    assert all(one.meaning and not one.meaning.endswith(".") for one in CODES.values())
    assert all(code == code.lower() and " " not in code for code in CODES)


def test_an_order_with_nothing_wrong_is_not_spoken_of() -> None:
    assert not about_order(("*.example.com", "example.com", "a.b.example.com"), now=NOW)
    assert not about_order(
        ("example.com",),
        now=NOW,
        expires=NOW + timedelta(days=7),
    )


def test_a_name_that_a_wildcard_covers_is_redundant() -> None:
    (found,) = about_order(("*.example.com", "a.example.com"), now=NOW)
    assert found.code == "name-redundant"
    assert found.hint == "Leave a.example.com out."


@pytest.mark.parametrize(
    ("name", "code"),
    [("*.co.uk", "name-public-suffix"), ("*.x.local", "name-not-public")],
)
def test_a_name_that_nobody_can_have_is_told(name: str, code: str) -> None:
    assert [found.code for found in about_order((name,), now=NOW)] == [code]


@pytest.mark.parametrize(("left", "told"), [(40, "40:00 min"), (0, "has ended"), (-5, "has ended")])
def test_little_time_is_told(left: int, told: str) -> None:
    (found,) = about_order(("example.com",), now=NOW, expires=NOW + timedelta(minutes=left))
    assert found.code == "order-expires-soon"
    assert told in found.summary


def test_lists_and_times_read_like_sentences() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcde")) == "a, b, c and 2 more"
    assert [span(each) for each in (0, 59, 90, 3700)] == ["0 s", "59 s", "1:30 min", "1:01:40 h"]
