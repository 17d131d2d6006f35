"""Marionette, Firefox's own remote control: enough of it to load one page and hear the verdict.

A message is its length in decimal, a colon, and a JSON list: `[0, id, command, parameters]` out,
`[1, id, error, result]` back.
"""

import contextlib
import json
import socket
from typing import TypedDict, cast

WHY = "return document.getFailedCertSecurityInfo().errorCodeString"
"""Only Firefox's own page about a certificate may ask this."""


class _Error(TypedDict):
    error: str
    message: str


_Answer = tuple[int, int, _Error | None, dict[str, object]]


class MarionetteError(ValueError):
    """Firefox answered with an error, or not at all; `kind` is WebDriver's word for it."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind


def load(port: int, url: str, seconds: float) -> str:
    """Loads a page in the Firefox that listens on a port of loopback, and ends that Firefox.

    Returns:
        What is wrong with the page's certificate, as NSS names it; nothing when it is accepted.

    Raises:
        MarionetteError: there is no verdict.
        OSError: the connection broke.
    """
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        firefox = _Firefox(connection)
        firefox.command("WebDriver:NewSession")
        try:
            firefox.command("WebDriver:Navigate", url=url)
        except MarionetteError as error:
            if error.kind != "insecure certificate":
                raise
            answer = firefox.command("WebDriver:ExecuteScript", script=WHY, args=[])
            return str(answer.get("value"))
        finally:
            with contextlib.suppress(MarionetteError, OSError):  # it may end before it answers
                firefox.command("Marionette:Quit", flags=["eForceQuit"])
    return ""


class _Firefox:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self._count = 0
        self._receive()  # its greeting

    def command(self, name: str, **parameters: object) -> dict[str, object]:
        """Asks, waits for the answer, and returns its result."""
        self._count += 1
        message = json.dumps([0, self._count, name, parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = cast("_Answer", self._receive())
        if error:
            raise MarionetteError(error["error"], error["message"])
        return result

    def _receive(self) -> object:
        length = b""
        while (digit := self._stream.read(1)).isdigit():
            length += digit
        if not length:
            raise MarionetteError("Firefox closed the connection", "")
        answer: object = json.loads(self._stream.read(int(length)))
        return answer
