"""An identity provider on loopback that knows one person and asks nothing, and a browser."""

import base64
import contextlib
import http.client
import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pomerium_lab import Answer, Pomerium

CLIENT, PERSON = "pomerium", "kim@example.com"
MOST_REDIRECTS = 15


@contextlib.contextmanager
def identity_provider() -> Iterator[str]:
    """Its URL (OpenID Connect Core 1.0, the code flow)."""
    key = rsa.generate_private_key(65537, 2048)
    nonces: dict[str, str] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            if path == "/authorize":
                code = f"code-{len(nonces)}"
                nonces[code] = asked.get("nonce", "")
                back = urlencode({"code": code, "state": asked["state"]})
                self._answer({}, f"{asked['redirect_uri']}?{back}")
            elif path == "/keys":
                self._answer({"keys": [_public(key)]})
            elif path == "/person":
                self._answer({"sub": PERSON, "email": PERSON})
            else:
                self._answer(_discovery(url))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            nonce = nonces[parse_qs(body)["code"][0]]
            token = _token(key, url, nonce)
            self._answer({"access_token": "a", "token_type": "Bearer", "id_token": token})

        def _answer(self, value: object, location: str = "") -> None:
            body = json.dumps(value).encode()
            self.send_response(302 if location else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield url
        finally:
            server.shutdown()


def _discovery(url: str) -> Mapping[str, object]:
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "userinfo_endpoint": f"{url}/person",
        "jwks_uri": f"{url}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _public(key: rsa.RSAPrivateKey) -> Mapping[str, str]:
    numbers = key.public_key().public_numbers()
    n, e = (_encoded(one.to_bytes(size, "big")) for one, size in ((numbers.n, 256), (numbers.e, 3)))
    return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": n, "e": e}


def _token(key: rsa.RSAPrivateKey, issuer: str, nonce: str) -> str:
    now = int(time.time())
    claims = {"iss": issuer, "aud": CLIENT, "sub": PERSON, "email": PERSON, "nonce": nonce}
    said = {**claims, "iat": now, "exp": now + 3600}
    head = {"alg": "RS256", "kid": "1", "typ": "JWT"}
    text = ".".join(_encoded(json.dumps(part).encode()) for part in (head, said))
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{_encoded(signature)}"


@dataclass
class Browser:
    """Follows redirects and keeps cookies; every name leads to this machine."""

    root: Path
    pomeriums: Mapping[int, Pomerium]
    """By port."""
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, url: str) -> Answer:
        """Where it ends."""
        for _ in range(MOST_REDIRECTS):
            answer, location = self._once(url)
            if not location:
                return answer
            url = urljoin(url, location)
        raise AssertionError(f"It leads around in circles: {url}")

    def _once(self, url: str) -> tuple[Answer, str]:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        kept = self.cookies.setdefault(host, {})
        with contextlib.closing(self._connect(host, port)) as connection:
            cookies = "; ".join(f"{name}={value}" for name, value in kept.items())
            connection.request(
                "GET", url.partition(parts.netloc)[2] or "/", headers={"Cookie": cookies}
            )
            response = connection.getresponse()
            for line in response.headers.get_all("Set-Cookie") or ():
                kept.update({name: one.value for name, one in SimpleCookie(line).items()})
            text = response.read().decode()
            return Answer(response.status, text), response.headers.get("Location", "")

    def _connect(self, host: str, port: int) -> http.client.HTTPConnection:
        if port in self.pomeriums:
            return self.pomeriums[port].connect(self.root, host)
        return http.client.HTTPConnection(host, port, timeout=30)
