"""Node's `https`; its certificate verification is OpenSSL's, its trust store its own."""

from pathlib import Path

from . import Client, Target, Verdict
from .process import PAGE, run

PROGRAM = Path(__file__).with_name("node") / "load.mjs"


def load(target: Target) -> Verdict:
    outcome = run(["node", PROGRAM, target.url, target.root_pem], home=target.home)
    return Verdict(PAGE in outcome.text, outcome.text)


CLIENT = Client("node", ("node",), load, "permitted subtree violation")
