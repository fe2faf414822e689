"""Streams for those who watch a page. One ends after a minute, and the browser opens the next by itself: so a session that has
ended sees no more, and a worker that stops waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Response, request
from gevent.event import Event

from omniroute.formats.sse import encode
from omniroute.relay.client_line import ClientLine
from omniroute.services import Services

AT_ONCE = 20  # streams of one worker, of all pages together
LASTS = 60.0  # seconds
QUIET = 15.0  # seconds without anything new until a stream says that it is alive
AGAIN = b"retry: 1000\n"  # milliseconds
FULL = f"{AT_ONCE} pages are followed live already. Close one of them, or reload this page from time to time."


def watch(services: Services, begin: Callable[[Event], Iterator[bytes]]) -> Response:
    """The stream that `begin` makes, if there is a seat. Its event is set when the client has left."""
    live = services.relay.live
    if live.tails >= AT_ONCE:
        return _response(iter([encode(FULL.encode(), "full")]))
    gone = Event()
    response = _response(begin(gone))
    sock = request.environ.get("gunicorn.socket")
    line = ClientLine(None if sock is None else sock.fileno())
    line.watch(gone.set)
    live.tails += 1

    def leave() -> None:
        line.stop()
        live.tails -= 1

    response.call_on_close(leave)
    return response


def _response(parts: Iterator[bytes]) -> Response:
    response = Response(parts, content_type="text/event-stream; charset=utf-8")
    response.headers["Cache-Control"] = "no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    return response
