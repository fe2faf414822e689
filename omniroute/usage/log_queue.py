"""Requests that are over, on their way to the database: a bounded queue, written in batches by one greenlet per worker.

A request never waits for the database. When the queue is full the oldest is dropped and counted; when the database is away
they wait here. What is dropped while it holds a ticket is not lost to its limits: the ticket lapses, and is settled by what
was reserved. Bodies to be stored may take so much memory and no more: above it the oldest are dropped, without their rows.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import gevent
from gevent.event import Event

from omniroute.errors import OperationError
from omniroute.usage.journal import BadRow, Journal, Record

log = logging.getLogger(__name__)

ROOM = 20_000  # requests
ROOM_BODIES = 64_000_000  # bytes
BATCH = 500  # a transaction
BATCH_BODIES = 4_000_000  # bytes after which it ends; they are sealed in 30 ms
PAUSE = 0.25  # seconds between batches: the log page is at most this far behind
PAUSE_LIMITED = 0.01  # the same while a limit is near that waits for what is over
RETRY = 2.0  # seconds to wait when the database is away


class LogQueue:
    """`put` from any greenlet; `drain` before the worker ends. `used` is told which keys were used, and when."""

    def __init__(
        self,
        journal: Journal,
        used: Callable[[Mapping[str, float]], None],
        room: int = ROOM,
        room_bodies: int = ROOM_BODIES,
    ) -> None:
        self._journal, self._used = journal, used
        self._used_since: dict[str, float] = {}
        self._told_at = self._written_at = float("-inf")
        self._records: deque[Record] = deque()
        self._with_bodies: deque[Record] = deque()  # those of them, in the same order
        self._held = self._being_written = 0  # bytes of their bodies; how many of the first are left alone
        self._room, self._room_bodies = room, room_bodies
        self._draining = False
        self._gone = 0  # how many were written or dropped
        self._filled, self._limited = Event(), Event()
        self._writer: gevent.Greenlet[..., None] | None = None
        self.dropped = self.dropped_bodies = 0

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: Record) -> None:
        if len(self._records) >= self._room:
            self._drop(self._take())
        self._records.append(record)
        if record.bodies is not None:
            self._with_bodies.append(record)
            self._held += record.bodies.held
            self._drop_bodies()
        if self._writer is None and not self._draining:
            self._writer = gevent.spawn(self._run)
        self._filled.set()
        if record.pressing:
            self._limited.set()

    def drain(self) -> int:
        """Write what is left, now. Returns how many could not be written."""
        self._draining = True  # what comes meanwhile is written here: a second writer would take the same batch
        try:
            if self._writer is not None:
                self._writer.kill()
                self._writer = None
            while self._records and self._write_batch():
                pass
            self._journal.settle_rest()
            self._tell_used(at_once=True)
        finally:
            self._draining = False
        return len(self._records)

    def _run(self) -> None:
        while True:
            self._filled.wait(RETRY if self._journal.unsettled or self._used_since else None)
            self._journal.settle_rest()
            self._tell_used()
            self._limited.wait(max(0.0, self._written_at + PAUSE - time.monotonic()))  # after a rest the first goes at once
            gevent.sleep(PAUSE_LIMITED)
            self._filled.clear()
            self._limited.clear()
            self._write_waiting()
            self._written_at = time.monotonic()

    def _write_waiting(self) -> None:
        """What waits now, batch by batch. What comes meanwhile waits for the next time: a batch of few costs almost as much as
        a full one.
        """
        end = self._gone + len(self._records)
        while self._gone < end:
            if not self._write_batch():
                gevent.sleep(RETRY)

    def _take(self) -> Record:
        """The oldest, which waits no more."""
        self._gone += 1
        return self._records.popleft()

    def _write_batch(self, most: int = BATCH) -> bool:
        """Whether it went well: then those of the batch are gone from the queue."""
        batch = self._first(most)
        if not batch:
            return True
        self._being_written = sum(record.bodies is not None for record in batch)
        dropped = self.dropped
        try:
            self._journal.write(batch)
            self._used_since |= _last_used(batch)
            self._tell_used()
        except OperationError as exc:
            log.warning("log rows wait: %s", exc, extra={"waiting": len(self._records)})
            return False
        except BadRow as exc:
            if len(batch) == 1:
                log.error("a log row can't be written: %s", exc)
                if self._records and self._records[0] is batch[0]:
                    self._drop(self._take())
                return True
            return all(self._write_batch(1) for _ in batch)
        for _ in range(len(batch) - (self.dropped - dropped)):  # those dropped meanwhile were the oldest of this batch
            self._forget_bodies(self._take())
        self._being_written = 0
        return True

    def _tell_used(self, *, at_once: bool = False) -> None:
        """When keys were last used, every RETRY seconds: a transaction of its own, which a limited key's batches would double."""
        now = time.monotonic()
        if self._used_since and (at_once or now - self._told_at >= RETRY):
            with contextlib.suppress(OperationError):  # the next time
                self._used(self._used_since)
                self._used_since, self._told_at = {}, now

    def _first(self, most: int) -> list[Record]:
        batch: list[Record] = []
        held = 0
        for record in islice(self._records, most):
            batch.append(record)
            held += record.bodies.held if record.bodies is not None else 0
            if held >= BATCH_BODIES:
                break
        return batch

    def _drop_bodies(self) -> None:
        while self._held > self._room_bodies and len(self._with_bodies) > self._being_written:
            record = self._with_bodies[self._being_written]
            del self._with_bodies[self._being_written]
            if record.bodies is not None:
                self._held -= record.bodies.held
            record.bodies = None
            if not self.dropped_bodies:
                log.warning("bodies are not stored: more wait for the database than there is room for; their rows are kept")
            self.dropped_bodies += 1

    def _forget_bodies(self, record: Record) -> None:
        if record.bodies is not None:
            self._with_bodies.popleft()  # it is the first one: `record` was the first of all
            self._held -= record.bodies.held

    def _drop(self, record: Record) -> None:
        self._forget_bodies(record)
        self.dropped += 1
        if record.ticket is not None:
            self._journal.give_up(record.ticket)


def _last_used(batch: list[Record]) -> dict[str, Any]:
    return {record.row["key_id"]: record.row["at"] for record in batch if record.row.get("key_id")}
