"""Configurations with a trap in each, the same without it, and the files that they name."""

import base64
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from wizard.pki import authority, chain, clients, keys, leaf

SECRET = base64.b64encode(bytes(range(32))).decode()
NAMES = ("*.localhost.pomerium.io",)
PAIR = "{cert: FOLDER/server.pem, key: FOLDER/server.key}"


class Sample(NamedTuple):
    """A trap by its code, a configuration that has it on a line, and one that does not.

    FOLDER stands for where `files` are. `is_error` says that Pomerium does not start with it, and
    `by_loader` that its loader alone tells so.
    """

    code: str
    trap: str
    fine: str
    line: int = 1
    is_error: bool = False
    by_loader: bool = True


def _route(*settings: str) -> str:
    inner = ", ".join(("from: https://a.example.com", *settings))
    return f"routes: [{{{inner}}}]\n"


def _policy(*settings: str) -> str:
    return _route(*settings).replace("routes", "policy")


TO = "to: https://app.example.com"
MTLS = "downstream_mtls: {ca_file: FOLDER/%s%s}\n"
SAMPLES = (
    Sample("boolean-word", "autocert: yes\n", "autocert: 't'\n", is_error=True),
    Sample(
        "boolean-word",
        _route(TO, "tls_skip_verify: off"),
        _route(TO, "tls_skip_verify: false"),
        is_error=True,
    ),
    Sample(
        "secret-line-end",
        "address: :443\nshared_secret_file: FOLDER/secret-line\n",
        "shared_secret_file: FOLDER/secret\n",
        line=2,
        is_error=True,
    ),
    Sample(
        "secret-line-end",
        "idp_client_secret_file: FOLDER/secret-line\n",
        "idp_client_secret_file: FOLDER/secret\ncookie_secret_file: FOLDER/secret-line\n",
    ),
    Sample(
        "secret-length",
        "shared_secret: c2hvcnQ=\n",
        f"shared_secret: {SECRET}\n",
        is_error=True,
        by_loader=False,
    ),
    Sample("secret-length", "shared_secret: what?\n", "shared_secret: ''\n", is_error=True),
    Sample(
        "secret-length",
        "cookie_secret_file: FOLDER/short\n",
        "cookie_secret_file: FOLDER/secret-line\n",
        is_error=True,
        by_loader=False,
    ),
    Sample(
        "server-certificate-is-ca",
        "certificate_file: FOLDER/rootCA.pem\ncertificate_key_file: FOLDER/rootCA-key.pem\n",
        f"certificates: [{PAIR}]\ncertificate_authority_file: FOLDER/root.pem\n",
    ),
    Sample(
        "path-unfilled",
        "certificates:\n  - cert: $HOME/c.pem\n    key: FOLDER/server.key\n",
        f"certificates: [{PAIR}]\n",
        line=2,
        is_error=True,
    ),
    Sample(
        "path-unfilled",
        MTLS % ("../~/*/ca.pem", ""),
        MTLS % ("client-ca.pem", ""),
        is_error=True,
    ),
    Sample("path-unfilled", "autocert_dir: ~/certs\n", "autocert_dir: s3://a.s3.b.c/d\n"),
    Sample(
        "path-unfilled",
        _policy(TO, "tls_custom_ca_file: '/tls/{{ name }}.pem'"),
        _policy(TO, "tls_custom_ca_file: 'FOLDER/*.example.com/ca.pem'"),
        is_error=True,
    ),
    Sample("path-relative", "autocert_dir: certs\n", "autocert_dir: /certs\n"),
    Sample(
        "path-base64",
        "certificates: [{cert: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==, key: FOLDER/server.key}]",
        f"certificates: [{PAIR}]\n",
        is_error=True,
    ),
    Sample("client-ca-not-pem", MTLS % ("ca.der", ""), MTLS % ("client-ca.pem", "")),
    Sample("client-ca-mkcert", MTLS % ("rootCA.pem", ""), MTLS % ("client-ca.pem", "")),
    Sample(
        "client-ca-shared",
        f"certificates: [{PAIR}]\n" + MTLS % ("root.pem", ""),
        f"certificates: [{PAIR}]\n" + MTLS % ("client-ca.pem", ""),
        line=2,
    ),
    Sample(
        "crl-expired",
        MTLS % ("client-ca.pem", ", crl_file: FOLDER/old.crl, enforcement: reject_connection"),
        MTLS % ("client-ca.pem", ", crl_file: FOLDER/old.crl, enforcement: policy"),
    ),
    Sample(
        "crl-ends-soon",
        MTLS % ("client-ca.pem", ", crl_file: FOLDER/soon.crl, enforcement: reject_connection"),
        MTLS % ("client-ca.pem", ", crl_file: FOLDER/new.crl, enforcement: reject_connection"),
    ),
    Sample(
        "crl-unreadable",
        MTLS % ("client-ca.pem", ", crl_file: FOLDER/crl.der"),
        MTLS % ("client-ca.pem", ", crl_file: FOLDER/new.crl"),
        is_error=True,
    ),
    Sample(
        "reject-connection-sign-in",
        "authenticate_service_url: https://auth.example.com\n"
        + MTLS % ("client-ca.pem", ", enforcement: reject_connection"),
        "authenticate_service_url: https://authenticate.pomerium.app\n"
        + MTLS % ("client-ca.pem", ", enforcement: reject_connection"),
        line=2,
    ),
    Sample(
        "tls-skip-verify",
        _route(TO, "tls_skip_verify: true"),
        _policy(TO, "tls_custom_ca_file: FOLDER/root.pem"),
    ),
    Sample(
        "upstream-number",
        _route("to: ['https://a.internal,1', 'https://10.0.0.1:8443,10']"),
        _route("to: 'https://[::1]:8443'", "tls_upstream_server_name: a.internal"),
    ),
    Sample("upstream-number", _route("to: 'https://[2001:db8::1]'"), _route("to: http://10.0.0.1")),
    Sample(
        "route-files-unwatched",
        _route(
            TO, "tls_client_cert_file: FOLDER/server.pem, tls_client_key_file: FOLDER/server.key"
        ),
        _policy(TO, "tls_custom_ca_file: FOLDER/root.pem"),
    ),
    Sample(
        "invalid-client-certificate",
        MTLS % ("client-ca.pem", ", enforcement: policy")
        + _route(TO, "policy: [{allow: {and: [{client_certificate: {san_dns: a}}]}}]"),
        MTLS % ("client-ca.pem", ", enforcement: policy")
        + _route(
            TO,
            "policy: [{allow: {and: [{client_certificate: {san_dns: a}}]}}, "
            "{deny: {or: [{invalid_client_certificate: true}]}}]",
        ),
        line=2,
    ),
    Sample(
        "invalid-client-certificate",
        MTLS % ("client-ca.pem", ", enforcement: policy")
        + _route(TO, "policy: {allow: {and: [{client_certificate: {fingerprint: a}}]}}"),
        MTLS % ("client-ca.pem", "")
        + _route(TO, "policy: {allow: {and: [{client_certificate: {fingerprint: a}}]}}"),
        line=2,
    ),
    Sample(
        "grpc-plaintext",
        f"services: proxy\nshared_secret: {SECRET}\ncookie_secret: {SECRET}\n"
        "databroker_service_url: http://databroker:5443\n",
        "services: all\ndatabroker_service_url: http://databroker:5443\n",
        line=4,
    ),
    Sample(
        "grpc-plaintext",
        f"services: databroker\ngrpc_insecure: true\nshared_secret: {SECRET}\n",
        "services: all\ngrpc_insecure: true\n",
        line=2,
    ),
    Sample(
        "grpc-private-host",
        f"services: authorize\nshared_secret: {SECRET}\n"
        "databroker_service_urls: ['https://databroker.pomerium.svc:5443']\n",
        f"services: authorize\nshared_secret: {SECRET}\n"
        "databroker_service_urls: ['https://databroker.pomerium.svc:5443']\n"
        "certificate_authority_file: FOLDER/root.pem\n",
        line=3,
    ),
    Sample(
        "grpc-private-host",
        f"services: authorize\nshared_secret: {SECRET}\n"
        "databroker_service_url: https://10.1.2.3:5443\n",
        f"services: authorize\nshared_secret: {SECRET}\n"
        "databroker_service_url: https://databroker.example.com:5443\n",
        line=3,
    ),
    Sample(
        "override-name-unused",
        "override_certificate_name: '*.example.com'\n",
        f"services: proxy\nshared_secret: {SECRET}\ncookie_secret: {SECRET}\n"
        "override_certificate_name: '*.example.com'\n",
    ),
    Sample(
        "hsts-development",
        f"certificates: [{PAIR}]\n"
        + _route(TO).replace("a.example.com", "a.localhost.pomerium.io"),
        f"certificates: [{PAIR}]\nset_response_headers: {{Strict-Transport-Security: max-age=0}}\n"
        + _route(TO).replace("a.example.com", "a.localhost.pomerium.io"),
    ),
    Sample(
        "sessions-in-memory",
        "databroker_storage_type: memory\n",
        "databroker_storage_type: file\ndatabroker_storage_connection_string: file:///FOLDER/db\n",
    ),
)
STANDING = (
    Sample(
        "autocert-wildcard-route",
        "autocert: true\n" + _route(TO).replace("//a.", "//*."),
        "autocert: true\n" + _route(TO),
    ),
    Sample(
        "autocert-port-80",
        "autocert: true\nhttp_redirect_addr: :8080\n",
        "autocert: true\nhttp_redirect_addr: '\":80\"'\n",
    ),
    Sample(
        "autocert-must-staple",
        "autocert: true\nautocert_must_staple: true\n",
        "autocert: true\nautocert_must_staple: true\nautocert_ca: https://ca.example.com/acme\n",
        line=2,
    ),
    Sample(
        "autocert-manual-wildcard",
        "autocert: true\nroutes: [{from: https://a.localhost.pomerium.io, to: http://a}]\n"
        f"certificates: [{PAIR}]\n",
        "autocert: true\nroutes: [{from: https://a.example.com, to: http://a}]\n"
        f"certificates: [{PAIR}]\n",
    ),
    Sample(
        "sessions-in-memory",
        _route(TO),
        "databroker_storage_type: file\ndatabroker_storage_connection_string: file:///FOLDER/db\n"
        + _route(TO),
    ),
)
"""Told only where somebody asks how a configuration stands."""


def put_files(folder: Path, now: datetime) -> None:
    """Writes what the samples name."""
    ours = authority.create(NAMES, now=now)
    issued = leaf.issue(ours, NAMES, now=now, lifetime=timedelta(days=90))
    made = clients.create(now)
    list_of = clients.revocations(made, None, (), now)
    mkcert, key = _mkcert(now)
    contents = {
        "server.pem": chain.to_pem([issued.certificate, *issued.issuers]),
        "server.key": keys.to_pem(issued.key).reveal(),
        "root.pem": chain.to_pem([ours.root]),
        "client-ca.pem": chain.to_pem([made.certificate]),
        "rootCA.pem": chain.to_pem([mkcert]),
        "rootCA-key.pem": keys.to_pem(key).reveal(),
        "ca.der": made.certificate.public_bytes(Encoding.DER),
        "new.crl": list_of.public_bytes(Encoding.PEM),
        "crl.der": list_of.public_bytes(Encoding.DER),
        "old.crl": _ending(made, now - timedelta(days=1), now),
        "soon.crl": _ending(made, now + timedelta(days=3), now),
        "secret": SECRET.encode(),
        "secret-line": f"{SECRET}\n".encode(),
        "short": b"c2hvcnQ=",
    }
    (folder / "*.example.com").mkdir()
    contents["*.example.com/ca.pem"] = contents["root.pem"]
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _mkcert(now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A root as mkcert names its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "mkcert development CA"),
            x509.NameAttribute(NameOID.COMMON_NAME, "mkcert me@here"),
        ]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    return made, key


def _ending(made: clients.ClientAuthority, end: datetime, now: datetime) -> bytes:
    """A revocation list that is good until then."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(made.certificate.subject)
    builder = builder.last_update(now - timedelta(days=9)).next_update(end)
    return builder.sign(made.key, SHA256()).public_bytes(Encoding.PEM)
