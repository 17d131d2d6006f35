"""A clock that is wrong: said to be, and whose it is, before it costs anything."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from acme_lab import Pebble
from acme_proxy import Answer, Change, Proxy, proxied
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from dns01_support import Install, error_of
from dns_lab import Lab

from wizard.pki import keys

pytestmark = pytest.mark.e2e

Shows = Callable[[Path], tuple[Proxy, Install]]


def tells_another_time(off: timedelta) -> Change:
    def changes(_step: str, answer: Answer) -> None:
        answer.headers["Date"] = format_datetime(datetime.now(UTC) + off, usegmt=True)

    return changes


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (timedelta(hours=1), "60 minutes behind that of"),
        (timedelta(days=-3), "3 days ahead of that of"),
        (timedelta(days=20000), "20000 days behind that of"),
    ],
)
def test_a_clock_that_would_spoil_the_certificate_costs_no_order(
    install: Install, proxy: Proxy, off: timedelta, said: str
) -> None:
    proxy.change = tells_another_time(off)
    made = proxy.authority.orders()
    done = install.run()
    error = error_of(done, 1, "clock-skew")
    assert f"This machine's clock is {said}" in error
    assert "Set the clock" in error
    assert proxy.authority.orders() == made
    proxy.change = tells_another_time(timedelta())
    assert install.run().status == 0


def test_a_clock_that_is_a_little_off_is_told_and_the_order_made(
    install: Install, proxy: Proxy
) -> None:
    proxy.change = tells_another_time(timedelta(minutes=20))
    done = install.run()
    assert done.status == 0, done.err
    assert "! This machine's clock is 20 minutes behind" in done.err
    assert "[clock-skew]" in done.err


def shown(folder: Path, begin: datetime, end: datetime) -> Path:
    """A certificate of localhost that vouches for itself, and its key, in one file."""
    key = keys.generate("ecdsa-p256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, keys.digest(key))
    )
    both = folder / "both.pem"
    both.write_bytes(made.public_bytes(Encoding.PEM) + keys.to_pem(key).reveal())
    return both


@pytest.fixture
def proxy_showing(lab: Lab, authority: Pebble, tmp_path: Path) -> Iterator[Shows]:
    """Makes a proxy with another certificate, and an installation behind it."""
    with ExitStack() as running:

        def showing(certificate: Path) -> tuple[Proxy, Install]:
            with lab.inside():
                proxy = running.enter_context(proxied(authority, certificate))
            made = Install(tmp_path, lab, proxy.authority, lab.zone())
            made.answers(made.rfc2136())
            return proxy, made

        yield showing


@pytest.mark.parametrize(
    ("begins", "off", "said"),
    [
        (-9, -3, "3 days ahead of that of localhost: its TLS certificate seems to be over."),
        (2, 3, "3 days behind that of localhost: its TLS certificate seems to be not valid yet."),
        (-9, 0, "is not trusted: certificate has expired."),
        (2, 0, "is not trusted: certificate is not yet valid."),
    ],
)
def test_a_certificate_that_only_our_clock_refuses_is_the_clocks_fault(
    tmp_path: Path, proxy_showing: Shows, begins: int, off: int, said: str
) -> None:
    begin = datetime.now(UTC) + timedelta(days=begins)
    proxy, install = proxy_showing(shown(tmp_path, begin, begin + timedelta(days=7)))
    proxy.change = tells_another_time(timedelta(days=off))
    code = "clock-skew" if off else "directory-certificate"
    assert said in error_of(install.run(), 1, code)
    assert not list(install.wizard.state.glob("accounts/*"))
