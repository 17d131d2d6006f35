"""What the DNS lab is made of: a network namespace, and BIND and PowerDNS in it."""

import ctypes
import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import dns.exception
import dns.message
import dns.query
import dns.resolver
from conftest import Need

CLONE_NEWNET = 0x40000000


def until(done: Callable[[], bool], what: str, seconds: float = 15) -> None:
    """Asks again and again until it is so; fails when it takes too long."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"the lab waited {seconds:g} s for {what}"
        time.sleep(0.002)


def system_resolvers() -> list[str]:
    """Where this machine asks; in the lab these addresses are the lab's own resolver."""
    try:
        found = map(str, dns.resolver.Resolver().nameservers)
    except dns.resolver.NoResolverConfiguration:
        return []
    taken = {f"127.0.0.{number}" for number in range(2, 10)}
    return [each for each in found if "%" not in each and each not in taken]


def check(need: Need) -> None:
    """What the lab needs of this machine."""
    need.that(os.geteuid() == 0, "the DNS lab makes a network namespace", "run the tests as root")
    for command in ("named", "rndc", "pdns_server", "ip", "unshare", "setpriv"):
        need(command)
    need.that(SCHEMA.exists(), "no schema for PowerDNS", "apt install pdns-backend-sqlite3")
    unshare = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    need.that(unshare.returncode == 0, "no network namespaces here", "allow CLONE_NEWNET")


class Namespace:
    """A network of its own: a loopback device with any address, and no way out."""

    def __init__(self, closing: ExitStack) -> None:
        # It ends with its input, so also when the tests are killed.
        self.holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        closing.callback(self._end)
        path = Path(f"/proc/{self.holder.pid}/ns/net")
        own = Path("/proc/self/ns/net").readlink()
        until(lambda: path.readlink() != own, "a network namespace")
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        closing.callback(os.close, self._file)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._closing = closing

    def _end(self) -> None:
        assert self.holder.stdin is not None
        self.holder.stdin.close()
        self.holder.wait()

    def carry(self, addresses: Iterable[str]) -> None:
        """Gives addresses to the loopback device; BIND takes only those that a device carries."""
        lines = ["link set lo up"]
        for address in addresses:
            if address not in ("127.0.0.1", "::1"):
                size = "128 dev lo nodad" if ":" in address else "32 dev lo"
                lines.append(f"addr add {address}/{size}")
        with self.inside():
            subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Moves this thread, and what it starts meanwhile, into the namespace."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._enter(self._file)
            yield
        finally:
            self._enter(before)
            os.close(before)

    def _enter(self, namespace: int) -> None:
        if self._libc.setns(namespace, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def start(self, argv: Sequence[str | Path], log: Path) -> "subprocess.Popen[bytes]":
        """A server in the foreground, ended with the lab or with these tests if they are killed."""
        with self.inside(), log.open("wb") as written:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *argv],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                cwd=log.parent,
            )
        self._closing.callback(_end, process)
        return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()  # nothing of it is kept
    process.wait()


OPTIONS = """
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
controls {{ inet {first} port 953 allow {{ any; }} keys {{ "rndc"; }}; }};
dnssec-policy "lab" {{ keys {{ csk lifetime unlimited algorithm ecdsap256sha256; }}; }};
options {{
  directory "{folder}";
  listen-on port 53 {{ {v4} }};
  listen-on-v6 port 53 {{ {v6} }};
  query-source address {first};
  transfer-source {first};
  notify-source {first};
  pid-file none; lock-file none; session-keyfile "{folder}/session.key";
  allow-new-zones yes; empty-zones-enable no;
  check-names primary ignore; check-names secondary ignore;
    allow-query {{ any; }}; allow-transfer {{ any; }};
  notify explicit; notify-delay 0; notify-rate 1000;
  serial-query-rate 1000; transfers-in 100; transfers-per-ns 100;
  {options}
}};
"""


class Named:
    """A BIND server on port 53 of its own addresses."""

    def __init__(self, net: Namespace, folder: Path, *addresses: str) -> None:
        self.net = net
        self.folder = folder
        self.address = addresses[0]
        self.addresses = addresses
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, secret: str, options: str, rest: str) -> None:
        """Starts it; `answers` tells when it is there."""
        self.folder.mkdir()
        # A copy, as an AppArmor profile of the machine lets /usr/sbin/named read no other folders.
        program = self.folder / "named"
        shutil.copy(shutil.which("named") or "named", program)
        named = {
            "secret": secret,
            "folder": self.folder,
            "first": self.address,
            "v4": "".join(f"{a}; " for a in self.addresses if ":" not in a),
            "v6": "".join(f"{a}; " for a in self.addresses if ":" in a) or "none;",
            "options": options,
        }
        (self.folder / "named.conf").write_text(OPTIONS.format(**named) + rest)
        (self.folder / "rndc.conf").write_text(
            f'key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};\n'
            f'options {{ default-key "rndc"; default-server {self.address}; default-port 953; }};\n'
        )
        argv: list[str | Path] = [program, "-g", "-n", "2", "-c", self.folder / "named.conf"]
        self.process = self.net.start(argv, self.folder / "log")

    def answers(self, name: str = ".") -> bool:
        """Whether it answers at all."""
        assert self.process is not None
        assert self.process.poll() is None, f"named ended:\n{self.log()}"
        query = dns.message.make_query(name, "SOA")
        try:
            with self.net.inside():
                dns.query.udp(query, self.address, timeout=0.05)
        except (dns.exception.Timeout, OSError):
            return False
        return True

    def log(self) -> str:
        return (self.folder / "log").read_text()[-5000:]

    def rndc(self, *words: str) -> str:
        """Tells the server something; fails with what it answered."""
        with self.net.inside():
            done = subprocess.run(
                ["rndc", "-c", self.folder / "rndc.conf", *words],
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == 0, f"rndc {words}: {done.stderr}\n{self.log()}"
        return done.stdout

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Takes packets and answers none, as behind a firewall or when it is overloaded."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


class PowerDns(NamedTuple):
    """A PowerDNS server with its HTTP API.

    `url` and `api_key` are what lexicon's provider `powerdns` takes as pdns_server and auth_token.
    """

    net: Namespace
    address: str
    url: str
    api_key: str

    def call(self, method: str, path: str, body: object = None) -> object:
        """One call of its API, below /api/v1/servers/localhost; the answer read as JSON."""
        with self.net.inside():
            line = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)
            line.request(
                method,
                f"/api/v1/servers/localhost{path}",
                None if body is None else json.dumps(body),
                {"X-API-Key": self.api_key, "Content-Type": "application/json"},
            )
            reply = line.getresponse()
            text = reply.read().decode()
            line.close()
        assert reply.status < 300, f"PowerDNS {method} {path}: {reply.status} {text}"
        answer: object = json.loads(text) if text else None
        return answer

    def add_zone(self, name: str, nameservers: Mapping[str, Sequence[str]]) -> None:
        """A native zone with its name servers and their addresses; records come by its API."""
        sets = [
            {
                "name": f"{host}.",
                "type": "AAAA" if ":" in address else "A",
                "ttl": 60,
                "records": [{"content": address, "disabled": False}],
            }
            for host, addresses in nameservers.items()
            for address in addresses
            if host.endswith(f".{name}")
        ]
        self.call(
            "POST",
            "/zones",
            {
                "name": f"{name}.",
                "kind": "Native",
                "nameservers": [f"{host}." for host in nameservers],
                "rrsets": sets,
            },
        )


POWERDNS = """
launch=gsqlite3
gsqlite3-database={folder}/zones.sqlite3
local-address={address}
local-port=53
api=yes
api-key={key}
webserver=yes
webserver-address={address}
webserver-port=8081
webserver-allow-from=127.0.0.0/8
socket-dir={folder}
security-poll-suffix=
default-soa-content=ns1.@ hostmaster.@ 0 10800 3600 604800 60
zone-cache-refresh-interval=0
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
"""
SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")


def start_powerdns(net: Namespace, folder: Path, address: str, key: str) -> PowerDns:
    """Starts PowerDNS on port 53 of the address, its API on port 8081."""
    folder.mkdir()
    database = sqlite3.connect(folder / "zones.sqlite3")
    database.executescript(SCHEMA.read_text())
    database.close()
    named = {"folder": folder, "address": address, "key": key}
    (folder / "pdns.conf").write_text(POWERDNS.format(**named))
    log = folder / "log"
    process = net.start(["pdns_server", f"--config-dir={folder}"], log)
    server = PowerDns(net, address, f"http://{address}:8081", key)

    def answers() -> bool:
        assert process.poll() is None, f"pdns_server ended:\n{log.read_text()[-5000:]}"
        try:
            server.call("GET", "")
        except OSError:
            return False
        return True

    until(answers, "PowerDNS")
    return server
