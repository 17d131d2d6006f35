"""Certificates read by their bytes, and the copy of an anchor that tools can read."""

from pathlib import Path

import pytest
from cryptography import x509
from trust_support import machine, make_anchor

from wizard.trust import base


def test_the_common_name_is_read_from_the_subject(tmp_path: Path) -> None:
    anchor = make_anchor(tmp_path)
    assert base.common_name(anchor.der) == anchor.name


@pytest.mark.parametrize(
    ("name", "ours"),
    [("pomcert 1a2b3c4d", True), ("Not pomcert 1a2b", False), ("pomcerts", False), ("x", False)],
)
def test_ours_are_told_by_the_mark(tmp_path: Path, name: str, ours: bool) -> None:  # noqa: FBT001
    assert base.is_ours(make_anchor(tmp_path, name).der) is ours


def test_a_certificate_that_our_root_issued_is_not_a_root(tmp_path: Path) -> None:
    anchor = make_anchor(tmp_path)
    # The same certificate under another subject of the same length: issuer and subject differ.
    at = anchor.der.rindex(anchor.name.encode())
    issued = anchor.der[:at] + b"pomcert ISSUED!!" + anchor.der[at + len(anchor.name) :]
    assert not base.is_ours(issued)


@pytest.mark.parametrize("name", ["pomcert ../../etc/x", "pomcert a/b", "pomcert \n*"])
def test_a_file_name_from_a_strange_name_is_one_file(tmp_path: Path, name: str) -> None:
    anchor = make_anchor(tmp_path, name)._replace(path=tmp_path / "lost.pem")
    assert Path(anchor.stem).name == anchor.stem
    with base.on_disk(machine(tmp_path), anchor) as copy:
        assert copy.path.read_bytes() == anchor.pem


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 5, 40, 100, 200])
def test_what_is_no_certificate_is_not_ours(tmp_path: Path, cut: int) -> None:
    assert not base.is_ours(make_anchor(tmp_path).der[:cut])
    assert base.common_name(make_anchor(tmp_path).der[:cut]) == ""


def test_pem_is_what_others_read(tmp_path: Path) -> None:
    anchor = make_anchor(tmp_path)
    text = anchor.pem
    assert text == anchor.path.read_bytes()
    assert x509.load_pem_x509_certificate(text)


def test_a_bundle_is_read_past_comments_and_windows_lines(tmp_path: Path) -> None:
    one, two, absent = (make_anchor(tmp_path) for _ in range(3))
    bundle = b"# one\n" + one.pem + b"\r\n# two\r\n"
    bundle += two.pem.replace(b"\n", b"\r\n")
    assert base.certificates(bundle) == [one.der, two.der]
    assert [base.holds(bundle, anchor.der) for anchor in (one, two, absent)] == [True, True, False]


def test_a_trusted_certificate_block_is_another_thing(tmp_path: Path) -> None:
    anchor = make_anchor(tmp_path)
    block = anchor.pem.replace(b" CERTIFICATE", b" TRUSTED CERTIFICATE")
    assert not base.holds(block, anchor.der)
    assert base.certificates(block) == []


def test_an_anchor_keeps_its_own_file(tmp_path: Path) -> None:
    anchor = make_anchor(tmp_path)
    with base.on_disk(machine(tmp_path), anchor) as readable:
        assert readable is anchor


@pytest.mark.parametrize("content", [None, b"", b"another root"])
def test_a_lost_file_is_replaced_for_the_moment(tmp_path: Path, content: bytes | None) -> None:
    anchor = make_anchor(tmp_path)
    anchor.path.unlink()
    if content is not None:
        anchor.path.write_bytes(content)
    with base.on_disk(machine(tmp_path), anchor) as readable:
        assert readable.path != anchor.path
        assert base.certificates(readable.path.read_bytes()) == [anchor.der]
        # The person's tools come in, also when root made it.
        assert readable.path.stat().st_mode & 0o777 == 0o644
        assert readable.path.parent.stat().st_mode & 0o777 == 0o755
    assert not readable.path.exists()
