"""The log: rows written in batches, and read page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from omniroute.errors import Missing
from omniroute.models.db import Database, inserting
from omniroute.models.logs import LogRow
from omniroute.models.paging import Page
from omniroute.routing.configuration import Configuration
from omniroute.security.redaction import redact, redact_values
from omniroute.usage.rollups import add_rows
from omniroute.usage.search import SCAN, among, find
from omniroute.usage.search import LogFilters as LogFilters

LONGEST_TEXT = 4000  # characters of a message, remedy, decision or path
MOST_ATTEMPTS = 64

_COLUMNS = sa.inspect(LogRow).columns
# What a row says that was left out of it.
_BLANK: dict[str, Any] = dict.fromkeys((column.name for column in _COLUMNS), None) | {
    "method": "",
    "path": "",
    "endpoint": "",
    "format": "",
    "streamed": False,
    "status": 0,
    "kind": "",
    "usage_source": "absent",
    "attempts": (),
    "dropped": (),
}
_INSERT = str(sa.insert(LogRow).compile(dialect=sqlite.dialect()))
# Characters that a text column holds.
_ROOM = {column.name: column.type.length or LONGEST_TEXT for column in _COLUMNS if isinstance(column.type, sa.String)}


@dataclass(frozen=True, slots=True)
class LogView:
    """One request; the fields are those of `models/logs.py: LogRow`."""

    id: str
    at: float
    method: str
    path: str
    endpoint: str
    format: str
    streamed: bool
    requested_model: str | None
    provider_id: str | None
    provider_prefix: str | None
    upstream_model: str | None
    canonical_model: str | None
    connection_id: str | None
    connection_name: str | None
    key_id: str | None
    key_name: str | None
    status: int
    kind: str
    message: str | None
    remedy: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    usage_source: str
    cost: int | None
    price_source: str | None
    combo: str | None
    step_id: str | None
    first_ms: int | None
    total_ms: int | None
    attempts: tuple[dict[str, Any], ...]
    decision: str | None
    client: str | None
    finish: str | None
    upstream_request_id: str | None
    dropped: tuple[str, ...]


class LogReports:
    """`look` gives the configuration: whose prefix is whose. `scan` is how many rows one page may look at."""

    def __init__(self, database: Database, look: Callable[[], Configuration], scan: int = SCAN) -> None:
        self._database, self._look, self._scan = database, look, scan

    def page(self, filters: LogFilters | None = None, before: str | None = None, limit: int = 50) -> Page[LogView]:
        """Newest first. A page may hold fewer than `limit` rows, even none, and still have a next one: then the search goes
        on there. Raises Invalid for a bad cursor, limit or outcome.
        """
        configuration = self._look()
        with self._database.unit_of_work() as session:
            found = find(session, configuration, filters or LogFilters(), before, limit, self._scan)
            return Page(tuple(_view(row) for row in found.rows), found.next)

    def get(self, request_id: str) -> LogView:
        """Raises Missing."""
        with self._database.unit_of_work() as session:
            row = session.get(LogRow, request_id)
        if row is None:
            raise Missing("There is no log row of this id. It may be too old, or not written yet.")
        return _view(row)

    def newest(self, since: float, most: int) -> tuple[str, ...]:
        """The ids of up to `most` rows of requests that came in since, newest first: one read of the index."""
        ids = sa.select(LogRow.id).where(LogRow.at >= since).order_by(LogRow.at.desc(), LogRow.id.desc()).limit(most)
        with self._database.unit_of_work() as session:
            return tuple(session.scalars(ids))

    def among(self, ids: Sequence[str], filters: LogFilters, ended_since: float | None = None) -> tuple[LogView, ...]:
        """Those of these rows that the filters let through, newest first; with `ended_since` only what ended since."""
        configuration = self._look()
        with self._database.unit_of_work() as session:
            return tuple(_view(row) for row in among(session, configuration, filters, ids, ended_since))


def insert_rows(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a batch and count it in the rollups; for use inside `Database.write`. A row that is there already is left alone."""
    whole = [storable(row) for row in rows]
    first = {row["id"]: row for row in reversed(whole)}
    add_rows(session, [first[row_id] for row_id in insert(session, list(first.values()))])


def insert(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write rows that are `storable` already, each id once, without counting them. Returns the ids of those that were not there
    before.
    """
    if not rows:
        return []
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        statement = inserting(sqlite=False)(LogRow).on_conflict_do_nothing().returning(LogRow.id)
        return list(connection.execute(statement, list(rows)).scalars())
    # The transaction has the lock of everything, so asking first is safe, and half the work of having each row returned.
    there = set(connection.execute(sa.select(LogRow.id).where(LogRow.id.in_([row["id"] for row in rows]))).scalars())
    new = [row for row in rows if row["id"] not in there]
    if new:  # others wait for the lock meanwhile, and what SQLAlchemy does with each row would take as long again
        connection.exec_driver_sql(_INSERT, list(map(_values, new)))
    return [row["id"] for row in new]


def _values(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """In the order of the columns."""
    return tuple(orjson.dumps(value).decode() if isinstance(value, list) else value for value in row.values())


def storable(given: Mapping[str, Any]) -> dict[str, Any]:
    """The row with all its columns, in their order. It needs `id` and `at`; unknown names raise KeyError.

    Texts are cut to what their column holds, and what upstreams said is redacted once more.
    """
    if unknown := given.keys() - _BLANK.keys():
        raise KeyError(f"log rows have no {sorted(unknown)}")
    row: dict[str, Any] = {**_BLANK, **given}
    for name, room in _ROOM.items():
        value = row[name]
        if value:
            row[name] = _fit(redact(value) if name == "message" else value, room)
    row["attempts"] = [_attempt(attempt) for attempt in (row["attempts"] or ())[:MOST_ATTEMPTS]]
    row["dropped"] = [_fit(name) for name in row["dropped"] or ()]
    return row


def view_of(given: Mapping[str, Any]) -> LogView:
    """A row as it will be read once it is written."""
    row = storable(given)
    return LogView(**row | {"attempts": tuple(row["attempts"]), "dropped": tuple(row["dropped"])})


def _attempt(given: Mapping[str, Any]) -> dict[str, Any]:
    attempt = {name: _fit(value) if isinstance(value, str) else value for name, value in given.items()}
    for name in ("message", "detail"):
        if attempt.get(name):
            attempt[name] = redact_values(attempt[name])
    return attempt


def _fit(text: str, room: int = LONGEST_TEXT) -> str:
    """Postgres refuses a NUL and a text too long for its column, and both refuse half a surrogate pair: with the whole batch."""
    text = text[:room]
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _view(row: LogRow) -> LogView:
    values = {field.name: getattr(row, field.name) for field in fields(LogView)}
    return LogView(**values | {"attempts": tuple(row.attempts), "dropped": tuple(row.dropped)})
