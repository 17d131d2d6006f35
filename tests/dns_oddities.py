"""Name servers as nobody wants them: that refuse, are lame, fail, are silent, or lie."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

import dns.exception
import dns.message
import dns.query
import dns.resolver
from dns_servers import Namespace

Reply = Callable[[dns.message.Message, bool], dns.message.Message | bytes | None]


def odd_views(addresses: Iterable[str]) -> str:
    """A configuration of BIND that refuses, is lame and fails, on an address each."""
    views = (
        ("refusing", "allow-query { none; };"),
        ("lame", 'zone "." { type secondary; primaries { 127.0.0.2; }; file "root"; };'),
        ("failing", ""),
    )
    return "\n".join(
        f'view "{name}" {{ match-destinations {{ {address}; }}; recursion no; {more} }};'
        for address, (name, more) in zip(addresses, views, strict=True)
    )


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def stub(net: Namespace, address: str, reply: Reply) -> Iterator[None]:
    """A server that answers as no BIND does; `reply` gets the query and whether it came by TCP."""

    def wire(packet: bytes, *, tcp: bool) -> bytes | None:
        answer = reply(dns.message.from_wire(packet), tcp)
        return answer.to_wire() if isinstance(answer, dns.message.Message) else answer

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            packet, own = self.request
            if (answer := wire(packet, tcp=False)) is not None:
                own.sendto(answer, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(size := self.rfile.read(2)) == 2:
                answer = wire(self.rfile.read(int.from_bytes(size)), tcp=True)
                if answer is None:
                    return
                self.wfile.write(len(answer).to_bytes(2) + answer)

    with net.inside():
        servers = _Udp((address, 53), Datagram), _Tcp((address, 53), Stream)
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@contextmanager
def silence(net: Namespace, address: str) -> Iterator[None]:
    """Takes packets and connections on port 53, and never answers."""
    with net.inside(), ExitStack() as sockets:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            taken = sockets.enter_context(socket.socket(socket.AF_INET, kind))
            taken.bind((address, 53))
            if kind is socket.SOCK_STREAM:
                taken.listen()
        kept = sockets.pop_all()
    with kept:
        yield
