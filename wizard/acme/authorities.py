"""Certificate authorities that speak ACME, as data."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Authority(NamedTuple):
    """An authority: its directory, the id of its `staging`, whether accounts need EAB.

    `caa` are the issuer domain names that CAA records know it by; `terms` the page with its terms;
    `hasty` the profiles that leave an hour, not days, to publish records.
    `eab` says where accounts there get their pair of key id and HMAC key. `most_names` are the most
    names of a certificate with the profiles that take fewer than others. `failures` are the failed
    proofs of a name that an hour may have; 0 where none are counted, or nobody knows.
    """

    id: str
    title: str
    summary: str
    directory_url: str
    staging: str = ""
    needs_eab: bool = False
    caa: tuple[str, ...] = ()
    terms: str = ""
    eab: str = "on its web site"
    most_names: Mapping[str, int] = MappingProxyType({})
    failures: int = 0
    hasty: tuple[str, ...] = ()


_LETSENCRYPT_TERMS: Final = "https://letsencrypt.org/repository/"
_LETSENCRYPT_NAMES: Final = MappingProxyType({"tlsserver": 25, "shortlived": 25})
_LETSENCRYPT_HASTY: Final = ("tlsserver", "shortlived")
"""Both: Let's Encrypt, docs/profiles."""
_GOOGLE_EAB: Final = (
    "with `gcloud publicca external-account-keys create`; it is good for seven days and one account"
)

AUTHORITIES: Final[Mapping[str, Authority]] = {
    one.id: one
    for one in (
        Authority(
            "letsencrypt",
            "Let's Encrypt",
            "free, trusted everywhere, no sign-up",
            "https://acme-v02.api.letsencrypt.org/directory",
            staging="letsencrypt-staging",
            caa=("letsencrypt.org",),
            terms=_LETSENCRYPT_TERMS,
            most_names=_LETSENCRYPT_NAMES,
            failures=5,
            hasty=_LETSENCRYPT_HASTY,
        ),
        Authority(
            "letsencrypt-staging",
            "Let's Encrypt staging",
            "for practice: generous limits, certificates that nobody trusts",
            "https://acme-staging-v02.api.letsencrypt.org/directory",
            caa=("letsencrypt.org",),
            terms=_LETSENCRYPT_TERMS,
            most_names=_LETSENCRYPT_NAMES,
            failures=200,
            hasty=_LETSENCRYPT_HASTY,
        ),
        Authority(
            "zerossl",
            "ZeroSSL",
            "free with an account there (EAB)",
            "https://acme.zerossl.com/v2/DV90",
            needs_eab=True,
            caa=("sectigo.com", "zerossl.com"),
            terms="https://zerossl.com/terms/",
            eab="at https://app.zerossl.com/developer",
        ),
        Authority(
            "google",
            "Google Trust Services",
            "free with a Google Cloud project (EAB)",
            "https://dv.acme-v02.api.pki.goog/directory",
            needs_eab=True,
            caa=("pki.goog",),
            terms="https://pki.goog/repository/",
            eab=_GOOGLE_EAB,
        ),
        Authority(
            "google-test",
            "Google Trust Services, test",
            "for practice; it takes EAB keys of its own",
            "https://dv.acme-v02.test-api.pki.goog/directory",
            needs_eab=True,
            caa=("pki.goog",),
            terms="https://pki.goog/repository/",
            eab=_GOOGLE_EAB,
        ),
        Authority(
            "sslcom",
            "SSL.com",
            "with an account there (EAB)",
            "https://acme.ssl.com/sslcom-dv-ecc",
            needs_eab=True,
            caa=("ssl.com",),
            terms="https://www.ssl.com/repository/",
        ),
        Authority(
            "actalis",
            "Actalis",
            "with an account there (EAB)",
            "https://acme-api.actalis.com/acme/directory",
            needs_eab=True,
            caa=("actalis.it",),
            terms="https://www.actalis.com/repository",
        ),
    )
}


def custom(directory_url: str) -> Authority:
    """Any other authority, known by its directory alone."""
    host = directory_url.partition("://")[2].partition("/")[0]
    return Authority("custom", host or directory_url, "", directory_url)
