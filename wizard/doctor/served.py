"""A look at a server from outside: what is served, to whom, and whether it is what it should be."""

import http.client
import ssl
import warnings
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509

from wizard.core import ourselves
from wizard.core.errors import WizardError
from wizard.core.questions import Problem
from wizard.core.system import System
from wizard.doctor.certificates import Listed, level_of, some, unfit
from wizard.doctor.connection import PING, Server, Shown, any_certificate, open_stream, shown_by
from wizard.doctor.coverage import expected
from wizard.doctor.grade import Finding
from wizard.pki import fitness, names
from wizard.pki.authority_files import FILES
from wizard.pomerium.routes import hosts
from wizard.pomerium.setup import Setup

FALLBACK: Final = "Pomerium PSK CA"
"""Who issues what Pomerium makes when it has no certificate (pkg/derivecert/ca.go)."""
TIMES: Final = frozenset({9, 10})
"""X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED, which are told apart from trust."""
CERTIFICATE_WANTED: Final = 495
"""What Pomerium answers where a client certificate is missing."""


def look(
    system: System, state: Path, server: Server, setup: Setup | None, listed: Sequence[Listed]
) -> Iterator[Finding]:
    """What is served, and whether it is what the configuration lists. One try for each question."""
    try:
        shown = shown_by(server)
    except WizardError as error:
        yield Finding.of(error)
        return
    leaf = shown.chain[0]
    known = [one.leaf for one in listed]
    if fitness.issuer(leaf) == FALLBACK:
        yield Finding(
            "error",
            "fallback-served",
            f"{server} shows the certificate that Pomerium makes when it has none: every browser "
            "warns of it.",
            "Have one made and listed, or look in Pomerium's log why the one listed was not read.",
        )
    else:
        # What the configuration lists was told of already.
        where = f"the handshake with {server}"
        told = () if leaf in known else unfit(shown.chain, where, system.now())
        # One for addresses alone is well for who asks for an address; others are told below.
        spared = {"certificate-without-names"} if _names(leaf) else set()
        yield from (_finding(one) for one in told if one.code not in spared)
        yield from _named(server, leaf, setup)
        yield from _trust(system, state, server, shown)
    yield from _as_listed(server, leaf, setup, listed)
    yield _protocols(server, shown)
    yield from _nameless(server, leaf)
    yield from _answer(server, shown)


def _finding(problem: Problem) -> Finding:
    summary = problem.summary[:1].upper() + problem.summary[1:]
    return Finding(level_of(problem), problem.code, summary, problem.hint)


def _named(server: Server, leaf: x509.Certificate, setup: Setup | None) -> Iterator[Finding]:
    """Whether the certificate is for the name that was asked for."""
    own = _names(leaf)
    if any(names.covers(one, server.name) for one in own):
        until = leaf.not_valid_after_utc
        yield Finding(
            "good",
            "name-served",
            f"{server} shows {server.name} a certificate for it, until {until:%Y-%m-%d}.",
        )
        return
    hint = "List a certificate that is for it: pomcert-wizard"
    if _is_address(server.name):
        routed = [host for host in hosts(setup.routed) if "*" not in host] if setup else []
        hint = f"Give the host that people use: --server-name {next(iter(routed), 'HOST')}"
    yield Finding(
        "error",
        "name-not-covered",
        f"{server} shows {server.name} a certificate that is for {some(own)}.",
        hint,
    )


def _names(leaf: x509.Certificate) -> list[str]:
    """Names and addresses of its SAN."""
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses = san.get_values_for_type(x509.IPAddress)
    return [*map(names.normalise, san.get_values_for_type(x509.DNSName)), *map(str, addresses)]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _trust(system: System, state: Path, server: Server, shown: Shown) -> Iterator[Finding]:
    """Whether this machine's roots vouch for it, or else our own root."""
    context = any_certificate()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_default_certs()
    refused = _refused(server, context)
    if refused is None:
        yield Finding("good", "trusted", f"This machine trusts the certificate of {server}.")
        return
    if refused.verify_code in TIMES:
        return
    own = system.keep(state / "ca" / FILES[0])
    if own is not None:
        context = any_certificate()
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=own.content.decode())
        if _refused(server, context) is None:
            yield Finding(
                "warning",
                "trust-own-root",
                f"The local root vouches for {server}, and this machine does not trust it.",
                f"Have it trusted: {ourselves.line(system, state, 'trust', 'install')}",
            )
            return
    leaf = shown.chain[0]
    alone = len(shown.chain) == 1 and leaf.issuer != leaf.subject
    sent = f" Its issuer, {fitness.issuer(leaf)}, is not sent along." if alone else ""
    yield Finding(
        "warning",
        "trust-refused",
        f"This machine does not trust the certificate of {server}: {refused.verify_message}.{sent}",
        "That is well only for an authority of your own that your clients trust. "
        + ("Else add the issuer to the file." if alone else "Else have one made by another."),
    )


def _refused(server: Server, context: ssl.SSLContext) -> ssl.SSLCertVerificationError | None:
    """Why a client with these roots refuses it; None where it does not."""
    try:
        with open_stream(server, context):
            return None
    except ssl.SSLCertVerificationError as error:
        return error
    except OSError:
        return None


def _as_listed(
    server: Server, leaf: x509.Certificate, setup: Setup | None, listed: Sequence[Listed]
) -> Iterator[Finding]:
    """Whether it is the certificate that the configuration has for the name now."""
    found = expected(setup, listed, server.name) if setup is not None else ()
    right = next((one.where for one in found if one.leaf == leaf), "")
    if right:
        yield Finding("good", "served-as-listed", f"{server} shows {right}, as it should.")
        return
    if not found or found[0].leaf is None:
        return
    one, until = found[0], found[0].leaf.not_valid_after_utc
    other = next((it.where for it in listed if it.leaf == leaf), "")
    what = other or f"another one, until {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    yield Finding(
        "error",
        "served-other",
        f"{server} shows {server.name} {what}, and {one.where} is listed for it, until "
        f"{until:%Y-%m-%d %H:%M} UTC.",
        "If that is this Pomerium, have it read its files again: systemctl kill -s HUP pomerium. "
        "In a container mount the directory, never a single file.",
        one.pair.place.file,
        one.pair.place.line,
    )


def _protocols(server: Server, shown: Shown) -> Finding:
    """Whether versions of TLS are refused that browsers refuse too (RFC 8996)."""
    version = shown.version.replace("TLSv", "TLS ")
    context = any_certificate()
    with warnings.catch_warnings():
        # They tell programmers not to offer these; here they are offered to be refused.
        warnings.simplefilter("ignore")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    # Without this OpenSSL offers none of them.
    context.set_ciphers("ALL:@SECLEVEL=0")
    told = f"{server} speaks {version}"
    try:
        with open_stream(server, context) as stream:
            old = (stream.version() or "").replace("TLSv", "TLS ")
    except OSError as error:
        is_ours = isinstance(error, ssl.SSLError) and error.reason == "NO_PROTOCOLS_AVAILABLE"
        older = "" if is_ours else ", and nothing older than TLS 1.2"
        return Finding("good", "protocol", f"{told}{older}.")
    except WizardError:
        return Finding("good", "protocol", f"{told}.")
    return Finding(
        "warning",
        "old-protocol",
        f"{told}, and {old} too, which is broken (RFC 8996).",
        "Switch it off. Pomerium never speaks it: something else listens there.",
    )


def _nameless(server: Server, leaf: x509.Certificate) -> Iterator[Finding]:
    """What somebody gets who sends no name (SNI), as some monitors and old programs."""
    if _is_address(server.name):
        # Addresses are not sent as a name, so that was seen already.
        return
    try:
        with open_stream(server, any_certificate(), with_name=False) as stream:
            der = stream.getpeercert(binary_form=True)
    except (OSError, WizardError):
        yield Finding(
            "warning",
            "name-needed",
            f"{server} refuses whoever sends no name (SNI), as some monitors do.",
            "Have them send one.",
        )
        return
    if der:
        other = x509.load_der_x509_certificate(der)
        same = "the same" if other == leaf else f"the certificate for {some(_names(other))}"
        yield Finding("good", "nameless", f"Whoever sends no name (SNI) to {server} gets {same}.")


def _answer(server: Server, shown: Shown) -> Iterator[Finding]:
    """What came back for GET /ping, which Pomerium answers on every host."""
    if "certificate required" in shown.silence or shown.status == CERTIFICATE_WANTED:
        yield Finding(
            "good",
            "client-certificate-wanted",
            f"{server} lets nobody in without a client certificate.",
        )
    elif shown.silence:
        yield Finding(
            "warning",
            "no-answer",
            f"{server} ends TLS well and answers no HTTP request: {shown.silence}.",
            "Look at its log.",
        )
    elif shown.status == http.client.OK:
        hsts = f" HSTS: {shown.hsts}." if shown.hsts else ""
        yield Finding("good", "answer", f"{server} answers GET {PING} with 200.{hsts}")
    else:
        yield Finding(
            "warning",
            "answer-odd",
            f"{server} answers GET {PING} with {shown.status}; Pomerium answers with 200.",
            "Look whether it is Pomerium that listens there.",
        )
