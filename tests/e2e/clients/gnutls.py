"""GnuTLS's own client."""

from . import Client, Target, Verdict
from .process import PAGE, run


def load(target: Target) -> Verdict:
    outcome = run(
        [
            *("gnutls-cli", "--x509cafile", target.root_pem, "--port", str(target.port)),
            *("--sni-hostname", target.host_name, "--verify-hostname", target.host_name),
            "127.0.0.1",
        ],
        home=target.home,
        request=target.request,
    )
    return Verdict(PAGE in outcome.text, outcome.text)


CLIENT = Client("gnutls", ("gnutls-cli",), load, "signer's constraints")
