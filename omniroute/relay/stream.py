"""A streamed answer on its way to the client: a reader greenlet, a bounded channel, heartbeats, and an end for all of it.

The reader works through the targets and puts bytes into the channel. The response takes them out. The first thing to
come out decides what the client sees: bytes (status 200), a failure (its own status), or, after a silence, a heartbeat, which
commits to 200 while the reader goes on falling over inside the open stream.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextvars import copy_context

import gevent
from gevent.event import Event

from omniroute.errors import WENT_WRONG, Problem, RequestError
from omniroute.formats.sse import HEARTBEAT
from omniroute.relay.client_line import ClientGone, ClientLine

CLEAN_UP = 5.0  # seconds that closing waits for the reader's own end
ROOM = 1024 * 1024  # bytes in the channel before the reader waits for the client

Put = Callable[[bytes], None]

log = logging.getLogger(__name__)


class Drained(gevent.GreenletExit):
    """Thrown into readers when the worker has to stop before they are done."""


class Flow:
    """`work(put)` runs in a greenlet of its own and raises RequestError only while it has put nothing.

    `broken(problem)` makes the bytes that end a stream when such a failure comes after a heartbeat, or breaks the line by a
    raise. `heartbeat` is in seconds; None where nobody knows yet whether a comment has a place in the answer.
    """

    def __init__(
        self,
        work: Callable[[Put], None],
        broken: Callable[[Problem], bytes],
        line: ClientLine,
        heartbeat: float | None,
    ) -> None:
        self._work, self._broken = work, broken
        self._line = line
        self.heartbeat = heartbeat
        self._parts: list[bytes] = []
        self._size = 0
        self._filled, self._room = Event(), Event()
        self._over = False
        self._failure: RequestError | None = None
        self._reader: gevent.Greenlet[..., None] | None = None

    def start(self) -> Iterator[bytes]:
        """Wait for the first bytes, and give an iterator that begins with them.

        Raises the RequestError of the work if it fails before bytes or a heartbeat came.
        """
        self._reader = gevent.spawn(copy_context().run, self._run)  # of its own it would not know the request's id for the log
        self._line.watch(self._leave)
        first = self._take()
        if self._failure is not None and not first:
            raise self._failure
        return self._rest(first)

    def close(self) -> None:
        """End the reader, if it still runs, and wait until it has cleaned up. May be called any number of times."""
        self._line.stop()
        if self._reader is not None and not self._reader.dead:
            self._reader.kill(ClientGone(), timeout=CLEAN_UP)

    def drain(self) -> None:
        """The worker is stopping: the reader ends its stream with an error event."""
        if self._reader is not None and not self._reader.dead:
            self._reader.kill(Drained(), block=False)

    def _run(self) -> None:
        try:
            self._work(self._put)
        except RequestError as exc:
            self._failure = exc
        except Exception:  # the edge of this greenlet: nobody above could answer the client
            log.exception("a stream failed inside the gateway")
            self._failure = RequestError(WENT_WRONG)
        finally:
            self._over = True
            self._filled.set()

    def _put(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        self._filled.set()
        while self._size > ROOM:
            self._room.clear()
            self._room.wait()

    def _take(self) -> bytes:
        """What has gathered; a heartbeat after a silence; b"" when it is over."""
        while not self._parts and not self._over:
            if not self._filled.wait(self.heartbeat):
                return HEARTBEAT
            self._filled.clear()
        self._filled.clear()
        if not self._parts:
            return b""
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        self._size = 0
        self._room.set()
        return data

    def _rest(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                yield data
                data = self._take()
            if self._failure is not None:
                yield self._broken(self._failure.problem())
        finally:
            self.close()

    def _leave(self) -> None:
        if self._reader is not None:
            self._reader.kill(ClientGone(), block=False)
