"""Requests that are over, on their way to the database: a bounded queue, written in batches by one greenlet per worker.

A request never waits for the database. When the queue is full the oldest is dropped and counted; when the database is away
they wait here. What is dropped while it holds a ticket is not lost to its limits: the ticket lapses, and is settled by what
was reserved.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import Event

from omniroute.errors import OperationError
from omniroute.usage.journal import BadRow, Journal, Record

log = logging.getLogger(__name__)

ROOM = 20_000  # requests
BATCH = 500  # a transaction
PAUSE = 0.25  # seconds between batches: the log page is at most this far behind
PAUSE_LIMITED = 0.01  # the same while a limit waits for what is over
RETRY = 2.0  # seconds to wait when the database is away


class LogQueue:
    """`put` from any greenlet; `drain` before the worker ends. `used` is told which keys were used, and when."""

    def __init__(self, journal: Journal, used: Callable[[Mapping[str, float]], None], room: int = ROOM) -> None:
        self._journal, self._used = journal, used
        self._records: deque[Record] = deque()
        self._room = room
        self._filled, self._limited = Event(), Event()
        self._writer: gevent.Greenlet[..., None] | None = None
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: Record) -> None:
        if len(self._records) >= self._room:
            self._drop(self._records.popleft())
        self._records.append(record)
        if self._writer is None:
            self._writer = gevent.spawn(self._run)
        self._filled.set()
        if record.ticket is not None:
            self._limited.set()

    def drain(self) -> int:
        """Write what is left, now. Returns how many could not be written."""
        if self._writer is not None:
            self._writer.kill()
            self._writer = None
        while self._records and self._write_batch():
            pass
        self._journal.settle_rest()
        return len(self._records)

    def _run(self) -> None:
        while True:
            self._filled.wait(RETRY if self._journal.unsettled else None)
            self._journal.settle_rest()
            self._limited.wait(PAUSE)
            gevent.sleep(PAUSE_LIMITED)
            self._filled.clear()
            self._limited.clear()
            while self._records:
                if not self._write_batch():
                    gevent.sleep(RETRY)

    def _write_batch(self, most: int = BATCH) -> bool:
        """Whether it went well: then those of the batch are gone from the queue."""
        batch = [self._records[at] for at in range(min(most, len(self._records)))]
        if not batch:
            return True
        dropped = self.dropped
        try:
            self._journal.write(batch)
            self._used(_last_used(batch))
        except OperationError as exc:
            log.warning("log rows wait: %s", exc, extra={"waiting": len(self._records)})
            return False
        except BadRow as exc:
            if len(batch) == 1:
                log.error("a log row can't be written: %s", exc)
                if self._records and self._records[0] is batch[0]:
                    self._drop(self._records.popleft())
                return True
            return all(self._write_batch(1) for _ in batch)
        for _ in range(len(batch) - (self.dropped - dropped)):  # those dropped meanwhile were the oldest of this batch
            self._records.popleft()
        return True

    def _drop(self, record: Record) -> None:
        self.dropped += 1
        if record.ticket is not None:
            self._journal.give_up(record.ticket)


def _last_used(batch: list[Record]) -> dict[str, Any]:
    return {record.row["key_id"]: record.row["at"] for record in batch if record.row.get("key_id")}
