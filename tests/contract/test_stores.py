"""What every trust store promises, each against a machine of its own.

Linux: a Debian tree whose update command is ours. NSS: the real certutil and the real libnss3.
Java: the real keytool. macOS and Windows: programs of the tests that behave like theirs.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Need
from trust_support import fake, machine, make_anchor, program, snapshot

from wizard.core import registry
from wizard.core.system import System
from wizard.trust.base import Anchor, Place, Trust, on_disk
from wizard.trust.java import JavaStore
from wizard.trust.linux import LinuxStore
from wizard.trust.macos import MacosStore
from wizard.trust.nss import NssStore
from wizard.trust.windows import WindowsStore

UPDATE = """
cat "{root}"/usr/share/ca-certificates/*.crt "{root}"/usr/local/share/ca-certificates/*.crt \
    > "{root}/etc/ssl/certs/ca-certificates.crt" 2>/dev/null
exit 0
"""


@dataclass
class Machine:
    """A place to try, what it may change, and a root that was there before."""

    system: System
    place: Place
    files: Path
    other: Anchor

    def state(self) -> dict[str, bytes | str]:
        return snapshot(self.files)


def linux(tmp_path: Path, need: Need) -> Machine:
    del need
    root = tmp_path / "root"
    for name in ("etc/ssl/certs", "usr/local/share/ca-certificates", "usr/share/ca-certificates"):
        (root / name).mkdir(parents=True)
    other = make_anchor(tmp_path, "pomcert other")
    shutil.copy(other.path, root / "usr/share/ca-certificates/other.crt")
    program(tmp_path / "bin", "update-ca-certificates", UPDATE.format(root=root))
    system = machine(root, tmp_path / "bin")
    (place,) = LinuxStore().places(system)
    return Machine(system, place, root, other)


def nss(tmp_path: Path, need: Need) -> Machine:
    return nss_in(tmp_path, machine(tmp_path / "root"), need)


def nss_without_certutil(tmp_path: Path, need: Need) -> Machine:
    program(tmp_path / "bin", "certutil", "echo 'not the one you think'; exit 2")
    found = nss_in(tmp_path, machine(tmp_path / "root", tmp_path / "bin"), need)
    assert "nss_ctypes" in found.place.install_commands(make_anchor(tmp_path))[0].shell()
    return found


def nss_in(tmp_path: Path, system: System, need: Need) -> Machine:
    need("certutil")  # brings libnss3
    other = make_anchor(tmp_path, "pomcert other")
    database = system.person.home / ".pki/nssdb"
    database.mkdir(parents=True)
    place = next(one for one in NssStore().places(system) if one.id == "nss:chromium")
    assert place.install(other).trust is Trust.FULL
    return Machine(system, place, database, other)


def java(tmp_path: Path, need: Need) -> Machine:
    keytool = need("keytool").resolve()
    home = tmp_path / "root/opt/jdk"
    (home / "bin").mkdir(parents=True)
    (home / "lib/security").mkdir(parents=True)
    (home / "bin/keytool").symlink_to(keytool)
    cacerts = keytool.parent.parent / "lib/security/cacerts"
    shutil.copy(cacerts, home / "lib/security/cacerts")
    (home / "lib/security/cacerts").chmod(0o644)
    system = machine(tmp_path / "root")
    other = make_anchor(tmp_path, "pomcert other")
    places = JavaStore().places(system)
    place = next(one for one in places if str(home) in one.id)
    assert place.install(other).trust is Trust.FULL
    return Machine(system, place, home / "lib", other)


def macos(tmp_path: Path, need: Need) -> Machine:
    del need
    state = tmp_path / "keychain"
    fake(tmp_path / "bin", "security", state)
    system = machine(tmp_path / "root", tmp_path / "bin", "darwin")
    (place,) = MacosStore().places(system)
    other = make_anchor(tmp_path, "pomcert other")
    assert place.install(other).trust is Trust.FULL
    return Machine(system, place, state, other)


def windows(tmp_path: Path, need: Need) -> Machine:
    del need
    return windows_at(tmp_path, "win32")


def windows_from_wsl(tmp_path: Path, need: Need) -> Machine:
    del need
    program(tmp_path / "bin", "wslpath", 'test "$1" = -w && echo "$2"')
    return windows_at(tmp_path, "linux", WSL_INTEROP="/run/WSL/1_interop")


def windows_at(tmp_path: Path, platform: str, **env: str) -> Machine:
    state = tmp_path / "roots"
    for name in ("certutil.exe", "powershell.exe"):
        fake(tmp_path / "bin", name, state)
    system = machine(tmp_path / "root", tmp_path / "bin", platform, **env)
    (place,) = WindowsStore().places(system)
    other = make_anchor(tmp_path, "pomcert other")
    assert place.install(other).trust is Trust.FULL
    return Machine(system, place, state, other)


MACHINES = (linux, nss, nss_without_certutil, java, macos, windows, windows_from_wsl)


@pytest.fixture(params=MACHINES, ids=lambda one: one.__name__)
def here(request: pytest.FixtureRequest, tmp_path: Path, need: Need) -> Machine:
    build: Callable[[Path, Need], Machine] = request.param
    return build(tmp_path, need)


@pytest.fixture
def anchor(tmp_path: Path) -> Anchor:
    return make_anchor(tmp_path)


def test_every_store_has_a_machine_here() -> None:
    tried = {one.__name__.split("_")[0] for one in MACHINES}
    assert tried == set(registry.STORES)


@pytest.mark.parametrize("name", registry.STORES)
def test_a_registry_line_names_a_store_of_that_name(name: str) -> None:
    store = registry.load(registry.STORES, name)()  # type: ignore[operator]
    assert store.info.id == name
    assert store.info.title
    assert store.info.summary


def test_the_id_of_a_place_begins_with_its_store(here: Machine) -> None:
    assert here.place.id.partition(":")[0] in registry.STORES
    assert here.place.title


def test_looking_changes_nothing(here: Machine, anchor: Anchor) -> None:
    before = here.state()
    assert here.place.check(anchor).trust is Trust.NONE
    assert here.place.check(anchor).reason
    here.place.ours()
    here.place.install_commands(anchor)
    here.place.uninstall_commands(anchor)
    assert here.state() == before


def test_a_root_that_is_yet_to_be_made_can_be_planned(here: Machine, tmp_path: Path) -> None:
    expected = Anchor("pomcert XXXXXXXX", b"", tmp_path / "not-yet.pem")
    assert here.place.check(expected).trust is Trust.NONE
    assert str(expected.path) in "\n".join(
        one.shell() for one in here.place.install_commands(expected)
    )


def test_installing_trusts_fully_and_twice_changes_nothing(here: Machine, anchor: Anchor) -> None:
    assert here.place.install(anchor).trust is Trust.FULL
    assert here.place.check(anchor).trust is Trust.FULL
    before = here.state()
    assert here.place.install(anchor).trust is Trust.FULL
    assert here.state() == before


def test_uninstalling_leaves_nothing_and_twice_is_fine(here: Machine, anchor: Anchor) -> None:
    here.place.install(anchor)
    assert here.place.uninstall(anchor).trust is Trust.NONE
    assert here.place.uninstall(anchor).trust is Trust.NONE
    assert here.place.uninstall_commands(anchor) in ([], ())
    assert anchor.der not in here.place.ours()


def test_other_roots_stay(here: Machine, anchor: Anchor) -> None:
    here.place.install(anchor)
    here.place.uninstall(anchor)
    assert here.other.der in here.place.ours()


def test_a_root_whose_file_was_lost_is_found_and_removed(here: Machine, anchor: Anchor) -> None:
    here.place.install(anchor)
    anchor.path.unlink()
    assert anchor.der in here.place.ours()
    assert here.place.check(anchor).trust is Trust.FULL
    assert here.place.uninstall(anchor).trust is Trust.NONE
    assert anchor.der not in here.place.ours()


def test_a_root_whose_file_holds_another_by_now_is_removed(
    here: Machine, anchor: Anchor, tmp_path: Path
) -> None:
    here.place.install(anchor)
    newer = make_anchor(tmp_path)._replace(path=anchor.path)
    with on_disk(here.system, newer) as copy:
        anchor.path.write_bytes(copy.path.read_bytes())
    here.place.install(newer)
    assert here.place.uninstall(anchor).trust is Trust.NONE
    assert here.place.check(newer).trust is Trust.FULL


def test_a_foreign_certificate_is_not_ours(here: Machine, tmp_path: Path) -> None:
    foreign = make_anchor(tmp_path, "Somebody's pomcert root")
    here.place.install(foreign)
    assert foreign.der not in here.place.ours()
    assert here.place.uninstall(foreign).trust is Trust.NONE
