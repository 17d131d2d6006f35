"""What the doctor says of a server that it connects to, and of what is none."""

import contextlib
import http.server
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from acme_lab import free_port
from bundle_support import CA, HOST, SITE, Forge
from conftest import Need
from doctor_support import Patient

from wizard.core.errors import UsageError
from wizard.core.system import System
from wizard.doctor import connection, served
from wizard.doctor.connection import Server
from wizard.doctor.grade import Finding
from wizard.doctor.handshake import serve

ADDRESS = SITE[: SITE.index("subjectAltName")] + "subjectAltName=IP:127.0.0.1"
AIA = "\nauthorityInfoAccess=caIssuers;URI:http://ca.example.com/issuing.crt"


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Forge:
    forge = Forge.opened(tmp_path_factory.mktemp("forge"), need)
    forge.issue("over", "issuing", until="20210101000000Z")
    forge.issue("again", "issuing")
    forge.issue("alone", "issuing", extensions=SITE + AIA)
    fallback = {"extensions": CA, "subject": "/O=Pomerium/CN=Pomerium PSK CA"}
    forge.issue("psk", "", **fallback)  # type: ignore[arg-type]
    forge.issue("made-up", "psk", extensions="subjectAltName=DNS:*", subject="/O=Pomerium")
    return forge


@pytest.fixture
def patient(tmp_path: Path, forge: Forge) -> Patient:
    patient = Patient(tmp_path, forge)
    patient.well()
    (tmp_path / "state/ca").mkdir(parents=True)
    return patient


def seen(patient: Patient, server: Server, *, listed: bool = True) -> Mapping[str, Finding]:
    """What is said of a server, good and bad, by code."""
    look = patient.look()
    setup = look.setup if listed else None
    state = patient.folder / "state"
    findings = served.look(System({}), state, server, setup, look.listed if listed else ())
    return {finding.code: finding for finding in findings}


def wrong(found: Mapping[str, Finding]) -> set[str]:
    return {code for code, finding in found.items() if finding.level != "good"}


@contextlib.contextmanager
def serving(patient: Patient, *certificates: str, name: str = HOST) -> Iterator[Server]:
    first, *_ = certificates
    chain = patient.file("served.pem", patient.forge.pem(*certificates))
    key = patient.file("served.key", patient.forge.pem(f"{first}.key"))
    with serve(chain, key) as port:
        yield Server("127.0.0.1", port, name)


def trust(patient: Patient) -> None:
    """Makes the company's root the wizard's own."""
    (patient.folder / "state/ca/root.pem").write_bytes(patient.forge.pem("root"))


def test_a_certificate_for_an_address_is_good_for_it(patient: Patient) -> None:
    patient.forge.issue("numbered", "issuing", extensions=ADDRESS)
    with serving(patient, "numbered", "issuing", name="127.0.0.1") as server:
        found = seen(patient, server, listed=False)
    assert wrong(found) == {"trust-refused"}
    with serving(patient, "numbered", "issuing") as server:
        assert wrong(seen(patient, server, listed=False)) == {"trust-refused", "name-not-covered"}


# ── a server that is well ──────────────────────────────────────────────────────────────────────


def test_what_is_listed_is_served(patient: Patient) -> None:
    trust(patient)
    with serving(patient, "site", "issuing") as server:
        found = seen(patient, server)
    assert wrong(found) == {"trust-own-root"}
    assert "trust install" in found["trust-own-root"].hint
    assert found["protocol"].summary.endswith("speaks TLS 1.3, and nothing older than TLS 1.2.")
    assert found.keys() >= {"served-as-listed", "name-served", "nameless", "answer"}


def test_a_server_that_this_machine_trusts(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(patient.file("roots.pem", patient.forge.pem("root"))))
    with serving(patient, "site", "issuing") as server:
        found = seen(patient, server)
    assert wrong(found) == set()
    assert "trusted" in found


def test_without_a_configuration_only_the_server_is_looked_at(patient: Patient) -> None:
    trust(patient)
    with serving(patient, "site", "issuing") as server:
        found = seen(patient, server, listed=False)
    assert wrong(found) == {"trust-own-root"}
    assert "served-as-listed" not in found


# ── a server that is not ───────────────────────────────────────────────────────────────────────


def test_another_certificate_than_the_one_listed(patient: Patient) -> None:
    with serving(patient, "again", "issuing") as server:
        found = seen(patient, server)
    assert found["served-other"].level == "error"
    assert found["served-other"].line == 4
    assert "HUP" in found["served-other"].hint


def test_one_that_ended_one_for_another_name_and_one_alone(patient: Patient) -> None:
    with serving(patient, "over", "issuing") as server:
        assert "certificate-expired" in wrong(seen(patient, server, listed=False))
    with serving(patient, "site", "issuing", name="127.0.0.1") as server:
        found = seen(patient, server, listed=False)
    assert "--server-name" in found["name-not-covered"].hint
    with serving(patient, "alone") as server:
        found = seen(patient, server, listed=False)
    assert found["chain-incomplete"].summary.startswith("The handshake with 127.0.0.1:")
    assert "Its issuer, Corp Issuing, is not sent along." in found["trust-refused"].summary


def test_the_certificate_that_pomerium_makes_when_it_has_none(patient: Patient) -> None:
    with serving(patient, "made-up") as server:
        found = seen(patient, server, listed=False)
    assert wrong(found) == {"fallback-served"}


def test_old_versions_and_a_client_certificate(patient: Patient, need: Need) -> None:
    need("openssl")
    folder = patient.forge.folder
    argv = f"-cert {folder}/site.pem -key {folder}/site.key -www"
    with s_server(f"{argv} -no_tls1_3 -cipher ALL:@SECLEVEL=0 -min_protocol TLSv1") as server:
        found = seen(patient, server, listed=False)
    assert "TLS 1.1 too" in found["old-protocol"].summary
    with s_server(f"{argv} -tls1_1 -cipher ALL:@SECLEVEL=0") as server:
        assert seen(patient, server).keys() == {"tls-too-old"}
    with s_server(f"{argv} -Verify 1 -verify_return_error -CAfile {folder}/root.pem") as server:
        found = seen(patient, server, listed=False)
    assert "client-certificate-wanted" in found


@contextlib.contextmanager
def s_server(words: str) -> Iterator[Server]:
    port = free_port()
    argv = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *words.split()]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
            yield Server("127.0.0.1", port, HOST)
        finally:
            process.kill()


@contextlib.contextmanager
def web(patient: Patient, *, needs_name: bool = False) -> Iterator[Server]:
    """HTTPS that answers 501 to everything; one that `needs_name` refuses whoever sends none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = patient.forge.folder
    context.load_cert_chain(folder / "site.pem", folder / "site.key")
    if needs_name:
        context.sni_callback = lambda _, name, __: (
            None if name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        )
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), http.server.BaseHTTPRequestHandler
    ) as running:
        running.daemon_threads = True
        running.socket = context.wrap_socket(
            running.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield Server("127.0.0.1", running.server_address[1], HOST)
        running.shutdown()


def test_what_is_not_pomerium_and_what_needs_a_name(patient: Patient) -> None:
    with web(patient) as server:
        found = seen(patient, server, listed=False)
    assert "501" in found["answer-odd"].summary
    assert "nameless" in found
    with web(patient, needs_name=True) as server:
        found = seen(patient, server, listed=False)
    assert "name-needed" in wrong(found)


# ── no server at all ───────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def listening(*, answer: bytes | None = None, stays: bool = False) -> Iterator[Server]:
    """Takes connections, and says something, hangs up, or stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken, _ = listener.accept()
                    if answer:
                        taken.sendall(answer)
                    if stays:
                        kept.append(taken)
                    else:
                        taken.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield Server("127.0.0.1", listener.getsockname()[1], HOST)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for one in kept:
            one.close()


def test_nobody_listens(patient: Patient) -> None:
    assert seen(patient, Server("127.0.0.1", free_port(), HOST)).keys() == {"connection-refused"}


def test_a_name_that_does_not_exist(patient: Patient) -> None:
    assert seen(patient, Server("nowhere.invalid", 443, HOST)).keys() == {"dns-no-address"}


def test_plain_http(patient: Patient) -> None:
    handler = http.server.BaseHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as plain:
        plain.daemon_threads = True
        threading.Thread(target=plain.serve_forever, args=(0.05,), daemon=True).start()
        server = Server("127.0.0.1", plain.server_address[1], HOST)
        assert seen(patient, server).keys() == {"not-tls"}
        plain.shutdown()


def test_one_that_hangs_up_and_one_that_says_nothing(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as server:
        assert seen(patient, server).keys() == {"tls-refused"}
    monkeypatch.setattr(connection, "SECONDS", 0.3)
    with listening(stays=True) as server:
        assert seen(patient, server).keys() == {"tls-silent"}
    with listening(answer=b"SSH-2.0-x\r\n", stays=True) as server:
        assert seen(patient, server).keys() == {"not-tls"}


@pytest.mark.parametrize(
    ("where", "server"),
    [
        ("app.example.com:8443", Server("app.example.com", 8443, "app.example.com")),
        ("app.example.com", Server("app.example.com", 443, "app.example.com")),
        ("[::1]:8443", Server("::1", 8443, "::1")),
        ("::1", Server("::1", 443, "::1")),
    ],
)
def test_where_to_connect_to(where: str, server: Server) -> None:
    assert Server.of(where, "") == server
    assert Server.of(where, "B.example.com").name == "b.example.com"


@pytest.mark.parametrize("name", ["*.example.com", ".example.com", "a b", "x" * 300, "h\u00f6 .de"])
def test_what_cannot_be_asked_for(name: str) -> None:
    with pytest.raises(UsageError):
        Server.of("127.0.0.1:443", name)


def test_a_name_of_another_script_is_asked_for_as_dns_has_it() -> None:
    assert Server.of("127.0.0.1:443", "b\u00fccher.example").name == "xn--bcher-kva.example"


@pytest.mark.parametrize("where", ["", ":443", "host:", "host:0", "host:99999", "host:https"])
def test_what_is_no_address(where: str) -> None:
    with pytest.raises(UsageError):
        Server.of(where, "")
