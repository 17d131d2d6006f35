"""What the answers to dns-01 ask for, and where what becomes of it is kept."""

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from wizard.acme.authorities import AUTHORITIES, Authority
from wizard.core import validation
from wizard.core.answers import Answers
from wizard.strategies import dns01_questions as asked

PUBLISHED: Final = "published.json"
"""Records that a provider was asked to set and not yet asked to remove."""


class Wanted(NamedTuple):
    """What is wanted of an authority; `eab` are references to the key id and the HMAC key."""

    authority: Authority
    names: tuple[str, ...]
    profile: str
    key_type: str
    challenge: str
    email: str
    eab: tuple[str, str]
    ca_bundle: Path | None
    provider: str
    wait: timedelta
    answers: Answers

    @classmethod
    def of(cls, answers: Answers) -> "Wanted":
        """What complete answers ask for."""
        text = answers.text
        bundle = text("dns_01.ca_bundle")
        return cls(
            asked.authority(answers),
            answers.texts("names"),
            text("dns_01.profile"),
            text("dns_01.key_type"),
            text("dns_01.challenge"),
            text("dns_01.email"),
            (text("dns_01.eab_key_id"), text("dns_01.eab_hmac_key")),
            Path(bundle) if bundle else None,
            text("dns_01.provider.name"),
            validation.duration(text("dns_01.wait")) or timedelta(),
            answers,
        )

    def rehearsal(self) -> "Wanted":
        """The same of the authority's staging, where mistakes cost nothing."""
        return self._replace(authority=AUTHORITIES[self.authority.staging])

    def directory(self, state: Path) -> Path:
        """Where orders for exactly this are kept, one directory each, numbered."""
        what = (self.authority.directory_url, sorted(self.names), self.profile, self.key_type)
        mark = sha256(json.dumps([*what, self.challenge]).encode()).hexdigest()[:16]
        stem = self.names[0].replace("*", "_wildcard")[:100]
        return state / "orders" / f"{stem}-{self.authority.id}-{mark}"
