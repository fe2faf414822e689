"""Tickets and counters in the database. Each call is one transaction of a few statements.

On Postgres whoever reads a counter to change it, or changes it, holds its advisory lock. The rows of tickets come first, in
order of their ids, then all of these locks at once, in order of their numbers: so no two transactions wait for each other.
"""

from __future__ import annotations

import contextlib
import functools
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import AHEAD
from omniroute.limits.limit import NEVER, Line
from omniroute.models.db import Database, inserting
from omniroute.models.shared import CounterRow, TicketRow
from omniroute.state.counters import Granting, Reservation, Step, blocking, steps, window_of
from omniroute.state.shared import Lapsed, Part, Reserved, Settlement
from omniroute.state.sqlite_tickets import AtOnce
from omniroute.state.together import Together, tried
from omniroute.state.transactions import AT_ONCE, Transactions, pieces, short

T = TypeVar("T")

MOST = float(NEVER)  # when no lease ends
WINDOW_OF = ("counter", "since", "upto")
PAUSES = (0.001,) * 48  # seconds: as long as a batch of the log takes
LOCKS = 1024  # for all counters: a batch that changes thousands would fill the table of locks (6,400 by default)

# Statements are built once: SQLAlchemy keeps what it made of them. Parameters of a statement that writes a column of
# the same name are called otherwise, as it asks for.
COUNTERS, TICKETS = CounterRow.metadata.tables["counters"], TicketRow.metadata.tables["tickets"]
SOME: sa.BindParameter[Any] = sa.bindparam("some", expanding=True)
SUMS = (
    sa.select(COUNTERS.c.name, *(sa.cast(sa.func.sum(each), sa.BigInteger) for each in (COUNTERS.c.spent, COUNTERS.c.reserved)))
    .where(COUNTERS.c.name.in_(SOME), COUNTERS.c.bucket.between(sa.bindparam("since"), sa.bindparam("upto")))
    .group_by(COUNTERS.c.name)
)
WINDOW = sa.select(COUNTERS.c.bucket, COUNTERS.c.spent + COUNTERS.c.reserved).where(
    COUNTERS.c.name == sa.bindparam("name"), COUNTERS.c.bucket.between(sa.bindparam("since"), sa.bindparam("upto"))
)
NOT_SPENT = sa.update(COUNTERS).where(COUNTERS.c.name == sa.bindparam("counter")).values(spent=0)
EXPIRED = (COUNTERS.c.expires <= sa.bindparam("now")) & (COUNTERS.c.reserved == 0)
EXPIRED_BUCKETS = sa.select(COUNTERS.c.name, COUNTERS.c.bucket).where(EXPIRED).limit(AT_ONCE)
DROP_EXPIRED = sa.delete(COUNTERS).where(
    COUNTERS.c.name == sa.bindparam("counter"), COUNTERS.c.bucket == sa.bindparam("part"), EXPIRED
)
CHANGE_TICKET = sa.update(TICKETS).where(TICKETS.c.id == sa.bindparam("ticket"))
END_TICKETS = sa.delete(TICKETS).where(TICKETS.c.id.in_(SOME))
LAPSED = (
    sa.select(TICKETS.c.id, TICKETS.c.lines, TICKETS.c.document)
    .where((TICKETS.c.until < sa.bindparam("before")) | (TICKETS.c.until > sa.bindparam("beyond")))
    .order_by(TICKETS.c.until, TICKETS.c.id)
    .limit(sa.bindparam("most"))
)


class SqlTickets:
    def __init__(self, database: Database) -> None:
        self._transactions = Transactions(database)
        insert = inserting(sqlite=database.is_sqlite)
        self._add = _adding(insert(COUNTERS))
        self._add_ticket = insert(TICKETS).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        by_id = TICKETS.c.id if database.is_sqlite else TICKETS.c.id.collate("C")  # the order that Python sorts them in
        self._held = sa.select(TICKETS.c.id, TICKETS.c.lines).where(TICKETS.c.id.in_(SOME)).order_by(by_id).with_for_update()
        noted = sa.select(TICKETS.c.id, TICKETS.c.lines, TICKETS.c.document, TICKETS.c.until)
        self._noted = noted.where(TICKETS.c.id.in_(SOME)).order_by(by_id).with_for_update()
        first = sa.select(TICKETS.c.id).where(
            TICKETS.c.id.in_(SOME), ~TICKETS.c.until.between(sa.bindparam("end"), sa.bindparam("latest"))
        )
        ordered = first.order_by(by_id).with_for_update()
        self._keep = sa.update(TICKETS).where(TICKETS.c.id.in_(ordered)).values(until=sa.bindparam("end"))
        self._together = Together(self._reserve)
        self._at_once = AtOnce(database) if database.is_sqlite else None

    def reserve(self, ticket: str, lines: Sequence[Line], document: Mapping[str, Any], now: float, until: float) -> Reserved:
        named = tuple(line._replace(counter=short(line.counter)) for line in lines)
        return self._together(Reservation(ticket, named, document, until))

    def _reserve(self, turn: Sequence[Reservation]) -> list[Reserved]:
        """At once, as soon as whoever writes now has done so; in the end by waiting in line."""
        at_once = self._at_once
        told = None if at_once is None else tried(lambda: at_once.reserve(turn), PAUSES)
        if told is None:
            return self._reserve_in_line(turn)
        late = [asked for asked, each in zip(turn, told, strict=True) if each is None]
        rest = iter(self._reserve_in_line(late) if late else ())
        return [next(rest) if each is None else each for each in told]

    def _reserve_in_line(self, turn: Sequence[Reservation]) -> list[Reserved]:
        """In the order they came, each as if those before had been written."""
        windows = list({window_of(line) for asked in turn for line in asked.lines})

        def work(session: Session) -> list[Reserved]:
            connection = session.connection()
            tickets = self._tickets(connection, {asked.ticket for asked in turn})
            self._lock(session, {counter for counter, *_ in windows})
            granting = Granting(dict(zip(windows, _used(connection, windows), strict=True)))
            told = [granting.ask(asked.lines) for asked in turn]
            given = [asked for asked, each in zip(turn, told, strict=True) if each.refused is None]
            self._change(connection, steps(reserved=[part for asked in given for part in asked.parts]))
            self._note(connection, given, tickets)
            return [_with_blocking(connection, asked, each) for asked, each in zip(turn, told, strict=True)]

        while True:
            with contextlib.suppress(_MadeMeanwhile):
                return self._transactions.write(work)

    def _tickets(self, connection: sa.Connection, ids: Collection[str]) -> dict[str, Reservation]:
        rows = connection.execute(self._noted, {"some": sorted(ids)})
        return {
            id: Reservation(id, (), document, until, tuple(Part(*line) for line in lines)) for id, lines, document, until in rows
        }

    def _note(self, connection: sa.Connection, given: Sequence[Reservation], there: dict[str, Reservation]) -> None:
        """Write the tickets; one that is there, or is asked for twice, gets the lines added."""
        new: dict[str, Reservation] = {}
        for asked in given:
            if (before := new.get(asked.ticket)) is not None:
                new[asked.ticket] = before.with_more(asked)
            elif (before := there.get(asked.ticket)) is not None:
                there[asked.ticket] = merged = before.with_more(asked)
                connection.execute(CHANGE_TICKET, {"ticket": asked.ticket, **_row(merged)})
            else:
                new[asked.ticket] = asked
        rows = [{"id": id, **_row(asked)} for id, asked in sorted(new.items())]
        if rows and connection.execute(self._add_ticket, rows).rowcount != len(rows):
            raise _MadeMeanwhile

    def release(self, ticket: str, counters: Iterable[str]) -> None:
        wanted = {short(counter) for counter in counters}

        def work(session: Session) -> None:
            held = self._holding(session.connection(), [ticket], wanted.__contains__)
            given = [line for lines in held.values() for line in lines if line.counter in wanted]
            self._lock(session, {line.counter for line in given})
            self._strike(session.connection(), held, wanted.__contains__)
            self._change(session.connection(), steps(taken=given))

        if wanted:
            self._transactions.write(work)

    def settle(self, settlements: Sequence[Settlement], session: Session | None = None) -> frozenset[str]:
        given = {settlement.ticket: settlement for settlement in reversed(settlements)}

        def work(session: Session) -> frozenset[str]:
            connection = session.connection()
            held: dict[str, list[Part]] = {}
            for some in pieces(sorted(given)):
                rows = connection.execute(self._held, {"some": some})
                held |= {id: [Part(*line) for line in lines] for id, lines in rows}
            taken = [line for lines in held.values() for line in lines]
            spent = [_named(part) for id, each in given.items() for part in (each.parts if id in held else each.otherwise)]
            self._lock(session, {part.counter for part in (*taken, *spent)})
            self._change(connection, steps(spent=spent, taken=taken))
            for some in pieces(held):
                connection.execute(END_TICKETS, {"some": some})
            return frozenset(held)

        return self._within(session, work) if given else frozenset()

    def spend(self, parts: Sequence[Part], session: Session | None = None) -> None:
        spent = [_named(part) for part in parts]

        def work(session: Session) -> None:
            self._lock(session, {part.counter for part in spent})
            self._change(session.connection(), steps(spent=spent))

        if spent:
            self._within(session, work)

    def keep(self, tickets: Iterable[str], until: float) -> None:
        kept = pieces(sorted(tickets))

        def work(session: Session) -> None:
            for some in kept:
                session.connection().execute(self._keep, {"some": some, "end": until, "latest": until + AHEAD})

        if kept:
            self._transactions.write(work)

    def lapsed(self, before: float, most: int, beyond: float = MOST) -> list[Lapsed]:
        with self._transactions.reading() as session:
            rows = session.connection().execute(LAPSED, {"before": before, "most": most, "beyond": beyond})
            return [Lapsed(id, tuple(Part(*line) for line in lines), document) for id, lines, document in rows]

    def counted(self, wanted: Iterable[tuple[str, int]], upto: int = NEVER) -> dict[str, tuple[int, int]]:
        named: dict[int, dict[str, str]] = defaultdict(dict)
        found = {}
        for counter, since in wanted:
            named[since][short(counter)] = counter
            found[counter] = (0, 0)
        with self._transactions.reading() as session:
            for since, counters in named.items():
                for some in pieces(counters):
                    for name, spent, reserved in session.connection().execute(SUMS, {"some": some, "since": since, "upto": upto}):
                        found[counters[name]] = (spent, reserved)
        return found

    def recount(self, counter: str, spent: Mapping[int, int], expires: float) -> None:
        name = short(counter)
        right = [Part(name, bucket, amount, expires) for bucket, amount in spent.items()]

        def work(session: Session) -> None:
            self._lock(session, [name])
            session.connection().execute(NOT_SPENT, {"counter": name})
            self._change(session.connection(), steps(spent=right))

        self._transactions.write(work)

    def forget_counters(self, prefix: str) -> None:
        """Tickets no longer have anything in them either, so that nothing is taken away from what is reserved after."""
        begins = sa.func.substr(COUNTERS.c.name, 1, len(prefix)) == prefix  # LIKE does not tell A from a on SQLite

        def work(session: Session) -> None:
            connection = session.connection()
            tickets = connection.execute(sa.select(TICKETS.c.id, TICKETS.c.lines))
            wanted = [id for id, lines in tickets if any(counter.startswith(prefix) for counter, *_ in lines)]
            held = self._holding(connection, wanted, lambda counter: counter.startswith(prefix))
            names = connection.execute(sa.select(COUNTERS.c.name).where(begins).distinct()).scalars().all()
            self._lock(session, names)
            self._strike(connection, held, lambda counter: counter.startswith(prefix))
            for some in pieces(names):
                connection.execute(sa.delete(COUNTERS).where(COUNTERS.c.name.in_(some)))

        self._transactions.write(work)

    def sweep(self, now: float) -> None:
        """Delete buckets that have expired, unless something is reserved in them."""
        while True:
            with self._transactions.reading() as session:
                found = session.connection().execute(EXPIRED_BUCKETS, {"now": now}).all()
            if found:  # a write only where there is something to delete
                self._transactions.write(functools.partial(self._drop, [tuple(bucket) for bucket in found], now))
            if len(found) < AT_ONCE:
                return

    def _drop(self, buckets: list[tuple[str, int]], now: float, session: Session) -> None:
        self._lock(session, {name for name, _ in buckets})
        rows = [{"counter": name, "part": bucket, "now": now} for name, bucket in buckets]
        session.connection().execute(DROP_EXPIRED, rows)

    def _holding(self, connection: sa.Connection, tickets: Iterable[str], which: Callable[[str], bool]) -> dict[str, list[Part]]:
        """All that those of these tickets hold that have something in such counters. Their rows are locked."""
        found = {}
        for some in pieces(sorted(tickets)):
            for id, held in connection.execute(self._held, {"some": some}).all():
                lines = [Part(*line) for line in held]
                if any(which(line.counter) for line in lines):
                    found[id] = lines
        return found

    def _strike(self, connection: sa.Connection, held: Mapping[str, list[Part]], which: Callable[[str], bool]) -> None:
        """Once the counters are locked too: who makes a ticket has their locks, and waits for whoever has changed its row."""
        for id, lines in held.items():
            connection.execute(CHANGE_TICKET, {"ticket": id, "lines": [line for line in lines if not which(line.counter)]})

    def _change(self, connection: sa.Connection, changes: Mapping[tuple[str, int], Step]) -> None:
        rows = [{"name": name, "bucket": bucket, **step._asdict()} for (name, bucket), step in changes.items()]
        if rows:
            connection.execute(self._add, rows)

    def _within(self, session: Session | None, work: Callable[[Session], T]) -> T:
        return self._transactions.write(work) if session is None else work(session)

    def _lock(self, session: Session, counters: Collection[str]) -> None:
        self._transactions.lock(session, {f"counter {zlib.crc32(counter.encode()) % LOCKS}" for counter in counters})


class _MadeMeanwhile(Exception):
    """Another thread or process has made the ticket since it was looked for."""


def _adding(insert: Any) -> Any:
    """`taken` is no column: it is taken away from what is reserved in a row that is there, down to 0."""
    row, new = COUNTERS.c, insert.excluded
    left = row.reserved + new.reserved - sa.bindparam("taken", type_=sa.BigInteger)
    later = sa.case((new.expires > row.expires, new.expires), else_=row.expires)
    changed = {"spent": row.spent + new.spent, "reserved": sa.case((left > 0, left), else_=0), "expires": later}
    return insert.on_conflict_do_update(index_elements=["name", "bucket"], set_=changed)


def _used(connection: sa.Connection, windows: Sequence[tuple[str, int, int]]) -> tuple[int, ...]:
    """What is spent and reserved in each, (counter, since, upto)."""
    if not windows:
        return ()
    asked = [*windows, *[windows[-1]] * (_as_many_as(len(windows)) - len(windows))]
    given = {f"{name}{n}": value for n, each in enumerate(asked) for name, value in zip(WINDOW_OF, each, strict=True)}
    return tuple(connection.execute(_window_sums(len(asked)), given).one())[: len(windows)]


def _as_many_as(count: int) -> int:
    """A power of two, lest there be a statement of its own for every number of windows."""
    return 1 << (count - 1).bit_length()


@functools.cache
def _window_sums(count: int) -> sa.Select[Any]:
    """One row with a sum for each of so many windows."""
    sums = []
    for n in range(count):
        named = COUNTERS.c.name == sa.bindparam(f"counter{n}")
        within = named & COUNTERS.c.bucket.between(sa.bindparam(f"since{n}"), sa.bindparam(f"upto{n}"))
        total = sa.func.coalesce(sa.func.sum(COUNTERS.c.spent + COUNTERS.c.reserved), 0)
        sums.append(sa.select(sa.cast(total, sa.BigInteger)).where(within).scalar_subquery().label(f"used{n}"))
    return sa.select(*sums)


def _with_blocking(connection: sa.Connection, asked: Reservation, told: Reserved) -> Reserved:
    if told.refused is None:
        return told
    line = asked.lines[told.refused]
    held = connection.execute(WINDOW, {"name": line.counter, "since": line.since, "upto": line.upto})
    return told._replace(blocking=blocking(dict(held.all()), line.limit))


def _row(asked: Reservation) -> dict[str, Any]:
    return {"lines": [*asked.held, *asked.parts], "document": dict(asked.document), "until": asked.until}


def _named(part: Part) -> Part:
    name = short(part.counter)
    return part if name == part.counter else part._replace(counter=name)
