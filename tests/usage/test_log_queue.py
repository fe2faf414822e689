"""The queue before the log: bounded, and neither an outage nor one bad row stops it."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from omniroute.models.db import Database
from omniroute.state.sql import SqlState
from omniroute.usage.journal import Record
from omniroute.usage.log_queue import LogQueue
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
