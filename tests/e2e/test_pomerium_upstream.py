"""Pomerium reaches an application that lets in only whom a private authority vouches for."""

import base64
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pomerium_lab
import pytest
from acme_lab import free_port
from bundle_support import Forge
from cli_support import Wizard
from conftest import Need
from pomerium_lab import HOST, LOADED, Application, Pomerium
from upstream_support import line

from wizard.pomerium.variables import SYSTEMD

from .clients.process import until
from .pomerium import judge, judge_variables

pytestmark = pytest.mark.e2e

FROM = f"https://{HOST}"
REFUSED = 503
"""What Envoy answers when it cannot shake hands with the application."""

Serve = Callable[[str], AbstractContextManager[Pomerium]]


@pytest.fixture(scope="module", autouse=True)
def _parts(need: Need) -> None:
    pomerium_lab.check(need)


@pytest.fixture
def private(forge: Forge) -> Iterator[Application]:
    """An application that shows `app` and wants a certificate of the company."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(forge.folder / "app-chain.pem", forge.folder / "app.key")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(forge.folder / "root.pem")
    with pomerium_lab.application(context) as application:
        yield application


@pytest.fixture
def ours(tmp_path: Path) -> Wizard:
    return Wizard(tmp_path)


@pytest.fixture
def root(ours: Wizard) -> Path:
    return ours.folder / "tls/ca.pem"


@pytest.fixture
def serve(ours: Wizard, private: Application) -> Serve:
    """Starts Pomerium on a new configuration of the wizard's, with this table."""
    port = free_port()

    def start(table: str) -> AbstractContextManager[Pomerium]:
        config = pomerium_lab.configure(ours, port, private, "--set", f"mtls.upstream={table}")
        pomerium_lab.let_in(config)
        return pomerium_lab.pomerium(config, port, ours.folder / "pomerium")

    return start


def test_a_certificate_that_vouches_for_itself_can_be_the_authority(
    forge: Forge, ours: Wizard, root: Path
) -> None:
    site = "subjectAltName=DNS:app.internal\nbasicConstraints=critical,CA:FALSE"
    forge.issue("itself", "", extensions=site, subject="/CN=itself")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(forge.folder / "itself.pem", forge.folder / "itself.key")
    port = free_port()
    with pomerium_lab.application(context) as application:
        table = f"{FROM} ca={forge.folder / 'itself.pem'} server_name=app.internal"
        config = pomerium_lab.configure(ours, port, application, "--set", f"mtls.upstream={table}")
        pomerium_lab.let_in(config)
        with pomerium_lab.pomerium(config, port, ours.folder / "pomerium") as pomerium:
            assert pomerium.get(root) == LOADED


LISTED = f"""\
# Ours.
policy:
- {{from: {FROM}, to: &to https://app.internal, allow_public_unauthenticated_access: true}}
routes:
- from: {FROM}
  to: [*to]
  policy:
    - allow:
        or:
          - accept: true
"""


def test_pomerium_itself_reads_every_form(ours: Wizard, forge: Forge) -> None:
    config, variables = ours.folder / "config.yaml", ours.folder / "pomerium.env"
    config.write_text(LISTED)
    table = ("--set", f"mtls.upstream={line(forge, FROM, server_name='app.internal')}")
    ours.install(*table)
    assert config.read_text().count("tls_client_key_file: ") == 2
    verdict = judge(config)
    assert (verdict.error, verdict.unknown, verdict.hosts) == ("", frozenset(), {HOST: True})
    env = ("--set", "output.form=env", "--set", f"output.config={variables}")
    to = ("--set", f"output.route.from={FROM}", "--set", "output.route.to=https://app.internal")
    for words in (to, ()):
        ours.install(*table, *env, *words)
        said = SYSTEMD.read(variables.read_text())
        assert "tls_client_key_file" in base64.b64decode(said["ROUTES"]).decode()
        verdict = judge_variables(said, ours.folder)
        assert (verdict.error, verdict.unknown, verdict.hosts) == ("", frozenset(), {HOST: True})
        # The next time there is a file of routes of one's own.
        bare = base64.b64encode(f"- from: {FROM}\n  to: https://app.internal\n".encode()).decode()
        variables.write_text(f"ROUTES={bare}\n")
    # It looks at what it is given: another key is noticed.
    (ours.folder / f"tls/upstream/{HOST}-client-key.pem").write_bytes(forge.pem("app.key"))
    assert "private key" in judge(config).error


ALONE = {"certificate": "", "key": ""}


@pytest.mark.parametrize(
    ("fields", "is_let_in"),
    [
        pytest.param({}, True, id="everything"),
        pytest.param(ALONE, False, id="no client certificate"),
        pytest.param({"ca": "others.pem"}, False, id="another authority"),
        pytest.param({"ca": ""}, False, id="the system's authorities"),
        pytest.param({"server_name": "other.internal"}, False, id="another name"),
        pytest.param({"server_name": ""}, False, id="the address, which it is not for"),
    ],
)
def test_only_who_is_vouched_for_gets_through(
    fields: dict[str, str],
    is_let_in: bool,  # noqa: FBT001
    serve: Serve,
    forge: Forge,
    root: Path,
) -> None:
    with serve(line(forge, FROM, **{"server_name": "app.internal", **fields})) as pomerium:
        answer = pomerium.get(root)
        assert answer == LOADED if is_let_in else answer.status == REFUSED


def test_a_running_pomerium_takes_it_up_and_renewed_files_at_a_signal(
    serve: Serve, ours: Wizard, forge: Forge, root: Path
) -> None:
    copy = ours.folder / "authority.pem"
    copy.write_bytes(forge.pem("others"))
    with serve(line(forge, FROM, server_name="app.internal", **ALONE)) as pomerium:
        assert pomerium.get(root).status == REFUSED
        text = (ours.folder / "config.yaml").read_text()
        whole = line(forge, FROM, server_name="app.internal").replace(
            str(forge.folder / "root.pem"), str(copy)
        )
        ours.install("--set", f"mtls.upstream={whole}")
        assert text != (ours.folder / "config.yaml").read_text()
        assert pomerium.get(root).status == REFUSED
        # The right authority is copied, and Pomerium reads it when it is told to.
        copy.write_bytes(forge.pem("root"))
        done = ours("renew")
        assert done.status == 0, done.err
        pomerium.process.send_signal(signal.SIGHUP)
        until(pomerium.process, lambda: pomerium.get(root) == LOADED or None)
        done = ours("undo")
        assert done.status == 0, done.err
        done = ours("undo")
        assert done.status == 0, done.err
        assert (ours.folder / "config.yaml").read_text() == text
