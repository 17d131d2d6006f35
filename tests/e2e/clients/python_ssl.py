"""Python's `ssl` module."""

import socket
import ssl

from . import Client, Target, Verdict
from .process import PAGE


def load(target: Target) -> Verdict:
    context = ssl.create_default_context(cafile=str(target.root_pem))
    try:
        with (
            socket.create_connection(("127.0.0.1", target.port), timeout=10) as connection,
            context.wrap_socket(connection, server_hostname=target.host_name) as secured,
        ):
            secured.sendall(target.request)
            answer = b"".join(iter(lambda: secured.recv(65536), b"")).decode()
    except OSError as error:
        return Verdict(accepted=False, detail=str(error))
    return Verdict(PAGE in answer, answer)


CLIENT = Client("python-ssl", (), load, "permitted subtree violation")
