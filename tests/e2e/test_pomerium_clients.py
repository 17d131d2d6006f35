"""Pomerium asks people for a certificate: who has one of the wizard's gets in, and nobody else."""

import ssl
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pomerium_lab
import pytest
from acme_lab import free_port
from cli_support import Wizard
from conftest import Need
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from pomerium_lab import LOADED, PUBLIC, Pomerium

from .clients.process import PAGE, until

pytestmark = pytest.mark.e2e

PASSWORD = "correct horse"
MINDFUL = """\
    policy:
      - allow:
          or:
            - accept: true
      - deny:
          or:
            - invalid_client_certificate: true
"""
"""Lets everybody in but who has no valid certificate."""

Serve = Callable[[str, str], AbstractContextManager[Pomerium]]


@pytest.fixture
def ours(tmp_path: Path) -> Wizard:
    return Wizard(tmp_path, env={"PW": PASSWORD})


@pytest.fixture
def others(tmp_path_factory: pytest.TempPathFactory) -> Wizard:
    return Wizard(tmp_path_factory.mktemp("others"), env={"PW": PASSWORD})


@pytest.fixture
def root(ours: Wizard) -> Path:
    return ours.folder / "tls/ca.pem"


def issue(wizard: Wizard, name: str) -> Path:
    """What a person would import, as PEM: a key and a certificate."""
    done = wizard("client", "issue", name, "--password", "env:PW")
    assert done.status == 0, done.err
    bundle = (wizard.folder / f"{name}.p12").read_bytes()
    key, certificate, _ = pkcs12.load_key_and_certificates(bundle, PASSWORD.encode())
    assert key is not None
    assert certificate is not None
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = wizard.folder / f"{name}.pem"
    path.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    return path


def revoke(wizard: Wizard, name: str) -> None:
    done = wizard("client", "revoke", name)
    assert done.status == 0, done.err


@pytest.fixture
def serve(ours: Wizard, need: Need) -> Iterator[Serve]:
    """Starts Pomerium on a configuration of the wizard's, with this policy and this enforcement."""
    pomerium_lab.check(need)
    port = free_port()
    with pomerium_lab.application() as application:

        def start(policy: str, enforcement: str) -> AbstractContextManager[Pomerium]:
            wanted = ("mtls.downstream=true", f"mtls.enforcement={enforcement}")
            words = [word for one in wanted for word in ("--set", one)]
            config = pomerium_lab.configure(ours, port, application, *words)
            pomerium_lab.let_in(config, policy)
            return pomerium_lab.pomerium(config, port, ours.folder / "pomerium")

        yield start


def refused(pomerium: Pomerium, root: Path, person: Path | None) -> str:
    """What somebody is told who is not let in; empty for whoever is."""
    try:
        answer = pomerium.get(root, client=person)
    except (ssl.SSLError, ConnectionError) as error:
        return f"no connection: {error}"
    if answer == LOADED:
        return ""
    assert PAGE not in answer.text
    return str(answer.status)


class Gate(NamedTuple):
    """Where certificates are looked at, and how a refusal begins."""

    enforcement: str
    policy: str
    refusal: str


@pytest.mark.parametrize(
    "gate",
    [
        pytest.param(Gate("policy_with_default_deny", PUBLIC, "495"), id="every route"),
        pytest.param(Gate("policy", MINDFUL, "495"), id="a route's policy"),
        pytest.param(Gate("reject_connection", PUBLIC, "no connection"), id="the handshake"),
    ],
)
def test_who_has_a_certificate_is_let_in_until_it_is_revoked(
    gate: Gate, serve: Serve, ours: Wizard, others: Wizard, root: Path
) -> None:
    ann, ben, eve = issue(ours, "ann"), issue(ours, "ben"), issue(others, "eve")
    with serve(gate.policy, gate.enforcement) as pomerium:
        for nobody in (None, eve):
            assert refused(pomerium, root, nobody).startswith(gate.refusal)
        for somebody in (ann, ben):
            assert refused(pomerium, root, somebody) == ""
        revoke(ours, "ben")
        until(
            pomerium.process,
            lambda: refused(pomerium, root, ben).startswith(gate.refusal) or None,
        )
        assert refused(pomerium, root, ann) == ""


def test_a_policy_that_minds_no_certificate_lets_in_even_the_revoked(
    serve: Serve, ours: Wizard, root: Path
) -> None:
    ann = issue(ours, "ann")
    revoke(ours, "ann")
    with serve(PUBLIC, "policy") as pomerium:
        for anybody in (None, ann):
            assert refused(pomerium, root, anybody) == ""


def shown_policy(wizard: Wizard, name: str) -> str:
    """What `client issue` says of the policy for a client."""
    done = wizard(
        "client", "issue", name, "--password", "env:PW", "--out", f"{name}-2.p12", "--json"
    )
    steps = done.rows()[-1]["next_steps"]
    assert isinstance(steps, list)
    (policy,) = [step["line"] for step in steps if "policy" in step["what"]]
    return textwrap.indent(str(policy), "    ") + "\n"


@pytest.mark.parametrize("enforcement", ["policy", "policy_with_default_deny"])
def test_the_policy_for_a_client_lets_in_nobody_else(
    enforcement: str, serve: Serve, ours: Wizard, others: Wizard, root: Path
) -> None:
    name = "ann@example.com"
    ann, eve, forged = issue(ours, name), issue(ours, "eve"), issue(others, name)
    with serve(shown_policy(ours, name), enforcement) as pomerium:
        assert refused(pomerium, root, ann) == ""
        for somebody in (None, eve, forged):
            assert refused(pomerium, root, somebody)
        revoke(ours, name)
        until(pomerium.process, lambda: refused(pomerium, root, ann) or None)
        # Another certificate for the same address needs no other policy.
        (ours.folder / f"{name}.p12").unlink()
        assert refused(pomerium, root, issue(ours, name)) == ""


def test_a_fingerprint_is_that_of_client_list_and_says_nothing_of_revocation(
    serve: Serve, ours: Wizard, root: Path
) -> None:
    ann, eve = issue(ours, "ann"), issue(ours, "eve")
    print_ = next(row["fingerprint"] for row in ours("client", "list", "--json").rows())
    policy = f"""\
    policy:
      - allow:
          or:
            - client_certificate:
                fingerprint: {print_}
"""
    revoke(ours, "ann")
    with serve(policy, "policy") as pomerium:
        assert refused(pomerium, root, ann) == ""
        assert refused(pomerium, root, eve)
