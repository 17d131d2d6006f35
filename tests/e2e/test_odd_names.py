"""Host names that are odd and good: taken, in the form that a certificate has them."""

import pytest
from cli_support import ANSWERS, Wizard

pytestmark = pytest.mark.e2e
NAMES = 'names = ["*.localhost.pomerium.io", "localhost.pomerium.io"]'
GOOD = (
    ("bücher.example.com", "xn--bcher-kva.example.com"),
    ("*.bücher.example.com", "_wildcard.xn--bcher-kva.example.com"),
    ("xn--bcher-kva.example.com", "xn--bcher-kva.example.com"),
    ("UPPER.Example.COM", "upper.example.com"),
    ("dot.example.com.", "dot.example.com"),
    ("例え。テスト。", "xn--r8jz45g.xn--zckzah"),
    (" blank.example.com ", "blank.example.com"),
    ("localhost", "localhost"),
    ("*.github.io", "_wildcard.github.io"),
)


@pytest.mark.parametrize(("typed", "stem"), GOOD)
def test_a_name_is_taken_in_the_form_of_a_certificate(
    wizard: Wizard, typed: str, stem: str
) -> None:
    answers = wizard.answers(ANSWERS.replace(NAMES, f'names = ["{typed}"]'))
    done = wizard("--answers", answers)
    assert done.status == 0, done.err
    assert (wizard.folder / f"tls/{stem}.pem").exists()


def test_a_name_given_twice_stands_once(wizard: Wizard) -> None:
    twice = 'names = ["a.example.com", "A.example.com", "a.example.com."]'
    answers = wizard.answers(ANSWERS.replace(NAMES, twice))
    done = wizard("plan", "--answers", answers, "--json")
    assert done.rows()[0]["answers"]["names"] == ["a.example.com"]  # type: ignore[index]


def test_blanks_and_a_last_comma_do_not_make_empty_names(wizard: Wizard) -> None:
    done = wizard("plan", "--json", "--set", "names=a.example.com, b.example.com,")
    assert done.rows()[0]["answers"]["names"] == ["a.example.com", "b.example.com"]  # type: ignore[index]


@pytest.mark.parametrize("wildcard", ["", "*."])
def test_the_longest_name_there_is_fits_into_a_file_name(wizard: Wizard, wildcard: str) -> None:
    base = ".".join(["a" * 60] * 3 + ["b" * 62, "example.com"])
    name = wildcard + base[-(253 - len(wildcard)) :]
    assert len(name) == 253
    answers = wizard.answers(ANSWERS.replace(NAMES, f'names = ["{name}"]'))
    done = wizard("--answers", answers)
    assert done.status == 0, done.err
    assert "Nothing to do" in wizard("--answers", answers).err
    assert wizard("undo").status == 0
    assert not (wizard.folder / "tls").exists()


def test_two_long_names_do_not_share_a_file(wizard: Wizard) -> None:
    paths = set()
    for first in "xy":
        name = first + ".".join(["a" * 60] * 3 + ["b" * 50, "example.com"])
        answers = wizard.answers(ANSWERS.replace(NAMES, f'names = ["{name}"]'))
        rows = wizard("plan", "--answers", answers, "--json").rows()
        changes = rows[0]["changes"]
        assert isinstance(changes, list)
        paths |= {change["what"] for change in changes if "-key.pem" in change["what"]}
    assert len({path for path in paths if "issuer" not in path}) == 2


def test_a_hundred_names_are_quick(wizard: Wizard) -> None:
    many = [f"h{n}.example.com" for n in range(100)]
    answers = wizard.answers(ANSWERS.replace(NAMES, f"names = {many}"))
    done = wizard("--answers", answers, seconds=15)
    assert done.status == 0, done.err
