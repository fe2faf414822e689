"""The live tail of the log: a stream of rows, as the server writes them, while somebody looks."""

from __future__ import annotations

import math
from collections.abc import Iterator

from flask import request
from flask.typing import ResponseReturnValue
from gevent.event import Event

from omniroute.dashboard.drawing import Draw, drawer
from omniroute.dashboard.log_filters import read
from omniroute.dashboard.routes import Route
from omniroute.dashboard.watchers import AGAIN, LASTS, QUIET, watch
from omniroute.errors import DatabaseAway
from omniroute.formats.sse import HEARTBEAT, encode
from omniroute.services import Services
from omniroute.usage.tail import Tail

LOOK_EVERY = 1.0  # seconds


def tail(services: Services) -> ResponseReturnValue:
    now = services.clock.now()
    since = _since(request.headers.get("Last-Event-ID") or request.args.get("since", ""), now)
    watched = Tail(services.logs, read(request.args, now).filters, since)
    return watch(services, lambda gone: stream(services, watched, drawer(), gone))


def stream(services: Services, watched: Tail, draw: Draw, gone: Event) -> Iterator[bytes]:
    """Holds nothing of the request, and no session of the database between two looks."""
    clock, live = services.clock, services.relay.live
    began = told = clock.tick()
    yield AGAIN + _reached(clock.now())
    while not (live.draining or gone.is_set()) and clock.tick() - began < LASTS:
        at = clock.now()
        try:
            rows = watched.fresh(at)
        except DatabaseAway:
            rows = ()
        if rows:
            yield _reached(at)[:-1] + encode(draw("parts/log_rows.html", rows=rows).encode(), "rows")
            told = clock.tick()
        elif clock.tick() - told >= QUIET:
            yield HEARTBEAT + _reached(at)
            told = clock.tick()
        gone.wait(LOOK_EVERY)


def _reached(at: float) -> bytes:
    """How far the watcher has seen: his browser says it when it asks anew."""
    return f"id: {at:.3f}\n\n".encode()


def _since(text: str, now: float) -> float:
    """Epoch seconds; now for what is none or lies ahead."""
    try:
        since = float(text)
    except ValueError:
        return now
    return min(since, now) if math.isfinite(since) else now


ROUTES = (Route("GET", "/dashboard/logs/tail", "logs_tail", tail),)
