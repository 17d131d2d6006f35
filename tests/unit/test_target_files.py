"""Plain files: who owns them, where they may not go, and what a plain user may not look at."""

import contextlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_support import SOMEBODY
from conftest import Need

from wizard import upkeep
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.plan import Plan
from wizard.core.questions import Value
from wizard.core.system import Person, System
from wizard.engine import Session
from wizard.pki import authority, chain
from wizard.pomerium.detect import detect_names, find_config

NOBODY = pwd.getpwnam("nobody")
KEY, CHAIN = "a.example.com-key.pem", "a.example.com.pem"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that everybody may enter."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def session(folder: Path, **more: Value) -> Session:
    values: dict[str, Value] = {
        "names": ("a.example.com",),
        "local_ca.stores": (),
        "output.directory": str(folder / "pomerium/tls"),
        "output.config": str(folder / "pomerium/config.yaml"),
        "output.owner": "",
        **{f"output.{key}": value for key, value in more.items()},
    }
    return Session(System(root=folder / "root"), folder / "state", Answers(values))


def install(folder: Path, **more: Value) -> Plan:
    ready = session(folder, **more)
    plan = ready.plan()
    events = list(ready.apply(plan, may_ask=False))
    assert getattr(events[-1], "exit_code", None) == 0, events
    return plan


@contextlib.contextmanager
def plain_user() -> Iterator[None]:
    """Root may enter everything, so it becomes somebody else for a moment."""
    os.setresuid(SOMEBODY, SOMEBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def root(need: Need) -> None:
    need.that(os.geteuid() == 0, "only root may give files away", "run as root")


def readable(path: Path, uid: int) -> bool:
    """Whether a user without groups gets to a file and may read it."""

    def has(status: os.stat_result, bit: int) -> bool:
        return bool(status.st_mode & (bit << 6 if status.st_uid == uid else bit))

    above = [parent.stat() for parent in path.parents]
    return all(has(one, stat.S_IXOTH) for one in above) and has(path.stat(), stat.S_IROTH)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_the_user_that_pomerium_runs_as_can_read_all_that_it_needs(
    folder: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        install(folder, owner="nobody")
    finally:
        os.umask(before)
    for name in (f"tls/{KEY}", f"tls/{CHAIN}", "config.yaml"):
        assert readable(folder / "pomerium" / name, NOBODY.pw_uid), name
    for name in (f"tls/{KEY}", "config.yaml"):
        assert stat.S_IMODE((folder / "pomerium" / name).stat().st_mode) == 0o600


@pytest.mark.usefixtures("root")
def test_another_owner_gets_the_key_that_is_there(folder: Path) -> None:
    install(folder)
    key = folder / "pomerium/tls" / KEY
    before = key.read_bytes()
    (action,) = install(folder, owner="nobody").actions
    assert action.title == f"write {key}"
    assert key.stat().st_uid == NOBODY.pw_uid
    assert key.read_bytes() == before
    assert install(folder, owner="nobody").is_empty


@pytest.mark.usefixtures("root")
def test_a_configuration_that_its_user_cannot_read_is_told(folder: Path) -> None:
    install(folder)
    config = folder / "pomerium/config.yaml"
    for mode, told in ((0o600, True), (0o640, False), (0o644, False)):
        config.chmod(mode)
        notices = session(folder, owner="nobody").plan().notices
        assert any(f"chown nobody {config}" in notice for notice in notices) is told
        assert not any("chown" in notice for notice in session(folder).plan().notices)


@pytest.mark.usefixtures("root")
def test_under_sudo_what_goes_into_a_home_belongs_to_the_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    somebody = Person("nobody", NOBODY.pw_uid, NOBODY.pw_gid, folder / "home")
    monkeypatch.setattr(System, "person", somebody)
    (folder / "home").mkdir()
    os.chown(folder / "home", NOBODY.pw_uid, NOBODY.pw_gid)
    answers = Answers({"names": ("a.example.com",), "local_ca.stores": ()})
    ready = Session(System(root=folder / "root"), folder / "state", answers)
    assert ready.answers().text("output.owner") == "nobody"
    assert list(ready.apply(ready.plan(), may_ask=False))
    made = [*(folder / "home").rglob("*")]
    assert {path.stat().st_uid for path in made} == {NOBODY.pw_uid}
    assert folder / "home/.config/pomerium/tls/ca.pem" in made


@pytest.mark.usefixtures("root")
def test_under_sudo_the_package_is_found_where_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = Person("nobody", NOBODY.pw_uid, NOBODY.pw_gid, folder / "home")
    monkeypatch.setattr(System, "person", somebody)
    packaged = folder / "root/etc/pomerium/config.yaml"
    packaged.parent.mkdir(parents=True)
    packaged.write_text("routes: []\n")
    ready = Session(System(root=folder / "root"), folder / "state")
    assert ready.value(ready.question("output.directory")).value == "/etc/pomerium/tls"
    assert ready.value(ready.question("output.owner"), ready.answers()).value != "nobody"


@pytest.mark.parametrize("name", [KEY, CHAIN, "ca.pem"])
@pytest.mark.parametrize("installed", [False, True])
def test_a_configuration_never_goes_where_a_certificate_goes(
    folder: Path,
    name: str,
    installed: bool,  # noqa: FBT001
) -> None:
    if installed:
        install(folder)
    (folder / "link").symlink_to(folder / "pomerium/tls")
    for path in (folder / "pomerium/tls" / name, folder / "link" / name):
        with pytest.raises(WizardError) as caught:
            session(folder, config=str(path)).plan()
        assert caught.value.code == "same-file"
        assert "output.config" in caught.value.summary


def test_the_ca_of_somebody_else_is_never_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pomerium may take client certificates of it: ours in its place would let others in."""
    theirs = folder / "pomerium/tls/ca.pem"
    theirs.parent.mkdir(parents=True)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(authority, "ORGANIZATION", "Somebody else")
        made = authority.create(("clients.test",), now=datetime.now(UTC))
    content = chain.to_pem([made.root])
    theirs.write_bytes(content)
    with pytest.raises(WizardError) as caught:
        session(folder).plan()
    assert caught.value.code == "foreign-ca"
    assert str(theirs) in caught.value.summary
    theirs.unlink()
    install(folder)
    theirs.write_bytes(content)
    events = list(upkeep.renew(System(root=folder / "root"), folder / "state", force=True))
    assert getattr(events[-1], "exit_code", None) == 0, events
    assert theirs.read_bytes() == content


@pytest.mark.usefixtures("root")
def test_what_a_plain_user_may_not_look_at_is_not_found(folder: Path) -> None:
    """Pomerium's package closes /etc/pomerium to all but its own user and group."""
    packaged = folder / "root/etc/pomerium/config.yaml"
    packaged.parent.mkdir(parents=True)
    packaged.write_text("routes: []\n")
    system = System(root=folder / "root")
    assert find_config(system) == packaged
    packaged.parent.chmod(0o700)
    with plain_user():
        assert find_config(system) is None
        assert detect_names(system) is None


@pytest.mark.usefixtures("root")
def test_a_configuration_here_that_may_not_be_read_is_not_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    config = folder / "config.yaml"
    config.write_text("routes: []\n")
    system = System(root=folder / "root")
    assert find_config(system) == config
    config.chmod(0o600)
    with plain_user():
        assert find_config(system) is None


def test_a_current_directory_that_is_gone_has_no_configuration(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert find_config(System(root=folder / "root")) is None


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("place", ["closed/config.yaml", "closed/in/config.yaml"])
def test_a_configuration_in_a_closed_directory_is_refused_in_words(
    folder: Path, place: str
) -> None:
    config = folder / place
    config.parent.mkdir(parents=True)
    config.write_text("address: :443\n")
    (folder / "closed").chmod(0o700)
    for path in (folder, folder / "open"):
        path.mkdir(exist_ok=True)
        os.chown(path, SOMEBODY, SOMEBODY)
    # Once as root, for what is imported late can be imported by root only.
    install(folder / "open")
    shutil.rmtree(folder / "open/state")
    shutil.rmtree(folder / "open/pomerium")
    with plain_user(), pytest.raises(WizardError) as caught:
        session(folder / "open", config=str(config)).plan()
    assert caught.value.code == "permission-denied"
    assert str(config) in caught.value.summary
