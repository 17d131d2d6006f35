"""Writing a file and putting it back, and what is shown of it beforehand."""

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path

import pytest

from wizard.core.actions import ChangeKind, RestoreFile, WriteFile
from wizard.core.errors import WizardError
from wizard.core.journal import Journal, Run
from wizard.core.system import System


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def run(system: System, tmp_path: Path) -> Run:
    journal = Journal(system, tmp_path / "state")
    journal.open()
    return journal.begin({"begin": {}})


def never() -> bytes:
    raise AssertionError("a plan makes no keys")


def writing(path: Path, content: bytes = b"new", **how: object) -> WriteFile:
    return WriteFile(path, "thing", "Because.", lambda: content, **how)  # type: ignore[arg-type]


def done(action: WriteFile, system: System, run: Run) -> RestoreFile:
    """Does it, and reads its undo from what the journal would hold."""
    undo = action.undo(system, run)
    action.apply(system)
    return RestoreFile.from_json(undo.to_json())


def kept(run: Run) -> set[bytes]:
    return {path.read_bytes() for path in run.directory.glob("kept/*")}


def test_a_new_file_is_shown_with_its_mode_and_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    shown = ("", "a: 1\nb: 2\n")
    action = WriteFile(path, "a file", "So.", never, mode=0o600, shown=lambda: shown)
    change = action.preview()
    assert (change.kind, change.what) == (ChangeKind.CREATE, str(path))
    assert (change.detail, change.why) == ("a file, mode 0600", "So.")
    assert change.diff[-2:] == ("+a: 1", "+b: 2")
    assert action.id == f"write:{path}"
    assert change.to_json()["kind"] == "create"


def test_an_edit_is_shown_by_the_lines_that_differ_and_keeps_the_mode(
    tmp_path: Path, system: System
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: 1\nb: 2\n")
    path.chmod(0o640)
    before = system.keep(path)
    shown = ("a: 1\nb: 2\n", "a: 1\nb: 3\n")
    change = WriteFile(path, "a file", "So.", never, before=before, shown=lambda: shown).preview()
    assert change.kind is ChangeKind.UPDATE
    assert change.detail == "a file, mode 0640"
    assert change.diff == ("--- before", "+++ after", "@@ -1,2 +1,2 @@", " a: 1", "-b: 2", "+b: 3")


def test_a_key_is_shown_without_a_line_of_it(tmp_path: Path) -> None:
    assert WriteFile(tmp_path / "key.pem", "key", "So.", never, mode=0o600).preview().diff == ()


def test_a_new_file_and_its_directories_come_and_go(
    tmp_path: Path, system: System, run: Run
) -> None:
    path = tmp_path / "a/b/key.pem"
    undo = done(writing(path, mode=0o600, directory_mode=0o700), system, run)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert undo.drift(system) == ""
    undo.apply(system, run)
    assert not (tmp_path / "a").exists()
    assert kept(run) == {b"new"}


def test_an_old_file_comes_back_with_its_mode(tmp_path: Path, system: System, run: Run) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    undo = done(writing(path, before=system.keep(path)), system, run)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    path.chmod(0o600)
    undo.apply(system, run)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"old", 0o640)
    assert kept(run) == {b"old", b"new"}


def test_undone_twice_is_undone_once(tmp_path: Path, system: System, run: Run) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"old")
    undo = done(writing(path, before=system.keep(path)), system, run)
    undo.apply(system, run)
    inode = path.stat().st_ino
    undo.apply(system, run)
    assert (path.read_bytes(), path.stat().st_ino) == (b"old", inode)


@pytest.mark.parametrize(("mode", "directory"), [(0o600, 0o700), (0o644, 0o755)])
def test_a_directory_that_an_earlier_run_took_along_comes_back(
    tmp_path: Path, system: System, run: Run, mode: int, directory: int
) -> None:
    path = tmp_path / "ca/issuer.pem"
    earlier = done(writing(path, mode=mode), system, run)
    later = done(writing(path, before=system.keep(path)), system, run)
    earlier.apply(system, run)
    assert not path.parent.exists()
    later.apply(system, run)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.parent.stat().st_mode) == directory


def test_nothing_is_written_over_a_change_since_the_plan(
    tmp_path: Path, system: System, run: Run
) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"old")
    planned = system.keep(path)
    path.write_bytes(b"by hand")
    with pytest.raises(WizardError) as caught:
        writing(path, before=planned).undo(system, run)
    assert caught.value.code == "changed-since-plan"
    assert path.read_bytes() == b"by hand"


def test_the_undo_knows_what_will_be_written(tmp_path: Path, system: System, run: Run) -> None:
    undo = writing(tmp_path / "key.pem").undo(system, run)
    assert undo.wrote == sha256(b"new").hexdigest()
    assert not (tmp_path / "key.pem").exists()


@pytest.mark.parametrize("old", [None, b"old"])
def test_drift_is_neither_what_was_written_nor_what_was_there(
    tmp_path: Path, system: System, run: Run, old: bytes | None
) -> None:
    path = tmp_path / "config.yaml"
    if old is not None:
        path.write_bytes(old)
    undo = done(writing(path, before=system.keep(path)), system, run)
    for content in filter(None, (b"new", old)):
        path.write_bytes(content)
        assert undo.drift(system) == ""
    path.write_bytes(b"by hand")
    assert undo.drift(system) == f"{path} was changed since"
    path.unlink()
    assert undo.drift(system) == ""


def test_what_is_half_written_is_swept(tmp_path: Path, system: System, run: Run) -> None:
    path = tmp_path / "key.pem"
    undo = writing(path).undo(system, run)
    stray = tmp_path / f".pomcert-{'0' * 24}"
    stray.write_bytes(b"half a k")
    undo.apply(system, run)
    assert not stray.exists()
    assert not path.exists()


def failing_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state directory on a full disk."""
    plain = os.open

    def full(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT and "kept" in str(path):
            raise OSError(errno.ENOSPC, "full")
        return plain(path, flags, mode)

    monkeypatch.setattr(os, "open", full)


def test_a_full_disk_does_not_stop_the_removal_of_what_the_run_wrote(
    tmp_path: Path, system: System, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    undo = done(writing(tmp_path / "key.pem"), system, run)
    failing_keep(monkeypatch)
    undo.apply(system, run)
    assert not (tmp_path / "key.pem").exists()


def test_a_full_disk_never_costs_what_somebody_else_wrote(
    tmp_path: Path, system: System, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    undo = done(writing(path), system, run)
    path.write_bytes(b"by hand")
    failing_keep(monkeypatch)
    with pytest.raises(WizardError) as caught:
        undo.apply(system, run)
    assert caught.value.code == "disk-full"
    assert path.read_bytes() == b"by hand"


def test_a_link_that_leads_nowhere_stays(tmp_path: Path, system: System, run: Run) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to("real/key.pem")
    undo = done(writing(link, mode=0o600), system, run)
    assert (tmp_path / "real/key.pem").read_bytes() == b"new"
    undo.apply(system, run)
    assert link.is_symlink()
    assert not (tmp_path / "real").exists()
