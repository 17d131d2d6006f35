"""Answers that are lists of tables: read from TOML and from words, refused with the line."""

import pytest

from wizard.core import validation
from wizard.core.answers import Answers, line_of, read, read_word
from wizard.core.errors import UsageError
from wizard.core.questions import Kind, Question
from wizard.core.tables import Line, joined, lines

FIELDS = {"from": "where", "ca": "who", "server_name": "name"}
QUESTION = Question("mtls.upstream", Kind.TABLES, "What?", "Why.", "More.", fields=FIELDS)
KNOWN = {"mtls.upstream": QUESTION, "names": Question("names", Kind.NAMES, "", "", "")}
TEXT = """\
names = ["a"]

[[mtls.upstream]]
ca = "/ca of a.pem"
from = "https://a"

[[ mtls . "upstream" ]]   # another
from = 'https://b'
server_name = "b.internal"
"""


def test_a_file_has_a_table_each() -> None:
    found = read(TEXT, "a.toml", KNOWN).texts("mtls.upstream")
    assert found == ("https://a ca='/ca of a.pem'", "https://b server_name=b.internal")
    tables = [one.table() for one in found if isinstance(one, Line)]
    assert tables == [
        {"from": "https://a", "ca": "/ca of a.pem"},
        {"from": "https://b", "server_name": "b.internal"},
    ]


@pytest.mark.parametrize(
    ("old", "new", "where", "says", "hint"),
    [
        ("server_name", "server-name", 9, "mtls.upstream.server-name", "mtls.upstream.server_name"),
        ("ca =", "cas =", 4, "nothing is called mtls.upstream.cas", "mtls.upstream.ca?"),
        ("ca =", "zzzzzz =", 4, "nothing is called mtls.upstream.zzzzzz", ""),
        ("'https://b'", "1", 8, "mtls.upstream.from must be a text in quotes", "from = "),
        ("'https://b'", "{}", 8, "mtls.upstream.from must be a text in quotes", "from = "),
        ('[[ mtls . "upstream" ]]', "[[mtls.upstrem]]", 7, "is called mtls.upstrem", "upstream?"),
    ],
)
def test_what_is_wrong_in_a_table_has_its_line(
    old: str, new: str, where: int, says: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(TEXT.replace(old, new), "a.toml", KNOWN)
    assert caught.value.summary.startswith(f"a.toml, line {where}: ")
    assert says in caught.value.summary
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text", ['[mtls]\nupstream = "https://a"', "[mtls.upstream]\nfrom = 'a'", "mtls.upstream = [1]"]
)
def test_what_is_no_list_of_tables_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text, "a.toml", KNOWN)
    assert "mtls.upstream must be a list of tables" in caught.value.summary
    assert read(f"[mtls]\n{caught.value.hint.partition(': ')[2]}", "", KNOWN)


def test_tables_in_one_line_of_toml_have_its_number() -> None:
    text = "[mtls]\nupstream = [\n  { from = 'a', cas = 'b' },\n]\n"
    with pytest.raises(UsageError) as caught:
        read(text, "a.toml", KNOWN)
    assert "line 2: nothing is called mtls.upstream.cas" in caught.value.summary
    assert line_of("[mtls]\nupstream = []\n", "mtls.upstream") == 2


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ()),
        ("https://a ca=/x", ("https://a ca=/x",)),
        ("https://a ca=/x\nhttps://b ca=/y", ("https://a ca=/x", "https://b ca=/y")),
        ("https://a ca=/x https://b", ("https://a ca=/x", "https://b")),
        ("https://a 'ca=/x y'", ("https://a ca='/x y'",)),
        ('https://a ca="/x\'y"', ("https://a ca='/x'\"'\"'y'",)),
        ("https://a?b=c ca=/x=y", ("'https://a?b=c' ca=/x=y",)),
        ('[{ from = "https://a", ca = "/x y" }]', ("https://a ca='/x y'",)),
        ("ca=/x", ("ca=/x",)),
        ("https://a ca='/x", ("https://a ca=''\"'\"'/x'",)),
    ],
)
def test_words_become_lines_that_are_read_as_themselves(typed: str, found: tuple[str, ...]) -> None:
    value = read_word(typed, QUESTION, "--set")
    assert value == found
    assert isinstance(value, tuple)
    assert lines(joined(value, ", "), tuple(FIELDS)) == value


@pytest.mark.parametrize(
    ("typed", "says", "hint"),
    [
        ("https://a cas=/x", "Nothing is called cas in 'https://a cas=/x'.", "Did you mean ca?"),
        ("https://a zz=/x", "Nothing is called zz", "Write it like: FROM ca=… server_name=…"),
        ("https://a ca=/x ca=/y", "says ca twice", "Write it like"),
        ("https://a from=b", "says from twice", "Write it like"),
        ("ca=/x", "does not say from", "Write it like"),
    ],
)
def test_what_makes_no_table_is_said(typed: str, says: str, hint: str) -> None:
    value = read_word(typed, QUESTION, "--set")
    problem = validation.check(QUESTION, value, Answers())
    assert problem is not None
    assert says in problem.summary
    assert hint in problem.hint
