"""The shared state in the database, SQLite or Postgres. Tickets and counters stand in state/sql_tickets.py."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import AHEAD, LONGEST_LEASE
from omniroute.models.db import Database, inserting
from omniroute.models.shared import ConditionRow, HoldRow, ReportRow, TurnRow
from omniroute.routing.health import FINE, Condition, Health, Place
from omniroute.state.conditions import condition_document, condition_of, outdated, place_text
from omniroute.state.shared import Change
from omniroute.state.sql_tickets import SqlTickets
from omniroute.state.transactions import Transactions, pieces, short

HEALTH = "health conditions"  # the lock of them all, and the turn that counts their changes


class SqlState:
    """All of it in `database`, which whoever opened it closes."""

    in_database = True

    def __init__(self, database: Database) -> None:
        self._insert = inserting(sqlite=database.is_sqlite)
        self._transactions = Transactions(database)
        self._tickets = tickets = SqlTickets(database)
        self.reserve, self.release, self.settle, self.spend = tickets.reserve, tickets.release, tickets.settle, tickets.spend
        self.keep, self.lapsed, self.counted = tickets.keep, tickets.lapsed, tickets.counted
        self.recount, self.forget_counters = tickets.recount, tickets.forget_counters

    # Health -----------------------------------------------------------------------------------------

    def read_health(self) -> Health:
        with self._transactions.reading() as session:
            rows = session.execute(sa.select(ConditionRow.kind, ConditionRow.id, ConditionRow.model, ConditionRow.condition))
            return {Place(kind, id, model): condition_of(document) for kind, id, model, document in rows}

    def change_health(self, changes: Mapping[Place, Change]) -> Health:
        def work(session: Session) -> dict[Place, Condition]:
            self._transactions.lock(session, [HEALTH])
            before = self._conditions(session, changes)
            after = {place: change(before.get(place, FINE)) for place, change in changes.items()}
            for place, condition in after.items():
                if condition != before.get(place, FINE):
                    self._store(session, place, condition)
            if any(condition != before.get(place, FINE) for place, condition in after.items()):
                self._next(session, HEALTH)
            return after

        return self._transactions.write(work) if changes else {}

    def forget_health(self, places: Iterable[Place] | None = None) -> None:
        digests = None if places is None else [_digest(place) for place in places]

        def work(session: Session) -> None:
            self._transactions.lock(session, [HEALTH])
            for some in [None] if digests is None else pieces(digests):
                session.execute(
                    sa.delete(ConditionRow).where(sa.true() if some is None else ConditionRow.digest.in_(some)),
                    execution_options={"synchronize_session": False},
                )
            self._next(session, HEALTH)

        self._transactions.write(work)

    def health_mark(self) -> tuple[str, int]:
        return "database", self.next_turn(HEALTH)

    def _conditions(self, session: Session, places: Iterable[Place]) -> dict[Place, Condition]:
        by_digest = {_digest(place): place for place in places}
        return {
            by_digest[digest]: condition_of(document)
            for some in pieces(by_digest)
            for digest, document in session.execute(
                sa.select(ConditionRow.digest, ConditionRow.condition).where(ConditionRow.digest.in_(some))
            )
        }

    def _store(self, session: Session, place: Place, condition: Condition) -> None:
        if condition.fine:
            session.execute(sa.delete(ConditionRow).where(ConditionRow.digest == _digest(place)))
            return
        document = condition_document(condition)
        adding = self._insert(ConditionRow).values(digest=_digest(place), **place._asdict(), condition=document)
        session.execute(adding.on_conflict_do_update(index_elements=["digest"], set_={"condition": adding.excluded.condition}))

    # Turns ------------------------------------------------------------------------------------------

    def turn(self, name: str) -> int:
        return self._transactions.write(lambda session: self._next(session, short(name)))

    def next_turn(self, name: str) -> int:
        with self._transactions.reading() as session:
            return session.scalar(sa.select(TurnRow.next).where(TurnRow.name == short(name))) or 0

    def _next(self, session: Session, name: str) -> int:
        adding = self._insert(TurnRow).values(name=name, next=1)
        moved = adding.on_conflict_do_update(index_elements=["name"], set_={"next": TurnRow.next + 1})
        given: int = session.execute(moved.returning(TurnRow.next)).scalar_one()
        return given - 1

    # Holds ------------------------------------------------------------------------------------------

    def hold(self, name: str, most: int, now: float, until: float) -> str | None:
        id, name = secrets.token_hex(16), short(name)
        taken = sa.select(sa.func.count()).select_from(HoldRow).where(HoldRow.name == name).scalar_subquery()
        row = sa.select(sa.literal(id), sa.literal(name), sa.literal(until, sa.Double)).where(taken < most)

        def work(session: Session) -> str | None:
            self._transactions.lock(session, [f"hold {name}"])
            over = sa.or_(HoldRow.until <= now, HoldRow.until > until + AHEAD)
            session.execute(sa.delete(HoldRow).where(HoldRow.name == name, over))
            adding = sa.insert(HoldRow).from_select(["id", "name", "until"], row)
            return session.execute(adding.returning(HoldRow.id)).scalar()

        return self._transactions.write(work)

    def prolong(self, holds: Iterable[str], until: float) -> None:
        self._for_ids(holds, lambda some: sa.update(HoldRow).where(HoldRow.id.in_(some)).values(until=until))

    def let_go(self, holds: Iterable[str]) -> None:
        self._for_ids(holds, lambda some: sa.delete(HoldRow).where(HoldRow.id.in_(some)))

    def held(self, names: Iterable[str], now: float) -> dict[str, int]:
        wanted = {short(name): name for name in names}
        found = dict.fromkeys(wanted.values(), 0)
        with self._transactions.reading() as session:
            for some in pieces(wanted):
                counts = sa.select(HoldRow.name, sa.func.count()).where(HoldRow.name.in_(some), *_runs(HoldRow, now))
                found |= {wanted[name]: count for name, count in session.execute(counts.group_by(HoldRow.name))}
        return found

    def _for_ids(self, ids: Iterable[str], statement: Callable[[list[str]], sa.Update | sa.Delete]) -> None:
        """In order of their ids, so that two workers never wait for each other's rows."""
        self._transactions.run(*(statement(some) for some in pieces(sorted(ids))))

    # Reports ----------------------------------------------------------------------------------------

    def report(self, worker: str, document: Mapping[str, Any], until: float) -> None:
        adding = self._insert(ReportRow).values(worker=worker, document=dict(document), until=until)
        newer = {"document": adding.excluded.document, "until": adding.excluded.until}
        self._transactions.run(adding.on_conflict_do_update(index_elements=["worker"], set_=newer))

    def reports(self, now: float) -> dict[str, dict[str, Any]]:
        with self._transactions.reading() as session:
            rows = session.execute(sa.select(ReportRow.worker, ReportRow.document).where(*_runs(ReportRow, now)))
            return {row[0]: row[1] for row in rows}

    def forget_report(self, worker: str) -> None:
        self._transactions.run(sa.delete(ReportRow).where(ReportRow.worker == worker))

    # Housekeeping -----------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        old = [place for place, condition in self.read_health().items() if outdated(condition, now)]
        self.change_health({place: lambda condition: FINE if outdated(condition, now) else condition for place in old})
        self._tickets.sweep(now)
        for table in (HoldRow, ReportRow):
            over = sa.or_(table.until <= now, table.until > now + LONGEST_LEASE)
            lapsed = sa.select(table.until).where(over).limit(1)
            with self._transactions.reading() as session:
                found = session.execute(lapsed).first()
            if found is not None:  # a write only where there is something to delete
                self._transactions.run(sa.delete(table).where(over))

    def close(self) -> None:
        """The database is closed by whoever opened it."""


def _runs(table: type[HoldRow] | type[ReportRow], now: float) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Neither lapsed nor of a clock that was set back since."""
    return table.until > now, table.until <= now + LONGEST_LEASE


def _digest(place: Place) -> str:
    return hashlib.sha256(place_text(place).encode()).hexdigest()
