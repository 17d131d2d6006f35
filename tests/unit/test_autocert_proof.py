"""The proof of autocert: which hosts have their certificate, and why the others have none."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wizard.core.answers import Answers
from wizard.core.events import Proof
from wizard.core.system import System
from wizard.doctor.handshake import serve
from wizard.engine import Session
from wizard.pki import authority, chain, keys, leaf

HOST = "app.localhost.pomerium.io"
DIRECTORY = "https://ca.example.com:14000/dir"
STORED = "autocert/certificates/ca.example.com-14000-dir/{0}/{0}"
"""As certmagic lays it out."""
RESOLVER = "127.0.0.1:9"
"""The port where nobody answers."""


def put(place: Path, host: str, *, days: int = 90) -> None:
    """A certificate and its key, as certmagic keeps them."""
    now = datetime.now(UTC)
    issuer = authority.create((host,), now=now)
    made = leaf.issue(issuer, (host,), now=now, lifetime=timedelta(days=90))
    if days < 0:
        before = now - timedelta(days=100)
        old = authority.create((host,), now=before)
        made = leaf.issue(old, (host,), now=before, lifetime=timedelta(days=90))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_name(f"{host}.crt").write_bytes(chain.to_pem([made.certificate, *made.issuers]))
    place.with_name(f"{host}.key").write_bytes(keys.to_pem(made.key).reveal())


@contextmanager
def pomerium(folder: Path, host: str) -> Iterator[int]:
    """Something that serves a certificate as Pomerium would."""
    with serve(folder / f"{host}.crt", folder / f"{host}.key") as port:
        yield port


def proofs(tmp_path: Path, port: int, *names: str) -> dict[str, Proof]:
    config = tmp_path / "config.yaml"
    routes = "".join(f"  - from: https://{name}\n    to: http://a\n" for name in names)
    config.write_text(f"address: 127.0.0.1:{port}\nroutes:\n{routes}")
    answers = {
        "strategy": "autocert",
        "names": names,
        "autocert.directory": str(tmp_path / "autocert"),
        "autocert.authority_url": DIRECTORY,
        "dns.resolvers": (RESOLVER,),
        "output.config": str(config),
        "output.owner": "",
    }
    session = Session(System(root=tmp_path / "root"), tmp_path / "state", Answers(answers))
    events = list(session.apply(session.plan(), may_ask=False))
    assert getattr(events[-1], "exit_code", None) == 0
    return {event.client: event for event in events if isinstance(event, Proof)}


def test_a_pomerium_that_does_not_run_yet_is_no_failure(tmp_path: Path) -> None:
    (proof,) = proofs(tmp_path, 9, HOST).values()
    assert (proof.client, proof.verdict) == ("Pomerium", "unknown")
    assert "nothing listens on 127.0.0.1:9 yet" in proof.detail
    assert proof.fix == f"pomerium -config {tmp_path}/config.yaml"


def test_what_an_earlier_run_got_is_told_while_pomerium_does_not_run(tmp_path: Path) -> None:
    put(tmp_path / STORED.format(HOST), HOST)
    found = proofs(tmp_path, 9, HOST, "other.localhost.pomerium.io")
    assert {name: one.verdict for name, one in found.items()} == {
        "Pomerium": "unknown",
        HOST: "accepted",
    }


def test_the_host_that_is_served_its_certificate_and_the_one_that_has_none(tmp_path: Path) -> None:
    put(tmp_path / STORED.format(HOST), HOST)
    other = "other.localhost.pomerium.io"
    with pomerium((tmp_path / STORED.format(HOST)).parent, HOST) as port:
        found = proofs(tmp_path, port, HOST, other)
    assert (found[HOST].verdict, found[HOST].fix) == ("accepted", "")
    assert "until 20" in found[HOST].detail
    assert found[other].verdict == "refused"
    assert f"No resolver can look up {other}" in found[other].detail
    assert found[other].fix == "pkill -HUP -x pomerium"


def test_a_certificate_that_has_ended_is_told(tmp_path: Path) -> None:
    put(tmp_path / STORED.format(HOST), HOST, days=-1)
    with pomerium((tmp_path / STORED.format(HOST)).parent, HOST) as port:
        (proof,) = proofs(tmp_path, port, HOST).values()
    assert (proof.verdict, "it has ended" in proof.detail) == ("refused", True)


def test_another_certificate_in_the_way_is_told(tmp_path: Path) -> None:
    put(tmp_path / STORED.format(HOST), HOST)
    put(tmp_path / "manual/x", HOST)
    with pomerium(tmp_path / "manual", HOST) as port:
        (proof,) = proofs(tmp_path, port, HOST).values()
    assert (proof.verdict, "shows another one" in proof.detail) == ("refused", True)


def test_what_is_served_counts_where_the_store_cannot_be_looked_into(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/x", HOST)
    with pomerium(tmp_path / "elsewhere", HOST) as port:
        (proof,) = proofs(tmp_path, port, HOST).values()
    assert proof.verdict == "accepted"


@pytest.mark.parametrize(("written", "fix"), [(True, "systemctl"), (False, "pkill")])
def test_the_line_that_has_pomerium_try_again_fits_the_machine(
    tmp_path: Path,
    written: bool,  # noqa: FBT001
    fix: str,
) -> None:
    if written:
        unit = tmp_path / "root/usr/lib/systemd/system/pomerium.service"
        unit.parent.mkdir(parents=True)
        unit.write_text(f"[Service]\nEnvironment=AUTOCERT_DIR={tmp_path}/autocert\n")
    other = "other.localhost.pomerium.io"
    put(tmp_path / "elsewhere/x", other)
    with pomerium(tmp_path / "elsewhere", other) as port:
        (proof,) = proofs(tmp_path, port, HOST).values()
    assert (proof.verdict, proof.fix.partition(" ")[0]) == ("refused", fix)
