"""OpenSSL's own `s_client`, in its strictest mode."""

from . import Client, Target, Verdict
from .process import PAGE, run


def load(target: Target) -> Verdict:
    outcome = run(
        [
            *("openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{target.port}"),
            *("-servername", target.host_name, "-verify_hostname", target.host_name),
            *("-CAfile", target.root_pem, "-no-CApath", "-no-CAstore"),
            *("-x509_strict", "-verify_return_error"),
        ],
        home=target.home,
        request=target.request,
    )
    return Verdict(PAGE in outcome.text, outcome.text)


CLIENT = Client("openssl", ("openssl",), load, "permitted subtree violation")
