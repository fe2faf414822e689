"""The line to the client: noticing at once that nobody listens any more.

A WSGI server notices only at its next write, which with a silent upstream is minutes of somebody's money. So the client's
socket is watched while an upstream works for it.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gevent
from gevent import monkey

# The peer has closed its side, or all of it. Linux has a flag for the first; elsewhere only the second is seen.
GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR
_poll = monkey.get_original("select", "poll")


class ClientGone(gevent.GreenletExit):
    """Thrown into the greenlet that works for a client when that client has left."""


class ClientLine:
    """Watches one client socket, given by file number. Does nothing when there is none (tests without a server)."""

    def __init__(self, file_number: int | None) -> None:
        self._file_number = file_number
        self._watcher: Any = None

    def watch(self, on_gone: Callable[[], None]) -> None:
        """Call `on_gone`, in the hub, once the client has left. It must not block."""
        if self._file_number is None:
            return
        self._watcher = gevent.get_hub().loop.io(self._file_number, 1)
        self._watcher.start(self._readable, on_gone)

    def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Within the block, the current greenlet gets ClientGone when the client leaves."""
        worker = gevent.getcurrent()
        self.watch(lambda: gevent.kill(worker, ClientGone()))
        try:
            yield
        finally:
            self.stop()

    def _readable(self, on_gone: Callable[[], None]) -> None:
        """Readable means closed, or the next request already: only the first is of interest."""
        watcher = self._watcher
        if watcher is None:
            return
        poll = _poll()
        poll.register(self._file_number, GONE)
        gone = bool(poll.poll(0))
        watcher.stop()
        if gone:
            on_gone()
