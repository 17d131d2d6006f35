"""Where autocert keeps its certificates: the layout of certmagic's file storage."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

UNSAFE: Final = re.compile(r"[^\w@.-]", re.ASCII)
SPELT: Final = (("+", "_plus_"), ("*", "wildcard_"), (":", "-"), ("..", ""), (" ", "_"))


def certificate_file(folder: Path, directory_url: str, host: str) -> Path:
    """Where the certificate of a host lies that the authority with this directory has issued.

    Source: KeyBuilder and issuerKey of certmagic v0.25; the key lies beside it as `HOST.key`.
    """
    parts = urlsplit(directory_url)
    path = re.sub(r"[/\\]", "-", parts.path).strip("-")
    issuer = f"{parts.netloc}-{path}" if path else parts.netloc
    safe = _safe(host)
    return folder / "certificates" / _safe(issuer) / safe / f"{safe}.crt"


def _safe(text: str) -> str:
    text = text.lower().strip()
    for character, spelt in SPELT:
        text = text.replace(character, spelt)
    return UNSAFE.sub("", text)
