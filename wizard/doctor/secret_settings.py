"""Secrets of the configuration: whether they are there and well formed. Their values stay here."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from wizard.core.errors import WizardError
from wizard.doctor.grade import Finding
from wizard.pki.pem import contents
from wizard.pomerium.setup import Said, Setup, decoded

SIZE: Final = 32
"""Bytes of `shared_secret` and `cookie_secret` (Pomerium v0.33 pkg/cryptutil/encrypt.go)."""
NEW: Final = "Make one, and put it there: openssl rand -base64 32"


class Need(NamedTuple):
    """A secret: who needs it in split mode, and what is lost where all services are one."""

    name: str
    services: frozenset[str]
    without: str


NEEDS: Final = (
    Need(
        "shared_secret",
        frozenset({"authenticate", "authorize", "proxy", "databroker", "cache"}),
        "Pomerium makes one at each start, and everybody has to sign in again",
    ),
    Need(
        "cookie_secret",
        frozenset({"authenticate", "proxy"}),
        "Pomerium makes one at each start, and everybody has to sign in again",
    ),
)


def findings(setup: Setup) -> Iterator[Finding]:
    """What is missing or would keep Pomerium from starting."""
    for need in NEEDS:
        yield from _secret(setup, need)
    yield from _signing_key(setup)
    said = setup.said("idp_client_secret_file")
    if said is not None:
        yield from _line_end(setup, said, "idp_client_secret_file", "Nobody can sign in with it.")


def _secret(setup: Setup, need: Need) -> Iterator[Finding]:
    said = setup.said(f"{need.name}_file")
    is_file = said is not None
    said = said or setup.said(need.name)
    if said is None and need.name.upper() in setup.elsewhere:
        return
    if said is None:
        is_whole = "all" in setup.services
        is_needed = not is_whole and bool(setup.services & need.services)
        if is_needed or is_whole:
            yield Finding(
                "error" if is_needed else "warning",
                "secret-missing",
                f"`{need.name}` is not set: "
                + ("Pomerium does not start without it." if is_needed else f"{need.without}."),
                NEW,
                setup.document.name,
            )
        return
    try:
        text = setup.content(said).content.decode() if is_file else said.text
    except (WizardError, UnicodeDecodeError) as error:
        if isinstance(error, WizardError):
            yield Finding.of(error, said.file, said.line)
            return
        text = ""
    if is_file and need.name == "shared_secret" and text != text.strip():
        yield from _line_end(setup, said, f"{need.name}_file", "Pomerium does not start with it.")
        return
    data = decoded(text.strip() if is_file else text)
    if data is None or len(data) != SIZE:
        what = "is not base64" if data is None else f"holds {len(data)} bytes"
        yield Finding(
            "error",
            "secret-length",
            f"`{need.name}` {what}; Pomerium takes base64 of {SIZE} bytes.",
            NEW,
            said.file,
            said.line,
        )
    else:
        yield Finding("good", "secret-good", f"`{need.name}` is set and well formed.")


def _line_end(setup: Setup, said: Said, setting: str, effect: str) -> Iterator[Finding]:
    """A file of one secret that ends with a line end, which Pomerium takes for a part of it."""
    try:
        content = setup.content(said).content
    except WizardError as error:
        yield Finding.of(error, said.file, said.line)
        return
    if content != content.strip():
        yield Finding(
            "error",
            "secret-line-end",
            f"The file of `{setting}` has blanks or a line end around its secret. {effect}",
            f'Take them away: printf %s "$(cat {said.text})" > NEW, and move NEW there.',
            said.file,
            said.line,
        )


def _signing_key(setup: Setup) -> Iterator[Finding]:
    """An EC or RSA key, as PEM or as base64 of it."""
    said = setup.said("signing_key_file")
    try:
        if said is not None:
            data = setup.content(said).content
        else:
            said = setup.said("signing_key")
            data = said.text.encode() if said else b""
    except WizardError as error:
        yield Finding.of(error, said.file if said else "", said.line if said else 0)
        return
    if said is None:
        return
    keys = contents(data).keys
    if not keys or not isinstance(keys[0], (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        yield Finding(
            "error",
            "signing-key-malformed",
            "`signing_key` holds no private key that Pomerium can sign with.",
            "Make one: openssl ecparam -genkey -name prime256v1 -noout | base64 -w0",
            said.file,
            said.line,
        )
