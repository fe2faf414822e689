"""The shared state in the database, SQLite or Postgres.

What must be exact happens in one transaction. On SQLite that holds the write lock. On Postgres an advisory lock for the
name goes first, as a statement of its own, so that those after it see what was committed before; several are taken in
order, so that no two transactions wait for each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from omniroute.errors import DatabaseAway
from omniroute.models.db import Database
from omniroute.models.shared import ConditionRow, CounterRow, HoldRow, ReportRow, ReservationRow, TurnRow
from omniroute.routing.health import FINE, Condition, Health, Place
from omniroute.state.conditions import condition_document, condition_of, outdated, place_text
from omniroute.state.shared import Change

T = TypeVar("T")

HEALTH = "health conditions"  # the lock of them all, and the turn that counts their changes
LONGEST = 250  # characters of a name: an entry of a Postgres index has room for 2,704 bytes (btree, "Maximum is 2704")
AT_ONCE = 500  # ids in one statement


class SqlState:
    """All of it in `database`, which whoever opened it closes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = sqlite_insert if database.is_sqlite else postgresql_insert

    # Health -----------------------------------------------------------------------------------------

    def read_health(self) -> Health:
        with self._reading() as session:
            rows = session.execute(sa.select(ConditionRow.kind, ConditionRow.id, ConditionRow.model, ConditionRow.condition))
            return {Place(kind, id, model): condition_of(document) for kind, id, model, document in rows}

    def change_health(self, changes: Mapping[Place, Change]) -> Health:
        def work(session: Session) -> dict[Place, Condition]:
            self._lock(session, HEALTH)
            before = self._conditions(session, changes)
            after = {place: change(before.get(place, FINE)) for place, change in changes.items()}
            for place, condition in after.items():
                if condition != before.get(place, FINE):
                    self._store(session, place, condition)
            if any(condition != before.get(place, FINE) for place, condition in after.items()):
                self._next(session, HEALTH)
            return after

        return self._write(work) if changes else {}

    def forget_health(self, places: Iterable[Place] | None = None) -> None:
        digests = None if places is None else [_digest(place) for place in places]

        def work(session: Session) -> None:
            self._lock(session, HEALTH)
            for some in [None] if digests is None else _pieces(digests):
                session.execute(
                    sa.delete(ConditionRow).where(sa.true() if some is None else ConditionRow.digest.in_(some)),
                    execution_options={"synchronize_session": False},
                )
            self._next(session, HEALTH)

        self._write(work)

    def health_mark(self) -> tuple[str, int]:
        return "database", self.next_turn(HEALTH)

    def _conditions(self, session: Session, places: Iterable[Place]) -> dict[Place, Condition]:
        by_digest = {_digest(place): place for place in places}
        return {
            by_digest[digest]: condition_of(document)
            for some in _pieces(by_digest)
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
        return self._write(lambda session: self._next(session, _short(name)))

    def next_turn(self, name: str) -> int:
        with self._reading() as session:
            return session.scalar(sa.select(TurnRow.next).where(TurnRow.name == _short(name))) or 0

    def _next(self, session: Session, name: str) -> int:
        adding = self._insert(TurnRow).values(name=name, next=1)
        moved = adding.on_conflict_do_update(index_elements=["name"], set_={"next": TurnRow.next + 1})
        given: int = session.execute(moved.returning(TurnRow.next)).scalar_one()
        return given - 1

    # Holds ------------------------------------------------------------------------------------------

    def hold(self, name: str, most: int, now: float, until: float) -> str | None:
        id, name = secrets.token_hex(16), _short(name)
        taken = sa.select(sa.func.count()).select_from(HoldRow).where(HoldRow.name == name).scalar_subquery()
        row = sa.select(sa.literal(id), sa.literal(name), sa.literal(until, sa.Double)).where(taken < most)

        def work(session: Session) -> str | None:
            self._lock(session, f"hold {name}")
            session.execute(sa.delete(HoldRow).where(HoldRow.name == name, HoldRow.until <= now))
            adding = sa.insert(HoldRow).from_select(["id", "name", "until"], row)
            return session.execute(adding.returning(HoldRow.id)).scalar()

        return self._write(work)

    def prolong(self, holds: Iterable[str], until: float) -> None:
        self._for_ids(holds, lambda some: sa.update(HoldRow).where(HoldRow.id.in_(some)).values(until=until))

    def let_go(self, holds: Iterable[str]) -> None:
        self._for_ids(holds, lambda some: sa.delete(HoldRow).where(HoldRow.id.in_(some)))

    def held(self, names: Iterable[str], now: float) -> dict[str, int]:
        wanted = {_short(name): name for name in names}
        found = dict.fromkeys(wanted.values(), 0)
        with self._reading() as session:
            for some in _pieces(wanted):
                counts = sa.select(HoldRow.name, sa.func.count()).where(HoldRow.name.in_(some), HoldRow.until > now)
                found |= {wanted[name]: count for name, count in session.execute(counts.group_by(HoldRow.name))}
        return found

    def _for_ids(self, ids: Iterable[str], statement: Callable[[list[str]], sa.Update | sa.Delete]) -> None:
        """In order of their ids, so that two workers never wait for each other's rows."""
        pieces = _pieces(sorted(ids))

        def work(session: Session) -> None:
            for some in pieces:
                session.execute(statement(some), execution_options={"synchronize_session": False})

        if pieces:
            self._write(work)

    # Counters ---------------------------------------------------------------------------------------

    def reserve(self, name: str, amount: int, limit: int, now: float, until: float) -> str | None:
        id, name = secrets.token_hex(16), _short(name)
        spent = sa.select(CounterRow.spent).where(CounterRow.name == name).scalar_subquery()
        reserved = _reserved().where(ReservationRow.name == name, ReservationRow.until > now).scalar_subquery()
        zero = sa.literal(0, sa.BigInteger)
        row = sa.select(sa.literal(id), sa.literal(name), sa.literal(amount, sa.BigInteger), sa.literal(until, sa.Double)).where(
            sa.func.coalesce(spent, zero) + sa.func.coalesce(reserved, zero) < sa.literal(limit, sa.BigInteger)
        )

        def work(session: Session) -> str | None:
            self._lock(session, f"counter {name}")
            adding = sa.insert(ReservationRow).from_select(["id", "name", "amount", "until"], row)
            return session.execute(adding.returning(ReservationRow.id)).scalar()

        return self._write(work)

    def settle(self, reservation: str, spent: int) -> bool:
        def work(session: Session) -> bool:
            name = session.execute(_taking_back(reservation)).scalar()
            if name is not None:
                self._spend(session, name, spent)
            return name is not None

        return self._write(work)

    def release(self, reservation: str) -> bool:
        return self._write(lambda session: session.execute(_taking_back(reservation)).scalar() is not None)

    def spend(self, name: str, amount: int) -> int:
        return self._write(lambda session: self._spend(session, _short(name), amount))

    def counted(self, names: Iterable[str], now: float) -> dict[str, tuple[int, int]]:
        wanted = {_short(name): name for name in names}
        spent: dict[str, int] = {}
        reserved: dict[str, int] = {}
        with self._reading() as session:
            for some in _pieces(wanted):
                counters = sa.select(CounterRow.name, CounterRow.spent).where(CounterRow.name.in_(some))
                spent |= {row[0]: row[1] for row in session.execute(counters)}
                sums = _reserved(ReservationRow.name).where(ReservationRow.name.in_(some), ReservationRow.until > now)
                reserved |= {name: int(amount) for name, amount in session.execute(sums.group_by(ReservationRow.name))}
        return {name: (spent.get(short, 0), reserved.get(short, 0)) for short, name in wanted.items()}

    def forget_counters(self, names: Iterable[str]) -> None:
        wanted = sorted({_short(name) for name in names})

        def work(session: Session) -> None:
            self._lock(session, *(f"counter {name}" for name in wanted))
            for some in _pieces(wanted):
                session.execute(sa.delete(ReservationRow).where(ReservationRow.name.in_(some)))
                session.execute(sa.delete(CounterRow).where(CounterRow.name.in_(some)))

        self._write(work)

    def _spend(self, session: Session, name: str, amount: int) -> int:
        adding = self._insert(CounterRow).values(name=name, spent=amount)
        moved = adding.on_conflict_do_update(index_elements=["name"], set_={"spent": CounterRow.spent + amount})
        spent: int = session.execute(moved.returning(CounterRow.spent)).scalar_one()
        return spent

    # Reports ----------------------------------------------------------------------------------------

    def report(self, worker: str, document: Mapping[str, Any], until: float) -> None:
        adding = self._insert(ReportRow).values(worker=worker, document=dict(document), until=until)
        newer = {"document": adding.excluded.document, "until": adding.excluded.until}
        self._run(adding.on_conflict_do_update(index_elements=["worker"], set_=newer))

    def reports(self, now: float) -> dict[str, dict[str, Any]]:
        with self._reading() as session:
            rows = session.execute(sa.select(ReportRow.worker, ReportRow.document).where(ReportRow.until > now))
            return {row[0]: row[1] for row in rows}

    def forget_report(self, worker: str) -> None:
        self._run(sa.delete(ReportRow).where(ReportRow.worker == worker))

    # Housekeeping -----------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        old = [place for place, condition in self.read_health().items() if outdated(condition, now)]
        self.change_health({place: lambda condition: FINE if outdated(condition, now) else condition for place in old})
        for table in (HoldRow, ReservationRow, ReportRow):
            lapsed = sa.select(table.until).where(table.until <= now).limit(1)
            with self._reading() as session:
                found = session.execute(lapsed).first()
            if found is not None:  # a write only where there is something to delete
                self._run(sa.delete(table).where(table.until <= now))

    def close(self) -> None:
        """The database is closed by whoever opened it."""

    def _run(self, statement: sa.Executable) -> None:
        def work(session: Session) -> None:
            session.execute(statement, execution_options={"synchronize_session": False})

        self._write(work)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Session]:
        with _faults_named(), self._database.unit_of_work() as session:
            yield session

    def _write(self, work: Callable[[Session], T]) -> T:
        with _faults_named():
            return self._database.write(work)

    def _lock(self, session: Session, *names: str) -> None:
        """On Postgres, until the end of the transaction; on SQLite the transaction has the lock of everything."""
        if not self._database.is_sqlite:
            for number in sorted({_number(name) for name in names}):
                session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.literal(number, sa.BigInteger))))


@contextlib.contextmanager
def _faults_named() -> Iterator[None]:
    """Database names those of a database that is away. A broken file, or tables that are not there, are no better here."""
    try:
        yield
    except sa.exc.DatabaseError as exc:
        raise DatabaseAway(f"The database can't keep what workers share ({type(exc).__name__}).") from exc


def _reserved(*columns: sa.ColumnElement[Any] | Any) -> sa.Select[Any]:
    return sa.select(*columns, sa.func.sum(ReservationRow.amount))


def _taking_back(reservation: str) -> Any:
    return sa.delete(ReservationRow).where(ReservationRow.id == reservation).returning(ReservationRow.name)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else hashlib.sha256(name.encode()).hexdigest()


def _digest(place: Place) -> str:
    return hashlib.sha256(place_text(place).encode()).hexdigest()


def _number(name: str) -> int:
    """Any, the same in every process, of 64 bits with a sign."""
    return int.from_bytes(hashlib.blake2b(f"omniroute {name}".encode(), digest_size=8).digest(), signed=True)


def _pieces(ids: Iterable[str]) -> list[list[str]]:
    listed = list(ids)
    return [listed[start : start + AT_ONCE] for start in range(0, len(listed), AT_ONCE)]
