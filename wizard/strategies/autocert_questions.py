"""What autocert asks: whose certificates they are, and where Pomerium keeps them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wizard.acme.authorities import AUTHORITIES, Authority, custom
from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.flow import Step
from wizard.core.questions import Detected, Kind, Problem, Question, Value
from wizard.core.system import System
from wizard.pomerium.detect import PACKAGED, find_config
from wizard.pomerium.store import LETSENCRYPT
from wizard.strategies.questions import RESOLVERS, directory_url

AMAZON: Final = re.compile(r"s3://[-a-zA-Z0-9]+\.s3\.[-a-zA-Z0-9]+\.amazonaws\.com(/.*)?")
OTHER_S3: Final = re.compile(r"s3://(?![^/]*amazonaws\.com/)[^/]+/[^/]+/.*")
GOOGLE: Final = re.compile(r"gs://[^/]+(/.*)?")
"""The forms that Pomerium takes (internal/autocert/storage.go of v0.33)."""


def steps(system: System) -> Sequence[Step]:
    """The questions, grouped as screens."""

    def directory(answers: Answers) -> str | Detected:
        from wizard.pomerium.surroundings import variables  # noqa: PLC0415  ruamel.yaml: 25 ms

        config = Path(answers.text("output.config") or find_config(system) or PACKAGED)
        found = variables(system, config).get("AUTOCERT_DIR")
        if found is not None:
            return Detected(found.value, f"AUTOCERT_DIR in {found.where}")
        packaged = find_config(system) == system.at(PACKAGED)
        if system.is_root and (packaged or not system.invoked_by_other):
            return str(Path(PACKAGED).parent / "autocert")
        return str(system.xdg("XDG_DATA_HOME", ".local/share") / "pomerium" / "autocert")

    kept = Question(
        "autocert.directory",
        Kind.TEXT,
        "Where does Pomerium keep the certificates it gets?",
        "A place that is lost means new certificates, and authorities give only a few each week.",
        "A directory that Pomerium's user may write; in a container, a path on a volume. Several "
        "replicas share s3://BUCKET.s3.REGION.amazonaws.com/PREFIX, s3://HOST/BUCKET/PREFIX or "
        "gs://BUCKET/PREFIX; they take their credentials from the environment.",
        default=directory,
        check=storage,
    )
    return (
        Step("authority", "Authority", AUTHORITY),
        Step("storage", "Storage", (kept, RESOLVERS)),
    )


def authority(answers: Answers) -> Authority:
    """The authority chosen, as far as it is one of the known."""
    url = answers.text("autocert.authority_url") or LETSENCRYPT
    return next((one for one in AUTHORITIES.values() if one.directory_url == url), custom(url))


def is_public(answers: Answers) -> bool:
    """Whether the authority is known to look at this machine from the Internet."""
    return authority(answers).id in AUTHORITIES


def is_letsencrypt(answers: Answers) -> bool:
    """Whether it is Let's Encrypt, which is asked unless another is named."""
    return authority(answers).id.startswith("letsencrypt")


def _is_usual(answers: Answers) -> bool:
    return not answers.text("autocert.authority_url")


def is_bucket(directory: str) -> bool:
    """Whether the certificates lie in an object store instead of a directory."""
    return "://" in directory


def storage(value: Value, answers: Answers) -> Problem | None:
    """A directory from the root, or a bucket in one of the forms that Pomerium takes."""
    text = str(value)
    if not is_bucket(text):
        return validation.absolute_path(value, answers)
    if "@" in text.partition("://")[2].partition("/")[0]:
        return Problem(
            "bucket-password",
            "The bucket's address has credentials in it, which answers and records would show.",
            "Leave them out, and give Pomerium AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    if any(form.fullmatch(text) for form in (AMAZON, OTHER_S3, GOOGLE)):
        return None
    if re.fullmatch(r"s3://(?![^/]*amazonaws\.com/)[^/]+/[^/]+", text):
        return Problem(
            "bucket-without-prefix",
            f"Pomerium crashes when it reads {text}: it looks for a path behind the bucket.",
            f"Write {text}/, or {text}/pomerium to keep the certificates below a prefix.",
        )
    return Problem(
        "bucket",
        f"{text} is no bucket that Pomerium takes.",
        "Write s3://BUCKET.s3.REGION.amazonaws.com/PREFIX, s3://HOST/BUCKET/PREFIX or "
        "gs://BUCKET/PREFIX.",
    )


def _has_authority(answers: Answers) -> bool:
    return not _is_usual(answers)


AUTHORITY: Final = (
    Question(
        "autocert.email",
        Kind.TEXT,
        "An e-mail address for the account?",
        "Some authorities write before a certificate ends; Let's Encrypt no longer does.",
        "It stands in Pomerium's configuration and is sent to the authority, whose terms of "
        "service Pomerium accepts in your name.",
        default="",
        optional=True,
        check=validation.email,
    ),
    Question(
        "autocert.authority_url",
        Kind.TEXT,
        "Another authority than Let's Encrypt?",
        "It is the one address that an ACME authority is known by.",
        "Empty means Let's Encrypt. Else the address of a directory: it begins with https:// and "
        "often ends in /directory.",
        default="",
        optional=True,
        advanced=True,
        check=directory_url,
    ),
    Question(
        "autocert.staging",
        Kind.FLAG,
        "Practise with Let's Encrypt's staging first?",
        "The real one allows a host five failures an hour, and few certificates a week.",
        "Certificates of the staging authority are like real ones, but no browser trusts them. "
        "Once every host has one, run again with no.",
        default=True,
        when=_is_usual,
    ),
    Question(
        "autocert.trusted_ca",
        Kind.PATH,
        "Which root vouches for the directory itself?",
        "An authority inside a company often has a TLS certificate of its own making.",
        "A PEM file that Pomerium can read. Releases up to v0.33.1 do not use it, so the root must "
        "be in the trust store of its system, too. Empty means that it is there.",
        default="",
        optional=True,
        advanced=True,
        when=_has_authority,
        check=validation.absolute_path,
    ),
    Question(
        "autocert.eab_key_id",
        Kind.TEXT,
        "Where is the key id of your account there (EAB)?",
        "Some authorities tie ACME accounts to one that you have with them.",
        "env:NAME or file:/PATH. Its web site shows the key id and the HMAC key together. Empty "
        "where the authority asks for none.",
        default="",
        optional=True,
        advanced=True,
        when=_has_authority,
        check=validation.secret_reference,
    ),
    Question(
        "autocert.eab_hmac_key",
        Kind.TEXT,
        "Where is the HMAC key that belongs to it (EAB)?",
        "It proves that the account is yours.",
        "env:NAME or file:/PATH. Pomerium has no other place for it than its configuration, where "
        "the wizard writes it.",
        default="",
        optional=True,
        advanced=True,
        when=_has_authority,
        check=validation.secret_reference,
    ),
)
