"""Tickets and counters in the database. Each call is one transaction of a few statements, all of them built once.

On Postgres whoever changes a counter holds its advisory lock, and takes the rows of tickets before any of these locks, in
order of their ids: so no two transactions wait for each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from omniroute.limits.limit import Line
from omniroute.models.db import Database
from omniroute.models.shared import CounterRow, TicketRow
from omniroute.state.counters import Step, room, steps
from omniroute.state.shared import Lapsed, Part, Reserved, Settlement
from omniroute.state.transactions import Transactions, pieces, short

T = TypeVar("T")

COUNTERS: sa.Table = CounterRow.metadata.tables["counters"]
TICKETS: sa.Table = TicketRow.metadata.tables["tickets"]
IDS = sa.bindparam("ids", expanding=True)

BUCKETS = sa.select(COUNTERS.c.name, COUNTERS.c.bucket, COUNTERS.c.spent, COUNTERS.c.reserved).where(COUNTERS.c.name.in_(IDS))
TICKET = sa.select(TICKETS.c.lines, TICKETS.c.document, TICKETS.c.until).where(TICKETS.c.id == sa.bindparam("id"))
HELD = sa.select(TICKETS.c.id, TICKETS.c.lines).where(TICKETS.c.id.in_(IDS)).order_by(TICKETS.c.id).with_for_update()
END = sa.delete(TICKETS).where(TICKETS.c.id.in_(IDS))
EXTEND = sa.update(TICKETS).where(TICKETS.c.id == sa.bindparam("ticket"))
OLD = sa.select(TICKETS.c.id, TICKETS.c.lines, TICKETS.c.document).order_by(TICKETS.c.until, TICKETS.c.id)


class SqlTickets:
    def __init__(self, database: Database) -> None:
        self._transactions = Transactions(database)
        insert = sqlite_insert if database.is_sqlite else postgresql_insert
        self._add = _adding(insert(COUNTERS))
        self._new = insert(TICKETS).on_conflict_do_nothing()

    def reserve(self, ticket: str, lines: Sequence[Line], document: Mapping[str, Any], now: float, until: float) -> Reserved:
        named = [line._replace(counter=short(line.counter)) for line in lines]

        def work(session: Session) -> Reserved | None:
            before = session.execute(TICKET.with_for_update(), {"id": ticket}).first()
            reserved = room(named, self._amounts(session, [line.counter for line in named]))
            if reserved.refused is not None:
                return reserved
            parts = [Part(line.counter, line.bucket, line.amount, line.expires) for line in named]
            self._change(session, steps(reserved=parts))
            if before is None:
                row = {"id": ticket, "lines": parts, "document": dict(document), "until": until}
                return reserved if session.execute(self._new, row).rowcount else None
            merged = {"lines": [*before.lines, *parts], "document": {**before.document, **document}}
            session.execute(EXTEND, {"ticket": ticket, **merged, "until": max(before.until, until)})
            return reserved

        done = self._transactions.write(work)
        assert done is not None
        return done

    def release(self, ticket: str, counters: Iterable[str]) -> None:
        wanted = {short(counter) for counter in counters}

        def work(session: Session) -> None:
            for _, held in session.execute(HELD, {"ids": [ticket]}).all():
                lines = [Part(*line) for line in held]
                given = [line for line in lines if line.counter in wanted]
                left = [line for line in lines if line.counter not in wanted]
                session.execute(EXTEND.values(lines=left), {"ticket": ticket})
                self._lock(session, {line.counter for line in given})
                self._change(session, steps(taken=given))

        self._transactions.write(work)

    def settle(self, settlements: Sequence[Settlement], session: Session | None = None) -> frozenset[str]:
        parts = {settlement.ticket: settlement.parts for settlement in settlements}

        def work(session: Session) -> frozenset[str]:
            held: dict[str, list[Part]] = {}
            for some in pieces(sorted(parts)):
                held |= {id: [Part(*line) for line in lines] for id, lines in session.execute(HELD, {"ids": some})}
            for some in pieces(held):
                session.execute(END, {"ids": some})
            spent = [_named(part) for id in held for part in parts[id]]
            taken = [line for lines in held.values() for line in lines]
            self._lock(session, {part.counter for part in (*spent, *taken)})
            self._change(session, steps(spent=spent, taken=taken))
            return frozenset(held)

        return self._within(session, work)

    def spend(self, parts: Sequence[Part], session: Session | None = None) -> None:
        spent = [_named(part) for part in parts]

        def work(session: Session) -> None:
            self._lock(session, {part.counter for part in spent})
            self._change(session, steps(spent=spent))

        self._within(session, work)

    def keep(self, tickets: Iterable[str], until: float) -> None:
        def work(session: Session) -> None:
            for some in pieces(sorted(tickets)):
                found = [id for id, _ in session.execute(HELD, {"ids": some})]
                moving = sa.update(TICKETS).where(TICKETS.c.id.in_(IDS), TICKETS.c.until < until).values(until=until)
                session.execute(moving, {"ids": found})

        self._transactions.write(work)

    def lapsed(self, before: float, most: int) -> list[Lapsed]:
        with self._transactions.reading() as session:
            rows = session.execute(OLD.where(TICKETS.c.until < before).limit(most))
            return [Lapsed(id, tuple(Part(*line) for line in lines), document) for id, lines, document in rows]

    def counted(self, wanted: Iterable[tuple[str, int]]) -> dict[str, tuple[int, int]]:
        named = {short(counter): (counter, since) for counter, since in wanted}
        found = {counter: (0, 0) for counter, _ in named.values()}
        with self._transactions.reading() as session:
            for some in pieces(named):
                for name, bucket, spent, reserved in session.execute(BUCKETS, {"ids": some}):
                    counter, since = named[name]
                    if bucket >= since:
                        found[counter] = found[counter][0] + spent, found[counter][1] + reserved
        return found

    def recount(self, counter: str, spent: Mapping[int, int], expires: float) -> None:
        name = short(counter)

        def work(session: Session) -> None:
            self._lock(session, [name])
            session.execute(sa.update(COUNTERS).where(COUNTERS.c.name == name).values(spent=0))
            self._change(session, steps(spent=[Part(name, bucket, amount, expires) for bucket, amount in spent.items()]))

        self._transactions.write(work)

    def forget_counters(self, prefix: str) -> None:
        def work(session: Session) -> None:
            session.execute(sa.delete(COUNTERS).where(sa.func.substr(COUNTERS.c.name, 1, len(prefix)) == prefix))

        self._transactions.write(work)

    def sweep(self, now: float) -> None:
        """Delete buckets that have expired, unless something is reserved in them."""
        old = (COUNTERS.c.expires <= now) & (COUNTERS.c.reserved == 0)
        with self._transactions.reading() as session:
            found = session.execute(sa.select(COUNTERS.c.name).where(old).limit(1)).first()
        if found is not None:
            self._transactions.run(sa.delete(COUNTERS).where(old))

    def _amounts(self, session: Session, names: list[str]) -> dict[str, dict[int, int]]:
        self._lock(session, names)
        found: dict[str, dict[int, int]] = defaultdict(dict)
        for name, bucket, spent, reserved in session.execute(BUCKETS, {"ids": names}):
            found[name][bucket] = spent + reserved
        return found

    def _change(self, session: Session, changes: Mapping[tuple[str, int], Step]) -> None:
        rows = [{"name": name, "bucket": bucket, **step._asdict()} for (name, bucket), step in changes.items()]
        if rows:
            session.connection().execute(self._add, rows)

    def _within(self, session: Session | None, work: Callable[[Session], T]) -> T:
        return self._transactions.write(work) if session is None else work(session)

    def _lock(self, session: Session, counters: Iterable[str]) -> None:
        self._transactions.lock(session, (f"counter {counter}" for counter in counters))


def _adding(insert: Any) -> Any:
    """`taken` is no column: what is reserved in a row that is there already, and is not any more."""
    row, new = COUNTERS.c, insert.excluded
    left = row.reserved + new.reserved - sa.bindparam("taken", type_=sa.BigInteger)
    later = sa.case((new.expires > row.expires, new.expires), else_=row.expires)
    changed = {"spent": row.spent + new.spent, "reserved": sa.case((left > 0, left), else_=0), "expires": later}
    return insert.on_conflict_do_update(index_elements=["name", "bucket"], set_=changed)


def _named(part: Part) -> Part:
    return part._replace(counter=short(part.counter))
