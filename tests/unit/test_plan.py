"""Equal answers on an equal machine make equal plans, byte for byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

from cli_support import ANSWERS, Wizard
from conftest import REPOSITORY

from wizard.core.actions import WriteFile
from wizard.core.answers import Answers
from wizard.core.plan import Plan


def plan(path: Path) -> Plan:
    def never() -> bytes:
        raise AssertionError("a plan makes no keys")

    answers = Answers({"strategy": "local-ca", "names": ("b.example", "a.example")})
    action = WriteFile(path, "key", "So.", never, mode=0o600)
    return Plan(answers, ("strategy", "names"), (action,), ("Mind the gap.",))


def test_a_plan_is_data(tmp_path: Path) -> None:
    made = plan(tmp_path / "key.pem").to_json()
    assert json.loads(json.dumps(made)) == made
    assert made["answers"] == {
        "schema_version": 1,
        "strategy": "local-ca",
        "names": ["b.example", "a.example"],
    }
    assert made["notices"] == ["Mind the gap."]
    (change,) = json.loads(json.dumps(made["changes"]))
    assert change == {
        "id": f"write:{tmp_path}/key.pem",
        "kind": "create",
        "what": f"{tmp_path}/key.pem",
        "detail": "key, mode 0600",
        "why": "So.",
        "diff": [],
        "commands": [],
    }


def test_a_plan_without_actions_is_empty(tmp_path: Path) -> None:
    full = plan(tmp_path / "key.pem")
    assert not full.is_empty
    assert full._replace(actions=()).is_empty


def test_planning_again_gives_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    wizard = Wizard(tmp_path)
    wizard.answers(ANSWERS)
    outputs = set()
    for seed in ("0", "1", "2"):
        wizard.env["PYTHONHASHSEED"] = seed
        made = wizard("plan", "--answers", "answers.toml", "--json")
        assert made.status == 0, made.err
        outputs.add(made.out)
    (output,) = outputs
    assert len(json.loads(output)["changes"]) == 7


def test_a_plan_does_not_load_what_only_a_run_needs(tmp_path: Path) -> None:
    (tmp_path / "answers.toml").write_text(ANSWERS)
    program = (
        "import sys; from wizard import cli; "
        "assert cli.main(['plan', '--answers', 'answers.toml', '--state-dir', 'state']) == 0; "
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "POMCERT_OUTPUT_OWNER": ""},
        cwd=tmp_path,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "wizard.core.plan" in loaded
    assert not loaded & {"textual", "rich", "acme", "wizard.doctor.handshake"}
