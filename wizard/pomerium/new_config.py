"""A complete, commented Pomerium configuration for a place that has none."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from wizard.core.errors import UsageError
from wizard.pomerium.emitter import commented, dump
from wizard.pomerium.merge import nested
from wizard.pomerium.paths import require_absolute

_REFERENCE = "https://www.pomerium.com/docs/reference"


def new_config(
    files: tuple[Path, Path] | None,
    *,
    shared_secret: str,
    cookie_secret: str,
    route_from: str,
    route_to: str,
    email: str | None = None,
    address: str = ":443",
    development: bool = False,
    settings: Mapping[str, str | bool] = MappingProxyType({}),
    route_settings: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """A configuration that serves one route with a certificate, `files` being it and its key.

    Without one, `settings` say how Pomerium gets it; those that are empty or false are left out.
    `route_settings` are the route's own.

    `email` is who may pass; without one Pomerium lets nobody pass, and a comment says what to add.
    `development` keeps browsers from pinning the names to HTTPS. The secrets are base64 of 32 bytes
    each; they are not looked at, so that a preview may pass placeholders.

    Raises:
        UsageError: `path-not-absolute`, `path-not-utf-8`, or `route-not-concrete` for a
            `route_from` that is not `https://` and one host without `*`.

    """
    require_absolute(*(files or ()))
    _check_route(route_from)
    route: dict[str, object] = {"from": route_from, "to": route_to, "pass_identity_headers": True}
    route |= route_settings
    comments = {
        "certificates": "Read again whenever the files change; no restart is needed.",
        "http_redirect_addr": "Authorities look at names on port 80; all others go to HTTPS.",
        "autocert": "Pomerium gets and renews a certificate for the host of each route by itself.",
        "downstream_mtls": "Who must show a client certificate, and which ones are good no more.",
        "set_response_headers": "No HSTS: it would pin development names to HTTPS for a year.",
        "shared_secret": "Base64 of 32 random bytes each. Keep them to yourself, and keep "
        "them: new ones end every session.",
        "routes": "One entry an application. Without an allowing policy Pomerium lets nobody pass.",
    }
    if email is not None:
        route["policy"] = [{"allow": {"or": [{"email": {"is": email}}]}}]
    else:
        comments["routes"] += (
            "\nAdd to this route who may pass:\n"
            + dump({"policy": [{"allow": {"or": [{"email": {"is": "you@example.com"}}]}}]}).rstrip()
        )
    written: dict[str, object] = {"address": address}
    if files is not None:
        written["certificates"] = [{"cert": str(files[0]), "key": str(files[1])}]
    written |= nested({name: value for name, value in settings.items() if value})
    if development:
        written["set_response_headers"] = {"Strict-Transport-Security": "max-age=0"}
    written |= {
        "shared_secret": shared_secret,
        "cookie_secret": cookie_secret,
        "routes": [route],
    }
    start = f"Pomerium's configuration, made by pomcert-wizard. Every setting: {_REFERENCE}"
    return dump(commented(written, start, comments)).encode()


def _check_route(route_from: str) -> None:
    try:
        parts = urlsplit(route_from)
        host = parts.hostname or ""
    except ValueError:
        host = ""
        parts = urlsplit("")
    if parts.scheme != "https" or not host or "*" in host or parts.path not in {"", "/"}:
        raise UsageError(
            "route-not-concrete",
            f"{route_from!r} is not the address of one host, which a first route needs.",
            "Give it as https://HOST, for example https://verify.localhost.pomerium.io.",
        )
