"""The client connections of this process: which are idle, so that a stopping worker need not wait for them.

gunicorn waits for every open connection at its end, also for those that only might send another request.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from gevent import monkey
from werkzeug.wsgi import ClosingIterator

PlainSocket = monkey.get_original("socket", "socket")


class ClientSockets:
    """WSGI middleware around the whole program."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._seen: WeakSet[Any] = WeakSet()
        self._busy: set[Any] = set()
        self._closing = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        sock = environ.get("gunicorn.socket")
        if sock is None:
            return self._app(environ, start_response)
        self._seen.add(sock)
        self._busy.add(sock)
        return ClosingIterator(self._app(environ, start_response), lambda: self._done(sock))

    def close_idle(self) -> None:
        """Close the connections that have no request now, and from here on each one after its request."""
        self._closing = True
        for sock in list(self._seen):
            if sock not in self._busy:
                _hang_up(sock)

    def _done(self, sock: Any) -> None:
        self._busy.discard(sock)
        if self._closing:
            _hang_up(sock)


def _hang_up(sock: Any) -> None:
    """gunicorn's greenlet, which waits for a request, reads an end. gevent's own shutdown would raise in it instead."""
    with suppress(OSError), PlainSocket(fileno=os.dup(sock.fileno())) as twin:  # OSError: the client was faster
        twin.shutdown(socket.SHUT_RD)
