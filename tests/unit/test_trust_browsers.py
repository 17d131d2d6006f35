"""Where browsers keep their databases: what is found in a HOME, without any browser."""

from pathlib import Path

import pytest
from trust_support import machine, program

from wizard.core.system import System
from wizard.trust.browsers import BROWSERS, Browser

FIREFOX_ROOTS = (
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox",
)


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A machine without any browser."""
    found = machine(tmp_path / "root")
    found.env = {**found.env, "PATH": str(tmp_path / "bin")}
    return found


def browser(name: str) -> Browser:
    return next(one for one in BROWSERS if one.id == name)


def profile(root: Path, ini: str, *directories: str) -> None:
    root.mkdir(parents=True)
    (root / "profiles.ini").write_text(ini)
    for name in directories:
        (root / name).mkdir(parents=True)


def test_nothing_is_found_where_nothing_is(system: System) -> None:
    assert [one.id for one in BROWSERS if one.here(system)] == []


@pytest.mark.parametrize("root", FIREFOX_ROOTS)
def test_profiles_are_read_from_each_root(system: System, home: Path, root: str) -> None:
    profile(home / root, "[Profile0]\nPath=a.default\nIsRelative=1\n", "a.default")
    assert browser("firefox").directories(system) == [home / root / "a.default"]


def test_profiles_of_old_and_new_roots_all_count(system: System, home: Path) -> None:
    for root in FIREFOX_ROOTS:
        profile(home / root, "[Profile0]\nPath=a\nIsRelative=1\n", "a")
    found = browser("firefox").directories(system)
    assert found == [home / root / "a" for root in FIREFOX_ROOTS]


def test_a_profile_may_be_anywhere(system: System, home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ini = f"[Profile1]\nName=%x%\nPath={elsewhere}\nIsRelative=0\n"
    profile(home / ".mozilla/firefox", ini)
    assert browser("firefox").directories(system) == [elsewhere]


@pytest.mark.parametrize(
    "ini",
    [
        "\ufeff[Profile0]\nPath=new\n",
        "[Profile0]\r\nIsRelative=1\r\nPath=new\r\n",
        f"[Profile0]\nPath={'x' * 5000}\n[Profile1]\nPath=new\n",
        "[Profile0]\nPath=new/\n[Profile1]\nPath=./new\n[Half",
    ],
)
def test_an_unusual_profiles_ini_is_read(system: System, home: Path, ini: str) -> None:
    profile(home / ".mozilla/firefox", ini, "new")
    assert browser("firefox").directories(system) == [home / ".mozilla/firefox/new"]


@pytest.mark.parametrize(
    "ini",
    [
        "",
        "not an ini file",
        "[Profile0]\nName=x\n",
        "[Profile0]\nPath=gone\nIsRelative=1\n",
        "[InstallAB]\nDefault=b.default\nLocked=1\n",
        "[Profile0]\nPath=gone\n[Profile0]\nPath=gone\n",
    ],
)
def test_a_poor_profiles_ini_finds_the_databases_that_are_there(
    system: System, home: Path, ini: str
) -> None:
    profile(home / ".mozilla/firefox", ini, "b.default")
    (home / ".mozilla/firefox/b.default/cert9.db").touch()
    assert browser("firefox").directories(system) == [home / ".mozilla/firefox/b.default"]


def test_bytes_that_are_no_text_do_no_harm(system: System, home: Path) -> None:
    profile(home / ".mozilla/firefox", "")
    (home / ".mozilla/firefox/profiles.ini").write_bytes(b"\xff\xfe[Profile0]")
    assert browser("firefox").directories(system) == []


def test_config_home_is_honoured(system: System, tmp_path: Path) -> None:
    system.env = {**system.env, "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    root = tmp_path / "xdg/mozilla/firefox"
    profile(root, "[Profile0]\nPath=a\nIsRelative=1\n", "a")
    assert browser("firefox").directories(system) == [root / "a"]


@pytest.mark.parametrize(
    ("name", "root"),
    [
        ("librewolf", ".librewolf"),
        ("zen", ".zen"),
        ("waterfox", ".waterfox"),
        ("floorp", ".floorp"),
        ("waterfox", ".var/app/net.waterfox.waterfox/.waterfox"),
        ("floorp", ".var/app/one.ablaze.floorp/.floorp"),
        ("thunderbird", ".thunderbird"),
    ],
)
def test_forks_are_found(system: System, home: Path, name: str, root: str) -> None:
    profile(home / root, "[Profile0]\nPath=a\nIsRelative=1\n", "a")
    assert browser(name).here(system)
    assert browser(name).directories(system) == [home / root / "a"]


def test_a_firefox_that_never_ran_is_here_without_a_profile(system: System, tmp_path: Path) -> None:
    program(tmp_path / "bin", "firefox-esr", "exit 0")
    assert browser("firefox").here(system)
    assert browser("firefox").directories(system) == []


def test_chromium_takes_the_old_directory_even_when_empty(system: System, home: Path) -> None:
    (home / ".pki/nssdb").mkdir(parents=True)
    assert browser("chromium").directories(system) == [home / ".pki/nssdb"]


def test_chromium_takes_the_xdg_directory_otherwise(system: System, home: Path) -> None:
    (home / ".pki").mkdir()
    assert browser("chromium").directories(system) == [home / ".local/share/pki/nssdb"]


def test_chromium_honours_data_home(system: System, tmp_path: Path) -> None:
    system.env = {**system.env, "XDG_DATA_HOME": str(tmp_path / "data")}
    assert browser("chromium").directories(system) == [tmp_path / "data/pki/nssdb"]


def test_both_databases_count_when_both_are_in_use(system: System, home: Path) -> None:
    for name in (".pki/nssdb", ".local/share/pki/nssdb"):
        (home / name).mkdir(parents=True)
        (home / name / "cert9.db").touch()
    assert browser("chromium").directories(system) == [
        home / ".pki/nssdb",
        home / ".local/share/pki/nssdb",
    ]


@pytest.mark.parametrize(
    ("name", "own", "database"),
    [
        ("snap-chromium", "snap/chromium/current", ".local/share/pki/nssdb"),
        ("snap-brave", "snap/brave/current", ".local/share/pki/nssdb"),
        ("flatpak-com.brave.Browser", ".var/app/com.brave.Browser", "data/pki/nssdb"),
    ],
)
def test_confined_chromiums_have_their_own(
    system: System, home: Path, name: str, own: str, database: str
) -> None:
    (home / own).mkdir(parents=True)
    assert browser(name).here(system)
    assert browser(name).directories(system) == [home / own / database]
    (home / own / ".pki/nssdb").mkdir(parents=True)
    assert browser(name).directories(system) == [home / own / ".pki/nssdb"]
    assert not browser("chromium").here(system)


def test_the_machines_own_database_is_used_where_it_is(system: System) -> None:
    at = system.at("/etc/pki/nssdb")
    at.mkdir(parents=True)
    assert not browser("system").here(system)
    (at / "cert9.db").touch()
    assert browser("system").here(system)
    assert browser("system").directories(system) == [at]
