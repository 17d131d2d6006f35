"""What running somebody else's program must never leave behind."""

import os
import time
from pathlib import Path

import pytest
from trust_support import program

from wizard.core.errors import WizardError
from wizard.core.system import Command, System


def gone(pid: int) -> bool:
    """Whether a process has ended; one that only waits to be collected has."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    hanging = program(tmp_path, "hanging", f"sleep 600 & echo $! > '{child}'; wait")
    begun = time.monotonic()
    with pytest.raises(WizardError) as caught:
        System(dict(os.environ)).run(Command((str(hanging),)), timeout=1)
    assert caught.value.code == "command-timeout"
    assert time.monotonic() - begun < 20
    pid = int(child.read_text())
    while not gone(pid):
        assert time.monotonic() - begun < 20, "its child lives on"
