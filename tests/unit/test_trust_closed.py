"""What a plain user may not enter or read: it hides nothing else, and ends no command."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import SOMEBODY
from trust_support import machine, make_anchor

from wizard.core.errors import WizardError
from wizard.core.system import System
from wizard.trust import AUTO, places
from wizard.trust.base import Trust

ANCHORS = "usr/local/share/ca-certificates"
CLOSED = (
    *("root/opt/closed", "root/opt/jdk", "root/usr/lib/jvm/closed"),
    *("home/.mozilla", "home/.config", "home/.var", "home/.pki", "home/.jdks", "home/snap"),
)


@contextlib.contextmanager
def plain_user() -> Iterator[None]:
    """Root may enter everything, so it becomes somebody else for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that everybody may enter, and a HOME in it."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    (folder / "home").mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    for variable, name in {"XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share"}.items():
        monkeypatch.setenv(variable, str(folder / "home" / name))
    yield folder
    for path in folder.rglob("*"):
        path.chmod(0o755)
    shutil.rmtree(folder)


def found(system: System) -> set[str]:
    return {place.id for _, place in places(system, [AUTO])}


def test_a_directory_that_is_closed_is_an_empty_one(folder: Path) -> None:
    open_profile = folder / "home/.thunderbird/open"
    open_profile.mkdir(parents=True)
    (open_profile / "cert9.db").touch()
    system = machine(folder / "root")
    before = found(system)
    assert {"linux:system", "nss:thunderbird"} <= before
    for name in CLOSED:
        (folder / name).mkdir(parents=True)
        (folder / name).chmod(0)
    with plain_user():
        assert found(system) == before


def test_a_link_that_leads_to_itself_is_no_java(folder: Path) -> None:
    system = machine(folder / "root")
    before = found(system)
    loop = folder / "root/opt/loop"
    loop.parent.mkdir(parents=True)
    loop.symlink_to("loop")
    assert found(system) == before
    assert found(machine(folder / "root", JAVA_HOME=str(loop))) == before
    loop.unlink()


def test_an_anchor_of_somebody_else_that_is_closed_hides_none_of_ours(folder: Path) -> None:
    anchors = folder / "root" / ANCHORS
    anchors.mkdir(parents=True)
    closed, anchor = make_anchor(folder), make_anchor(folder)
    shutil.copy(closed.path, anchors / "closed.crt")
    (anchors / "closed.crt").chmod(0)
    shutil.copy(anchor.path, anchors / "ours.crt")
    bundle = folder / "root/etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    shutil.copy(anchor.path, bundle)
    ((_, place),) = places(machine(folder / "root"), ["system"])
    with plain_user():
        assert place.check(anchor).trust is Trust.FULL
        assert place.ours() == [anchor.der]
        assert place.check(closed).trust is Trust.NONE


def test_a_database_that_is_closed_is_told_as_such(folder: Path) -> None:
    database = folder / "home/.pki/nssdb/cert9.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"")
    database.chmod(0)
    anchor = make_anchor(folder)
    found = places(machine(folder / "root"), ["nss"])
    place = next(place for _, place in found if place.id == "nss:chromium")
    with plain_user(), pytest.raises(WizardError) as caught:
        place.check(anchor)
    assert caught.value.code == "permission-denied"
    assert str(database) in caught.value.summary
