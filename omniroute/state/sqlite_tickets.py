"""A reservation at once, on SQLite: while nobody else writes it is made where it is asked for, in a tenth of a millisecond.

To hand it to the writer thread and wait takes as long as all else that the gateway does with a request: two threads take turns
with one interpreter. It never waits here: where another process, or this one's writer, has the database, that thread is asked
after all. Nothing yields in between, and no commit here brings the log of changes into the file, so none waits for the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import orjson

from omniroute.limits.limit import Line
from omniroute.models.db import Database
from omniroute.state.counters import refusing
from omniroute.state.shared import Reserved

# The same as in state/sql_tickets.py, one reservation at a time.
USED = "SELECT coalesce(sum(spent + reserved), 0) FROM counters WHERE name = ? AND bucket BETWEEN ? AND ?"
RESERVE = """
INSERT INTO counters (name, bucket, spent, reserved, expires) VALUES (?, ?, 0, ?, ?)
ON CONFLICT (name, bucket) DO UPDATE SET
    reserved = max(counters.reserved + excluded.reserved, 0), expires = max(counters.expires, excluded.expires)
"""
NOTE = "INSERT INTO tickets (id, lines, document, until) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"


class AtOnce:
    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, ticket: str, lines: Sequence[Line], document: bytes, until: float) -> Reserved | None:
        """None where it takes more than this: another one writes, a line has no room, or the ticket is there already."""
        held = orjson.dumps([(line.counter, line.bucket, line.amount, line.expires) for line in lines]).decode()
        note = (ticket, held, document.decode(), until)

        def work(connection: sqlite3.Connection) -> Reserved | None:
            used = tuple(connection.execute(USED, (line.counter, line.since, line.upto)).fetchone()[0] for line in lines)
            if refusing(lines, used) is not None:
                return None
            if connection.execute(NOTE, note).rowcount != 1:
                return None
            connection.executemany(RESERVE, [(line.counter, line.bucket, line.amount, line.expires) for line in lines])
            return Reserved(None, used)

        return self._database.write_at_once(work)
