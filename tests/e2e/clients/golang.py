"""Go's own TLS and X.509, which share nothing with OpenSSL."""

import functools
from pathlib import Path

from . import Client, Target, Verdict
from .process import PAGE, run
from .workshop import build, workshop

SOURCE = Path(__file__).with_name("go")
# Beside the tools, not in HOME: the standard library is compiled once a clone, not once a run.
CACHE = Path(__file__).resolve().parents[3] / ".tools" / "go-cache"


@functools.cache
def _program() -> Path:
    program = workshop() / "go-load"
    build(
        ["go", "build", "-o", program, "."], source=SOURCE, GOCACHE=str(CACHE), GOTOOLCHAIN="local"
    )
    return program


def load(target: Target) -> Verdict:
    outcome = run([_program(), target.url, target.root_pem], home=target.home)
    return Verdict(PAGE in outcome.text, outcome.text)


CLIENT = Client("go", ("go",), load, "is not permitted by any constraint")
