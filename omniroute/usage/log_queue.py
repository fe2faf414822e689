"""Log rows on their way to the database: a bounded queue, written in batches by one greenlet per worker.

A request never waits for the database. When the queue is full the oldest row is dropped and counted; when the
database is away the rows wait here.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import Event

from omniroute.errors import OperationError
from omniroute.models.db import Database
from omniroute.usage.logs import insert_rows

log = logging.getLogger(__name__)

ROOM = 20_000  # rows
BATCH = 500  # rows a transaction
PAUSE = 0.25  # seconds between batches: the log page is at most this far behind
RETRY = 2.0  # seconds to wait when the database is away


class LogQueue:
    """`put` from any greenlet; `drain` before the worker ends. `used` is told which keys were used, and when."""

    def __init__(self, database: Database, used: Callable[[Mapping[str, float]], None], room: int = ROOM) -> None:
        self._database, self._used = database, used
        self._rows: deque[dict[str, Any]] = deque()
        self._room = room
        self._filled = Event()
        self._writer: gevent.Greenlet[..., None] | None = None
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, row: dict[str, Any]) -> None:
        if len(self._rows) >= self._room:
            self._rows.popleft()
            self.dropped += 1
        self._rows.append(row)
        if self._writer is None:
            self._writer = gevent.spawn(self._run)
        self._filled.set()

    def drain(self) -> int:
        """Write what is left, now. Returns how many rows could not be written."""
        if self._writer is not None:
            self._writer.kill()
            self._writer = None
        while self._rows and self._write_batch():
            pass
        return len(self._rows)

    def _run(self) -> None:
        while True:
            self._filled.wait()
            gevent.sleep(PAUSE)
            self._filled.clear()
            while self._rows:
                if not self._write_batch():
                    gevent.sleep(RETRY)

    def _write_batch(self) -> bool:
        batch = [self._rows[at] for at in range(min(BATCH, len(self._rows)))]
        dropped = self.dropped
        try:
            self._database.write(lambda session: insert_rows(session, batch))
            self._used({row["key_id"]: row["at"] for row in batch if row.get("key_id")})
        except OperationError as exc:
            log.warning("log rows wait: %s", exc, extra={"waiting": len(self._rows)})
            return False
        for _ in range(len(batch) - (self.dropped - dropped)):  # rows dropped meanwhile were the oldest of this batch
            self._rows.popleft()
        return True
