"""The client families of this machine, each asked whether it accepts the new certificate.

Every verdict is the client's own: the real program loads the page that the wizard serves, with the
trust that the person's environment and databases give it. Nothing is changed to ask.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wizard.core.errors import WizardError
from wizard.core.events import Event, Proof
from wizard.core.system import System
from wizard.doctor.clients import browsers, java, node, openssl
from wizard.doctor.clients.base import UNKNOWN, Page, Probe

FAMILIES = (openssl.probes, node.probes, java.probes, browsers.probes)


def judge(system: System, port: int, host: str, root: Path) -> Iterator[Event]:
    """Asks every client of this machine, all at once; tells their verdicts in a stable order.

    A client that is not installed says nothing. One that hangs or crashes is `unknown`, with the
    reason; it never breaks the run.

    Args:
        system: this machine; its environment is what the clients see, but for proxies.
        port: where the certificate is served on 127.0.0.1.
        host: a name that the certificate covers.
        root: PEM of the local root, which the fixes name.
    """
    page = Page.served(system, port, host, root)
    probes = [probe for family in FAMILIES for probe in family(page)]
    with ThreadPoolExecutor(max(1, len(probes))) as pool:
        for answer in [pool.submit(_ask, probe) for probe in probes]:
            if (proof := answer.result()) is not None:
                yield proof


def _ask(probe: Probe) -> Proof | None:
    try:
        return probe.ask()
    except WizardError as error:
        return Proof(probe.client, UNKNOWN, error.summary, "")
    except (OSError, ValueError, LookupError) as error:
        return Proof(probe.client, UNKNOWN, f"It could not be asked: {error}.", "")
