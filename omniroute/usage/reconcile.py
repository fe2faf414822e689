"""Whether the books agree: the log's rows, their sums by hour and day, and what is counted against budgets and quotas.

They change together, so a difference means that something was lost: a database that was restored, a Redis that came back
empty. The rows are what is right; `repair` makes the others agree with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock, moment
from omniroute.limits.limit import Limit
from omniroute.limits.windows import Rolling, Window
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.models.usage import DIMENSIONS, SUMS, HourRow
from omniroute.routing.configuration import Configuration
from omniroute.state.recount import Recount
from omniroute.state.shared import SharedState
from omniroute.usage.refill import kept_limits
from omniroute.usage.rollups import DAY, HOUR, add_rows

COMPARED = ("requests", "input_tokens", "output_tokens", "cost")
ROWS = LogRow.metadata.tables["log_rows"]
HOURS, DAYS = (HourRow.metadata.tables[name] for name in ("usage_hours", "usage_days"))
AT_ONCE = 1000

Figures = tuple[int, ...]  # in the order of COMPARED


@dataclass(frozen=True, slots=True)
class Difference:
    """`where` is an hour, a day or a limit; `rows` is what the log says, `kept` what stands there."""

    where: str
    what: str
    rows: int
    kept: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What was compared, and what differs. `open` are requests that hold a reservation now."""

    hours: int
    counters: int
    open: int
    differences: tuple[Difference, ...]


class Reconcile:
    def __init__(self, database: Database, shared: SharedState, clock: Clock) -> None:
        self._database, self._shared, self._clock = database, shared, clock
        self._recount = Recount(database, shared, clock)

    def balance(self, configuration: Configuration) -> Balance:
        """Raises DatabaseAway. Best taken while nothing is going on: what is in flight may be read on one side only."""
        rows, hours = self._by_hour()
        differences = list(_differing(rows, hours, "hour"))
        differences.extend(self._days(hours))
        limits = tuple(kept_limits(configuration))
        differences.extend(found for limit in limits if (found := self._limit(limit)) is not None)
        waiting = len(self._shared.lapsed(float("inf"), 100_000))
        return Balance(len(rows.keys() | hours.keys()), len(limits), waiting, tuple(differences))

    def repair(self, configuration: Configuration) -> None:
        """Make sums and counters what the rows say. Raises DatabaseAway."""
        rows, hours = self._by_hour()
        wrong = [at for at in rows.keys() | hours.keys() if rows.get(at) != hours.get(at)]
        for at in wrong:
            self._database.write(lambda session, at=at: _sum_hour(session, at))  # type: ignore[misc]  # mypy can't infer a default
        _, hours = self._by_hour()
        for difference_at in {at // DAY * DAY for at in wrong} | set(self._wrong_days(hours)):
            self._database.write(lambda session, at=difference_at: _sum_day(session, at))  # type: ignore[misc]
        for limit in kept_limits(configuration):
            if self._limit(limit) is not None:
                self._recount.exactly(limit)

    # The log and its sums -----------------------------------------------------------------------------

    def _by_hour(self) -> tuple[dict[int, Figures], dict[int, Figures]]:
        """Of the hours that the log has whole: older rows may have been deleted from the first one."""
        hour = _hour_of(self._database.is_sqlite)
        told = (sa.func.count(), *(sa.func.coalesce(sa.func.sum(ROWS.c[name]), 0) for name in COMPARED[1:]))
        kept = [sa.func.sum(HOURS.c[name]) for name in COMPARED]
        with self._database.unit_of_work() as session:
            first = session.scalar(sa.select(sa.func.min(ROWS.c.at)))
            begin = 0 if first is None else int(first // HOUR) * HOUR
            if first is not None and session.scalar(sa.select(HOURS.c.at).where(HOURS.c.at < begin).limit(1)) is not None:
                begin += HOUR
            rows = session.execute(sa.select(hour, *told).where(ROWS.c.at >= begin).group_by(hour))
            found = {int(at): tuple(int(n) for n in sums) for at, *sums in rows}
            if first is None:
                return {}, {}
            sums = session.execute(sa.select(HOURS.c.at, *kept).where(HOURS.c.at >= begin).group_by(HOURS.c.at))
            return found, {int(at): tuple(int(n) for n in each) for at, *each in sums}

    def _days(self, hours: dict[int, Figures]) -> Iterator[Difference]:
        summed, kept = self._day_figures(hours)
        return _differing(summed, kept, "day")

    def _wrong_days(self, hours: dict[int, Figures]) -> list[int]:
        summed, kept = self._day_figures(hours)
        return [at for at in summed.keys() | kept.keys() if summed.get(at) != kept.get(at)]

    def _day_figures(self, hours: dict[int, Figures]) -> tuple[dict[int, Figures], dict[int, Figures]]:
        """Of the days that begin after the first hour that is there."""
        if not hours:
            return {}, {}
        begin = -(-min(hours) // DAY) * DAY
        summed: dict[int, Figures] = {}
        for at, figures in hours.items():
            if at >= begin:
                before = summed.get(at // DAY * DAY, (0,) * len(COMPARED))
                summed[at // DAY * DAY] = tuple(a + b for a, b in zip(before, figures, strict=True))
        columns = [sa.func.sum(DAYS.c[name]) for name in COMPARED]
        with self._database.unit_of_work() as session:
            rows = session.execute(sa.select(DAYS.c.at, *columns).where(DAYS.c.at >= begin).group_by(DAYS.c.at))
            return summed, {int(at): tuple(int(n) for n in each) for at, *each in rows}

    # Limits -------------------------------------------------------------------------------------------

    def _limit(self, limit: Limit) -> Difference | None:
        since = _compared_since(limit.window, self._clock.now())
        right = sum(amount for bucket, amount in self._recount.logged(limit).items() if bucket >= since)
        kept = self._shared.counted([(limit.counter, since)])[limit.counter][0]
        return None if right == kept else Difference(limit.counter, limit.unit, right, kept)


def _compared_since(window: Window, now: float) -> int:
    """A counter of a rolling window over days may have been counted from whole hours, so it is compared from where an hour and a
    part of the window begin together: all of a month, and of a week all but the oldest 14 hours at the most.
    """
    since = window.span(now).since
    if isinstance(window, Rolling) and window.seconds > DAY:
        together = math.lcm(window.part, HOUR)
        return -(-since // together) * together
    return since


def _differing(rows: dict[int, Figures], kept: dict[int, Figures], name: str) -> Iterator[Difference]:
    none = (0,) * len(COMPARED)
    for at in sorted(rows.keys() | kept.keys()):
        for what, right, found in zip(COMPARED, rows.get(at, none), kept.get(at, none), strict=True):
            if right != found:
                yield Difference(f"{name} {moment(at)}", what, right, found)


def _hour_of(sqlite: bool) -> sa.ColumnElement[int]:
    hours = ROWS.c.at / HOUR
    return (sa.cast(hours, sa.BigInteger) if sqlite else sa.cast(sa.func.floor(hours), sa.BigInteger)) * HOUR


def _nobody_writes(session: Session) -> None:
    """Until the transaction is over: what others commit between its statements would be counted twice. Whoever writes rows has
    locked this table first, so nobody waits in a ring. SQLite has one writer anyhow.
    """
    if session.get_bind().dialect.name != "sqlite":
        session.execute(sa.text("LOCK TABLE log_rows IN SHARE ROW EXCLUSIVE MODE"))


def _sum_hour(session: Session, at: int) -> None:
    """Its rows are added to the day as well; that is summed up anew after."""
    _nobody_writes(session)
    session.execute(sa.delete(HOURS).where(HOURS.c.at == at))
    within = sa.select(*ROWS.columns).where(ROWS.c.at >= at, ROWS.c.at < at + HOUR)
    rows = [dict(row) for row in session.execute(within).mappings()]
    for start in range(0, len(rows), AT_ONCE):
        add_rows(session, rows[start : start + AT_ONCE])


def _sum_day(session: Session, at: int) -> None:
    _nobody_writes(session)
    session.execute(sa.delete(DAYS).where(DAYS.c.at == at))
    named = [HOURS.c[name] for name in ("digest", *DIMENSIONS)]
    columns = (sa.literal(at, sa.BigInteger), *named, *(sa.func.sum(HOURS.c[name]) for name in SUMS))
    summed = sa.select(*columns).where(HOURS.c.at >= at, HOURS.c.at < at + DAY).group_by(*named)
    session.execute(sa.insert(DAYS).from_select(["at", "digest", *DIMENSIONS, *SUMS], summed))
