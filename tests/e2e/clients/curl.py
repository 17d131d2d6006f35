"""curl, with whichever TLS library this system built it with."""

from . import Client, Target, Verdict
from .process import PAGE, run


def load(target: Target) -> Verdict:
    outcome = run(
        [
            *("curl", "--silent", "--show-error", "--noproxy", "*"),
            *("--resolve", f"{target.host_name}:{target.port}:127.0.0.1"),
            *("--cacert", target.root_pem, "--capath", target.home, target.url),
        ],
        home=target.home,
    )
    return Verdict(PAGE in outcome.text, outcome.text)


CLIENT = Client("curl", ("curl",), load, "permitted subtree violation")
