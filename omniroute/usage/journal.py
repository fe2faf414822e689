"""What is over goes into the books: log rows, sums, counters and stored bodies, in one transaction where one store has them all.

With Redis the rows come first and the counters after: a ticket stays reserved until its row is written, so that a worker
that dies in between leaves something to settle by (usage/recovery.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import DatabaseAway
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.state.shared import Settlement, SharedState
from omniroute.usage.bodies import Bodies
from omniroute.usage.logs import insert, storable
from omniroute.usage.rollups import add_rows

INTERRUPTED = "interrupted"  # the class of a row that was written for a worker that is gone

ROW_FAULTS = (TypeError, ValueError, OverflowError, KeyError)  # what Python says of a value that has no place in its column

T = TypeVar("T")
Settle = Callable[[Mapping[str, Any]], Settlement]  # what a ticket comes to by the row


# Makes bodies ready to be stored; what it returns stores them inside the transaction.
Keep = Callable[[Sequence[Bodies]], Callable[[Session], None]]


class BadRow(Exception):
    """One of the records can't be written, whatever the state of the database."""


@dataclass(slots=True, eq=False)
class Record:
    """One request that is over. `settle` is there when it holds a ticket of that name; `lapsed`, when that was just seen; it is
    `pressing` when a limit of its ticket is near. While it waits it may lose its bodies, and nothing else changes.
    """

    row: Mapping[str, Any]
    ticket: str | None = None
    settle: Settle | None = None
    bodies: Bodies | None = None
    lapsed: bool = False
    pressing: bool = False


class Journal:
    """`settled` is told which tickets need no lease any more; `keep` is for bodies."""

    def __init__(self, database: Database, shared: SharedState, settled: Callable[[Iterable[str]], None], keep: Keep) -> None:
        self._database, self._shared, self._settled, self._keep = database, shared, settled, keep
        self._unsettled: list[Settlement] = []  # their rows are written, and Redis was away

    def write(self, records: Sequence[Record]) -> None:
        """Each is counted once, however often it is written. Raises DatabaseAway or BadRow when nothing was."""
        rows = _faults_told(lambda: [storable(record.row) for record in records])
        bodies = [record.bodies for record in records if record.bodies is not None]
        store_bodies = self._keep(bodies) if bodies else None
        inside = self._shared.in_database

        def work(session: Session) -> list[Settlement]:
            before = _counted(session, rows)
            pairs = zip(rows, records, strict=True)
            due = [_due(row, record, before.get(row["id"])) for row, record in pairs if record.settle is not None]
            if store_bodies is not None:
                store_bodies(session)
            if inside:
                self._shared.settle(due, session)
            return due

        due = _faults_told(lambda: self._database.write(work))
        if inside:
            self._settled([settlement.ticket for settlement in due])
        else:
            self._unsettled.extend(due)
            self.settle_rest()

    def settle_rest(self) -> None:
        """What Redis could not be told when it was written. While it is away it stays; at a worker's end recovery has it."""
        due, self._unsettled = self._unsettled, []
        if not due:
            return
        try:
            self._shared.settle(due)
        except DatabaseAway:  # it may have been done, and only the answer is lost: what is not there then was settled
            self._unsettled = [settlement._replace(otherwise=()) for settlement in due] + self._unsettled
        else:
            self._settled([settlement.ticket for settlement in due])

    def give_up(self, ticket: str) -> None:
        """Its record is lost: let its lease lapse, so that recovery settles it by what was reserved."""
        self._settled([ticket])

    @property
    def unsettled(self) -> int:
        return len(self._unsettled)


def _faults_told(write: Callable[[], T]) -> T:
    """Whatever fails for all rows is an outage: tables that are not there, a server that only reads. Raises BadRow for what is
    the fault of a row.
    """
    try:
        return write()
    except (sa.exc.DataError, sa.exc.IntegrityError, *ROW_FAULTS) as exc:
        raise BadRow(str(exc)) from exc
    except sa.exc.DatabaseError as exc:
        raise DatabaseAway(f"The database does not take log rows ({type(exc).__name__}).") from exc


def _counted(session: Session, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Write the rows with their sums. Returns those that were there before: of a batch that was written but whose answer was
    lost, or of a request that was given up for lost.
    """
    given = {row["id"]: row for row in rows}
    new = insert(session, list(given.values()))
    add_rows(session, [given[id] for id in new])
    if len(new) == len(given):
        return {}
    there = sa.select(*LogRow.__table__.columns).where(LogRow.id.in_(given.keys() - set(new)))
    before = {row["id"]: dict(row) for row in session.execute(there).mappings()}
    for id, old in before.items():
        if _replaces(given[id], old):
            add_rows(session, [old], -1)
            session.execute(sa.update(LogRow).where(LogRow.id == id).values(given[id]))
            add_rows(session, [given[id]])
    return before


def _replaces(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    """Its worker was slow, not gone: what was guessed gives way to what is known."""
    return before is not None and before["kind"] == INTERRUPTED and row["kind"] != INTERRUPTED


def _due(row: Mapping[str, Any], record: Record, before: Mapping[str, Any] | None) -> Settlement:
    """What the ticket comes to. Where it is gone, either the store has lost it and it counts all the same, or it was settled by
    a guess, and what that was wrong by counts.
    """
    settle = record.settle
    assert settle is not None  # whoever asks has looked
    if before is None:
        right = settle(row)
        return right if record.lapsed else right._replace(otherwise=right.parts)
    if not _replaces(row, before):
        return settle(before)
    right, guessed = settle(row), settle(before)
    return right._replace(otherwise=(*right.parts, *(part._replace(amount=-part.amount) for part in guessed.parts)))
