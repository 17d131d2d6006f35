"""DNS over HTTPS (RFC 8484), for networks that block or rewrite port 53."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import dns.exception
import dns.flags
import dns.message
import requests

from wizard import __version__
from wizard.dns.address import Address
from wizard.dns.ask import PAYLOAD, UNREACHABLE, Reply

MEDIA: Final = "application/dns-message"
SECONDS: Final = (3.0, 5.0)
"""To connect, and to wait for an answer."""
MOST: Final = 1 << 16
"""Bytes of a DNS message."""
PORT: Final = 443


class Service(NamedTuple):
    """A public resolver: its name, its URL, and the address that it has without any DNS."""

    name: str
    url: str
    ip: str

    @property
    def address(self) -> Address:
        """Where it is."""
        return Address(self.ip, PORT)

    @property
    def urls(self) -> tuple[str, str]:
        """By its name, and by its address where names cannot be looked up at all."""
        return self.url, self.url.replace(self.url.split("/")[2], self.ip, 1)


SERVICES: Final = (
    Service("cloudflare-dns.com", "https://cloudflare-dns.com/dns-query", "1.1.1.1"),
    Service("dns.google", "https://dns.google/dns-query", "8.8.8.8"),
)


class Question(NamedTuple):
    """A name and a record type; `checking_disabled` asks for what DNSSEC refuses, too (CD)."""

    name: str
    kind: str
    checking_disabled: bool = False


def ask_all(service: Service, questions: Iterable[Question]) -> list[Reply]:
    """Asks one service over one connection; a failure is an answer too.

    Proxies and authorities are those that the environment names, as `requests` reads them. After a
    service could not be reached at all, nothing more is asked of it.
    """
    replies: list[Reply] = []
    with requests.Session() as session:
        session.headers["User-Agent"] = f"pomcert-wizard/{__version__}"
        urls = list(service.urls)
        trouble = ""
        for question in questions:
            if trouble:
                replies.append(Reply(service.address, None, trouble))
                continue
            reply = _ask(session, service, urls[0], question)
            if reply.trouble == UNREACHABLE and urls[1:]:
                reply = _ask(session, service, urls[1], question)
                urls = urls[1:]
            replies.append(reply)
            trouble = reply.trouble if reply.trouble in {UNREACHABLE, "timeout"} else ""
    return replies


def ask_first(services: Iterable[Service], question: Question) -> Reply | None:
    """The first answer that tells of the name; None where no service has one."""
    for service in services:
        (reply,) = ask_all(service, [question])
        if reply.rcode in {"NOERROR", "NXDOMAIN"}:
            return reply
    return None


def _ask(session: requests.Session, service: Service, url: str, question: Question) -> Reply:
    try:
        query = dns.message.make_query(question.name, question.kind, use_edns=0, payload=PAYLOAD)
        query.id = 0  # so that caches of HTTP know it again (RFC 8484, 4.1)
        if question.checking_disabled:
            query.flags |= dns.flags.CD
        answer = session.post(
            url,
            query.to_wire(),
            headers={"Content-Type": MEDIA, "Accept": MEDIA},
            timeout=SECONDS,
            allow_redirects=False,
        )
        if answer.status_code != requests.codes.ok or len(answer.content) > MOST:
            return Reply(service.address, None, "garbled")
        message = dns.message.from_wire(answer.content)
    except requests.Timeout:
        return Reply(service.address, None, "timeout")
    except (requests.RequestException, OSError):
        return Reply(service.address, None, UNREACHABLE)
    except dns.exception.DNSException:
        return Reply(service.address, None, "garbled")
    is_answer = query.is_response(message)
    return Reply(service.address, message) if is_answer else Reply(service.address, None, "garbled")
