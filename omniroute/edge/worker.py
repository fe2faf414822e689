"""gunicorn's gevent worker, which here knows of its connections from the moment they are there, and answers in one piece."""

from __future__ import annotations

import contextlib
from typing import Any

from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

from omniroute.sending import send_all


class Worker(GeventWorker):  # type: ignore[misc]
    """A connection that has asked for nothing yet (a browser's spare one, a balancer's probe) must not hold up the end."""

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        self.wsgi.extensions["omniroute_sockets"].opened(client)
        super().handle(listener, client, address)

    def handle_request(self, listener: Any, request: Any, client: Any, address: Any) -> None:
        answering = Answering(client)
        try:
            super().handle_request(listener, request, answering, address)
        finally:
            with contextlib.suppress(OSError):  # gone: as if it had read it
                answering.flush()


class Answering:
    """A client's socket while it is answered. gunicorn sends the head by itself and then the body: that is a packet more, and the
    client is woken twice. Here the head waits for what is sent next, which is at once, or for `flush`, where it has no body.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._head: bytes | None = None  # b"" once it is sent

    def sendall(self, data: bytes) -> None:
        if self._head is None:
            self._head = data
            return
        if self._head:
            data, self._head = self._head + data, b""
        send_all(self.client, data)

    def sendfile(self, *given: Any, **named: Any) -> Any:
        self.flush()
        return self.client.sendfile(*given, **named)

    def flush(self) -> None:
        if self._head:
            self.sendall(b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)
