"""Where orders are kept, and what is there before the authority hears of one.

STATE/orders/NAME/           all orders for the same names, authority and kind of key
STATE/orders/NAME/0001/      one of them:
    key.pem, csr.der         the certificate's key and the request, before the order is made
    order.json               its URL and its records, before anybody is shown them
    chain.pem                the certificate
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wizard.core.system import System

KEY, CSR, RECORD, CHAIN = "key.pem", "csr.der", "order.json", "chain.pem"
DEAD: Final = frozenset({"invalid", "gone", "expired"})
"""States of an order that leads nowhere any more."""


def orders(directory: Path) -> list[Path]:
    """The directories of all orders for the same, the newest first."""
    numbered = [path for path in directory.glob("[0-9]*") if path.name.isdecimal()]
    return sorted(numbered, key=lambda path: int(path.name), reverse=True)


def issued(system: System, directory: Path) -> Path | None:
    """The newest order that has its certificate."""
    return next((one for one in orders(directory) if system.keep(one / CHAIN)), None)


def open_order(system: System, directory: Path) -> Path | None:
    """The newest order, where it can still lead to a certificate and has not yet."""
    newest = next(iter(orders(directory)), None)
    if newest is None or system.keep(newest / CHAIN):
        return None
    kept = system.keep(newest / RECORD)
    record = json.loads(kept.content) if kept else {}
    return newest if record.get("status") not in {None, *DEAD} else None


def next_directory(system: System, directory: Path) -> Path:
    """Where a new order goes: one that the authority never heard of is begun again."""
    newest = next(iter(orders(directory)), None)
    if newest is not None and system.keep(newest / RECORD) is None:
        return newest
    return directory / f"{int(newest.name) + 1 if newest else 1:04}"


def known(shelf: Path) -> frozenset[str]:
    """The URLs of all orders that are kept."""
    records = (json.loads(path.read_bytes()) for path in shelf.glob(f"*/*/{RECORD}"))
    return frozenset(str(record["url"]) for record in records)


def old_values(directory: Path) -> frozenset[str]:
    """The TXT values of every order for the same, but for the newest."""
    kept = [path for path in (one / RECORD for one in orders(directory)) if path.exists()]
    records = [json.loads(path.read_bytes()) for path in kept[1:]]
    return frozenset(str(proof["value"]) for one in records for proof in one["proofs"])


def request(system: System, directory: Path, names: Sequence[str], key_type: str) -> bool:
    """Makes key and request once; says whether an order with them was begun before."""
    if system.keep(directory / CSR) is not None:
        return True
    from cryptography import x509  # noqa: PLC0415  only a new order needs it
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    from wizard.pki import keys  # noqa: PLC0415

    key = keys.generate(key_type)
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(san, critical=False)
        .sign(key, keys.digest(key))
    )
    system.write(directory / KEY, keys.to_pem(key).reveal())
    system.write(directory / CSR, csr.public_bytes(Encoding.DER))
    return False
