"""Certificates that Pomerium gets by itself: what it cannot get, and what it has got."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509

from wizard.core.errors import WizardError
from wizard.doctor.certificates import Listed, some
from wizard.doctor.coverage import fitting
from wizard.doctor.grade import Finding
from wizard.pki import chain
from wizard.pki.path import is_valid
from wizard.pomerium.routes import autocert_hosts
from wizard.pomerium.setup import Said, Setup
from wizard.pomerium.store import LETSENCRYPT, certificate_file

LE: Final = urlsplit(LETSENCRYPT).hostname


def findings(setup: Setup, listed: Sequence[Listed]) -> Iterator[Finding]:
    """What keeps a host from its certificate, and which certificates are there."""
    if not setup.is_on("autocert"):
        return
    own, name = autocert_hosts(setup.routed), setup.document.name
    if not own:
        yield Finding(
            "error",
            "autocert-no-routes",
            "autocert is on, and gets no certificate: no route is from https:// and one host.",
            "Add a route such as `from: https://app.example.com`.",
            name,
        )
        return
    yield from _authority(setup)
    redirect = setup.said("http_redirect_addr")
    if redirect is None or not redirect.text.strip("\"'").endswith(":80"):
        yield Finding(
            "warning",
            "autocert-port-80",
            "`http_redirect_addr` is not port 80: only TLS-ALPN-01 on port 443 can prove a name.",
            "Set `http_redirect_addr: :80`.",
            redirect.file if redirect else name,
            redirect.line if redirect else 0,
        )
    yield from _kept(setup, own, listed)


def _authority(setup: Setup) -> Iterator[Finding]:
    authority, staging = setup.said("autocert_ca"), setup.said("autocert_use_staging")
    is_le = authority is None or (urlsplit(authority.text).hostname or "").endswith(
        "letsencrypt.org"
    )
    staple = setup.said("autocert_must_staple")
    if staple is not None and setup.is_on("autocert_must_staple"):
        yield Finding(
            "error" if is_le else "warning",
            "autocert-must-staple",
            "`autocert_must_staple` is on: "
            + (
                "Let's Encrypt refuses every such certificate since 2025."
                if is_le
                else "Envoy refuses such a certificate while it has no OCSP answer to staple."
            ),
            "Take it out.",
            staple.file,
            staple.line,
        )
    if staging is not None and setup.is_on("autocert_use_staging") and authority is None:
        yield Finding(
            "warning",
            "autocert-staging",
            "`autocert_use_staging` is on: browsers refuse the certificates that it gets.",
            "Once all hosts have one, switch it off.",
            staging.file,
            staging.line,
        )


def _kept(setup: Setup, own: Sequence[str], listed: Sequence[Listed]) -> Iterator[Finding]:
    """What lies in `autocert_dir`, once Pomerium has been there."""
    said, ca = setup.said("autocert_dir"), setup.said("autocert_ca")
    if said is None or "://" in said.text:
        return
    try:
        folder = setup.here(said.text)
        if not (folder / "certificates").is_dir():
            return
        leaves = {host: _leaf(setup, folder, host, ca) for host in own}
    except (WizardError, PermissionError):
        return
    missing = [h for h, leaf in leaves.items() if leaf is None and not fitting(listed, h)]
    if missing:
        yield Finding(
            "error",
            "autocert-missing",
            f"Pomerium has no certificate for {some(missing)} in {said.text}.",
            "Its log says why. It tries again when told: systemctl kill -s HUP pomerium",
            said.file,
            said.line,
        )
    now = setup.system.now()
    over = [h for h, leaf in leaves.items() if leaf is not None and not is_valid(leaf, now)]
    if over:
        yield Finding(
            "error",
            "certificate-expired",
            f"The certificate that autocert got for {some(over)} has ended.",
            "Its log says why it was not renewed.",
            said.file,
            said.line,
        )
    got = [host for host, leaf in leaves.items() if leaf is not None and host not in over]
    if got:
        yield Finding("good", "autocert-good", f"autocert has a certificate for {some(got)}.")


def _leaf(setup: Setup, folder: Path, host: str, ca: Said | None) -> x509.Certificate | None:
    staging = setup.is_on("autocert_use_staging")
    path = certificate_file(folder, host, ca.text if ca else "", staging=staging)
    kept = setup.system.keep(path)
    return chain.read(kept.content, str(path))[0] if kept else None
