"""Certification paths (RFC 5280, 6): which of the certificates at hand issued which, in order."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

DEEPEST: Final = 8
MOST: Final = 500
"""Paths that are looked at: cross-signed authorities make many of few certificates."""


class Route(NamedTuple):
    """A way from a leaf towards a root: `issuers` are to be served, `root` stays with clients.

    Without a root the way ends at a certificate whose issuer is not at hand.
    """

    issuers: tuple[x509.Certificate, ...]
    root: x509.Certificate | None


def build(leaf: x509.Certificate, pool: Sequence[x509.Certificate], now: datetime) -> Route:
    """The best path: of certificates that are all valid now, to a root, and short.

    Each certificate is checked with its issuer's key, as renewed authorities share their names.
    """
    candidates = list(dict.fromkeys(one for one in pool if one != leaf and is_ca(one)))
    return min(islice(_routes((leaf,), candidates), MOST), key=lambda route: _worth(route, now))


def _worth(route: Route, now: datetime) -> tuple[int, bool, int]:
    return (
        sum(
            not is_valid(one, now)
            for one in (*route.issuers, *([route.root] if route.root else []))
        ),
        route.root is None,
        # Without a root the longer way is nearer to one; with a root it is a detour.
        len(route.issuers) if route.root else -len(route.issuers),
    )


def _routes(
    so_far: tuple[x509.Certificate, ...], pool: Sequence[x509.Certificate]
) -> Iterator[Route]:
    last = so_far[-1]
    found = False
    if len(so_far) <= DEEPEST:
        for issuer in pool:
            if issuer in so_far or not issued(issuer, last):
                continue
            found = True
            if is_self_signed(issuer):
                yield Route(so_far[1:], issuer)
            # The same authority under two certificates is no step further.
            elif all(one.public_key() != issuer.public_key() for one in so_far[1:]):
                yield from _routes((*so_far, issuer), pool)
    if not found:
        yield Route(so_far[1:], None)


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the key of one signed the other, and their names agree."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether it vouches for itself."""
    return issued(certificate, certificate)


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether it may issue: it says so, or is a root from before certificates could say it."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return certificate.version is x509.Version.v1 and is_self_signed(certificate)
    except ValueError:
        return False
    return found.value.ca


def is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether it has begun and not ended."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
