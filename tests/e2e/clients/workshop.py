"""Where the clients that need a compiler are built, once in a test run."""

import atexit
import functools
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path


@functools.cache
def workshop() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="pomcert-clients-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def build(argv: Sequence[str | Path], *, source: Path, **settings: str) -> None:
    done = subprocess.run(
        argv, cwd=source, env=os.environ | settings, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{argv[0]} failed in {source}:\n{done.stdout}{done.stderr}")
