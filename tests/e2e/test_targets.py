"""Every strategy on every target: the plan against a golden file, its settings by Pomerium.

A strategy or a target joins by its line in the registry; `UPDATE_GOLDEN=1` writes its file.
"""

import base64
import json
import os
import re
import stat
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, Need
from strategy_target_support import as_golden, issue, ready
from target_support import DROP_IN, MACHINES, UNIT, Machine

from wizard.core import registry
from wizard.core.actions import WriteFile
from wizard.core.events import Finished
from wizard.core.questions import Value
from wizard.parts import target
from wizard.pki.names import host_of
from wizard.pomerium.compose import INSIDE, Mount, new_compose
from wizard.pomerium.variables import DOCKER, SYSTEMD

from .pomerium import judge, judge_variables

pytestmark = pytest.mark.e2e

COMPOSE = REPOSITORY / ".tools/bin/compose-rules"
THEIRS = """\
# Ours.
services:
  pomerium:
    image: pomerium/pomerium:v0.31.0
    volumes:
      - VOLUME
volumes:
  data: {}
"""
IN_A_CLUSTER = "kubernetes"
EVERY = [
    (how, where)
    for how in registry.STRATEGIES
    for where in registry.TARGETS
    if where != IN_A_CLUSTER
]


def variables_at(machine: Machine) -> dict[str, Value]:
    """What makes a machine keep its settings as variables."""
    config = machine.answers.get("output.config", str(machine.root / "etc/pomerium/config.yaml"))
    return {
        "output.form": "env",
        "output.config": str(Path(str(config)).with_name("pomerium.env")),
    }


@pytest.fixture
def root(need: Need) -> None:
    need.that(os.geteuid() == 0, "only root installs for a service", "run as root")


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("form", ["yaml", "env"])
@pytest.mark.parametrize(("how", "where"), EVERY)
def test_the_plan_is_the_golden_one(how: str, where: str, form: str, tmp_path: Path) -> None:
    machine = MACHINES[where](tmp_path)
    more = variables_at(machine) if form == "env" else {}
    plan = ready(machine, how, where, **more).plan()
    as_golden(plan, machine, f"{how}-{where}-{form}")


@pytest.mark.usefixtures("root", "rules")
@pytest.mark.parametrize("existing", [False, True], ids=["new", "edited"])
@pytest.mark.parametrize(("how", "where"), EVERY)
def test_pomerium_takes_the_configuration(
    how: str,
    where: str,
    existing: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    machine = MACHINES[where](tmp_path)
    session = ready(machine, how, where)
    answers = session.answers()
    config = Path(answers.text("output.config"))
    names = answers.texts("names")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.unlink(missing_ok=True)
    if existing:
        config.write_text(
            f"routes:\n  - from: https://{host_of(names[0])}\n    to: http://a.test\n"
        )
    plan = session.plan()
    (write,) = (
        one for one in plan.actions if isinstance(one, WriteFile) and one.path == config.resolve()
    )
    there = target(where).installed(plan.answers, machine.system)
    if how != "autocert":
        issue(there.chain_path, there.key_path, names)
    # Inside a container Pomerium sees the files elsewhere.
    text = write.content().decode().replace(machine.seen, str(config.parent))
    config.write_text(text)
    verdict = judge(config)
    assert (verdict.error, verdict.unknown) == ("", frozenset())
    assert verdict.certificates == (() if how == "autocert" else (names,))
    assert verdict.hosts
    assert how == "autocert" or all(verdict.hosts.values())


@pytest.mark.usefixtures("root", "rules")
@pytest.mark.parametrize("existing", [False, True], ids=["new", "edited"])
@pytest.mark.parametrize(("how", "where"), EVERY)
def test_pomerium_takes_the_variables(
    how: str,
    where: str,
    existing: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    machine = MACHINES[where](tmp_path)
    session = ready(machine, how, where, **variables_at(machine))
    names = session.answers().texts("names")
    path = Path(session.answers().text("output.config"))
    if existing:
        path.parent.mkdir(parents=True, exist_ok=True)
        routes = f"- from: https://{host_of(names[0])}\n  to: http://a.test\n"
        standing = "" if how == "autocert" else "CERTIFICATE_FILE=/a"
        path.write_text(f"ROUTES={base64.b64encode(routes.encode()).decode()}\n{standing}")
    plan = session.plan()
    (write,) = (one for one in plan.actions if isinstance(one, WriteFile) and one.path == path)
    there = target(where).installed(plan.answers, machine.system)
    if how != "autocert":
        issue(there.chain_path, there.key_path, names)
    dialect = DOCKER if where == "docker" else SYSTEMD
    inside = f"{machine.seen}/tls"
    variables = {
        name: value.replace(inside, str(there.key_path.parent))
        for name, value in dialect.read(write.content().decode()).items()
    }
    verdict = judge_variables(variables, tmp_path)
    assert (verdict.error, verdict.unknown) == ("", frozenset())
    assert verdict.certificates == (() if how == "autocert" else (names,))
    assert verdict.hosts
    assert how == "autocert" or all(verdict.hosts.values())


@pytest.mark.usefixtures("rules")
def test_pomerium_reads_headers_from_the_variable_that_is_written(tmp_path: Path) -> None:
    assert "headers" in judge_variables({"HEADERS": "nonsense"}, tmp_path).error
    assert judge_variables({"HEADERS": "A:b=0"}, tmp_path).error == ""
    assert judge_variables({"SET_RESPONSE_HEADERS": "nonsense"}, tmp_path).error == ""


# ── systemd ────────────────────────────────────────────────────────────────────────────────────


def verify(machine: Machine) -> "subprocess.CompletedProcess[str]":
    """systemd's own verdict on the unit, among as few others as it needs."""
    for name in ("sysinit.target", "basic.target", "shutdown.target", "multi-user.target"):
        machine.put(f"usr/lib/systemd/system/{name}", "[Unit]\nDescription=A stand-in\n")
    machine.put("usr/sbin/pomerium", "#!/bin/sh\n").chmod(0o755)
    return subprocess.run(
        ["systemd-analyze", "verify", f"--root={machine.root}", "pomerium.service"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("bounded", [False, True])
def test_systemd_takes_the_unit_with_its_drop_in(
    bounded: bool,  # noqa: FBT001
    tmp_path: Path,
    need: Need,
) -> None:
    need("systemd-analyze")
    machine = MACHINES["systemd"](tmp_path)
    if bounded:
        machine.put(f"{UNIT}.d/bound.conf", "[Service]\nCapabilityBoundingSet=CAP_CHOWN\n")
    machine.install()
    done = verify(machine)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    broken = (machine.root / DROP_IN).read_text().replace("Ambient", "Ambiant")
    machine.put(DROP_IN, broken)
    assert "AmbiantCapabilities" in verify(machine).stderr


# ── docker ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def compose_rules(need: Need) -> Path:
    need.that(COMPOSE.exists(), "Compose's own code is not built", "`make test` builds it")
    return COMPOSE


def compose(path: Path) -> dict[str, Any]:
    """The service that runs Pomerium, as `docker compose config` has it."""
    argv = [COMPOSE, "config", path]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    service = json.loads(done.stdout)["services"]["pomerium"]
    assert isinstance(service, dict)
    return service


@pytest.mark.usefixtures("root", "compose_rules")
@pytest.mark.parametrize("owner", ["", "65532", "daemon"])
@pytest.mark.parametrize("address", [":443", "127.0.0.1:8443"])
def test_compose_takes_the_file_and_the_container_reads_the_key(
    owner: str, address: str, tmp_path: Path
) -> None:
    machine = MACHINES["docker"](tmp_path)
    more = {"output.owner": owner, "output.address": address}
    session = ready(machine, "local-ca", "docker", **more)
    events = list(session.apply(session.plan(), may_ask=False))
    assert getattr(events[-1], "exit_code", None) == 0
    service = compose(machine.root / "srv/compose.yaml")
    host, _, port = address.rpartition(":")
    (published,) = service["ports"]
    assert published.get("host_ip", "") == host
    assert (published["target"], published["published"]) == (int(port), port)
    (volume,) = service["volumes"]
    assert (volume["type"], volume["target"], volume["read_only"]) == ("bind", "/pomerium", True)
    source = Path(volume["source"])
    assert source.is_dir()
    text = (source / "config.yaml").read_text()
    assert f"address: :{port}\n" in text
    keys = re.findall(r"key: /pomerium/(\S+)", text)
    status = (source / keys[0]).stat()
    runs_as = service.get("user") or "65532:65532"
    assert runs_as == f"{status.st_uid}:{status.st_gid}"
    assert stat.S_IMODE(status.st_mode) == 0o600


@pytest.mark.usefixtures("root", "compose_rules")
@pytest.mark.parametrize(
    ("volume", "inside"),
    [
        ("./pomerium/config.yaml:/pomerium/config.yaml:ro", "/pomerium/tls"),
        ("./pomerium:/pomerium:ro", "/pomerium-tls"),
        ("data:/data", "/pomerium"),
    ],
)
def test_what_is_to_be_added_to_somebodys_file_makes_compose_see_it(
    volume: str, inside: str, tmp_path: Path
) -> None:
    machine = MACHINES["docker"](tmp_path)
    theirs = THEIRS.replace("VOLUME", volume)
    path = machine.put("srv/compose.yaml", theirs)
    machine.put("srv/pomerium/config.yaml", "address: :443\n")
    directory = machine.root / "srv/elsewhere"
    directory.mkdir()
    session = ready(machine, "local-ca", "docker", **{"output.directory": str(directory)})
    events = list(session.apply(session.plan(), may_ask=False))
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert path.read_text() == theirs
    (step,) = (step for step in finished.next_steps if "volumes of pomerium" in step.what)
    added = textwrap.indent(step.line, "      ")
    path.write_text(theirs.replace("    volumes:\n", f"    volumes:\n{added}\n"))
    targets = {one["target"]: one["source"] for one in compose(path)["volumes"]}
    assert inside in targets
    (key,) = re.findall(r"key: (\S+)", (machine.root / "srv/pomerium/config.yaml").read_text())
    (mount,) = (target for target in targets if Path(key).parent == Path(target))
    assert (Path(targets[mount]) / Path(key).name).is_file()
    assert session.plan().is_empty


VARIABLES = (
    "A=b c  \n",
    "  A = b\n",
    "# A=1\n; B=2\nC=3",
    "# a comment \\\nA=1\nB=2\n",
    "A='b \\d'\n",
    'A="b \\" \\\\ \\n c"\n',
    "A='b'\"c\" d\n",
    'A=b"c"\n',
    "A=b\\\nc\n",
    "A=b\\ \n",
    "A=\\#b #c\n",
    "nonsense\nA=\nB=1\n",
    "A=b=c\r\nB=1\r\n",
)


@pytest.mark.parametrize("text", VARIABLES)
def test_files_of_variables_are_read_as_systemd_reads_them(
    text: str, tmp_path: Path, need: Need
) -> None:
    read = SYSTEMD.read(text)
    assert read
    told = written_by_systemd(text, tmp_path, need)
    assert {name: told.get(name, "") for name in read} == read


def written_by_systemd(text: str, folder: Path, need: Need) -> dict[str, str]:
    """What systemd makes of a file of variables, told by its generator for sessions."""
    generator = Path("/usr/lib/systemd/user-environment-generators")
    generator /= "30-systemd-environment-d-generator"
    need.that(generator.exists(), "systemd's generator is not here", "apt install systemd")
    (folder / "environment.d").mkdir()
    (folder / "environment.d/50-test.conf").write_text(text)
    done = subprocess.run(
        [generator],
        env={"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return SYSTEMD.read(done.stdout)


ODD = {
    "A": "/srv/a b/c#d.pem",
    "B": " blank at both ends ",
    "C": "quotes \" and ' within",
    "D": "back\\slash\\",
    "E": "'quoted'",
    "F": "#hash",
    "G": "Strict-Transport-Security:max-age=0",
    "H": "a=b;c&d|e*f?g(h)",
}
DOLLARS = {"I": "$HOME ${HOME} `id` $$"}
"""What the generator expands and `EnvironmentFile=` does not."""


def test_systemd_reads_back_what_is_written_for_it(tmp_path: Path, need: Need) -> None:
    text = SYSTEMD.write("", ODD)
    assert SYSTEMD.read(text) == ODD
    assert written_by_systemd(text, tmp_path, need).items() >= ODD.items()


def test_a_shell_reads_it_like_systemd(tmp_path: Path) -> None:
    (tmp_path / "variables").write_text(SYSTEMD.write("", ODD | DOLLARS))
    script = 'set -a; . "$0"; exec env -0'
    argv = ["sh", "-c", script, tmp_path / "variables"]
    done = subprocess.run(argv, env={}, capture_output=True, check=True, timeout=60)
    pairs = (pair.partition("=") for pair in done.stdout.decode().split("\0"))
    assert {name: value for name, _, value in pairs}.items() >= (ODD | DOLLARS).items()


@pytest.mark.usefixtures("compose_rules")
def test_docker_and_compose_read_back_what_is_written_for_them(tmp_path: Path) -> None:
    wanted = ODD | DOLLARS
    path = tmp_path / "variables"
    path.write_text(DOCKER.write("# A comment.\n", wanted))
    assert DOCKER.read(path.read_text()) == wanted
    argv = [COMPOSE, "variables", path]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == wanted
    made = new_compose(
        tmp_path, [Mount(tmp_path, INSIDE)], ["443:443"], config=None, variables=path, user=""
    )
    (tmp_path / "compose.yaml").write_bytes(made)
    assert compose(tmp_path / "compose.yaml")["environment"] == wanted
