"""What people publish, through the whole wizard: planned, applied, looked at, undone."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_support import tree
from corpus_support import CORPUS, EDITED, REFUSED, UNREADABLE, VARIABLES, load, removed
from target_support import Machine, plain, project

from wizard import upkeep
from wizard.core.answers import Answers
from wizard.core.errors import WizardError
from wizard.core.events import Finished
from wizard.core.plan import Plan
from wizard.core.questions import Value
from wizard.engine import Session
from wizard.pki import authority, chain, keys, leaf, names
from wizard.pomerium.config import parse
from wizard.pomerium.routes import autocert_hosts
from wizard.pomerium.variables import DOCKER, SYSTEMD, Dialect

NAME = "*.corpus.example.com"
MODES = (0o600, 0o640, 0o644, 0o664)
REPLACED = {"true", "null", "~", "*certs"}
"""What an edit takes away: autocert's word, nothing, and a list that others use as well."""
PAIR = ("CERTIFICATE_FILE", "CERTIFICATE_KEY_FILE")
OURS = ("autocert", "http_redirect_addr")
HELD_INLINE = {"082-downstream-mtls-inline": "client-ca-inline"}
"""What lets no file of client authorities stand beside its own, and the code."""


@pytest.fixture(scope="module")
def corporate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that a company has handed out, with its chain and key."""
    now = datetime.now(UTC)
    issued = leaf.issue(
        authority.create((NAME,), now=now), (NAME,), now=now, lifetime=timedelta(days=90)
    )
    path = tmp_path_factory.mktemp("corporate") / "all.pem"
    pem = chain.to_pem([issued.certificate, *issued.issuers])
    path.write_bytes(keys.to_pem(issued.key).reveal() + pem)
    return path


def put(machine: Machine, path: Path, number: int) -> Path:
    """The configuration where Pomerium has it, with one of several modes."""
    here = Path(str(machine.answers["output.config"])).with_suffix(path.suffix)
    here.parent.mkdir(parents=True, exist_ok=True)
    here.write_bytes(path.read_bytes())
    here.chmod(MODES[number % len(MODES)])
    return here


def session(machine: Machine, config: Path, **more: Value) -> Session:
    given = {key.replace("__", "."): value for key, value in more.items()}
    values = {**machine.answers, "output.owner": "", "output.config": str(config), **given}
    return Session(machine.system, machine.folder / "state", Answers(values))


def apply(ready: Session) -> Plan:
    plan = ready.plan()
    assert not plan.is_empty
    *_, last = ready.apply(plan, may_ask=False, with_clients=False)
    assert isinstance(last, Finished)
    assert last.exit_code == 0
    assert ready.plan().is_empty
    return plan


def undo(machine: Machine) -> None:
    *_, last = upkeep.undo(machine.system, machine.folder / "state")
    assert isinstance(last, Finished)
    assert last.exit_code == 0


def test_there_are_two_hundred_and_no_two_alike() -> None:
    files = [*CORPUS, *VARIABLES]
    assert len(files) - len(REFUSED) >= 200
    assert len({path.read_bytes() for path in files}) == len(files)
    assert len(REFUSED) <= 5


@pytest.mark.parametrize("path", EDITED, ids=lambda path: path.stem)
def test_a_certificate_joins_a_configuration_and_leaves_it_as_it_was(
    path: Path, corporate: Path, tmp_path: Path
) -> None:
    machine = plain(tmp_path)
    config = put(machine, path, CORPUS.index(path))
    before, mode = tree(machine.root), config.stat().st_mode
    ready = session(machine, config, strategy="existing", existing__certificate=str(corporate))
    apply(ready)
    after = config.read_bytes()
    assert config.stat().st_mode == mode
    if path.stem not in UNREADABLE:
        listed = [data for key, data in load(after).items() if key.lower() == "certificates"]
        assert Path({k.lower(): v for k, v in listed[0][-1].items()}["cert"]).is_file()
    assert {word.lower().strip('"') for word in removed(path.read_bytes(), after)} <= REPLACED
    undo(machine)
    assert tree(machine.root) == before
    assert config.read_bytes() == path.read_bytes()


def settings_for(path: Path, corporate: Path) -> dict[str, Value]:
    """Answers that bring settings: autocert where there is a host for it, else client mTLS."""
    served = autocert_hosts(parse(path.read_bytes(), path.stem))
    hosts = [host for host in served if names.problem(host) is None]
    if not hosts:
        return {
            "strategy": "existing",
            "existing__certificate": str(corporate),
            "mtls__downstream": True,
        }
    return {
        "strategy": "autocert",
        "names": tuple(hosts[:1]),
        "autocert__directory": "/var/lib/pomerium/kept here",
        "autocert__authority_url": "https://ca.corp.example.com/directory",
        "dns__resolvers": ("127.0.0.1:9",),
    }


def others(text: bytes) -> bytes:
    """The lines that are about something else than what is set."""
    lines = text.splitlines(keepends=True)
    return b"".join(one for one in lines if not any(name.encode() in one.lower() for name in OURS))


@pytest.mark.parametrize(
    "path", [path for path in EDITED if path.stem not in HELD_INLINE], ids=lambda path: path.stem
)
def test_settings_join_a_configuration_and_leave_it_as_it_was(
    path: Path, corporate: Path, tmp_path: Path
) -> None:
    machine = plain(tmp_path)
    config = put(machine, path, CORPUS.index(path))
    before, mode = tree(machine.root), config.stat().st_mode
    more = settings_for(path, corporate)
    apply(session(machine, config, **more))
    after = config.read_bytes()
    assert config.stat().st_mode == mode
    assert removed(others(path.read_bytes()), others(after)) <= REPLACED
    if path.stem not in UNREADABLE:
        found = {key.lower(): value for key, value in load(after).items()}
        if more["strategy"] == "autocert":
            assert found["autocert_dir"] == more["autocert__directory"]
            assert str(found["autocert"]).lower() == "true"
        else:
            assert Path(found["downstream_mtls"]["ca_file"]).is_file()
    undo(machine)
    assert tree(machine.root) == before


@pytest.mark.parametrize("stem", HELD_INLINE)
def test_an_authority_of_clients_in_the_file_itself_is_left(
    stem: str, corporate: Path, tmp_path: Path
) -> None:
    machine = plain(tmp_path)
    path = next(one for one in CORPUS if one.stem == stem)
    config = put(machine, path, 0)
    with pytest.raises(WizardError) as caught:
        session(machine, config, **settings_for(path, corporate)).plan()
    assert caught.value.code == HELD_INLINE[stem]


@pytest.mark.parametrize("stem", REFUSED)
def test_what_cannot_be_edited_is_refused_and_left(
    stem: str, corporate: Path, tmp_path: Path
) -> None:
    machine = plain(tmp_path)
    path = next(one for one in CORPUS if one.stem == stem)
    config = put(machine, path, 0)
    before = tree(machine.root)
    with pytest.raises(WizardError) as caught:
        session(machine, config, strategy="existing", existing__certificate=str(corporate)).plan()
    assert caught.value.code == REFUSED[stem]
    assert str(config) in caught.value.summary
    assert tree(machine.root) == before


def outside(text: str, dialect: Dialect) -> str:
    """What stands around the two variables."""
    at, kept = 0, ""
    for one in dialect.assignments(text):
        if one.name in PAIR:
            kept, at = kept + text[at : one.start], one.end
    return kept + text[at:]


@pytest.mark.parametrize("path", VARIABLES, ids=lambda path: path.stem)
def test_a_certificate_joins_variables_and_leaves_them_as_they_were(
    path: Path, corporate: Path, tmp_path: Path
) -> None:
    in_docker = "-docker-" in path.stem
    machine = project(tmp_path) if in_docker else plain(tmp_path)
    config = put(machine, path, VARIABLES.index(path))
    before, old = tree(machine.root), path.read_bytes()
    apply(
        session(
            machine,
            config,
            strategy="existing",
            existing__certificate=str(corporate),
            output__target="docker" if in_docker else "files",
            output__form="env",
        )
    )
    after, dialect = config.read_bytes(), DOCKER if in_docker else SYSTEMD
    was, now = dialect.read(old.decode()), dialect.read(after.decode())
    assert {k: v for k, v in now.items() if k not in PAIR} == {
        k: v for k, v in was.items() if k not in PAIR
    }
    assert now["CERTIFICATE_FILE"].endswith(".pem")
    assert stat.S_IMODE(config.stat().st_mode) == MODES[VARIABLES.index(path) % len(MODES)]
    around, added = outside(old.decode(), dialect), outside(after.decode(), dialect)
    assert added.startswith(around)
    assert added[len(around) :].strip() == ""
    undo(machine)
    assert tree(machine.root) == before
    assert config.read_bytes() == old
