"""Addresses of name servers as people write them: `192.0.2.1`, `192.0.2.1:5353`, `[::1]:53`."""

import re
from ipaddress import ip_address
from typing import NamedTuple

PORT = 53


class Address(NamedTuple):
    """An IP address and a port."""

    ip: str
    port: int = PORT

    def __str__(self) -> str:
        if self.port == PORT:
            return self.ip
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


def parse(text: str) -> Address | None:
    """An address from its text; None when it is none."""
    match = re.fullmatch(r"\[([^]]+)\](?::(\d{1,5}))?|([\d.]+):(\d{1,5})", text)
    host, port = text, str(PORT)
    if match:
        host, port = match[1] or match[3], match[2] or match[4] or port
    try:
        return Address(str(ip_address(host)), int(port)) if 0 < int(port) < 1 << 16 else None
    except ValueError:
        return None
