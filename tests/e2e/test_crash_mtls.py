"""Killed anywhere while it secures the other hops, a run is finished or undone by the next one."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from crash_support import INSTALL, MACHINES, Machine
from warm import Warm, warm

from wizard.pki import chain, clients, keys

from .test_crash import walk

HOST = "app.localhost.pomerium.io"
EVERY = 5
"""Of the steps: files are written alike, in a number of steps that this does not divide."""


@pytest.fixture(scope="module")
def process() -> Iterator[Warm]:
    with warm() as ready:
        yield ready


@pytest.fixture
def machine(process: Warm, tmp_path: Path) -> Machine:
    """With a configuration, and the files of an application that wants a client certificate."""
    machine = MACHINES["fresh"](process, tmp_path / "machine")
    authority = clients.create(datetime.now(UTC))
    leaf, key = clients.issue(authority, "pomerium", now=datetime.now(UTC), lifetime=timedelta(9))
    (machine.folder / "app-ca.pem").write_bytes(chain.to_pem([authority.certificate]))
    (machine.folder / "pomerium.pem").write_bytes(chain.to_pem([leaf]))
    (machine.folder / "pomerium-key.pem").write_bytes(keys.to_pem(key).reveal())
    (machine.folder / "pomerium-key.pem").chmod(0o600)
    text = f"# Ours.\nroutes:\n  - from: https://{HOST}   # app\n    to: https://127.0.0.1:9\n"
    (machine.folder / "config.yaml").write_text(text)
    (machine.folder / "config.yaml").chmod(0o600)
    return machine


def words(machine: Machine) -> tuple[str, ...]:
    fields = {"ca": "app-ca.pem", "certificate": "pomerium.pem", "key": "pomerium-key.pem"}
    files = " ".join(f"{name}='{machine.folder / file}'" for name, file in fields.items())
    sets = (
        "mtls.downstream=true",
        "mtls.services=true",
        f"mtls.upstream=https://{HOST} {files}",
    )
    return (*INSTALL, *(word for one in sets for word in ("--set", one)))


def assert_secured(machine: Machine) -> None:
    """What belongs together is of one run."""
    folder, state = machine.folder, machine.folder / "state"
    pairs = [(folder / f"services/{one}/{one}") for one in ("authorize", "databroker")]
    root = chain.read((state / "services/root.pem").read_bytes(), "root")[0]
    for stem in (*pairs, folder / f"tls/upstream/{HOST}-client"):
        leaf, *issuers = chain.read(Path(f"{stem}.pem").read_bytes(), str(stem))
        assert chain.belongs(leaf, keys.from_pem(Path(f"{stem}-key.pem").read_bytes(), str(stem)))
        if stem in pairs:
            chain.verify(leaf, issuers, root, ("localhost",), datetime.now(UTC))
    said = [path.read_text() for path in folder.glob("services/*/config.yaml")]
    secrets = {re.search(r"^shared_secret: (.*)$", text, re.MULTILINE)[1] for text in said}  # type: ignore[index]  # each has one
    assert (len(said), len(secrets)) == (3, 1)
    for name, copy in (("authority.pem", "client-ca.pem"), ("revoked.pem", "client-crl.pem")):
        kept = (state / "clients" / name).read_bytes()
        assert (folder / "tls" / copy).read_bytes() == kept


def test_killed_while_it_secures_every_hop_the_next_run_finishes_and_undo_restores(
    machine: Machine,
) -> None:
    install = words(machine)
    before, start = machine.tree(), machine.save()
    assert machine.run(*install).code == 0
    finished = machine.shape()
    assert machine.run(*install).rows()[-1]["outcome"] == "nothing-to-do"
    machine.load(start)
    for number, step in enumerate(walk(machine, *install)):
        if number % EVERY:
            continue
        cut = machine.save()
        assert machine.run(*install).code == 0, step
        assert machine.shape() == finished, step
        assert_secured(machine)
        machine.assert_clean()
        machine.assert_private()
        machine.load(cut)
        undone = machine.run("undo")
        assert undone.code == 0 or undone.rows()[-1]["code"] == "no-such-run", step
        assert machine.tree() == before, step
        machine.assert_clean()
