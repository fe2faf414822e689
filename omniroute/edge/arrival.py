"""A request's body while it comes in: how long it may take, what is broken about it, and what becomes of an unread rest.

gunicorn waits for a body without end, raises errors of its own for a chunk that is none, and after an answer reads on for a
minute what the client still sends. Here the wait has an end, the error is a 400, and the rest is read only while it is short.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import gevent
from gunicorn.http.errors import NoMoreData, ParseException  # type: ignore[import-untyped]

from omniroute.errors import BadRequest, BodyTooSlow

SLOWEST = 16 * 1024  # bytes a second; what has come so buys time for what is to come
SMALL_REST = 256 * 1024  # bytes of a body that are read after the answer, so that the connection can go on
LINGER_SECONDS = 2.0  # that a client may go on sending what is thrown away, before the connection is closed
LINGER_BYTES = 8 * 1024 * 1024

CUT_OFF = "The request's body breaks off."


class Arriving:
    """Stands before `wsgi.input`. `length` is what was announced, None where the body comes in chunks.

    Reading raises BadRequest for a body that is broken or cut off, BodyTooSlow after `seconds` plus one for each SLOWEST bytes.
    """

    def __init__(self, body: Any, length: int | None, seconds: float) -> None:
        self._body, self._length, self._seconds = body, length, seconds
        self._began: float | None = None
        self._size = 0
        self._over = length == 0

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; b"" at the end. All that Werkzeug calls."""
        if self._over or size == 0:
            return b""
        now = time.monotonic()
        if self._began is None:
            self._began = now
        left = self._began + self._seconds + self._size / SLOWEST - now
        try:
            with gevent.Timeout(max(0.001, left), _TooSlow):
                data: bytes = self._body.read(size)
        except _TooSlow:
            raise BodyTooSlow(f"The request's body did not come within {now + left - self._began:.0f} s.") from None
        except NoMoreData as exc:
            raise BadRequest(CUT_OFF) from exc
        except ParseException as exc:
            raise BadRequest("The request's body is not framed as HTTP/1.1 has it.") from exc
        self._size += len(data)
        if self._length is not None:
            if not data:
                self._body.failed = True  # gunicorn takes an early end for the end
                raise BadRequest(CUT_OFF)
            self._over = self._size >= self._length
        else:
            self._over = not data
        return data

    @property
    def rest(self) -> int | None:
        """Bytes that nobody has read; None where that can't be known."""
        if self._over:
            return 0
        return None if self._length is None or self._broken else self._length - self._size

    def give_up(self) -> None:
        """Have gunicorn close the connection: of a body that failed it does not look for the end."""
        self._body.failed = True

    @property
    def _broken(self) -> bool:
        return bool(self._body.failed)


class _TooSlow(Exception):
    pass


def throw_away(sock: Any) -> None:
    """Read what a client still sends, for a moment: closing on unread bytes would take the answer back (RFC 9112 section 9.6)."""
    with suppress(OSError, _TooSlow), gevent.Timeout(LINGER_SECONDS, _TooSlow):
        size = 0
        while size < LINGER_BYTES and (data := sock.recv(65536)):
            size += len(data)
            gevent.sleep(0)  # who sends fast must not hold up the others
