"""An upstream that means harm: it answers each request with whatever bytes it is given, for as long as they last."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


class Hostile:
    """Listens on loopback until it is left. `answer()` makes the bytes of one answer; `sent` counts those of the last."""

    def __init__(self) -> None:
        self.answer: Callable[[], Iterable[bytes]] = lambda: ()
        self.sent = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.v1 = f"{self.url}/v1"
        self._lines: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for line in tuple(self._lines):
            hang_up(line)

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return  # closed: it is over
            self._lines.add(line)
            threading.Thread(target=self._serve, args=[line], daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        try:
            data = b""
            while b"\r\n\r\n" not in data:
                data += received(line)
            head, _, body = data.partition(b"\r\n\r\n")
            announced = LENGTH.search(head)
            while announced and len(body) < int(announced[1]):
                body += received(line)
            self.sent = 0
            for piece in self.answer():
                line.sendall(piece)
                self.sent += len(piece)
        except OSError:
            pass  # the peer has had enough
        finally:
            hang_up(line)
            self._lines.discard(line)


def received(line: socket.socket) -> bytes:
    data = line.recv(65536)
    if not data:
        raise ConnectionError("the peer has left")
    return data


def hang_up(line: socket.socket) -> None:
    """Also wakes whoever waits on it."""
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
