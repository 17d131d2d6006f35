"""The journal never loses an entry, never misreads one, and lets nobody else look."""

import errno
import fcntl
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import Need

from wizard.core import apply
from wizard.core.errors import WizardError
from wizard.core.journal import Journal, Run
from wizard.core.system import System


class Clock(System):
    """A machine whose clock somebody sets."""

    hour = 12

    def now(self) -> datetime:
        return datetime(2025, 1, 1, self.hour, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(Clock(), tmp_path / "state")
    made.open()
    return made


@pytest.fixture
def run(journal: Journal) -> Run:
    return journal.begin({"begin": {}})


def file_of(run: Run) -> Path:
    return run.directory / "journal.jsonl"


def undo(path: str = "/nowhere", kind: str = "file") -> dict[str, object]:
    kept = {"kept": None, "mode": 0, "uid": 0, "gid": 0, "made": []}
    return {
        "step": "s",
        "title": "t",
        "undo": {"kind": kind, "path": path, "wrote": "0" * 64, **kept},
    }


def test_what_is_recorded_is_read_back(run: Run) -> None:
    run.record({"step": "ä", "n": 1})
    run.record({"outcome": "applied"})
    assert run.entries() == [{"begin": {}}, {"step": "ä", "n": 1}, {"outcome": "applied"}]
    assert run.outcome() == "applied"


def test_everything_is_private(run: Run, journal: Journal) -> None:
    run.keep(b"key")
    for path in (journal.directory, *journal.directory.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("torn", ['{"st', '{"step":"a"}', "\x00" * 100, "{}\x00"])
def test_a_line_that_a_crash_cut_off_does_not_count_and_harms_nothing(run: Run, torn: str) -> None:
    with file_of(run).open("a") as file:
        file.write(torn)
    assert run.entries() == [{"begin": {}}]
    run.record({"outcome": "applied"})
    assert run.entries() == [{"begin": {}}, {"outcome": "applied"}]
    assert file_of(run).read_text() == '{"begin":{}}\n{"outcome":"applied"}\n'


def test_a_disk_that_takes_half_a_line_keeps_none_of_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = os.write
    calls = []

    def full(descriptor: int, content: bytes) -> int:
        calls.append(content)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "full")
        return plain(descriptor, content[:5])

    before = file_of(run).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(WizardError) as caught:
            run.record({"outcome": "applied"})
    assert caught.value.code == "disk-full"
    assert file_of(run).read_bytes() == before
    run.record({"outcome": "undone"})
    assert run.entries() == [{"begin": {}}, {"outcome": "undone"}]


def test_an_entry_that_did_not_reach_the_disk_is_taken_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: int) -> None:
        raise OSError(errno.EIO, "?")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(WizardError):
            run.record({"outcome": "applied"})
    assert run.outcome() == ""


@pytest.mark.parametrize("line", ["{", "[1]", "null", '"text"', "\x00", "[" * 100_000])
def test_a_whole_line_that_is_no_entry_is_damage(run: Run, line: str) -> None:
    with file_of(run).open("a") as file:
        file.write(f"{line}\n")
    run.record({"outcome": "applied"})
    with pytest.raises(WizardError) as caught:
        run.entries()
    assert (caught.value.code, int(caught.value.exit_code)) == ("journal-damaged", 7)
    assert run.id in caught.value.summary
    assert str(run.directory) in caught.value.hint


@pytest.mark.parametrize(
    "change",
    [{"kind": "file-2"}, {"kind": None}, {"mode": "rw"}, {"path": None, "wrote": None}],
    ids=str,
)
def test_an_undo_of_a_newer_version_is_not_guessed_at(
    run: Run, tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("theirs")
    run.record(undo(str(path)))  # type: ignore[arg-type]
    entry = undo(str(path))
    record = entry["undo"]
    assert isinstance(record, dict)
    record |= change
    for name in [name for name, value in change.items() if value is None]:
        del record[name]
    run.record(entry)  # type: ignore[arg-type]
    with pytest.raises(WizardError) as caught:
        apply.undos(run)
    assert (caught.value.code, int(caught.value.exit_code)) == ("journal-damaged", 7)
    assert path.read_text() == "theirs"


def test_runs_are_numbered_and_clocks_may_jump(journal: Journal) -> None:
    names = []
    for hour in (12, 12, 3, 23):
        Clock.hour = hour
        run = journal.begin({"begin": {}})
        run.record({"outcome": "applied"})
        names.append(run.id)
    Clock.hour = 12
    assert [name[:5] for name in names] == ["0001-", "0002-", "0003-", "0004-"]
    assert [run.id for run in journal.applied()] == names


def test_the_ten_thousandth_run_is_the_last(journal: Journal) -> None:
    for number in (9998, 9999, 10000, 2):
        directory = journal.directory / f"runs/{number:04}-20250101T000000"
        directory.mkdir(parents=True)
        (directory / "journal.jsonl").write_text('{"begin":{}}\n')
    (journal.directory / "runs/.DS_Store").mkdir()
    assert [run.id[:5] for run in journal.runs()] == ["0002-", "9998-", "9999-", "10000"]
    assert journal.begin({"begin": {}}).id.startswith("10001-")


def test_a_run_that_began_and_changed_nothing_needs_nothing(journal: Journal) -> None:
    run = journal.begin({"begin": {}})
    assert journal.cut_off() == []
    run.record(undo())  # type: ignore[arg-type]
    assert journal.cut_off() == [run]
    with pytest.raises(WizardError) as caught:
        journal.refuse_cut_off()
    assert (caught.value.code, run.id in caught.value.summary) == ("run-cut-off", True)
    run.record({"outcome": "rolled-back"})
    journal.refuse_cut_off()


def test_what_is_kept_is_found_by_its_bytes_once(run: Run) -> None:
    name = run.keep(b"old")
    assert run.keep(b"old") == name
    assert run.kept(name) == b"old"
    assert len(list((run.directory / "kept").iterdir())) == 1


def test_what_was_kept_and_changed_is_not_given_back(run: Run) -> None:
    name = run.keep(b"old")
    (run.directory / "kept" / name).write_bytes(b"other")
    with pytest.raises(WizardError) as caught:
        run.kept(name)
    assert caught.value.code == "journal-damaged"
    (run.directory / "kept" / name).unlink()
    with pytest.raises(WizardError):
        run.kept(name)


def test_a_state_directory_that_others_may_enter_is_refused(journal: Journal) -> None:
    for mode in (0o750, 0o701, 0o777):
        journal.directory.chmod(mode)
        with pytest.raises(WizardError) as caught:
            journal.check()
        assert caught.value.code == "state-mode"
        assert caught.value.hint.endswith(f"chmod 0700 {journal.directory}")


def test_a_state_directory_of_somebody_else_is_refused(journal: Journal, need: Need) -> None:
    need.that(os.geteuid() == 0, "only root may give directories away", "run as root")
    os.chown(journal.directory, 4321, 0)
    with pytest.raises(WizardError) as caught:
        journal.check()
    assert caught.value.code == "state-owner"
    assert "4321" in caught.value.summary


def test_a_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x")
    with pytest.raises(WizardError) as caught:
        Journal(System(), tmp_path / "state").check()
    assert caught.value.code == "not-a-directory"


def test_a_state_directory_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    journal = Journal(System(), tmp_path / "state")
    journal.check()
    assert journal.runs() == []
    assert not (tmp_path / "state").exists()


def test_the_lock_is_held_once_and_falls(journal: Journal) -> None:
    with journal.lock():
        with pytest.raises(WizardError) as caught, journal.lock():
            pass
        assert (caught.value.code, int(caught.value.exit_code)) == ("locked", 11)
        assert str(journal.directory) in caught.value.summary
    with journal.lock():
        pass


def test_a_command_started_under_the_lock_does_not_inherit_it(journal: Journal) -> None:
    with journal.lock():
        descriptors = Path("/proc/self/fd").iterdir()
        held = [int(fd.name) for fd in descriptors if fd.exists() and fd.resolve().name == "lock"]
        assert held
        assert not any(os.get_inheritable(descriptor) for descriptor in held)
        assert all(fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC for fd in held)


def test_an_entry_is_one_line_of_json(run: Run) -> None:
    run.record({"text": "two\nlines"})
    assert json.loads(file_of(run).read_text().splitlines()[1]) == {"text": "two\nlines"}
