"""What the tests of autocert share: a machine with a configuration, and who knows its hosts."""

import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.flags
import dns.message
import dns.rrset

from wizard.core.answers import Answers
from wizard.core.plan import Plan
from wizard.core.questions import Value
from wizard.core.system import System
from wizard.engine import Session

HOST = "app.example.com"
CONFIG = f"""\
# Ours since the first day.
address: :443   # do not touch
routes:
  - from: https://{HOST}   # the app
    to: http://127.0.0.1:8000
"""
HERE, PRIVATE, ELSEWHERE = "127.0.0.1", "192.168.77.7", "9.9.9.9"
WORLD = {"app": HERE, "private": PRIVATE, "elsewhere": ELSEWHERE}
"""What the first label of a host leads to; other hosts are nowhere."""
HMAC = "c2VjcmV0LWtleS1vZi10aGUtYWNjb3VudA"
OTHER = {"autocert__authority_url": "https://ca.example.com/directory"}


class Resolver(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, line = self.request
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        question = query.question[0]
        ip = WORLD.get(question.name.labels[0].decode())
        if ip and question.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", ip))
        line.sendto(answer.to_wire(), self.client_address)


@contextmanager
def resolver() -> Iterator[str]:
    """A DNS server that knows the hosts of `WORLD`; its address."""
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Resolver) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@dataclass
class Machine:
    """A machine with a configuration, below one directory."""

    folder: Path
    resolver: str

    @classmethod
    def begun(cls, folder: Path, resolver: str) -> "Machine":
        """With `CONFIG` as its configuration."""
        made = cls(folder, resolver)
        made.config.write_text(CONFIG)
        return made

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def system(self) -> System:
        return System(
            {**os.environ, "EAB_KEY": f"{HMAC}==", "EAB_ID": "kid-1"}, self.folder / "root"
        )

    def session(self, **more: Value) -> Session:
        values: dict[str, Value] = {
            "strategy": "autocert",
            "names": (HOST,),
            "autocert.directory": str(self.folder / "autocert"),
            "dns.resolvers": (self.resolver,),
            "output.config": str(self.config),
            "output.owner": "",
            **{key.replace("__", "."): value for key, value in more.items()},
        }
        return Session(self.system, self.folder / "state", Answers(values))

    def plan(self, **more: Value) -> Plan:
        return self.session(**more).plan()

    def install(self, **more: Value) -> str:
        ready = self.session(**more)
        events = list(ready.apply(ready.plan(), may_ask=False))
        assert getattr(events[-1], "exit_code", None) == 0, events
        return self.config.read_text()

    def codes(self, **more: Value) -> set[str]:
        """The codes of the notices."""
        notices = self.plan(**more).notices
        return {notice.rpartition("[")[2].rstrip("]") for notice in notices if notice.endswith("]")}

    def put(self, path: str, text: str) -> None:
        """Writes a file of the operating system."""
        file = self.folder / "root" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
