"""How many failed proofs an authority still bears: a bucket that fills up again (RFC 8555, 6.6)."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from wizard.acme.shelf import RECORD

HOUR: Final = timedelta(hours=1)


class Tries(NamedTuple):
    """How many tries are `left`, and when the next one comes back."""

    left: int
    again: datetime


def tries(failed: Iterable[datetime], an_hour: int, now: datetime) -> Tries:
    """What is left of so many tries `an_hour`; each comes back after its share of the hour.

    Let's Encrypt: docs/rate-limits, a token bucket of 5 that gets one back every 12 minutes.
    """
    share = HOUR / an_hour
    left, before = float(an_hour), now
    for moment in sorted(failed):
        left = min(float(an_hour), left + max(moment - before, timedelta()) / share)
        left, before = max(0.0, left - 1), moment
    left = min(float(an_hour), left + max(now - before, timedelta()) / share)
    return Tries(int(left), now + (1 - left % 1) * share)


def failures(shelf: Path, directory_url: str, now: datetime) -> Mapping[str, tuple[datetime, ...]]:
    """When proofs failed at an authority within the hour, for each identifier that had one.

    Orders of every kind count, whichever directory of the shelf they are in.
    """
    found: dict[str, tuple[datetime, ...]] = {}
    for path in shelf.glob(f"*/*/{RECORD}"):
        record = json.loads(path.read_bytes())
        if urlsplit(str(record["url"])).netloc != urlsplit(directory_url).netloc:
            continue
        for proof in record["proofs"]:
            if (failed := proof.get("failed")) and now - datetime.fromisoformat(failed) < HOUR:
                name = str(proof["identifier"])
                found[name] = (*found.get(name, ()), datetime.fromisoformat(failed))
    return found
