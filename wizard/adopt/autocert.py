"""Settings of autocert as answers."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from wizard.adopt.base import Ground, Note, Part
from wizard.core import validation
from wizard.core.answers import Answers
from wizard.core.errors import UsageError
from wizard.core.questions import Value
from wizard.pki import names
from wizard.pomerium.routes import autocert_hosts, hosts
from wizard.pomerium.setup import Setup
from wizard.strategies import autocert_questions as asked

TEXTS: Final = {
    "autocert.email": "autocert_email",
    "autocert.authority_url": "autocert_ca",
    "autocert.trusted_ca": "autocert_trusted_ca_file",
    "autocert.directory": "autocert_dir",
}
DISPENSABLE: Final = ("autocert.email", "autocert.trusted_ca", "autocert.directory")
"""What means nearly the same without one that the wizard would not take."""
EAB: Final = {
    "autocert.eab_key_id": "autocert_eab_key_id",
    "autocert.eab_hmac_key": "autocert_eab_mac_key",
}
REFERENCES: Final = {
    "autocert.eab_key_id": "env:EAB_KEY_ID",
    "autocert.eab_hmac_key": "env:EAB_HMAC_KEY",
}
"""Where answers look for what stands in a configuration: a secret is no answer."""


def read(ground: Ground) -> Part:
    """Its answers; the hosts of the routes are the names.

    Raises:
        UsageError: `names-unknown`: no route has a host for it.
    """
    setup = ground.setup
    found = tuple(one for one in autocert_hosts(setup.routed) if names.problem(one) is None)
    if not found:
        raise UsageError(
            "names-unknown",
            f"{setup.config} has autocert on, and no route from https:// and one host.",
            "Add a route, and run again.",
        )
    before = ground.remembered("autocert", setup.config)
    values: dict[str, Value] = {
        **before,
        "strategy": "autocert",
        "names": found[: names.MOST_NAMES],
        "autocert.staging": setup.is_on("autocert_use_staging"),
        **{key: _open(setup.text(setting)) for key, setting in TEXTS.items()},
        **dict.fromkeys(EAB, ""),
    }
    notes = [Note("strategy", f"autocert is on in {setup.config}."), *_notes(ground)]
    questions = {one.key: one for step in asked.steps(ground.system) for one in step.questions}
    for key in DISPENSABLE:
        problem = validation.check(questions[key], values[key], Answers()) if values[key] else None
        if problem is not None:
            text = f"`{TEXTS[key]}` is not taken over: {problem.summary} {problem.hint}"
            notes.append(Note(key, text))
        if problem is not None or not values[key]:
            # The default is an answer; an empty one need not be.
            del values[key]
    if _has_eab(setup):
        values |= {key: before.get(key) or where for key, where in REFERENCES.items()}
    return Part(values, tuple(notes))


def _notes(ground: Ground) -> Iterator[Note]:
    """What Pomerium is told beyond what the answers say, and what they would change."""
    setup = ground.setup
    for key, setting in TEXTS.items():
        if _open(setup.text(setting)) != setup.text(setting):
            yield Note(
                key,
                f"`{setting}` has a password in it, which is no answer and is left out. Pomerium "
                "takes that of a bucket from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
    if _has_eab(setup):
        yield Note(
            "autocert.eab_key_id",
            f"Key id and HMAC key stand in {setup.config}, and a secret is no answer. Put "
            "`autocert_eab_key_id` and `autocert_eab_mac_key` where these two look for them.",
        )
    if not setup.text("autocert_dir"):
        yield Note(
            "autocert.directory",
            "`autocert_dir` is not set, so Pomerium keeps its certificates below the home of its "
            "user. Move them here first, or all of them are got again.",
        )
    if setup.text("autocert_trusted_ca"):
        yield Note(
            "autocert.authority_url",
            "`autocert_trusted_ca` holds a root itself, and these answers empty it. Save it as a "
            "file and name that in autocert.trusted_ca.",
        )
    if setup.is_on("autocert_must_staple") and not setup.text("autocert_ca"):
        yield Note(
            "",
            "`autocert_must_staple` is on, and these answers turn it off: Let's Encrypt refuses "
            "such certificates.",
        )
    redirect = setup.text("http_redirect_addr")
    if not redirect.endswith(":80"):
        now = f"is {redirect}" if redirect else "is not set"
        yield Note(
            "",
            f"`http_redirect_addr` {now}, and these answers make it :80: Pomerium answers HTTP-01 "
            "on no other port.",
        )
    starred = [host for host in hosts(setup.routed) if "*" in host]
    if starred:
        text = f"autocert gets no certificate for {', '.join(starred)}; the strategy dns-01 does."
        yield Note("names", text)
    listed = ", ".join(str(one.cert) for one in ground.files())
    if listed:
        yield Note("names", f"Served beside them, and left as it is: {listed}.")


def _has_eab(setup: Setup) -> bool:
    return any(setup.text(setting) for setting in EAB.values())


def _open(url: str) -> str:
    """An address without the credentials that one of a bucket may have in it."""
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl() if at else url
