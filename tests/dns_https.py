"""What the DNS lab adds for when port 53 is blocked: DNS over HTTPS, and the blocking."""

import http.server
import ipaddress
import ssl
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.message
import dns.query
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from dns_servers import Namespace

# The public services that the lab plays; by these names, too.
SERVICES = {"cloudflare-dns.com": "1.1.1.1", "dns.google": "8.8.8.8"}


def serve_https(net: Namespace, folder: Path, resolver: str, closing: ExitStack) -> Path:
    """DNS over HTTPS (RFC 8484, POST) at the services' and the resolver's addresses, by it.

    BIND's own speaks HTTP/2 only. Returns the certificate to trust.
    """
    root, context = _certificate(folder, (resolver, *SERVICES.values()))

    class Question(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            media = "application/dns-message"
            if self.path != "/dns-query" or self.headers.get("Content-Type") != media:
                self.send_error(415)
                return
            with net.inside():
                message = dns.message.from_wire(query)
                answer = dns.query.tcp(message, resolver, timeout=10).to_wire()
            self.send_response(200)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    for address in (resolver, *SERVICES.values()):
        with net.inside():
            server = _Https((address, 443), Question)
        # A client's handshake is its own thread's business, not that of the one that accepts.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        closing.callback(server.server_close)
        closing.callback(server.shutdown)
    return root


class _Https(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that trusts us not, or goes away, is what some tests are about."""


def _certificate(folder: Path, addresses: Iterable[str]) -> tuple[Path, ssl.SSLContext]:
    """One for the services' names and the addresses, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DNS lab")])
    now = datetime.now(UTC)
    names = [x509.DNSName(each) for each in SERVICES]
    numbers = [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([*names, *numbers]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    kept = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    root, secret = folder / "https.pem", folder / "https.key"
    root.write_bytes(certificate.public_bytes(pem))
    secret.write_bytes(key.private_bytes(pem, *kept))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(root, secret)
    return root, context


@contextmanager
def blocked(net: Namespace, servers: Iterable[str], targets: Iterable[str]) -> Iterator[None]:
    """Nobody but the servers reaches port 53 of the targets: "network is unreachable", at once."""
    targets = list(targets)
    closed: dict[str, list[str]] = {
        "-4": [f"from {each} lookup local" for each in servers],
        "-6": [],
    }
    for kind, rules in closed.items():
        rules += [
            f"to {each} ipproto {protocol} dport 53 unreachable"
            for each in targets
            for protocol in ("udp", "tcp")
            if (":" in each) is (kind == "-6")
        ]

    def apply(lines: dict[str, list[str]]) -> None:
        for kind, each in lines.items():
            with net.inside():
                subprocess.run(
                    ["ip", kind, "-batch", "-"], input="\n".join(each).encode(), check=True
                )

    # What is local is looked up first of all unless that rule is moved behind ours.
    apply(
        {
            kind: [
                *(f"rule add pref {number} {rule}" for number, rule in enumerate(rules, 1)),
                "rule add pref 1000 lookup local",
                "rule del pref 0",
            ]
            for kind, rules in closed.items()
        }
    )
    try:
        yield
    finally:
        apply(
            {
                kind: [
                    "rule add pref 0 lookup local",
                    "rule del pref 1000",
                    *(f"rule del pref {number}" for number, _ in enumerate(rules, 1)),
                ]
                for kind, rules in closed.items()
            }
        )
