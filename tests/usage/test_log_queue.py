"""The queue before the log: bounded, and neither an outage nor one bad row stops it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest

from omniroute.models.db import Database
from omniroute.state.sql import SqlState
from omniroute.usage.bodies import Bodies
from omniroute.usage.journal import Journal, Record
from omniroute.usage.log_queue import BATCH_BODIES, LogQueue
from omniroute.usage.meter import LEASE
from omniroute.usage.recovery import GRACE
from tests.usage.books import Books


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database, SqlState(database))


def queue_of(books: Books, room: int = 100) -> LogQueue:
    return LogQueue(books.journal, lambda used: None, room)


def test_when_it_is_full_the_oldest_goes_and_is_counted(books: Books) -> None:
    queue = queue_of(books, room=3)
    for n in range(5):
        queue.put(Record(books.row(f"{n}")))
    assert (len(queue), queue.dropped) == (3, 2)
    assert queue.drain() == 0
    assert sorted(books.rows()) == ["2", "3", "4"]


def with_bodies(books: Books, id: str, request: int, response: int | None = 0) -> Record:
    answer = None if response is None else b"a" * response
    return Record(books.row(id), bodies=Bodies(id, books.clock.now(), b"q" * request, request, answer, response or 0))


def test_bodies_take_so_much_memory_and_their_rows_are_kept(books: Books) -> None:
    queue = LogQueue(books.journal, lambda used: None, room_bodies=100)
    for n in range(6):
        queue.put(with_bodies(books, f"{n}", 30, 10 if n % 2 else None))
        queue.put(Record(books.row(f"plain {n}")))
    assert (len(queue), queue.dropped, queue.dropped_bodies) == (12, 0, 4)
    assert queue.drain() == 0
    assert len(books.rows()) == 12
    assert [n for n in range(6) if books.bodies.has(f"{n}")] == [4, 5]
    for n in range(6, 9):  # there is room again
        queue.put(with_bodies(books, f"{n}", 30))
    assert queue.drain() == 0 and queue.dropped_bodies == 4
    assert all(books.bodies.has(f"{n}") for n in range(6, 9))


def test_bodies_of_what_is_dropped_take_no_room(books: Books) -> None:
    queue = LogQueue(books.journal, lambda used: None, room=2, room_bodies=100)
    for n in range(5):
        queue.put(with_bodies(books, f"{n}", 40))
    assert (queue.dropped, queue.dropped_bodies) == (3, 0)
    assert queue.drain() == 0
    assert sorted(books.rows()) == ["3", "4"] and books.bodies.has("3") and books.bodies.has("4")


def test_a_transaction_ends_where_its_bodies_are_many(books: Books) -> None:
    sizes: list[int] = []

    class Watched(Journal):
        def write(self, records: Sequence[Record]) -> None:
            super().write(records)
            sizes.append(len(records))

    queue = LogQueue(Watched(books.database, books.shared, books.meter.over, books.bodies.sealed), lambda used: None)
    for n in range(5):
        queue.put(with_bodies(books, f"{n}", BATCH_BODIES // 2, 10))
    for n in range(5, 10):
        queue.put(Record(books.row(f"{n}")))
    assert queue.drain() == 0
    assert sizes == [2, 2, 6] and len(books.rows()) == 10


def test_what_is_being_written_keeps_its_bodies(books: Books) -> None:
    class Slow(Journal):
        def write(self, records: Sequence[Record]) -> None:
            while later:  # what comes in meanwhile
                queue.put(with_bodies(books, later.pop(), 60))
            super().write(records)

    later = ["d", "c"]
    journal = Slow(books.database, books.shared, books.meter.over, books.bodies.sealed)
    queue = LogQueue(journal, lambda used: None, room_bodies=100)
    queue.put(with_bodies(books, "a", 40))
    queue.put(with_bodies(books, "b", 40))
    assert queue.drain() == 0
    assert [id for id in "abcd" if books.bodies.has(id)] == ["a", "b"] and queue.dropped_bodies == 2
    assert sorted(books.rows()) == ["a", "b", "c", "d"]


def test_what_is_dropped_still_counts_against_its_limits(books: Books) -> None:
    queue = queue_of(books, room=1)
    ticket = books.admit("dropped")
    queue.put(Record(books.row("dropped"), ticket.id, ticket.settlement))
    queue.put(Record(books.row("kept")))
    queue.drain()
    for _ in range(4):  # its lease is moved on no more
        books.clock.move(LEASE / 2)
        books.meter.keep()
    books.clock.move(GRACE)
    books.recovery.recover()
    assert books.rows()["dropped"]["kind"] == "interrupted" and books.rows()["dropped"]["cost"] == 200
    assert books.standing()["concurrent requests"] == (0, 0)


def test_rows_wait_while_the_database_is_away() -> None:
    """That they are written after is seen in the real gateway: tests/relay/limits/test_outages.py."""
    with closing(Database("postgresql+psycopg://u@127.0.0.1:1/x")) as away:
        books = Books(away, SqlState(away))
        queue = queue_of(books)
        queue.put(Record(books.row("a")))
        assert queue.drain() == 1 and queue.dropped == 0


@pytest.mark.parametrize("bad", [{"nobody knows": 1}, {"input_tokens": 2**70}])
def test_a_row_that_no_database_takes_is_dropped_alone(books: Books, bad: dict[str, Any]) -> None:
    queue = queue_of(books)
    for n in range(3):
        queue.put(Record(books.row(f"{n}")))
    queue.put(Record(books.row("bad") | bad))
    for n in range(3, 6):
        queue.put(Record(books.row(f"{n}")))
    assert queue.drain() == 0
    assert sorted(books.rows()) == ["0", "1", "2", "3", "4", "5"] and queue.dropped == 1
    sums = [each for each in books.reconcile.balance(books.configuration).differences if each.where.startswith(("hour", "day"))]
    assert not sums
