"""Reservations at once, on SQLite: while nobody else writes they are made where they are asked for, in a tenth of a millisecond.

To hand one to the writer thread and wait takes as long as all else that the gateway does with a request: two threads take turns
with one interpreter. It never waits here: where another process, or this one's writer, has the database, the caller tries again
or asks that thread after all. Nothing yields in between, and no commit here brings the log of changes into the file: only the
first one after a checkpoint by the writer, which begins that log anew, waits for the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import orjson

from omniroute.limits.limit import Line
from omniroute.models.db import Database
from omniroute.state.counters import Reservation, blocking, refusing
from omniroute.state.shared import Reserved

# The same as in state/sql_tickets.py, one reservation at a time.
USED = "SELECT coalesce(sum(spent + reserved), 0) FROM counters WHERE name = ? AND bucket BETWEEN ? AND ?"
WINDOW = "SELECT bucket, spent + reserved FROM counters WHERE name = ? AND bucket BETWEEN ? AND ?"
RESERVE = """
INSERT INTO counters (name, bucket, spent, reserved, expires) VALUES (?, ?, 0, ?, ?)
ON CONFLICT (name, bucket) DO UPDATE SET
    reserved = max(counters.reserved + excluded.reserved, 0), expires = max(counters.expires, excluded.expires)
"""
NOTE = "INSERT INTO tickets (id, lines, document, until) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"


class AtOnce:
    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, turn: Sequence[Reservation]) -> list[Reserved | None] | None:
        """In the order they came, in one transaction. None for one whose ticket is there already: that takes more than this.

        None for all of them while another one writes, and where anything is wrong with the database.
        """
        return self._database.write_at_once(lambda connection: [_reserve(connection, asked) for asked in turn])


def _reserve(connection: sqlite3.Connection, asked: Reservation) -> Reserved | None:
    used = tuple(connection.execute(USED, _window(line)).fetchone()[0] for line in asked.lines)
    if (refused := refusing(asked.lines, used)) is not None:
        line = asked.lines[refused]
        return Reserved(refused, used[: refused + 1], blocking(dict(connection.execute(WINDOW, _window(line))), line.limit))
    held = [tuple(part) for part in asked.parts]  # orjson takes no named ones
    note = (asked.ticket, orjson.dumps(held).decode(), orjson.dumps(asked.document).decode(), asked.until)
    if connection.execute(NOTE, note).rowcount != 1:
        return None
    connection.executemany(RESERVE, held)
    return Reserved(None, used)


def _window(line: Line) -> tuple[str, int, int]:
    return line.counter, line.since, line.upto
