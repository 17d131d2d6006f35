"""Chromium, headless."""

import re
from pathlib import Path

from . import Client, Target, Verdict, nss
from .process import PAGE, run


def trust(home: Path, root_pem: Path) -> None:
    # Of the places Chromium looks in, the one every version reads; it wins where it exists.
    nss.trust(home / ".pki" / "nssdb", root_pem)


def load(target: Target) -> Verdict:
    outcome = run(
        [
            # No sandbox: Chromium has none as root, and the only page it sees is ours.
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", "--disable-dev-shm-usage", "--disable-breakpad"),
            f"--user-data-dir={target.home / 'chromium'}",
            "--host-resolver-rules=MAP * 127.0.0.1",
            *("--dump-dom", target.url),
        ],
        home=target.home,
    )
    problem = re.search(r"\bERR_[A-Z_]+", outcome.text)
    return Verdict(PAGE in outcome.text, problem[0] if problem else outcome.text)


# Chromium has no error of its own for a name constraint; the control case tells the reasons apart.
CLIENT = Client("chromium", ("chromium", "certutil"), load, "ERR_CERT_INVALID", trust)
