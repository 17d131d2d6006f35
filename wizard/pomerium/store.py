"""Where autocert keeps its certificates: the layout of certmagic's file storage."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

UNSAFE: Final = re.compile(r"[^\w@.-]", re.ASCII)
SPELT: Final = (("+", "_plus_"), ("*", "wildcard_"), (":", "-"), ("..", ""), (" ", "_"))


LETSENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
STAGING: Final = "https://acme-staging-v02.api.letsencrypt.org/directory"


def certificate_file(folder: Path, host: str, authority_url: str, *, staging: bool) -> Path:
    """Where the certificate of a host lies; its key lies beside it as `HOST.key`.

    `authority_url` is `autocert_ca`; without it certificates are Let's Encrypt's, or its
    `staging`'s. Source: KeyBuilder and issuerKey of certmagic v0.25.
    """
    parts = urlsplit(authority_url or (STAGING if staging else LETSENCRYPT))
    path = re.sub(r"[/\\]", "-", parts.path).strip("-")
    issuer = f"{parts.netloc}-{path}" if path else parts.netloc
    safe = _safe(host)
    return folder / "certificates" / _safe(issuer) / safe / f"{safe}.crt"


def _safe(text: str) -> str:
    text = text.lower().strip()
    for character, spelt in SPELT:
        text = text.replace(character, spelt)
    return UNSAFE.sub("", text)
