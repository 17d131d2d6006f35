"""The proof after a run: the new certificate, served and judged by the clients of this machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from wizard.core.events import Event, Proof
from wizard.core.system import System
from wizard.doctor.handshake import serve, shake_hands
from wizard.pki.names import host_of


def prove(
    system: System,
    chain: Path,
    key: Path,
    root: Path,
    names: Sequence[str],
    *,
    with_clients: bool,
) -> Iterator[Event]:
    """Serves the certificate on loopback and tells who accepts it.

    First a client that is given the root, which must accept every name; then, `with_clients`, the
    client families of this machine with the trust that they have.

    Raises:
        WizardError: the certificate does not work even for a client that is given the root.
    """
    hosts = [host_of(name) for name in names]
    with serve(chain, key) as port:
        for host in hosts[:3]:
            detail = shake_hands(port, host, root)
            yield Proof(
                "handshake", "accepted", f"https://{host} on 127.0.0.1:{port}, {detail}", ""
            )
        if with_clients:
            from wizard.doctor.clients import judge  # noqa: PLC0415  only when somebody may trust it

            yield from judge(system, port, hosts[0], root)
