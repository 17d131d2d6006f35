"""The connection below a session: made as the surroundings say, its failures in plain words."""

import os
import re
import ssl
import warnings
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests

from wizard import __version__
from wizard.acme import clock
from wizard.core.errors import WizardError
from wizard.core.system import System

SECONDS: Final = (10.0, 45.0)
"""To connect, and to wait for an answer; authorities take up to half a minute to sign."""
CUT: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, HTTPException)
"""What a connection that was dropped looks like; `HTTPException` is an answer that broke off."""
CUT_IN_TLS: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
NOT_YET_VALID, EXPIRED = 9, 10
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


class CutError(WizardError):
    """The connection was dropped, and nobody knows whether the request had arrived."""


class Connection:
    """Sends requests to one server, over one connection that stays open."""

    def __init__(self, system: System, directory_url: str, ca_bundle: Path | None) -> None:
        self._system = system
        self._http = requests.Session()
        # What the surroundings say is read here once, not again with every request.
        self._http.trust_env = False
        self._http.proxies.update(_proxies(system, directory_url))
        self._http.verify = str(ca_bundle) if ca_bundle else _anchors(system)
        self._http.headers["User-Agent"] = f"pomcert-wizard/{__version__}"

    def send(self, method: str, url: str, body: bytes | None) -> requests.Response:
        """One request.

        Raises:
            CutError: the connection was dropped.
            WizardError: `directory-certificate`, `clock-skew` or `directory-unreachable`.
        """
        headers = {"Content-Type": "application/jose+json"} if body is not None else {}
        try:
            return self._http.request(method, url, data=body, headers=headers, timeout=SECONDS)
        except requests.exceptions.RequestException as error:
            raise self._failed(url, error) from None

    def _failed(self, url: str, error: requests.exceptions.RequestException) -> WizardError:
        refused = [one for one in _causes(error) if isinstance(one, ssl.SSLCertVerificationError)]
        if refused and refused[0].verify_code in {NOT_YET_VALID, EXPIRED}:
            ahead = self._clock_of(url)
            if abs(ahead) > clock.SKEW:
                seems = "over" if refused[0].verify_code == EXPIRED else "not valid yet"
                host = urlsplit(url).hostname or url
                return clock.error(ahead, host, f"its TLS certificate seems to be {seems}")
        if refused or (isinstance(error, requests.exceptions.SSLError) and not _is_cut(error)):
            return WizardError(
                "directory-certificate",
                f"The TLS certificate of {url} is not trusted: {_reason(error)}.",
                "Name the root that vouches for it in dns_01.ca_bundle; if this is a public "
                "authority, something stands between you and it.",
            )
        kind = CutError if _is_cut(error) else WizardError
        return kind(
            "directory-unreachable",
            f"No answer from {url}: {_reason(error)}.",
            "Nothing is lost: run again when the network is back; HTTPS_PROXY is honoured.",
        )

    def _clock_of(self, url: str) -> timedelta:
        """How far a server's clock is ahead, where its certificate tells nothing about it.

        Nothing is sent but the wish to know, and nothing is believed but the time.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer = self._http.head(url, verify=False, timeout=SECONDS)
        except requests.exceptions.RequestException:
            return timedelta()
        return clock.difference(answer.headers, self._system.now())


def _is_cut(error: requests.exceptions.RequestException) -> bool:
    return any(isinstance(one, (*CUT, *CUT_IN_TLS)) for one in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it wraps: requests and urllib3 put several layers around a reason."""
    yield error
    for inner in (getattr(error, "reason", None), *error.args):
        if isinstance(inner, BaseException):
            yield from _causes(inner)


def _reason(error: requests.exceptions.RequestException) -> str:
    """Why a request failed, in words and without a full stop."""
    *_, innermost = _causes(error)
    if isinstance(innermost, ssl.SSLCertVerificationError):
        return innermost.verify_message.rstrip(".")
    if _is_cut(error):
        return "the connection was cut"
    text = re.sub(r"\[Errno -?\d+\] ", "", str(innermost))
    return text.partition(": ")[2].rstrip(".") or text.rstrip(".")


def _proxies(system: System, url: str) -> dict[str, str]:
    """The proxies of the surroundings, unless this host is excepted."""
    from requests.utils import should_bypass_proxies  # noqa: PLC0415  as below

    env = {name.lower(): value for name, value in sorted(system.env.items(), reverse=True)}
    if should_bypass_proxies(url, env.get("no_proxy")):
        return {}
    named = {kind: env.get(f"{kind}_proxy") or env.get("all_proxy") for kind in ("http", "https")}
    return {kind: proxy for kind, proxy in named.items() if proxy}


def _anchors(system: System) -> str | bool:
    """The roots that the surroundings name, else those of certifi."""
    named = system.env.get("REQUESTS_CA_BUNDLE") or system.env.get("SSL_CERT_FILE", "")
    return named if named and os.path.exists(named) else True  # noqa: PTH110  never raises
