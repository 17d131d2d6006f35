"""Files are written whole, private from birth, where links lead, with their owner and mode."""

import errno
import os
import stat
import struct
from pathlib import Path

import pytest
from conftest import Need

from wizard.core import system as system_module
from wizard.core.errors import WizardError
from wizard.core.files import file_error, writable
from wizard.core.system import Kept, System


@pytest.fixture
def system() -> System:
    return System()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o400])
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o000])
def test_a_file_has_its_mode_before_it_has_a_byte(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, umask: int
) -> None:
    seen = []
    plain = os.write

    def watched(descriptor: int, content: bytes) -> int:
        status = os.fstat(descriptor)
        seen.append((status.st_size, stat.S_IMODE(status.st_mode)))
        return plain(descriptor, content)

    monkeypatch.setattr(os, "write", watched)
    before = os.umask(umask)
    try:
        system.write(tmp_path / "key.pem", b"secret", mode)
    finally:
        os.umask(before)
    assert seen == [(0, mode)]
    assert mode_of(tmp_path / "key.pem") == mode


def test_a_new_file_is_born_closed_and_never_taken_over(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    born = []
    plain = os.open

    def watched(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT:
            born.append((flags & os.O_EXCL, mode))
        return plain(path, flags, mode)

    monkeypatch.setattr(os, "open", watched)
    system.write(tmp_path / "public.pem", b"public", 0o644)
    assert born == [(os.O_EXCL, 0o600)]


def test_a_name_that_is_taken_is_no_place_to_write(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_module, "token", lambda size: "0" * 2 * size)
    (tmp_path / f".pomcert-{'0' * 24}").symlink_to(tmp_path / "trap")
    with pytest.raises(WizardError) as caught:
        system.write(tmp_path / "key.pem", b"secret")
    assert caught.value.code == "cannot-write"
    assert not (tmp_path / "trap").exists()
    assert not (tmp_path / "key.pem").exists()


def test_the_bytes_are_on_disk_before_the_name_is(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    for name in ("fsync", "replace"):
        plain = getattr(os, name)

        def watched(*values: object, _name: str = name, _plain: object = plain) -> None:
            order.append(_name)
            _plain(*values)  # type: ignore[operator]

        monkeypatch.setattr(os, name, watched)
    system.write(tmp_path / "a", b"whole")
    assert order == ["fsync", "replace", "fsync"]


def test_a_link_is_followed_and_stays(system: System, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/config.yaml").write_text("old")
    (tmp_path / "link").symlink_to("real/config.yaml")
    system.write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/config.yaml").read_text() == "new"
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["config.yaml"]


def test_an_owner_is_given_before_the_bytes(system: System, tmp_path: Path, need: Need) -> None:
    need.that(os.geteuid() == 0, "only root may give files away", "run as root")
    system.write(tmp_path / "key.pem", b"secret", 0o640, owner=(4321, 8765))
    status = (tmp_path / "key.pem").stat()
    assert (status.st_uid, status.st_gid, mode_of(tmp_path / "key.pem")) == (4321, 8765, 0o640)
    assert system.keep(tmp_path / "key.pem") == Kept(b"secret", 0o640, 4321, 8765)


def test_who_an_access_list_lets_in_is_kept(system: System, tmp_path: Path, need: Need) -> None:
    """The owner and user 12345 may read: without its list the mask would let the group in."""
    path, name = tmp_path / "config.yaml", "system.posix_acl_access"
    path.write_text("old")
    entries = [(1, 6, -1), (2, 4, 12345), (4, 0, -1), (16, 4, -1), (32, 0, -1)]
    packed = (struct.pack("<HHi", *entry) for entry in entries)
    access = struct.pack("<I", 2) + b"".join(packed)
    try:
        os.setxattr(path, name, access)
    except OSError as error:
        need.that(met=False, problem=f"no access lists here: {error}", remedy="use ext4 or tmpfs")
    before = system.keep(path)
    assert before is not None
    system.write(path, b"new", before.mode, (before.uid, before.gid))
    assert os.getxattr(path, name) == access
    assert system.keep(path) == before._replace(content=b"new")


def test_the_group_of_a_file_outlives_a_folder_that_gives_its_own(
    system: System, tmp_path: Path, need: Need
) -> None:
    need.that(os.geteuid() == 0, "only root may give files away", "run as root")
    os.chown(tmp_path, -1, 8765)
    tmp_path.chmod(0o2755)
    system.write(tmp_path / "config.yaml", b"new", 0o640, (os.geteuid(), os.getegid()))
    assert (tmp_path / "config.yaml").stat().st_gid == os.getegid()


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "fchmod"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("old")

    def failing(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(WizardError) as caught:
            system.write(path, b"new", 0o644)
    assert caught.value.code == "disk-full"
    assert str(path) in caught.value.summary
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            system.write(tmp_path / "a", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_takes_half_goes_on_with_the_rest(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: plain(descriptor, content[:3]))
    system.write(tmp_path / "a", b"0123456789")
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_a_sweep_takes_only_what_write_left(system: System, tmp_path: Path) -> None:
    ours = tmp_path / f".pomcert-{'0a' * 12}"
    theirs = [tmp_path / name for name in (".pomcert-backup", "pomcert-" + "0" * 24, "key.pem")]
    for path in (ours, *theirs):
        path.write_text("x")
    system.sweep(tmp_path)
    system.sweep(tmp_path / "missing")
    assert sorted(tmp_path.iterdir()) == sorted(theirs)


def test_removing_what_is_gone_is_fine(system: System, tmp_path: Path) -> None:
    system.remove(tmp_path / "gone")
    system.remove(tmp_path / "no/such/directory")
    assert list(tmp_path.iterdir()) == []


def test_making_a_directory_that_is_there_leaves_it(system: System, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)
    system.make_directory(tmp_path / "there", 0o700)
    assert mode_of(tmp_path / "there") == 0o755
    (tmp_path / "file").write_text("x")
    with pytest.raises(WizardError) as caught:
        system.make_directory(tmp_path / "file")
    assert caught.value.code == "not-a-directory"


def test_a_directory_in_use_is_not_removed(system: System, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used/file").write_text("x")
    system.remove_directory(tmp_path / "used")
    assert (tmp_path / "used/file").exists()


def test_writable_says_beforehand_what_write_would_say(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    writable(tmp_path / "new/er/config.yaml")
    for path, code in ((tmp_path, "is-a-directory"), (tmp_path / "file/x", "not-a-directory")):
        with pytest.raises(WizardError) as caught:
            writable(path)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission-denied"),
        (errno.EPERM, "permission-denied"),
        (errno.EIO, "cannot-write"),
    ],
)
def test_an_error_of_the_system_says_what_where_and_what_to_do(number: int, code: str) -> None:
    error = file_error(OSError(number, "?"), "write", Path("/etc/x.pem"))
    assert error.code == code
    assert error.summary == f"Cannot write /etc/x.pem: {os.strerror(number)}."
    assert error.hint.endswith(".")


def test_a_file_is_open_while_somebody_has_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with file.open():
        assert System().is_open(file)
    assert not System().is_open(file)
    assert not System().is_open(tmp_path / "gone")


@pytest.mark.parametrize("invoker", ["", "0", "-1", "abc", "²", "9" * 30, "4294967295"])
def test_who_called_sudo_is_nobody_when_the_variable_is_rubbish(
    tmp_path: Path, invoker: str
) -> None:
    env = {"SUDO_UID": invoker, "HOME": str(tmp_path)}
    assert System(env=env).person.uid == os.geteuid()


def test_a_program_is_a_file_that_may_be_run_first_on_path_then_in_the_system(
    tmp_path: Path,
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    system = System({"PATH": f"{first}:{second}", "HOME": str(tmp_path)})
    (first / "tool").mkdir()
    assert system.which("tool") is None
    (second / "tool").write_text("#!/bin/sh\n")
    assert system.which("tool") is None
    (second / "tool").chmod(0o755)
    assert system.which("tool") == str(second / "tool")
    assert system.which(str(second / "tool")) == str(second / "tool")
    assert system.which(str(first / "tool")) is None
