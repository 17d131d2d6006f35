"""After the first run, at other times: what is due, what differs, what another root means."""

import argparse
import json
import os
import shutil
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from wizard import upkeep
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import ActionDone, Event, Finished
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session
from wizard.headless import commands
from wizard.headless.text import Text
from wizard.strategies.local_ca import LocalCa


class Clock(System):
    """A machine whose time can be set."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Install:
    """A directory with a wizard's work in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        # No PATH: the Java found by it is the machine's own, and so is its keystore.
        self.system = Clock({**os.environ, "PATH": ""}, folder / "root")

    def apply(self, names: tuple[str, ...] = ("*.example.com",), **more: Value) -> str:
        values: dict[str, Value] = {
            "names": names,
            "local_ca.stores": (),
            "output.directory": str(self.folder / "tls"),
            "output.config": str(self.folder / "config.yaml"),
            "output.owner": "",
            **{key.replace("__", "."): value for key, value in more.items()},
        }
        session = Session(self.system, self.state, Answers(values))
        return outcome(session.apply(session.plan(), may_ask=False))

    def renew(self, **how: bool | str) -> str:
        return outcome(upkeep.renew(self.system, self.state, **how))  # type: ignore[arg-type]

    def status(self) -> list[upkeep.Certificate]:
        return list(upkeep.status(self.system, self.state))

    def leaf(self, stem: str = "_wildcard.example.com") -> bytes:
        return (self.folder / f"tls/{stem}.pem").read_bytes()

    def root(self) -> bytes:
        return (self.state / "ca/root.pem").read_bytes()


def outcome(events: Iterable[Event]) -> str:
    """How a run ended, or the runs."""
    return " ".join(event.outcome for event in events if isinstance(event, Finished))


@pytest.fixture
def install(tmp_path: Path) -> Install:
    made = Install(tmp_path)
    assert made.apply() == "done"
    return made


def test_status_tells_when_a_certificate_is_due(install: Install) -> None:
    (row,) = install.status()
    assert row.names == ("*.example.com",)
    assert row.strategy == "local-ca"
    assert row.drift == ()
    assert row.expires is not None
    assert row.renew_after is not None
    assert timedelta(days=89) < row.expires - install.system.now() <= timedelta(days=90)
    assert timedelta(days=29) < row.expires - row.renew_after < timedelta(days=31)
    assert row.to_json()["expires"] == row.expires.isoformat()


@pytest.mark.parametrize(("days", "is_due"), [(0, False), (59, False), (61, True), (200, True)])
def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    is_due: bool,  # noqa: FBT001
) -> None:
    made = Install(tmp_path)
    made.system.ahead = timedelta(days=-days)
    with monkeypatch.context() as past:
        # A handshake is always of today.
        past.setattr(LocalCa, "prove", lambda *_, **__: iter(()))
        assert made.apply() == "done"
    made.system.ahead = timedelta(0)
    leaf, root = made.leaf(), made.root()
    (row,) = made.status()
    assert bool(row.drift) is is_due
    assert made.renew() == ("done" if is_due else "nothing-to-do")
    assert (made.leaf() != leaf) is is_due
    assert made.root() == root
    assert made.status()[0].drift == ()


def test_a_renewal_leaves_the_configuration_to_its_person(install: Install) -> None:
    """A timer that made a deleted configuration anew would give it new secrets, too."""
    config = install.folder / "config.yaml"
    for text in ("address: :443\n", "broken: [\n"):
        config.write_text(text)
        events = list(upkeep.renew(install.system, install.state, force=True))
        assert isinstance(events[-1], Finished)
        assert events[-1].outcome == "done"
        assert not any("configuration" in step.what for step in events[-1].next_steps)
        assert config.read_text() == text
    config.unlink()
    assert install.renew() == "nothing-to-do"
    assert install.renew(force=True) == "done"
    assert not config.exists()
    assert [str(config) in line for line in install.status()[0].drift] == [True]


def test_an_expired_certificate_is_told(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    options = argparse.Namespace(command="status", json=False)
    install.system.ahead = timedelta(days=100)
    assert commands.run(options, install.system, install.state, Text(), may_ask=False) == 0
    assert "UTC, it has expired" in capsys.readouterr().out


def test_a_renewal_writes_the_key_and_the_chain_and_nothing_else(install: Install) -> None:
    done = [
        Path(event.id).name
        for event in upkeep.renew(install.system, install.state, force=True)
        if isinstance(event, ActionDone)
    ]
    assert done == ["_wildcard.example.com-key.pem", "_wildcard.example.com.pem"]


def test_force_renews_what_is_not_due(install: Install) -> None:
    leaf, root = install.leaf(), install.root()
    assert install.renew(force=True) == "done"
    assert install.leaf() != leaf
    assert install.root() == root


def test_nothing_installed_is_nothing_due(tmp_path: Path) -> None:
    empty = Install(tmp_path)
    assert empty.status() == []
    assert empty.renew() == "nothing-to-do"
    with pytest.raises(WizardError) as caught:
        empty.renew(name="a.example.com")
    assert caught.value.code == "nothing-installed"
    assert not empty.state.exists()


def test_a_name_finds_the_certificate_that_covers_it(install: Install) -> None:
    assert install.apply(("b.test.example.com",), output__config="") == "done"
    both = install.leaf(), install.leaf("b.test.example.com")
    assert install.renew(force=True, name="A.example.com.") == "done"
    assert install.leaf() != both[0]
    assert install.leaf("b.test.example.com") == both[1]
    with pytest.raises(WizardError):
        install.renew(name="example.com")


@pytest.mark.parametrize("missing", ["names", "output"])
def test_a_record_that_does_not_say_what_was_installed_is_named(
    install: Install, missing: str
) -> None:
    (journal,) = install.state.glob("runs/*/journal.jsonl")
    first, *others = journal.read_text().splitlines(keepends=True)
    begin = json.loads(first)
    del begin["begin"][missing]
    journal.write_text("".join([json.dumps(begin) + "\n", *others]))
    for look in (install.status, install.renew):
        with pytest.raises(WizardError) as caught:
            look()
        assert caught.value.code == "journal-damaged"
        assert journal.parent.name in caught.value.summary


@pytest.mark.parametrize("later", [{"schema_version": 2}, {"acme": {"email": "a@b.cc"}}], ids=str)
def test_nobody_is_told_to_mend_a_record_of_a_later_version(
    install: Install, later: dict[str, object]
) -> None:
    (journal,) = install.state.glob("runs/*/journal.jsonl")
    first, *others = journal.read_text().splitlines(keepends=True)
    begin = json.loads(first)
    begin["begin"] |= later
    journal.write_text("".join([json.dumps(begin) + "\n", *others]))
    for look in (install.status, install.renew):
        with pytest.raises(WizardError) as caught:
            look()
        assert caught.value.code == "journal-damaged"
        assert "version of pomcert-wizard that made the run" in caught.value.hint


def test_an_undone_run_is_installed_no_more(install: Install) -> None:
    assert outcome(upkeep.undo(install.system, install.state)) == "undone"
    assert install.status() == []
    assert not (install.folder / "tls").exists()


def test_the_last_answers_for_a_directory_and_a_name_count(install: Install) -> None:
    assert install.apply(local_ca__lifetime="30d") == "done"
    (row,) = install.status()
    assert row.expires is not None
    assert row.expires - install.system.now() <= timedelta(days=30)
    assert install.apply(local_ca__lifetime="30d") == "nothing-to-do"
    assert install.apply(("*.example.com", "example.com")) == "done"
    (row,) = install.status()
    assert row.names == ("*.example.com", "example.com")


def test_names_outside_the_constraints_make_a_new_root_and_say_so(install: Install) -> None:
    root = install.root()
    answers = Answers(
        {
            "names": ("*.other.test",),
            "local_ca.stores": (),
            "output.directory": str(install.folder / "other"),
            "output.config": "",
            "output.owner": "",
        }
    )
    plan = Session(install.system, install.state, answers).plan()
    assert any("a new root replaces it" in notice for notice in plan.notices)
    assert install.apply(("*.other.test",), output__config="") == "done"
    assert install.root() != root
    drifting = {row.names: bool(row.drift) for row in install.status()}
    assert drifting == {("*.example.com",): True, ("*.other.test",): False}
    assert "done" in install.renew()
    assert not any(row.drift for row in install.status())


@pytest.mark.parametrize(
    "other",
    [
        {"local_ca__key_type": "ecdsa-p384"},
        {"local_ca__constrain_names": False},
        {"local_ca__lifetime": "825d"},
    ],
    ids=str,
)
def test_renewals_of_different_wishes_do_not_replace_each_others_root(
    install: Install, other: dict[str, Value]
) -> None:
    """Else a timer would make a new root, and ask for privilege, every night for ever."""
    assert install.apply(("b.example.com",), output__config="", **other) == "done"
    install.renew()
    root = install.root()
    for force in (True, True):
        assert install.renew(force=force) == "done done"
        assert install.root() == root
    assert install.renew() == "nothing-to-do"


@pytest.mark.parametrize(
    ("wish", "days", "reason"),
    [
        (
            {"names": ("*.other.test",), "output.route.from": "https://a.other.test"},
            0,
            "other names",
        ),
        ({"local_ca.key_type": "rsa-2048"}, 0, "another kind of key"),
        ({"local_ca.constrain_names": False}, 0, "limited"),
        ({}, 3600, "ends on"),
    ],
    ids=str,
)
def test_the_plan_says_why_a_new_root_is_needed(
    install: Install, wish: dict[str, Value], days: int, reason: str
) -> None:
    install.system.ahead = timedelta(days=days)
    ((_, answers),) = upkeep.installations(install.system, install.state)
    wanted = Answers({**answers.values, **wish})
    plan = Session(install.system, install.state, wanted).plan()
    (notice,) = [one for one in plan.notices if "new root replaces it" in one]
    assert reason in notice


def test_a_clock_that_is_behind_is_named_and_no_name_is_blamed(install: Install) -> None:
    before = install.leaf(), install.root()
    install.system.ahead = timedelta(days=-30)
    for look in (install.renew, install.status, install.apply):
        with pytest.raises(WizardError) as caught:
            look()
        assert caught.value.code == "clock-behind"
        assert f"{install.system.now():%Y-%m-%d}" in caught.value.summary
    assert (install.leaf(), install.root()) == before


def test_status_tells_of_the_others_where_one_cannot_be_read(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install.apply(("b.example.com",), output__config="") == "done"
    (install.folder / "tls/_wildcard.example.com.pem").write_text("nonsense\n")
    options = argparse.Namespace(command="status", json=False)
    with pytest.raises(WizardError) as caught:
        commands.run(options, install.system, install.state, Text(), may_ask=False)
    assert caught.value.code == "certificate-unreadable"
    assert "b.example.com  (local-ca)" in capsys.readouterr().out


def test_deleted_files_are_drift_and_no_error(install: Install) -> None:
    shutil.rmtree(install.folder / "tls")
    (row,) = install.status()
    assert (row.expires, row.renew_after) == (None, None)
    assert any("_wildcard.example.com" in line for line in row.drift)
    assert row.to_json()["expires"] is None


def test_a_certificate_that_fails_to_renew_lets_the_others_go_on(install: Install) -> None:
    assert install.apply(("b.example.com",), output__config="") == "done"
    (install.folder / "tls/_wildcard.example.com-key.pem").chmod(0o644)
    leaf = install.leaf("b.example.com")
    with pytest.raises(WizardError) as caught:
        install.renew(force=True)
    assert caught.value.code == "key-mode"
    assert install.leaf("b.example.com") != leaf


def test_trust_without_a_root_says_how_to_get_one(tmp_path: Path) -> None:
    empty = Install(tmp_path)
    with pytest.raises(WizardError) as caught:
        list(upkeep.change_trust(empty.system, empty.state, ["nss"], install=True, may_ask=False))
    assert caught.value.code == "no-root"
    assert not empty.state.exists()


def test_a_renewal_asks_no_client_and_starts_no_browser(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("wizard.doctor.clients.judge", lambda *_: asked.append(1) or iter(()))
    assert install.apply(("a.example.com",), local_ca__stores=("system",)) == "done"
    assert asked == [1]
    assert install.renew(force=True) == "done done"
    assert asked == [1]


def test_status_does_without_the_password_of_an_export(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = {"local_ca__export": ("pkcs12",), "local_ca__export_password": "env:PW"}
    monkeypatch.setitem(install.system.env, "PW", "changed")
    assert install.apply(("a.example.com",), **password) == "done"
    monkeypatch.delitem(install.system.env, "PW")
    rows = {row.names: row for row in install.status()}
    assert rows["*.example.com",].drift == ()
    (drift,) = rows["a.example.com",].drift
    assert "The variable PW holds no secret" in drift
