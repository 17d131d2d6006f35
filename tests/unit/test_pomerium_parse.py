"""What cannot be read is refused with its place, and never touched."""

import traceback
from pathlib import Path

import pytest

from wizard.core.errors import WizardError
from wizard.pomerium.config import parse, read


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        (b"address: :443\nroutes: [a\n", "config-not-yaml", "line 3, column 1"),
        (b"address: :443\n\tx: 1\n", "config-not-yaml", "line 2, column 1"),
        (b"a: 'open\n", "config-not-yaml", "line 2, column 1"),
        (b"a: *nowhere\n", "config-not-yaml", "line 1, column 4"),
        (b"a: &a [*a]\n", "config-not-yaml", "line 1, column 8"),
        (b"a: 1\nb: \x07\n", "config-not-yaml", "line 2, column 4"),
        (b"a: 1\x00\n", "config-not-yaml", "line 1, column 5"),
        (b"a: b: c\n", "config-not-yaml", "line 1, column 5"),
        ("a: 1\n# \u2028b: 2\n".encode(), "config-not-yaml", "line 2, column 3"),
        (b"%YAML 7.7\n---\na: 1\n", "config-not-yaml", "line 1, column 1"),
        (b"%YAML " + b"1" * 5000 + b".1\n---\na: 1\n", "config-not-yaml", "line 1, column 1"),
        (b"a: @x\n", "config-not-yaml", "line 1, column 4"),
        (b"a: " + b"[" * 3000, "config-not-yaml", "line 1, column"),
        (b'a: 1\nb: "x\\U00110000"\n', "config-not-yaml", "line 2, column 8"),
        (b'a: 1\nb: "\\UFFFFFFFF"\n', "config-not-yaml", "line 2, column 7"),
        (b"a: 1\nb: 2\na: 3\n", "config-duplicate-key", "line 3, column 1"),
        (b"routes:\n  - {to: x, to: y}\n", "config-duplicate-key", "line 2, column 13"),
        (b"a: 1\n---\nb: 2\n", "config-many-documents", "line 2, column 1"),
        (b"a: 1\nb: \xc3\xbc\xff\n", "config-not-utf-8", "line 2, column 5"),
        ("a: 1\n".encode("utf-16"), "config-not-utf-8", "line 1, column 1"),
        (b"- a\n- b\n", "config-not-a-mapping", "line 1, column 1"),
        (b"# c\njust text\n", "config-not-a-mapping", "line 2, column 1"),
    ],
)
def test_broken_text_is_refused_with_its_place(
    tmp_path: Path, text: bytes, code: str, place: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(text)
    with pytest.raises(WizardError) as caught:
        read(path)
    assert caught.value.code == code
    assert str(path) in caught.value.summary
    assert place in caught.value.summary
    assert caught.value.hint
    assert "\n" not in caught.value.summary
    assert path.read_bytes() == text


def test_a_tab_as_indent_is_called_a_tab() -> None:
    with pytest.raises(WizardError, match="a tab stands where YAML allows only spaces"):
        parse(b"routes:\n\t- from: x\n", "config.yaml")


def test_a_directory_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(WizardError) as caught:
        read(tmp_path)
    assert caught.value.code == "config-is-a-directory"


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "config.yaml") is None


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("address: :443\n")
    (tmp_path / "config.yaml").symlink_to("real.yaml")
    document = read(tmp_path / "config.yaml")
    assert document is not None
    assert document.text == "address: :443\n"


def test_links_in_a_circle_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(WizardError) as caught:
        read(tmp_path / "a")
    assert caught.value.code == "config-unreadable"


@pytest.mark.parametrize(
    "text", [b"", b"\n\n", b"# only\n# comments", b"\xef\xbb\xbf", b"---\n", b"---\n...\n"]
)
def test_nothing_is_a_configuration_too(text: bytes) -> None:
    assert parse(text, "config.yaml").root is None


def test_many_aliases_of_aliases_do_not_explode() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert parse("\n".join(lines).encode(), "config.yaml").root is not None


@pytest.mark.parametrize(
    "value",
    ["*S3CRET", "!S3CRET!x", "'S3CRET", '"S3CRET \\q"', "@S3CRET", "S3CRET: x: y",
     "[S3CRET", "{S3CRET: [}", "%S3CRET", "`S3CRET", "|S3CRET", "\x07S3CRET", "S3CRET\n S3CRET: x"],
)  # fmt: skip
def test_an_error_never_quotes_a_secret(value: str) -> None:
    with pytest.raises(WizardError) as caught:
        parse(f"shared_secret: {value}\n- x\n".encode(), "config.yaml")
    assert "S3CRET" not in "".join(traceback.format_exception(caught.value))


def test_a_document_does_not_show_its_secrets_by_accident() -> None:
    assert "S3CRET" not in repr(parse(b"shared_secret: S3CRET\n", "config.yaml"))
