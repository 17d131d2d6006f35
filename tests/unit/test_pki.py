"""The local authority and what it issues: the recipe of RFC 5280 that every client takes."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.core.validation import duration
from wizard.pki import chain, keys
from wizard.pki.authority import Authority, create, key_usage
from wizard.pki.authority_files import FILES, load
from wizard.pki.keys import CURVES, RSA_BITS
from wizard.pki.leaf import LONGEST, Leaf, issue

NAMES = ("*.localhost.pomerium.io", "localhost.pomerium.io")
NOW = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
QUARTER = timedelta(days=90)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return create(NAMES, now=NOW)


@pytest.fixture(scope="module")
def leaf(authority: Authority) -> Leaf:
    return issue(authority, NAMES, now=NOW, lifetime=QUARTER)


@pytest.mark.parametrize("level", ["root", "issuer"])
def test_both_levels_are_constrained_to_the_domain_and_to_no_address(
    authority: Authority, level: str
) -> None:
    certificate: x509.Certificate = getattr(authority, level)
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.permitted_subtrees == [x509.DNSName("localhost.pomerium.io")]
    assert constraints.value.excluded_subtrees == [
        x509.IPAddress(ip_network("0.0.0.0/0")),
        x509.IPAddress(ip_network("::/0")),
    ]


AUTHORITY_EXTENSIONS = {
    "basicConstraints": True,
    "keyUsage": True,
    "extendedKeyUsage": False,
    "subjectKeyIdentifier": False,
    "authorityKeyIdentifier": False,
    "nameConstraints": True,
}
LEAF_EXTENSIONS = {
    "subjectAltName": False,
    "basicConstraints": True,
    "keyUsage": True,
    "extendedKeyUsage": False,
    "subjectKeyIdentifier": False,
    "authorityKeyIdentifier": False,
}


def test_each_certificate_says_what_it_must_and_nothing_more(
    authority: Authority, leaf: Leaf
) -> None:
    """The recipe that every client took: which extensions, which of them critical."""

    def said(certificate: x509.Certificate) -> dict[str, bool]:
        return {one.oid._name: one.critical for one in certificate.extensions}

    assert said(authority.root) == said(authority.issuer) == AUTHORITY_EXTENSIONS
    assert said(leaf.certificate) == LEAF_EXTENSIONS
    for certificate in (authority.root, authority.issuer):
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert usage == key_usage(key_cert_sign=True, crl_sign=True)
        assert set(purposes) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
        assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
        assert certificate.not_valid_after_utc == NOW + timedelta(days=3650)
    for below, above in (
        (leaf.certificate, authority.issuer),
        (authority.issuer, authority.root),
        (authority.root, authority.root),
    ):
        own = above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        named = below.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        assert named.key_identifier == own.digest
        assert below.issuer == above.subject
        below.verify_directly_issued_by(above)


@pytest.mark.parametrize(
    ("key_type", "encipherment"), [("ecdsa-p256", False), ("ecdsa-p384", False), ("rsa-2048", True)]
)
def test_a_leaf_is_used_as_its_key_can_be(
    authority: Authority,
    key_type: str,
    encipherment: bool,  # noqa: FBT001
) -> None:
    issued = issue(authority, NAMES, now=NOW, lifetime=QUARTER, key_type=key_type)
    usage = issued.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage == key_usage(digital_signature=True, key_encipherment=encipherment)


def test_the_root_may_have_one_issuer_below_it_and_the_issuer_none(authority: Authority) -> None:
    lengths = [
        certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        for certificate in (authority.root, authority.issuer)
    ]
    assert lengths == [1, 0]


def test_the_root_has_no_key_that_anybody_could_steal(authority: Authority) -> None:
    root_key = authority.root.public_key().public_bytes(
        Encoding.DER, chain.PublicFormat.SubjectPublicKeyInfo
    )
    assert not chain.belongs(authority.root, authority.issuer_key)
    assert len(root_key) > 0
    assert set(Authority._fields) == {"root", "issuer", "issuer_key"}


def test_a_certificate_tells_nobody_who_made_it_or_where(leaf: Leaf, authority: Authority) -> None:
    subjects = [leaf.certificate.subject, authority.root.subject, authority.issuer.subject]
    oids = {attribute.oid for subject in subjects for attribute in subject}
    assert oids <= {NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME}
    assert leaf.certificate.subject.rfc4514_string() == "O=pomcert dev certificate"


def test_a_leaf_begins_a_day_early_and_lives_as_long_as_was_asked(leaf: Leaf) -> None:
    assert leaf.certificate.not_valid_before_utc == NOW - timedelta(days=1)
    assert leaf.certificate.not_valid_after_utc == NOW + QUARTER


def test_a_leaf_of_the_longest_life_is_one_that_apple_takes(authority: Authority) -> None:
    longest = issue(authority, NAMES, now=NOW, lifetime=LONGEST).certificate
    assert longest.not_valid_after_utc - longest.not_valid_before_utc == timedelta(days=825)


def test_a_leaf_never_outlives_its_issuer(authority: Authority) -> None:
    late = authority.issuer.not_valid_after_utc - timedelta(days=10)
    short = issue(authority, NAMES, now=late, lifetime=QUARTER)
    assert short.certificate.not_valid_after_utc == authority.issuer.not_valid_after_utc


def test_a_leaf_serves_and_signs_nothing(leaf: Leaf) -> None:
    extensions = leaf.certificate.extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_two_authorities_share_no_serial_and_no_name() -> None:
    one, other = create(NAMES, now=NOW), create(NAMES, now=NOW)
    serials = {c.serial_number for a in (one, other) for c in (a.root, a.issuer)}
    assert len(serials) == 4
    assert min(serial.bit_length() for serial in serials) > 64
    assert one.name != other.name


def test_a_name_outside_the_constraints_is_never_issued(authority: Authority) -> None:
    with pytest.raises(WizardError) as caught:
        issue(authority, ("evil.example.com",), now=NOW, lifetime=QUARTER)
    assert caught.value.code == "chain-invalid"
    assert "evil.example.com" in caught.value.summary


def test_an_unconstrained_authority_says_so_and_issues_for_any_name() -> None:
    authority = create(NAMES, now=NOW, constrain=False)
    assert authority.permitted is None
    assert authority.permits(("anything.example.com",))
    issued = issue(authority, ("anything.example.com",), now=NOW, lifetime=QUARTER)
    assert chain.names_of(issued.certificate) == ("anything.example.com",)


@pytest.mark.parametrize("key_type", [*CURVES, *RSA_BITS])
def test_every_kind_of_key_makes_a_chain_that_verifies(key_type: str) -> None:
    authority = create(NAMES, now=NOW, key_type=key_type)
    issued = issue(authority, NAMES, now=NOW, lifetime=QUARTER, key_type=key_type)
    chain.verify(issued.certificate, issued.issuers, authority.root, NAMES, NOW)
    assert keys.type_of(issued.key) == keys.type_of(authority.issuer_key) == key_type
    written = keys.to_pem(issued.key).reveal()
    assert chain.belongs(issued.certificate, keys.from_pem(written, "a file"))


@pytest.mark.parametrize("key_type", [*CURVES, *RSA_BITS])
def test_a_signature_is_as_strong_as_the_key(key_type: str) -> None:
    authority = create(NAMES, now=NOW, key_type=key_type)
    issued = issue(authority, NAMES, now=NOW, lifetime=QUARTER, key_type=key_type)
    signed = (authority.root, authority.issuer, issued.certificate)
    expected = "sha384" if key_type == "ecdsa-p384" else "sha256"
    assert {c.signature_hash_algorithm.name for c in signed if c.signature_hash_algorithm} == {
        expected
    }


@pytest.mark.parametrize(
    ("lifetime", "elapsed", "due"),
    [
        ("90d", "0d", False),
        ("90d", "60d", False),
        ("90d", "61d", True),
        ("90d", "91d", True),
        ("1h", "0h", False),
        ("1h", "39m", False),
        ("1h", "41m", True),
        ("825d", "549d", False),
        ("825d", "550d", True),
    ],
)
def test_a_certificate_is_due_when_a_third_of_the_life_asked_for_is_left(
    authority: Authority, lifetime: str, elapsed: str, *, due: bool
) -> None:
    """The day for late clocks does not count: else a short-lived one is due as it is issued."""
    span, later = duration(lifetime), duration(elapsed)
    assert span is not None
    assert later is not None
    certificate = issue(authority, NAMES, now=NOW, lifetime=span).certificate
    assert chain.is_due(certificate, NOW + later) is due


def test_what_is_no_key_is_refused_without_showing_it() -> None:
    with pytest.raises(WizardError) as caught:
        keys.from_pem(
            b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "k.pem"
        )
    assert caught.value.code == "key-unreadable"
    assert "c2VjcmV0" not in f"{caught.value.summary} {caught.value.hint}"


@pytest.mark.parametrize("strange", range(3))
def test_files_of_two_authorities_are_not_taken_for_one(
    authority: Authority, tmp_path: Path, strange: int
) -> None:
    """Found out when they are read, not at the renewal in two months."""
    folder = tmp_path / "ca"
    folder.mkdir()
    both = [
        (chain.to_pem([a.root]), chain.to_pem([a.issuer]), keys.to_pem(a.issuer_key).reveal())
        for a in (authority, create(NAMES, now=NOW))
    ]
    for at, (name, ours, theirs) in enumerate(zip(FILES, *both, strict=True)):
        (folder / name).write_bytes(theirs if at == strange else ours)
        (folder / name).chmod(0o600)
    with pytest.raises(WizardError) as caught:
        load(System(), tmp_path)
    assert caught.value.code == "ca-mismatch"
    assert str(folder) in f"{caught.value.summary} {caught.value.hint}"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"nothing of that kind\n", b"\xff"])
def test_a_damaged_file_of_the_authority_is_named_with_the_two_ways_out(
    authority: Authority, tmp_path: Path, name: str, content: bytes
) -> None:
    """Its directory is what to move away: without one file the others are of no use."""
    folder = tmp_path / "ca"
    folder.mkdir()
    (folder / FILES[0]).write_bytes(chain.to_pem([authority.root]))
    (folder / FILES[1]).write_bytes(chain.to_pem([authority.issuer]))
    (folder / FILES[2]).write_bytes(keys.to_pem(authority.issuer_key).reveal())
    (folder / name).write_bytes(content)
    (folder / FILES[2]).chmod(0o600)
    with pytest.raises(WizardError) as caught:
        load(System(), tmp_path)
    assert str(folder / name) in caught.value.summary
    assert f"move {folder} away" in caught.value.hint
