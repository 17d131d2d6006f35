"""`trust status|install|uninstall` with the real certutil and the real keytool.

In a HOME of ours, and in a mount namespace with a copy of the keystore that Java reads.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import ANSWERS, Wizard, refused, tree
from conftest import Need
from trust_support import make_anchor

pytestmark = pytest.mark.e2e

STORES = ("--store", "nss", "--store", "java")
WITH_STORES = ANSWERS.replace("stores = []", 'stores = ["nss", "java"]')
KEYSTORES = (Path("/etc/ssl/certs/java"), Path("/usr/lib/jvm"))


class Home(Wizard):
    """A HOME with a database of Chromium, on a machine with a Java."""

    @property
    def database(self) -> Path:
        return self.folder / "home/.pki/nssdb"

    def trusted(self) -> dict[str, set[str]]:
        """The roots that each of the two stores trusts fully, by name."""
        found: dict[str, set[str]] = {"nss": set(), "java": set()}
        for row in self("trust", "status", *STORES, "--json").rows():
            if row["trust"] == "full":
                found[str(row["store"])].add(str(row["root"]))
        return found

    def root(self) -> str:
        """The name of the root that stands."""
        pem = str(self.state / "ca/root.pem")
        argv = ["openssl", "x509", "-noout", "-subject", "-nameopt", "multiline", "-in", pem]
        shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return shown.partition("commonName")[2].strip(" =\n")

    def certutil(self, *words: str) -> str:
        """Has certutil itself look into the database, or change it."""
        argv = ["certutil", "-d", f"sql:{self.database}", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def listed(self) -> str:
        """What certutil itself finds in the database."""
        return self.certutil("-L")

    def add(self, name: str) -> str:
        """Has somebody else add a certificate to the database; returns its nickname."""
        anchor = make_anchor(self.folder, name)
        self.certutil("-A", "-n", name, "-t", "C,,", "-i", str(anchor.path))
        return name

    def stores(self) -> dict[str, tuple[str, int, int, bytes]]:
        """Every byte that the stores have."""
        return tree(self.folder / "home", self.folder / "ssl")


@pytest.fixture
def home(tmp_path: Path, need: Need) -> Iterator[Home]:
    need.that(os.geteuid() == 0, "only root may mount", "run as root")
    for name in ("unshare", "openssl", "keytool"):
        need(name)
    shutil.copytree("/etc/ssl", tmp_path / "ssl", symlinks=True)
    (tmp_path / "bin").mkdir()
    # A PATH with nothing else: no browser is found, and none is started.
    for name in ("certutil", "sh", "install", "update-ca-certificates"):
        (tmp_path / "bin" / name).symlink_to(need(name))
    script = f"mount --bind '{tmp_path}/ssl' /etc/ssl && PATH='{tmp_path}/bin' exec \"$@\""
    home = Home(tmp_path, ("unshare", "--mount", "/bin/sh", "-c", script, "sh"))
    home.database.mkdir(parents=True)
    before = {str(one): tree(one) for one in KEYSTORES[:1]}
    yield home
    assert {str(one): tree(one) for one in KEYSTORES[:1]} == before


def test_trust_goes_where_it_is_asked_for_and_away_again(home: Home) -> None:
    home.install()
    root = home.root()
    assert home.trusted() == {"nss": set(), "java": set()}
    done = home("trust", "status", *STORES)
    assert (done.status, done.err) == (0, "")
    assert f"none    Chromium, Chrome and relatives  {root}: not installed" in done.out
    assert home("trust", "install", "--store", "nss").status == 0
    assert home.trusted() == {"nss": {root}, "java": set()}
    assert root in home.listed()
    done = home("trust", "install", *STORES)
    assert done.status == 0, done.err
    assert home.trusted() == {"nss": {root}, "java": {root}}
    done = home("trust", "install", *STORES)
    assert (done.status, done.err.splitlines()[-1][:13]) == (0, "Nothing to do")
    done = home("trust", "uninstall", "--store", "java")
    assert done.status == 0, done.err
    assert home.trusted() == {"nss": {root}, "java": set()}
    assert home("trust", "uninstall", *STORES).status == 0
    assert home.trusted() == {"nss": set(), "java": set()}
    assert root not in home.listed()


def test_each_change_of_trust_can_be_undone(home: Home) -> None:
    home.install()
    root = home.root()
    home("trust", "install", *STORES)
    assert home("trust", "uninstall", *STORES).status == 0
    assert home("undo").status == 0
    assert home.trusted() == {"nss": {root}, "java": {root}}
    assert home("undo").status == 0
    assert home.trusted() == {"nss": set(), "java": set()}
    assert (home.state / "ca/root.pem").exists()


def test_undo_gives_every_byte_of_the_stores_back(home: Home) -> None:
    home.certutil("-N", "--empty-password")
    home.add("Somebody")
    before = home.stores()
    home.answers(WITH_STORES)
    for _ in range(2):
        assert home("--answers", "answers.toml").status == 0
        assert home.trusted() == {"nss": {home.root()}, "java": {home.root()}}
        assert home("undo").status == 0
        assert home.stores() == before


def test_undo_gives_every_byte_back_that_a_replaced_root_took(home: Home) -> None:
    home.answers(WITH_STORES)
    assert home("--answers", "answers.toml").status == 0
    before = home.stores()
    assert home("--answers", "answers.toml", "--set", "names=a.example.com").status == 0
    assert home("undo").status == 0
    assert home.stores() == before


def test_undo_leaves_no_database_where_there_was_none(home: Home) -> None:
    before = home.stores()
    home.install()
    assert home("trust", "install", "--store", "nss").status == 0
    assert (home.database / "cert9.db").exists()
    assert home("undo").status == 0
    assert home.stores() == before


@pytest.mark.parametrize("there_before", [True, False])
def test_undo_keeps_what_somebody_added_since(home: Home, *, there_before: bool) -> None:
    if there_before:
        home.certutil("-N", "--empty-password")
    home.install()
    assert home("trust", "install", "--store", "nss").status == 0
    later = home.add("Later")
    assert home("undo").status == 0
    assert later in home.listed()
    assert home.root() not in home.listed()


def test_undo_does_not_replace_a_database_that_a_browser_has_open(home: Home) -> None:
    home.certutil("-N", "--empty-password")
    home.install()
    assert home("trust", "install", "--store", "nss").status == 0
    file = home.database / "cert9.db"
    with file.open("rb"):
        inode = file.stat().st_ino
        assert home("undo").status == 0
        assert file.stat().st_ino == inode
    assert home.root() not in home.listed()


def test_undo_leaves_a_profile_that_trusted_the_root_before(home: Home) -> None:
    """A run before this one was asked for that trust, and it still stands."""
    home.install()
    profiles = home.folder / "home/.mozilla/firefox"
    (profiles / "old").mkdir(parents=True)
    (profiles / "profiles.ini").write_text("[Profile0]\nPath=old\n[Profile1]\nPath=new\n")
    assert home("trust", "install", "--store", "nss").status == 0
    (profiles / "new").mkdir()
    before = tree(profiles)
    assert home("trust", "install", "--store", "nss").status == 0
    assert home("undo").status == 0
    assert {path: entry for path, entry in tree(profiles).items() if entry[0] == "-"} == {
        path: entry for path, entry in before.items() if entry[0] == "-"
    }
    (row,) = (
        row
        for row in home("trust", "status", "--store", "nss", "--json").rows()
        if row["place"] == "Firefox"
    )
    assert (row["trust"], row["reason"]) == ("partial", "new: not installed")


def test_a_root_without_files_is_found_by_its_mark_and_removed(home: Home) -> None:
    home.answers(WITH_STORES)
    assert home("--answers", "answers.toml").status == 0
    root = home.root()
    shutil.rmtree(home.state)
    rows = home("trust", "status", *STORES, "--json").rows()
    lost = {row["store"]: row["root"] for row in rows if row["files_lost"]}
    assert lost == {"nss": root, "java": root}
    done = home("trust", "status", *STORES)
    assert "trust uninstall removes it" in done.out
    assert home("trust", "uninstall", *STORES).status == 0
    assert home("trust", "status", *STORES).out == (
        "There is no local root, and no store has one of ours.\n"
    )
    assert root not in home.listed()


@pytest.mark.parametrize("lost", ["root.pem", "issuer.pem", "issuer-key.pem"])
def test_a_root_that_lost_one_file_can_still_be_removed(home: Home, lost: str) -> None:
    home.install()
    root = home.root()
    assert home("trust", "install", "--store", "nss").status == 0
    (home.state / "ca" / lost).unlink()
    rows = home("trust", "status", "--store", "nss", "--json").rows()
    assert {(row["root"], row["trust"]) for row in rows} == {(root, "full")}
    done = home("trust", "install", "--store", "nss")
    refused(done, 1, "ca-incomplete", lost)
    assert home("trust", "uninstall", "--store", "nss").status == 0
    assert root not in home.listed()


def test_a_store_that_this_machine_lacks_is_told_and_not_passed_over(home: Home) -> None:
    home.install()
    for words in (("status",), ("install",), ("install", "--store", "nss"), ("status", "--json")):
        done = home("trust", *words, "--store", "macos")
        refused(done, 2, "store-not-here", "'macos'")
    assert home.trusted() == {"nss": set(), "java": set()}
    assert home("trust", "uninstall", "--store", "macos").status == 0


def test_names_outside_the_constraints_replace_the_root_in_the_stores(home: Home) -> None:
    home.answers(WITH_STORES)
    assert home("--answers", "answers.toml").status == 0
    old = home.root()
    words = ("--answers", "answers.toml", "--set", "names=a.example.com")
    plan = home("plan", *words)
    assert f"The root {old} cannot vouch" in plan.out
    assert f"remove {old}" in plan.out
    assert home(*words).status == 0
    new = home.root()
    assert new != old
    assert home.trusted() == {"nss": {new}, "java": {new}}
    assert home("undo").status == 0
    assert home.trusted() == {"nss": {old}, "java": {old}}


def test_one_store_that_cannot_be_read_does_not_stop_another(home: Home) -> None:
    home.install()
    root = home.root()
    (home.database / "cert9.db").write_text("not a database, though it is long enough for one")
    done = home("trust", "status", *STORES)
    assert done.status == 0, done.err
    assert "cert9.db" in done.out
    assert "none    Java" in done.out
    done = home("trust", "install", *STORES)
    assert done.status == 7, done.err
    assert "cert9.db" in done.err
    assert home.trusted()["java"] == {root}
    assert home("trust", "uninstall", *STORES).status == 7
    assert home.trusted()["java"] == set()


def test_a_new_root_goes_into_every_store_that_can_be_read(home: Home) -> None:
    (home.database / "cert9.db").write_text("not a database, though it is long enough for one")
    home.answers(WITH_STORES)
    done = home("--answers", "answers.toml")
    assert done.status == 7, done.err
    assert "cert9.db" in done.err
    assert "✓ handshake accepted" in done.err
    assert home.trusted()["java"] == {home.root()}


def test_looking_starts_nothing_and_writes_nothing(home: Home) -> None:
    home.install()
    before = tree(home.folder)
    assert home("trust", "status").status == 0
    assert home("trust", "status", "--json").status == 0
    assert home("status").status == 0
    assert tree(home.folder) == before
