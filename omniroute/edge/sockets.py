"""The client connections of this process: what comes in on them, and which are idle, so that a stopping worker need not wait.

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

from omniroute.edge.arrival import SMALL_REST, Arriving, throw_away

PlainSocket = monkey.get_original("socket", "socket")


class ClientSockets:
    """WSGI middleware around the whole program. `body_seconds`: how long a request's body may take (edge/arrival.py)."""

    def __init__(self, app: Callable[..., Iterable[bytes]], body_seconds: float) -> None:
        self._app, self._body_seconds = app, body_seconds
        self._seen: WeakSet[Any] = WeakSet()
        self._busy: set[Any] = set()
        self._closing = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        given = environ.get("gunicorn.socket")
        if given is None:
            return self._app(environ, start_response)
        sock = environ["gunicorn.socket"] = getattr(given, "client", given)  # of our own worker: edge/worker.py
        self._seen.add(sock)
        self._busy.add(sock)
        body = self._body(environ)
        try:
            answer = self._app(environ, start_response)
        except BaseException:  # also gevent.Timeout: whatever it is, it goes on to gunicorn
            self._broke_down(sock, body)
            raise
        return ClosingIterator(answer, lambda: self._done(sock, body))

    def opened(self, sock: Any) -> None:
        """A client has connected, and may never ask for anything."""
        self._seen.add(sock)
        if self._closing:
            _hang_up(sock)

    def close_idle(self) -> None:
        """Close the connections that have no request now, and from here on each one after its request."""
        self._closing = True
        for sock in list(self._seen):
            if sock not in self._busy:
                _hang_up(sock)

    def close_all(self) -> None:
        """Cut off whoever is left: a client that has stopped reading would keep its connection for ever."""
        for sock in list(self._busy):
            _hang_up(sock, socket.SHUT_RDWR)

    def _body(self, environ: dict[str, Any]) -> Arriving | None:
        """The request's body, if it has one. gunicorn has admitted a length only if it is one, and never beside chunks."""
        length = environ.get("CONTENT_LENGTH")
        if length is None and "HTTP_TRANSFER_ENCODING" not in environ:
            return None
        body = Arriving(environ["wsgi.input"], None if length is None else int(length), self._body_seconds)
        environ["wsgi.input"] = body
        return body

    def _done(self, sock: Any, body: Arriving | None) -> None:
        self._busy.discard(sock)
        if body is not None and _much_is_left(body):
            _hang_up(sock, socket.SHUT_WR)  # the answer is whole
            throw_away(sock)
            body.give_up()
        elif self._closing:
            _hang_up(sock)

    def _broke_down(self, sock: Any, body: Arriving | None) -> None:
        """gunicorn answers with 500 and closes: what the client still sends goes first, else it would take the answer back."""
        self._busy.discard(sock)
        if body is not None and _much_is_left(body):
            throw_away(sock)


def _much_is_left(body: Arriving) -> bool:
    return (rest := body.rest) is None or rest > SMALL_REST


def _hang_up(sock: Any, how: int = socket.SHUT_RD) -> None:
    """gunicorn's greenlet, which waits for a request, reads an end. gevent's own shutdown would raise in it instead."""
    with suppress(OSError), PlainSocket(fileno=os.dup(sock.fileno())) as twin:  # OSError: the client was faster
        twin.shutdown(how)
