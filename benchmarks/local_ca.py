"""A root, a leaf and their files: pomcert-wizard, mkcert with its default keys, and the floor."""

import sys
from pathlib import Path

from benchmarks.pairs import Case

NAMES = ("*.localhost.pomerium.io", "localhost.pomerium.io")
WIZARD = str(Path(sys.executable).with_name("pomcert-wizard"))
ANSWERS = {
    "strategy": "local-ca",
    "names": ",".join(NAMES),
    "local_ca.stores": "",
    "output.directory": "{dir}/tls",
    "output.config": "",
}


def _wizard(**more: str) -> tuple[str, ...]:
    sets = [f"{key}={value}" for key, value in {**ANSWERS, **more}.items()]
    words = (word for one in sets for word in ("--set", one))
    return (WIZARD, "--state-dir", "{dir}/state", *words)


FILES = Case("pomcert-wizard: root, leaf, files", _wizard())
WITH_CONFIG = Case(
    "pomcert-wizard: root, leaf, files and a new config.yaml",
    _wizard(**{"output.config": "{dir}/config.yaml"}),
)
MKCERT = Case(
    "mkcert: root, leaf, files",
    ("mkcert", "-cert-file", "{dir}/cert.pem", "-key-file", "{dir}/key.pem", *NAMES),
    {"CAROOT": "{dir}"},
)
FLOOR = Case(
    "python -c 'import cryptography.x509'", (sys.executable, "-c", "import cryptography.x509")
)
VERSION = Case("pomcert-wizard --version", (WIZARD, "--version"))
NOTHING = Case("python -c pass", (sys.executable, "-c", "pass"))

BOUNDS = (
    (FILES, MKCERT, 1.0),
    (FILES, FLOOR, 2.0),
    (VERSION, NOTHING, 4.0),
)
"""Ours, theirs, and the most that our time may be of theirs."""

COMPARED = (*BOUNDS, (WITH_CONFIG, MKCERT, 1.0), (WITH_CONFIG, FLOOR, None))
"""What `make bench` prints; the last is told and not bounded: ruamel.yaml alone is a quarter."""
