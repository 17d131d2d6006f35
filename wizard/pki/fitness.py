"""What keeps a certificate from being served: what Pomerium takes and Envoy or a browser will not.

Pomerium itself looks at nothing but whether the key belongs to the certificate (Go's
tls.X509KeyPair). It starts with a certificate that ended, and stays deaf with one Envoy refuses.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from wizard.core.questions import Problem
from wizard.pki import names
from wizard.pki.chain import names_of
from wizard.pki.path import Route, is_ca, is_self_signed

LEAST_BITS: Final = 2048
"""Envoy refuses shorter RSA keys, and its listener then never comes up."""
CURVES: Final = ("secp256r1", "secp384r1")
"""Chromium offers no other curve for certificates, and no Ed25519 either."""
WEAK: Final = frozenset({"md5", "sha1"})

Extension = TypeVar("Extension", bound=x509.ExtensionType)


class Served(NamedTuple):
    """A certificate as it would be served; `where` says where it was found."""

    leaf: x509.Certificate
    route: Route
    where: str


def usable_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names of its SAN that Pomerium can route by and browsers take, at most a hundred."""
    try:
        found = dict.fromkeys(names.normalise(name) for name in names_of(certificate))
    except ValueError:
        return ()
    return tuple(name for name in found if names.problem(name) is None)[: names.MOST_NAMES]


def uncovered(certificate: x509.Certificate, wanted: Sequence[str]) -> tuple[str, ...]:
    """The names that it does not cover; a wildcard is covered by itself alone."""
    own = [names.normalise(name) for name in names_of(certificate)]
    return tuple(name for name in wanted if not any(names.covers(one, name) for one in own))


def subject(certificate: x509.Certificate) -> str:
    """Whom a certificate is about, as people tell certificates apart."""
    return _words(certificate.subject) or ", ".join(names_of(certificate)[:3]) or "no name"


def issuer(certificate: x509.Certificate) -> str:
    """Who issued it."""
    return _words(certificate.issuer) or "an authority without a name"


def source_of_issuer(certificate: x509.Certificate) -> str:
    """Where the issuer's certificate can be had (AIA; RFC 5280, 4.2.2.1), or nothing."""
    found = extension(certificate, x509.AuthorityInformationAccess)
    uris = [
        str(one.access_location.value)
        for one in found or ()
        if one.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    ]
    return next((uri for uri in uris if uri.startswith("http")), "")


def problems(served: Served, wanted: Sequence[str], now: datetime) -> Iterator[Problem]:
    """Everything that keeps a certificate from being served for these names, the gravest first."""
    yield from _kind(served)
    yield from _time(served, now)
    yield from _cover(served, wanted)
    yield from _purpose(served)
    yield from _signatures(served)
    yield from _chain(served)


def _kind(served: Served) -> Iterator[Problem]:
    leaf, where = served.leaf, served.where
    if is_self_signed(leaf):
        yield Problem(
            "certificate-self-signed",
            f"The certificate in {where} vouches for itself: every browser warns of it.",
            "Have it issued by an authority, or choose the strategy local-ca, which makes one that "
            "this machine trusts.",
        )
    if is_ca(leaf):
        yield Problem(
            "certificate-is-ca",
            f"The certificate in {where} is that of an authority ({subject(leaf)}), not a site's.",
            "Name the certificate that this authority issued for your names.",
        )
    key = key_problem(leaf)
    if key:
        yield Problem(
            "key-type",
            f"The certificate in {where} has {key}.",
            "Have one issued for a key of the kind ECDSA P-256, or RSA with 2048 bits or more.",
        )


def key_problem(certificate: x509.Certificate) -> str:
    """What is wrong with the kind of its key, in words, or nothing."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "a key of a kind that Pomerium cannot read"
    if isinstance(key, rsa.RSAPublicKey):
        # RSASSA-PSS keys have an identifier of their own, which neither Go nor browsers read.
        if certificate.public_key_algorithm_oid.dotted_string != "1.2.840.113549.1.1.1":
            return "an RSASSA-PSS key, which Pomerium cannot read"
        short = key.key_size < LEAST_BITS
        return f"an RSA key of {key.key_size} bits, which Envoy refuses to serve" if short else ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        odd = key.curve.name not in CURVES
        return f"a key on the curve {key.curve.name}, which browsers refuse" if odd else ""
    kind = type(key).__name__.removesuffix("PublicKey").lstrip("_")
    return f"a key of the kind {kind}, which browsers refuse"


def _time(served: Served, now: datetime) -> Iterator[Problem]:
    for one in (served.leaf, *served.route.issuers):
        is_leaf = one is served.leaf
        who = "The certificate" if is_leaf else f"The issuer {subject(one)}"
        code = "certificate" if is_leaf else "issuer"
        begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
        if ends < now:
            yield Problem(
                f"{code}-expired",
                f"{who} in {served.where} ended on {ends:%Y-%m-%d %H:%M} UTC.",
                "Have it renewed, and run again.",
            )
        if begins > now:
            yield Problem(
                f"{code}-not-yet-valid",
                f"{who} in {served.where} begins on {begins:%Y-%m-%d %H:%M} UTC; "
                f"the clock says {now:%Y-%m-%d %H:%M} UTC.",
                "Wait until then, or set the clock right.",
            )


def _cover(served: Served, wanted: Sequence[str]) -> Iterator[Problem]:
    leaf, where = served.leaf, served.where
    if not usable_names(leaf):
        every = ", ".join(names_of(leaf)) or "none"
        yield Problem(
            "certificate-without-names",
            f"The certificate in {where} has no host name in its SAN that browsers take "
            f"(names there: {every}); a common name does not count (RFC 9525).",
            "Have it issued with your host names as subject alternative names (SAN).",
        )
    missing = uncovered(leaf, wanted)
    if missing:
        yield Problem(
            "names-not-covered",
            f"The certificate in {where} is not for {', '.join(missing)}, "
            f"only for {', '.join(names_of(leaf)[:20]) or 'no name'}.",
            "Take names that it covers, or name another certificate.",
        )


def _purpose(served: Served) -> Iterator[Problem]:
    leaf, where = served.leaf, served.where
    usage = extension(leaf, x509.ExtendedKeyUsage)
    fine = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if usage is not None and not fine & set(usage):
        yield Problem(
            "certificate-not-for-servers",
            f"The certificate in {where} is not for servers: its extended key usage lacks "
            "serverAuth.",
            "Have it issued from the authority's template for web servers.",
        )
    bits = extension(leaf, x509.KeyUsage)
    if bits is not None and not bits.digital_signature:
        yield Problem(
            "certificate-not-for-servers",
            f"The key of the certificate in {where} may not sign: its key usage lacks "
            "digitalSignature, which TLS 1.3 needs.",
            "Have it issued from the authority's template for web servers.",
        )
    features = extension(leaf, x509.TLSFeature)
    if features is not None and x509.TLSFeatureType.status_request in features:
        yield Problem(
            "must-staple",
            f"The certificate in {where} must be served with an OCSP staple (must-staple), which "
            "Pomerium does not have: Envoy refuses it, and nothing listens.",
            "Have it issued without must-staple (OID 1.3.6.1.5.5.7.1.24).",
        )


def _signatures(served: Served) -> Iterator[Problem]:
    for one in (served.leaf, *served.route.issuers):
        try:
            digest = one.signature_hash_algorithm
        except UnsupportedAlgorithm:
            continue
        if digest is not None and digest.name in WEAK:
            who = "The certificate" if one is served.leaf else f"The issuer {subject(one)}"
            yield Problem(
                "signature-weak",
                f"{who} in {served.where} is signed with {digest.name.upper()}, which browsers "
                "refuse.",
                "Have it issued with SHA-256.",
            )


def _chain(served: Served) -> Iterator[Problem]:
    """A certificate alone, by an authority that says where its own is to be had: not a root's."""
    leaf, route = served.leaf, served.route
    source = source_of_issuer(leaf)
    if not route.issuers and route.root is None and source:
        yield Problem(
            "chain-incomplete",
            f"{served.where} has no certificate of the issuer, {issuer(leaf)}; without it clients "
            "other than browsers fail.",
            f"Get it from {source}, look whether it is the authority's, and name the file in "
            "existing.chain.",
        )


def extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    """An extension of a certificate, or None where it has none or one that cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _words(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME):
        found = name.get_attributes_for_oid(oid)
        if found:
            return str(found[0].value)
    return ""
