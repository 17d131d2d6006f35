"""Every client family that opens a Pomerium page accepts our certificate, and our limits.

The issuer's key is on disk. Who steals it must not be able to speak for any other site: that is
what the name constraints promise, and only a real client can keep it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .clients import (
    Client,
    Verdict,
    chromium,
    curl,
    firefox,
    gnutls,
    golang,
    java,
    node,
    nss,
    openssl,
    python_requests,
    python_ssl,
)
from .conftest import Page

CLIENTS = (
    openssl.CLIENT,
    curl.CLIENT,
    gnutls.CLIENT,
    nss.CLIENT,
    python_ssl.CLIENT,
    python_requests.CLIENT,
    node.CLIENT,
    golang.CLIENT,
    java.CLIENT,
    java.BUNDLED,
    chromium.CLIENT,
    firefox.CLIENT,
)

Load = Callable[[str], Verdict]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name),
]


@pytest.fixture
def load(
    client: Client, pages: Mapping[str, Page], home: Path, need: Callable[[str], Path]
) -> Load:
    """Load a page by its name in a HOME that trusts that page's root and no other."""
    for command in client.needs:
        need(command)

    def load_page(name: str) -> Verdict:
        target = pages[name].target(home)
        client.trust(home, target.root_pem)
        return client.load(target)

    return load_page


def test_a_name_inside_the_constraints_is_accepted(load: Load) -> None:
    verdict = load("good")
    assert verdict.accepted, verdict.detail


def test_a_name_outside_the_constraints_is_refused(client: Client, load: Load) -> None:
    verdict = load("evil")
    assert not verdict.accepted, verdict.detail
    assert client.constraint_error in verdict.detail


def test_the_same_name_is_accepted_without_constraints(load: Load) -> None:
    """The control: nothing but the constraint is wrong with the certificate refused above."""
    verdict = load("control")
    assert verdict.accepted, verdict.detail
