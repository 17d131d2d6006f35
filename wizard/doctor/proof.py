"""The proof after a run: the new certificate, served and judged by the clients of this machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from wizard.core.errors import WizardError
from wizard.core.events import Event, Proof
from wizard.core.system import System
from wizard.doctor.handshake import serve, shake_hands
from wizard.pki import chain
from wizard.pki.names import host_of


def prove(
    system: System,
    chain_path: Path,
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
    with serve(chain_path, key) as port:
        for host in hosts[:3]:
            detail = shake_hands(port, host, root)
            yield Proof(
                "handshake", "accepted", f"https://{host} on 127.0.0.1:{port}, {detail}", ""
            )
        if with_clients:
            from wizard.doctor.clients import judge  # noqa: PLC0415  only when somebody may trust it

            yield from judge(system, port, hosts[0], root)


def prove_chain(
    system: System,
    chain_path: Path,
    key: Path,
    names: Sequence[str],
    *,
    is_strict: bool,
    with_clients: bool,
) -> Iterator[Event]:
    """Serves a certificate of an authority that is not ours, whose root only its clients have.

    First a client that trusts the last issuer of the chain, which must accept every name; then,
    `with_clients`, one that trusts what this machine does, which may refuse it.

    Raises:
        WizardError: the certificate does not work even for the first of them.
    """
    kept = system.keep(chain_path)
    certificates = chain.read(kept.content if kept else b"", str(chain_path))
    anchor = chain.to_pem(certificates[-1:]).decode()
    hosts = [host_of(name) for name in names]
    with serve(chain_path, key) as port:
        for host in hosts[:3]:
            detail = shake_hands(port, host, anchor, is_strict=is_strict)
            where = f"https://{host} on 127.0.0.1:{port}, {detail}"
            yield Proof("handshake", "accepted", where, "")
        if with_clients:
            yield _machine(port, hosts[0], is_strict=is_strict)


def _machine(port: int, host: str, *, is_strict: bool) -> Proof:
    """Whether what this machine trusts vouches for the certificate, as for any public site."""
    try:
        detail = shake_hands(port, host, None, is_strict=is_strict)
    except WizardError as error:
        if error.code != "proof-failed":
            raise
        why = "its root is not trusted here, as is so for an authority for tests or of your own"
        return Proof("trust of this machine", "refused", why, "")
    return Proof("trust of this machine", "accepted", detail, "")
