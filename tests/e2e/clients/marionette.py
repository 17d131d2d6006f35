"""The little of Marionette, Firefox's remote control, that loading a page needs.

A message is its length, a colon, and a JSON list: `[0, id, command, parameters]` out,
`[1, id, error, result]` back.
"""

import itertools
import json
import socket
from types import TracebackType
from typing import Self


class MarionetteError(Exception):
    """Firefox answered a command with an error."""


class Marionette:
    def __init__(self, port: int, deadline: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=deadline)
        self._stream = self._socket.makefile("rb")
        self._ids = itertools.count(1)
        self._receive()  # its greeting

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        self._socket.close()

    def command(self, name: str, **parameters: object) -> object:
        """Ask, wait for the answer, and give its value."""
        message = json.dumps([0, next(self._ids), name, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        answer = self._receive()
        if not isinstance(answer, list):
            raise MarionetteError(f"not an answer: {answer!r}")
        _, _, error, result = answer
        if error:
            raise MarionetteError(f"{error['error']}: {error['message']}")
        return result.get("value")

    def _receive(self) -> object:
        length = 0
        while (digit := self._stream.read(1)) != b":":
            if not digit:
                raise MarionetteError("Firefox closed the connection")
            length = length * 10 + int(digit)
        answer: object = json.loads(self._stream.read(length))
        return answer
