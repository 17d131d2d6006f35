"""Host names: what may stand in a certificate, in which form, and what covers what."""

import string

import pytest

from wizard.pki.names import (
    LONGEST_NAME,
    MOST_NAMES,
    bases,
    covers,
    host_of,
    is_public_suffix,
    normalise,
    problem,
    problems,
    route_problem,
)

GOOD = (
    "localhost",
    "example.com",
    "*.example.com",
    "*.localhost.pomerium.io",
    "a-b.example.com",
    "1.example.com",
    "xn--bcher-kva.example.com",
    "*.github.io",
    "www.ck",
    f"{'a' * 63}.example.com",
)
BAD = {
    "name-invalid": (
        "",
        "a b.example.com",
        "a..example.com",
        ".example.com",
        "example.com.",
        "-a.example.com",
        "a-.example.com",
        "a_b.example.com",
        "a@example.com",
        "https://example.com",
        "example.com:443",
        "example.com/x",
        "a.example.com\n",
        "a.example.com\0",
        f"{'a' * 64}.example.com",
        "example.1",
        "example.0x1f",
    ),
    "name-is-address": ("127.0.0.1", "::1", "fe80::1", "10.1", "*.1.2.3.4", "[::1]", "[::1]:443"),
    "name-wildcard": (
        "*",
        "*.*.example.com",
        "a.*.example.com",
        "a*.example.com",
        "*a.example.com",
    ),
    "name-public-suffix": ("com", "co.uk", "*.co.uk", "kawasaki.jp", "*.foo.kawasaki.jp"),
    "name-single-label": ("router",),
    "name-single-label-wildcard": ("*.com", "*.localhost", "*.lan"),
    "name-idna": ("xn--a.example.com", "bücher.example.com", "ab--cd.example.com"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_name_for_a_certificate_has_no_problem(name: str) -> None:
    assert problem(name) is None
    assert normalise(name) == name


@pytest.mark.parametrize(
    ("name", "code"), [(name, code) for code, names in BAD.items() for name in names]
)
def test_any_other_name_has_one_with_a_way_out(name: str, code: str) -> None:
    found = problem(name)
    assert found is not None
    assert found.code == code
    assert found.hint.strip()


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        (" Example.COM. ", "example.com"),
        ("*.Example.com", "*.example.com"),
        ("bücher.example.com", "xn--bcher-kva.example.com"),
        ("BÜCHER.example.com", "xn--bcher-kva.example.com"),
        ("*.bücher.example.com.", "*.xn--bcher-kva.example.com"),
        ("straße.example.com", "xn--strae-oqa.example.com"),
        ("例え。テスト。", "xn--r8jz45g.xn--zckzah"),
        ("\N{FULLWIDTH DIGIT ONE}27.0.0.1", "127.0.0.1"),
        ("😀.example.com", "😀.example.com"),
        (".", "."),
        ("", ""),
    ],
)
def test_names_are_taken_in_their_a_labels(typed: str, form: str) -> None:
    assert normalise(typed) == form
    assert normalise(form) == form


def test_the_longest_name_is_the_longest() -> None:
    base = ".".join(["a" * 60] * 3 + ["b" * 58, "example.com"])
    assert problem(base[-LONGEST_NAME:]) is None
    assert problem("x" + base[-LONGEST_NAME:]) is not None
    wildcard = f"*.{base[-LONGEST_NAME + 2 :]}"
    assert problem(wildcard) is None
    assert len(host_of(wildcard)) <= LONGEST_NAME


@pytest.mark.parametrize(
    "name", ["https://a.example.com/x?y", "a.example.com:443", "me@a.example.com"]
)
def test_a_pasted_address_is_answered_with_its_host(name: str) -> None:
    found = problem(name)
    assert found is not None
    assert found.hint.endswith(": a.example.com")


def test_a_list_of_names_is_neither_empty_nor_endless() -> None:
    many = [f"h{n}.example.com" for n in range(MOST_NAMES + 1)]
    found = [problems(names) for names in ((), many, many[:-1], ["a.example.com", "b"])]
    assert [one and one.code for one in found] == [
        "names-missing",
        "names-too-many",
        None,
        "name-single-label",
    ]


@pytest.mark.parametrize(
    ("pattern", "host", "is_covered"),
    [
        ("a.example.com", "a.example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "*.example.com", True),
        ("*.example.com", "*.a.example.com", False),
        ("a.example.com", "b.example.com", False),
        ("*.example.com", "aexample.com", False),
    ],
)
def test_a_wildcard_covers_exactly_one_label(pattern: str, host: str, is_covered: bool) -> None:  # noqa: FBT001
    assert covers(pattern, host) is is_covered


def test_bases_are_the_fewest_domains_that_hold_all_names() -> None:
    names = (
        "*.a.example.com",
        "a.example.com",
        "x.y.a.example.com",
        "b.example.com",
        "ba.example.com",
    )
    assert bases(names) == ("a.example.com", "b.example.com", "ba.example.com")
    assert bases(("example.com", *names)) == ("example.com",)


@pytest.mark.parametrize(
    ("domain", "is_suffix"),
    [
        ("com", True),
        ("co.uk", True),
        ("example.com", False),
        ("ck", True),
        ("foo.ck", True),
        ("www.ck", False),
        ("city.kawasaki.jp", False),
        ("xn--p1ai", True),
        ("github.io", False),
        ("pomerium.io", False),
        ("nosuchtoplevel", False),
    ],
)
def test_public_suffixes_are_those_of_the_icann_part(domain: str, is_suffix: bool) -> None:  # noqa: FBT001
    assert is_public_suffix(domain) is is_suffix


def test_no_name_of_letters_and_signs_ever_fails_in_another_way() -> None:
    for sign in string.printable + "é。*\0\N{ZERO WIDTH JOINER}\udcff":
        for name in (f"{sign}.example.com", f"a{sign}b.example.com", sign, f"*.{sign}", sign * 300):
            found = problem(normalise(name))
            assert found is None or (found.summary and found.hint), name
            assert route_problem(f"https://{name}", ("example.com",)), name


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://a.example.com", ""),
        ("https://a.example.com/", ""),
        ("https://A.Example.com:8443", ""),
        ("https://*.example.com", "route-not-concrete"),
        ("https://a.example.com/path", "route-not-concrete"),
        ("https://a.example.com?x=1", "route-not-concrete"),
        ("https://a.example.com#x", "route-not-concrete"),
        ("https://me:pw@a.example.com", "route-not-concrete"),
        ("http://a.example.com", "route-not-concrete"),
        ("a.example.com", "route-not-concrete"),
        ("https://", "route-not-concrete"),
        ("https://a.example.com:x", "url"),
        ("https://[::1", "url"),
        ("https://example.com", "route-not-covered"),
        ("https://a.b.example.com", "route-not-covered"),
    ],
)
def test_a_route_is_one_host_that_the_certificate_covers(url: str, code: str) -> None:
    found = route_problem(url, ("*.example.com",))
    assert (found.code if found else "") == code
    if code == "route-not-covered":
        assert route_problem(url, ()) is None
