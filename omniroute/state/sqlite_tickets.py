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

from omniroute.models.db import Database
from omniroute.state.counters import Granting, Reservation, blocking, steps, window_of
from omniroute.state.shared import Reserved

# The same as in state/sql_tickets.py, without what SQLAlchemy costs.
USED = "SELECT coalesce(sum(spent + reserved), 0) FROM counters WHERE name = ? AND bucket BETWEEN ? AND ?"
WINDOW = "SELECT bucket, spent + reserved FROM counters WHERE name = ? AND bucket BETWEEN ? AND ?"
RESERVE = """
INSERT INTO counters (name, bucket, spent, reserved, expires) VALUES (?, ?, 0, ?, ?)
ON CONFLICT (name, bucket) DO UPDATE SET
    reserved = max(counters.reserved + excluded.reserved, 0), expires = max(counters.expires, excluded.expires)
"""
THERE = "SELECT id FROM tickets WHERE id IN (SELECT value FROM json_each(?))"
NOTE = "INSERT INTO tickets (id, lines, document, until) VALUES (?, ?, ?, ?)"


class AtOnce:
    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, turn: Sequence[Reservation]) -> list[Reserved | None] | None:
        """In the order they came, in one transaction. None for one whose ticket is there already: that takes more than this.

        None for all of them while another one writes, and where anything is wrong with the database.
        """
        return self._database.write_at_once(lambda connection: _reserve(connection, turn))


def _reserve(connection: sqlite3.Connection, turn: Sequence[Reservation]) -> list[Reserved | None]:
    windows = {window_of(line) for asked in turn for line in asked.lines}
    granting = Granting({window: connection.execute(USED, window).fetchone()[0] for window in windows})
    there = {id for (id,) in connection.execute(THERE, (orjson.dumps([asked.ticket for asked in turn]),))}
    told: list[Reserved | None] = []
    given: list[Reservation] = []
    for asked in turn:
        told.append(None if asked.ticket in there else granting.ask(asked.lines))
        if (answer := told[-1]) is not None and answer.refused is None:
            given.append(asked)
            there.add(asked.ticket)
    changes = steps(reserved=[part for asked in given for part in asked.parts])
    connection.executemany(RESERVE, [(*bucket, step.reserved, step.expires) for bucket, step in changes.items()])
    connection.executemany(NOTE, map(_note, given))
    return [_with_blocking(connection, asked, answer) for asked, answer in zip(turn, told, strict=True)]


def _note(asked: Reservation) -> tuple[str, str, str, float]:
    held = [tuple(part) for part in asked.parts]  # orjson takes no named ones
    return asked.ticket, orjson.dumps(held).decode(), orjson.dumps(asked.document).decode(), asked.until


def _with_blocking(connection: sqlite3.Connection, asked: Reservation, told: Reserved | None) -> Reserved | None:
    if told is None or told.refused is None:
        return told
    line = asked.lines[told.refused]
    return told._replace(blocking=blocking(dict(connection.execute(WINDOW, window_of(line))), line.limit))
