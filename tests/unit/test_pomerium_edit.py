"""An edit changes what it must, holds the intended data, and does nothing the second time."""

import json
import os
import random
import re
from pathlib import Path

import pytest
from corpus_support import EDITED, UNREADABLE, Data, load, removed_lines

from wizard.core.errors import UsageError, WizardError
from wizard.pomerium.config import Covered, Edit, parse, with_certificate

CERT, KEY = Path("/var/tls/new.pem"), Path("/var/tls/new-key.pem")
NAMES = ("*.example.com",)
OLD = "/etc/ssl/a.pem"
BOM = b"\xef\xbb\xbf"

VARIANTS = {
    "lf": lambda text: text,
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "bom": lambda text: "\ufeff" + text.removeprefix("\ufeff"),
    "open": lambda text: text.rstrip("\n"),
}


def nobody(_path: Path) -> None:
    return None


def old_is_ours(path: Path) -> tuple[str, ...] | None:
    return NAMES if str(path) == OLD else None


def edit(text: bytes, covered: Covered = nobody, names: tuple[str, ...] = NAMES) -> Edit:
    return with_certificate(parse(text, "config.yaml"), CERT, KEY, names, covered)


def found_key(data: Data, name: str) -> str:
    return next((key for key in data if str(key).lower() == name), name)


def expected(data: Data, covered: Covered) -> Data:
    """The same edit on plain data."""
    entry = {"cert": str(CERT), "key": str(KEY)}
    key = found_key(data, "certificates")
    entries = [{k.lower(): v for k, v in item.items()} for item in data.get(key) or []]
    autocert = found_key(data, "autocert")
    if str(data.get(autocert)).lower() == "true":
        data = data | {autocert: False}
    for index, item in enumerate(entries):
        if covered(Path(item["cert"])) == NAMES:
            return data | {key: [*entries[:index], item | entry, *entries[index + 1 :]]}
    if covered(Path(data.get("certificate_file", "/"))) == NAMES:
        return data | {"certificate_file": str(CERT), "certificate_key_file": str(KEY)}
    return data | {key: [*entries, entry]}


def lower_items(data: Data) -> Data:
    key = found_key(data, "certificates")
    if key not in data:
        return data
    return data | {key: [{k.lower(): v for k, v in item.items()} for item in data.get(key) or []]}


def check(text: bytes, covered: Covered, name: str) -> None:
    result = edit(text, covered)
    assert result.changed
    if name not in UNREADABLE:
        assert lower_items(load(result.text)) == expected(load(text), covered)
    removed = removed_lines(text, result.text)
    assert len(removed) <= 4
    for line in removed:
        ours = any(word in line.lower() for word in ("cert", "key", "- *one"))
        # A flow at the top level gets its new key behind the last one.
        joined = line.rstrip(" }\r") in result.text.decode("utf-8")
        only_comma = (line.rstrip() + ",") in result.text.decode().splitlines()
        block_path = line.strip() == OLD or line.strip() == "/etc/ssl/a.key"
        assert ours or joined or only_comma or block_path, line
    if b"\r\n" in text:
        assert b"\n" not in result.text.replace(b"\r\n", b"")
    assert result.text.startswith(BOM) == text.startswith(BOM)
    assert result.text.endswith(b"\n") == text.endswith(b"\n") or not text.strip(BOM)
    again = edit(result.text, covered)
    assert again.text == result.text
    assert not again.changed


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("path", EDITED, ids=lambda path: path.stem)
def test_adding_touches_only_the_entry(path: Path, variant: str) -> None:
    check(VARIANTS[variant](path.read_text("utf-8")).encode(), nobody, path.stem)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "path", [p for p in EDITED if OLD in p.read_text("utf-8")], ids=lambda path: path.stem
)
def test_replacing_touches_only_the_entry(path: Path, variant: str) -> None:
    check(VARIANTS[variant](path.read_text("utf-8")).encode(), old_is_ours, path.stem)


BLOCKS = (
    "address: :443   # listen\n",
    "autocert: false\n",
    "x-{n}: &d{n}\n    pass_identity_headers:   true\n    timeout:  30s\n",
    "# a comment on its own: with colon\n",
    "\n",
    "\n\n   # indented comment\n",
    "x-{n}: {{a: 1,   b: [x,y ,  z]}}   # flow\n",
    "x-{n}: |\n      block\n        deeper\n\n      end\n",
    "x-{n}: >-\n  folded\n\n  text\n",
    "x-{n}: 'single ''quoted'' # no comment'\n",
    'x-{n}: "double \\u00e9 \\\n    continued"\n',
    "x-{n}: plain that\n    goes on\n",
    "x-{n}:\n- from: https://a{n}.example.com\n  to:   http://a\n- [ 1,2 ]\n",
    "x-{n}:\n    -   - nested\n        - list\n    -   b: 2\n",
    "x-{n}: ~\nx-{n}b:\nx-{n}c: 0o17\n",
    "? x-{n}\n: explicit\n",
    "x-{n}: " + "long " * 60 + "end\n",
    "'x-{n}' : \u65e5\u672c \U0001f3e2\n",
)
LISTS = (
    "certificates:\n{i}- cert: /c/{n}.pem\n{i}  key: /c/{n}.key  # k\n",
    "certificates:\n{i}-   key: '/c/{n}.key'\n\n{i}    cert: '/c/{n}.pem'\n{i}    # below\n",
    "certificates: [ {{cert: /c/{n}.pem,key: /c/{n}.key}} ] # flow\n",
    "certificates: [\n   {{cert: /c/{n}.pem, key: /c/{n}.key}},  # c\n ]\n",
    "certificates:\n{i}- {{cert: /c/{n}.pem, key: /c/{n}.key}}\n{i}# after\n",
    "certificates:   # none\n",
    "certificate_file: /c/{n}.pem\ncertificate_key_file: /c/{n}.key\n",
    "",
)


def made_up(seed: int) -> tuple[str, str]:
    """A configuration put together at random, and the path of a certificate it lists."""
    chance = random.Random(seed)
    parts = [chance.choice(BLOCKS).format(n=n) for n in range(chance.randrange(8))]
    once = [
        part
        for n, part in enumerate(parts)
        if part.startswith(("x", "'", '"', "?", "#", "\n")) or part not in parts[:n]
    ]
    listed = chance.choice(LISTS).format(n=seed, i=" " * chance.choice((0, 2, 4, 7)))
    once.insert(chance.randrange(len(once) + 1), listed)
    text = "".join(once)
    if chance.random() < 0.3:
        text = text.rstrip("\n")
    if chance.random() < 0.3:
        text = text.replace("\n", "\r\n")
    return text, f"/c/{seed}.pem"


@pytest.mark.parametrize("seed", range(300))
def test_any_configuration_keeps_its_lines(seed: int) -> None:
    text, listed = made_up(seed)
    before = text.encode()

    def covered(path: Path) -> tuple[str, ...] | None:
        return NAMES if seed % 2 and str(path) == listed else None

    result = edit(before, covered)
    data = load(before)
    entries = list(data.get("certificates") or [])
    new = {"cert": str(CERT), "key": str(KEY)}
    if seed % 2 and entries:
        data |= {"certificates": [new]}
    elif seed % 2 and "certificate_file" in data:
        data |= {"certificate_file": new["cert"], "certificate_key_file": new["key"]}
    else:
        data |= {"certificates": [*entries, new]}
    assert load(result.text) == data
    for line in removed_lines(before, result.text):
        assert f"/c/{seed}" in line, line
    assert edit(result.text, covered).text == result.text


def test_several_runs_for_several_names_do_not_disturb_each_other() -> None:
    text = b"# mine\naddress: :443\n"
    known = {}
    for number in range(4):
        cert = Path(f"/tls/{number}.pem")
        known[cert] = (f"*.n{number}.example.com",)
        text = with_certificate(
            parse(text, "c"), cert, cert.with_suffix(".key"), known[cert], known.get
        ).text
    moved = Path("/tls/moved.pem")
    text = with_certificate(parse(text, "c"), moved, KEY, known[Path("/tls/2.pem")], known.get).text
    assert [item["cert"] for item in load(text)["certificates"]] == [
        "/tls/0.pem",
        "/tls/1.pem",
        "/tls/moved.pem",
        "/tls/3.pem",
    ]


def test_the_list_wins_over_the_pair_for_the_same_names() -> None:
    text = (
        b"certificate_file: /p.pem\ncertificate_key_file: /p.key\n"
        b"certificates:\n  - cert: /l.pem\n    key: /l.key\n"
    )
    result = edit(text, lambda _path: NAMES)
    assert load(result.text)["certificates"] == [{"cert": str(CERT), "key": str(KEY)}]
    assert load(result.text)["certificate_file"] == "/p.pem"
    assert any("never served" in notice for notice in result.notices)


def test_names_compare_without_case() -> None:
    text = b"certificates:\n  - cert: /l.pem\n    key: /l.key\n"
    result = edit(text, lambda _path: ("*.EXAMPLE.com",))
    assert b"/l.pem" not in result.text


def test_only_the_word_of_autocert_changes() -> None:
    text = b"autocert:   true     # issued by LE\naddress: :443\n"
    result = edit(text)
    assert result.text.startswith(b"autocert:   false     # issued by LE\naddress: :443\n")
    assert any("AUTOCERT" in notice for notice in result.notices)


def test_autocert_stays_for_hosts_it_alone_serves() -> None:
    text = b"autocert: true\nroutes:\n  - from: https://a.example.com\n    to: http://a\n"
    result = edit(text, names=("b.example.com",))
    assert load(result.text)["autocert"] is True
    assert any("autocert stays on" in notice for notice in result.notices)


def test_autocert_off_names_the_hosts_left_without_a_certificate() -> None:
    text = b"autocert: true\nroutes:\n  - from: https://a.example.org\n    to: http://a\n"
    result = edit(text)
    assert load(result.text)["autocert"] is False
    assert any("a.example.org" in notice for notice in result.notices)


@pytest.mark.parametrize(
    ("text", "names", "word"),
    [
        ("certificate_file: /ca/rootCA.pem\ncertificate_key_file: /k\n", NAMES, "root of a local"),
        ("client_ca_file: /ca.pem\n", NAMES, "downstream_mtls"),
        ("certificate_keyfile: /k.pem\n", NAMES, "`certificate_key_file` is meant"),
        ("address: :443\n", ("*.localhost.pomerium.io",), "max-age=0"),
        ("certificate: QUJD\ncertificate_key: QUJD\n", NAMES, "`certificate` comes before"),
        ("certificate_file: /c.pem\n", NAMES, "need each other"),
    ],
)
def test_what_matters_is_said(text: str, names: tuple[str, ...], word: str) -> None:
    assert any(word in notice for notice in edit(text.encode(), names=names).notices)


def test_an_exact_certificate_beside_the_wildcard_is_named() -> None:
    text = b"certificates:\n  - cert: /a.pem\n    key: /a.key\n"
    result = edit(text, lambda _path: ("a.example.com",))
    assert any("a.example.com exactly" in notice for notice in result.notices)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("certificates:\n  - {cert: /a.pem, key: /k}\n", True),
        ("certificates:\n  - {cert: /a.pem, key: /k}\n  - {cert: /b.pem, key: /k}\n", True),
        ("certificates:\n  - {cert: /b.pem, key: /k}\n  - {cert: /a.pem, key: /k}\n", False),
        ("certificate_file: /a.pem\ncertificate_key_file: /k\n", False),
    ],
)
def test_a_certificate_served_instead_of_the_new_one_is_named(text: str, told: bool) -> None:  # noqa: FBT001
    """Of two certificates for one name Pomerium serves the one that is listed first."""
    known = {Path("/a.pem"): ("example.com", "*.EXAMPLE.com"), Path("/b.pem"): NAMES}
    notices = edit(text.encode(), known.get).notices
    assert any("/a.pem" in one and "comes first" in one for one in notices) == told


def test_nothing_to_say_about_a_plain_configuration() -> None:
    assert edit(b"address: :443\nset_response_headers: {X: y}\n").notices == ()


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        with_certificate(parse(b"", "c"), Path("tls/c.pem"), KEY, NAMES, nobody)
    assert caught.value.code == "path-not-absolute"


def test_a_path_that_is_not_utf_8_is_refused() -> None:
    cert = Path(os.fsdecode(b"/tls/\xff.pem"))
    with pytest.raises(UsageError) as caught:
        with_certificate(parse(b"", "c"), cert, KEY, NAMES, nobody)
    assert caught.value.code == "path-not-utf-8"


def test_certificates_that_are_no_list_are_left_alone() -> None:
    with pytest.raises(WizardError) as caught:
        edit(b"address: :443\ncertificates: /tls/c.pem\n")
    assert caught.value.code == "config-certificates-not-a-list"
    assert "line 2, column 15" in caught.value.summary


def test_a_value_others_use_by_its_anchor_is_not_changed_under_them() -> None:
    text = (
        b"certificates:\n  - cert: &c /etc/ssl/a.pem\n    key: /k\nmetrics_certificate_file: *c\n"
    )
    with pytest.raises(WizardError) as caught:
        edit(text, old_is_ours)
    assert caught.value.code == "config-anchor-shared"
    assert "line 4" in caught.value.summary


@pytest.mark.parametrize(
    "text",
    [
        "certificates: &all\n  - cert: /etc/ssl/b.pem\n    key: /k\nx-copy: *all\n",
        "certificates: &all\n  - cert: /etc/ssl/a.pem\n    key: /k\nx-copy: *all\n",
        "certificates:\n  - &one {cert: /etc/ssl/a.pem, key: /k}\nx-copy: *one\n",
        "certificates:\n  - &one {cert: /etc/ssl/a.pem, key: /k}\nx-copy: {<<: *one, x: 1}\n",
        "certificates: &all [{cert: /etc/ssl/b.pem, key: /k}]\nx-copy:\n- *all\n",
    ],
)
def test_a_list_others_use_by_its_anchor_is_not_changed_under_them(text: str) -> None:
    with pytest.raises(WizardError) as caught:
        edit(text.encode(), old_is_ours)
    assert caught.value.code == "config-anchor-shared"
    assert re.search(r"line \d+: &(all|one) must change", caught.value.summary)


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize(
    "data",
    [
        {},
        {"certificates": None},
        {"certificates": []},
        {"certificates": [{"cert": "/etc/ssl/b.pem"}], "autocert": True},
        {"certificates": [{"cert": OLD, "key": None}]},
        {"certificates": [{"cert": OLD}]},
        {"certificate_file": OLD, "certificate_key_file": None},
    ],
)
def test_json_stays_json(data: Data, indent: str | int | None) -> None:
    text = json.dumps(data, indent=indent).encode()
    result = edit(text, old_is_ours)
    assert json.loads(result.text) == expected(data, old_is_ours)


@pytest.mark.parametrize("first", ["certificates: []", "x: {a: 1, A: 2}\ncertificates: []"])
def test_a_setting_given_twice_in_different_case_is_given_twice(first: str) -> None:
    with pytest.raises(WizardError) as caught:
        edit(f"{first}\nCertificates: []\n".encode())
    assert caught.value.code == "config-duplicate-key"
    assert "'Certificates' was already given on line" in caught.value.summary


def test_odd_paths_are_quoted_by_the_emitter() -> None:
    cert = Path("/tls/{a, b}: #1 'x' \"y\" \u00fc/c.pem")
    result = with_certificate(parse(b"certificates: []\n", "c"), cert, KEY, NAMES, nobody)
    assert load(result.text)["certificates"] == [{"cert": str(cert), "key": str(KEY)}]
