"""NSS databases with the real certutil and libnss3."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from conftest import REPOSITORY, Need
from nss_support import NEW, OLD, add, chromium, database, listed, place
from trust_support import machine, make_anchor, output, program, snapshot

from wizard.core.errors import WizardError
from wizard.core.system import Person, System
from wizard.trust.action import TrustRoot
from wizard.trust.base import Anchor, Trust
from wizard.trust.nss import HELPER, Certutil, Library

pytestmark = pytest.mark.e2e


NAMELESS = f"""
import ctypes, sys
sys.path.insert(0, {str(HELPER.parent)!r})
import nss_ctypes
database = nss_ctypes.Database(sys.argv[1], write=True)
item = nss_ctypes._item(nss_ctypes._read(sys.argv[2]))
assert database._nss.PK11_ImportDERCert(database._slot, ctypes.byref(item), 0, None, 0) == 0
database.close()
"""
"""Imports a certificate as some programs do."""


@pytest.fixture(params=["certutil", "libnss3"])
def system(request: pytest.FixtureRequest, tmp_path: Path, need: Need) -> System:
    """A machine with NSS's certutil, and one where another program has taken its name."""
    need("certutil")
    if request.param == "certutil":
        return machine(tmp_path / "root")
    program(tmp_path / "bin", "certutil", "exit 2")
    return machine(tmp_path / "root", tmp_path / "bin")


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return make_anchor(tmp_path)


@pytest.fixture
def certutil(need: Need) -> str:
    return str(need("certutil"))


def test_the_tool_is_the_one_that_can(system: System, home: Path, tmp_path: Path) -> None:
    tool = chromium(system, home).tool  # type: ignore[attr-defined]
    assert isinstance(tool, Library if (tmp_path / "bin/certutil").exists() else Certutil)


@pytest.mark.parametrize(
    "content", ["#!/nowhere/sh\n", "no program at all", "#!/bin/sh\nsleep 60\n"]
)
def test_a_certutil_that_does_not_start_stops_nothing(
    home: Path, anchor: Anchor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    program(tmp_path / "bin", "certutil", "").write_text(content)
    monkeypatch.setattr("wizard.trust.nss.SECONDS", 1.0)
    found = chromium(machine(tmp_path / "root", tmp_path / "bin"), home)
    assert found.install(anchor).trust is Trust.FULL


def test_a_database_with_two_paths_is_one(
    system: System, home: Path, anchor: Anchor, certutil: str
) -> None:
    database(certutil, home / NEW)
    (home / ".pki").symlink_to(home / NEW / "..")
    found = chromium(system, home)
    assert found.check(anchor).reason == "not installed"
    assert len([one for one in found.install_commands(anchor) if one.argv[0] != "install"]) == 1
    found.install(anchor)
    assert found.uninstall(anchor) == (Trust.NONE, "not installed")


def test_a_database_is_made_where_there_is_none(
    system: System, home: Path, anchor: Anchor, certutil: str, need: Need
) -> None:
    need("chromium")
    assert place(system, "nss:chromium").install(anchor).trust is Trust.FULL
    made = home / NEW
    assert {path.parent for path in home.rglob("cert9.db")} == {made}
    for path in (made, made.parent, home / ".local"):
        assert path.stat().st_mode & 0o777 == 0o700
    assert anchor.name in listed(certutil, made)
    output(certutil, "-V", "-u", "L", "-n", anchor.name, "-d", f"sql:{made}")


def test_a_foreign_nickname_of_the_same_certificate_is_trusted_and_removed(
    system: System, home: Path, anchor: Anchor, certutil: str
) -> None:
    directory = database(certutil, home / OLD)
    add(certutil, directory, anchor, "Somebody's import", ",,")
    found = chromium(system, home)
    status = found.check(anchor)
    assert (status.trust, status.reason) == (Trust.PARTIAL, "there, but not trusted")
    assert found.install(anchor).trust is Trust.FULL
    assert anchor.name not in listed(certutil, directory)
    output(certutil, "-V", "-u", "L", "-n", "Somebody's import", "-d", f"sql:{directory}")
    assert found.uninstall(anchor).trust is Trust.NONE
    assert "Somebody" not in listed(certutil, directory)


def test_a_nickname_with_a_colon_is_removed(
    system: System, home: Path, anchor: Anchor, certutil: str
) -> None:
    directory = database(certutil, home / OLD)
    add(certutil, directory, anchor, "SHA256:ab:cd", "C,,")
    found = chromium(system, home)
    assert found.ours() == [anchor.der]
    assert found.uninstall(anchor).trust is Trust.NONE
    assert found.ours() == []


def test_a_nickname_that_somebody_else_has_is_not_ours_to_take(
    system: System, home: Path, anchor: Anchor, certutil: str, tmp_path: Path
) -> None:
    directory = database(certutil, home / OLD)
    add(certutil, directory, make_anchor(tmp_path, "Foreign Root"), anchor.name, "C,,")
    found = chromium(system, home)
    before = listed(certutil, directory)
    assert found.check(anchor).trust is Trust.NONE
    assert found.install(anchor).trust is Trust.FULL
    assert found.uninstall(anchor).trust is Trust.NONE
    assert listed(certutil, directory) == before


def test_of_two_certificates_with_one_nickname_ours_is_removed(
    system: System, home: Path, anchor: Anchor, certutil: str, tmp_path: Path
) -> None:
    """NSS gives the certificates of one subject one nickname, and certutil takes the newest."""
    directory = database(certutil, home / OLD)
    found = chromium(system, home)
    assert found.install(anchor).trust is Trust.FULL
    newer = make_anchor(tmp_path, anchor.name)
    add(certutil, directory, newer, anchor.name, ",,")
    assert found.uninstall(anchor).trust is Trust.NONE
    assert found.ours() == [newer.der]


def test_the_trust_of_a_longer_nickname_is_not_ours(
    system: System, home: Path, anchor: Anchor, certutil: str, tmp_path: Path
) -> None:
    directory = database(certutil, home / OLD)
    add(certutil, directory, make_anchor(tmp_path, "Foreign"), f"{anchor.name} Corp", "C,,")
    add(certutil, directory, anchor, anchor.name, ",,")
    assert chromium(system, home).check(anchor).trust is Trust.PARTIAL


def test_a_certificate_without_a_nickname_is_trusted_and_removed(
    system: System, home: Path, anchor: Anchor, certutil: str
) -> None:
    directory = database(certutil, home / OLD)
    output(sys.executable, "-c", NAMELESS, directory, anchor.path)
    found = chromium(system, home)
    assert found.check(anchor).trust is Trust.PARTIAL
    assert found.install(anchor).trust is Trust.FULL
    assert found.uninstall(anchor).trust is Trust.NONE


@pytest.mark.parametrize("left", ["key4.db", "dbm", "empty"])
def test_a_database_of_which_a_part_is_left_is_made_whole(
    system: System, home: Path, anchor: Anchor, certutil: str, left: str
) -> None:
    """Asked to make one, certutil would ask for a password for ever, and print that it does."""
    directory = home / OLD
    if left == "dbm":
        directory.mkdir(parents=True)
        output(certutil, "-N", "--empty-password", "-d", f"dbm:{directory}")
    elif left == "empty":
        directory.mkdir(parents=True)
        (directory / "cert9.db").touch()
    else:
        (database(certutil, directory) / "cert9.db").unlink()
    found = chromium(system, home)
    assert found.check(anchor).trust is Trust.NONE
    start = time.monotonic()
    assert found.install(anchor).trust is Trust.FULL
    assert time.monotonic() - start < 10
    output(certutil, "-V", "-u", "L", "-n", anchor.name, "-d", f"sql:{directory}")
    assert found.uninstall(anchor).trust is Trust.NONE


def test_a_primary_password_is_seen_before_anything_is_written(
    system: System, home: Path, anchor: Anchor, certutil: str
) -> None:
    directory = database(certutil, home / OLD, password="correct horse")
    before = snapshot(directory)
    found = chromium(system, home)
    for status in (found.check(anchor), found.install(anchor)):
        assert status.trust is Trust.NONE
        assert "locked by a primary password" in status.reason
        assert str(anchor.path) in status.reason
    assert snapshot(directory) == before


def test_a_locked_database_gives_its_root_back(
    system: System, home: Path, anchor: Anchor, certutil: str, tmp_path: Path
) -> None:
    directory = database(certutil, home / OLD, password="correct horse")
    (tmp_path / "password").write_text("correct horse\n")
    where = ("-d", f"sql:{directory}", "-n", "by hand", "-f", str(tmp_path / "password"))
    output(certutil, "-A", *where, "-t", "C,,", "-i", anchor.path)
    found = chromium(system, home)
    assert found.check(anchor).trust is Trust.FULL
    assert found.uninstall(anchor).trust is Trust.NONE


def test_a_half_import_of_somebody_else_is_told_and_healed(
    system: System, home: Path, anchor: Anchor, certutil: str
) -> None:
    directory = database(certutil, home / OLD)
    add(certutil, directory, anchor, anchor.name, ",,")
    found = chromium(system, home)
    assert found.check(anchor).trust is Trust.PARTIAL
    assert found.install(anchor).trust is Trust.FULL


def test_a_half_import_of_ours_is_taken_back(
    home: Path, anchor: Anchor, certutil: str, tmp_path: Path
) -> None:
    """A certutil that imports and then cannot trust: what NSS does under a primary password."""
    directory = database(certutil, home / OLD)
    half = f'case "$1" in -A) {certutil} "$@" -t ,, ; echo SEC_ERROR >&2; exit 255;; esac'
    program(tmp_path / "bin", "certutil", f'{half}\nexec {certutil} "$@"')
    found = chromium(machine(tmp_path / "root", tmp_path / "bin"), home)
    status = found.install(anchor)
    assert status.trust is Trust.NONE
    assert "SEC_ERROR" in status.reason
    assert anchor.name not in listed(certutil, directory)


def test_one_locked_profile_does_not_stop_the_others(
    system: System, home: Path, anchor: Anchor, certutil: str
) -> None:
    root = home / ".mozilla/firefox"
    database(certutil, root / "a.locked", password="correct horse")
    database(certutil, root / "b.open")
    (root / "c.new").mkdir()
    sections = (
        f"[Profile{at}]\nPath={name}\nIsRelative=1\n"
        for at, name in enumerate(("a.locked", "b.open", "c.new"))
    )
    (root / "profiles.ini").write_text("".join(sections))
    found = place(system, "nss:firefox")
    status = found.install(anchor)
    assert status.trust is Trust.PARTIAL
    assert status.reason.startswith("a.locked: locked")
    assert "b.open" not in status.reason
    for name in ("b.open", "c.new"):
        output(certutil, "-V", "-u", "L", "-n", anchor.name, "-d", f"sql:{root / name}")
    assert found.uninstall(anchor).trust is Trust.NONE


def test_a_plan_tells_that_chromium_has_to_be_started_again(
    system: System, home: Path, anchor: Anchor
) -> None:
    (home / ".mozilla/firefox/a").mkdir(parents=True)
    (home / ".mozilla/firefox/profiles.ini").write_text("[Profile0]\nPath=a\n")
    told = {
        one.id: "started again" in TrustRoot(one, "nss", lambda: anchor, anchor, "").preview().why
        for one in (chromium(system, home), place(system, "nss:firefox"))
    }
    assert told == {"nss:chromium": True, "nss:firefox": False}


def test_without_any_tool_it_is_told_what_to_install(
    home: Path, anchor: Anchor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certutil: str
) -> None:
    """A helper that finds no library stands for a machine without one."""
    helper = tmp_path / "nss_ctypes.py"
    text = HELPER.read_text().replace('Path("libnss3.so")', 'Path("libnss3-not.so")')
    helper.write_text(text.replace("/libnss3.so", "/libnss3-not.so"))
    monkeypatch.setattr("wizard.trust.nss.HELPER", helper)
    program(tmp_path / "bin", "certutil", "exit 2")
    found = chromium(machine(tmp_path / "root", tmp_path / "bin"), home)
    assert "install libnss3-tools (Debian)" in found.install(anchor).reason
    add(certutil, database(certutil, home / OLD), anchor, anchor.name, ",,")
    with pytest.raises(WizardError) as caught:
        found.check(anchor)
    assert caught.value.code == "nss-tools-missing"
    assert "install libnss3-tools (Debian)" in caught.value.summary


def test_a_browser_that_hangs_has_made_its_profile(
    home: Path, anchor: Anchor, tmp_path: Path, certutil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = home / ".mozilla/firefox"
    ini = root / "profiles.ini"
    made = f"mkdir -p '{root}/a.default'; printf '[Profile0]\\nPath=a.default\\n' > '{ini}'"
    program(tmp_path / "bin", "firefox", f"{made}\nexec sleep 60")
    monkeypatch.setattr("wizard.trust.nss.START_SECONDS", 1.0)
    found = place(machine(tmp_path / "root", tmp_path / "bin"), "nss:firefox")
    assert found.install(anchor).trust is Trust.FULL
    assert anchor.name in listed(certutil, root / "a.default")


def test_a_file_that_is_no_database_is_an_error_with_its_path(system: System, home: Path) -> None:
    found = chromium(system, home)
    (home / OLD / "cert9.db").write_text("not a database, though it is long enough to be one")
    with pytest.raises(WizardError, match=r"cert9\.db") as caught:
        found.ours()
    assert caught.value.code == "nss-unreadable"


def test_the_library_of_a_browser_is_enough(anchor: Anchor, tmp_path: Path, need: Need) -> None:
    need("firefox-esr")
    # As on a machine where the loader knows no libnss3.
    script = f"""
import ctypes, runpy, sys
class Without(ctypes.CDLL):
    def __init__(self, name):
        if name == "libnss3.so":
            raise OSError(name)
        super().__init__(name)
ctypes.CDLL = Without
runpy.run_path({str(HELPER)!r}, run_name="__main__")
"""
    (tmp_path / "db").mkdir()

    def run(*argv: str) -> str:
        return output(sys.executable, "-I", "-c", script, *argv)

    run("add", str(tmp_path / "db"), str(anchor.path), anchor.name)
    assert run("status", str(tmp_path / "db"), str(anchor.path)) == "open trusted\n"
    run("remove", str(tmp_path / "db"), str(anchor.path))
    assert run("status", str(tmp_path / "db"), str(anchor.path)) == "open absent\n"


def test_under_sudo_the_database_belongs_to_the_person(
    anchor: Anchor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Need
) -> None:
    need.that(os.geteuid() == 0, "only root acts for another person", "run as root")
    need("certutil")
    need("chromium")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        home = Path(name)
        os.chown(home, 65534, 65534)
        monkeypatch.setattr(System, "person", Person("nobody", 65534, 65534, home))
        found = place(machine(tmp_path / "root"), "nss:chromium")
        # The root's own file is below a directory that only root may enter.
        assert found.install(anchor).trust is Trust.FULL
        target = home / NEW
        assert {path.stat().st_uid for path in home.rglob("*")} == {65534}
        assert target.stat().st_mode & 0o777 == 0o700
        assert found.uninstall(anchor).trust is Trust.NONE


def test_the_helper_needs_no_package() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", HELPER, "status", "/nowhere", REPOSITORY / "pyproject.toml"],
        capture_output=True,
        check=False,
    )
    assert done.returncode in {1, 4}
    assert b"Traceback" not in done.stderr
