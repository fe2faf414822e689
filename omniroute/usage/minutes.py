"""The log summed up by minute and provider, as far back as somebody looks: read once, then only where something was added.

Log rows have one index, by time. A row's time is when its request came in, but it is written when that is over, in a batch: so
there is no moment up to which everything is known. What costs little is how many rows a minute has, from the index alone.
A minute is read anew when that number has changed; rows themselves never change.

Times are counted in classes, each at most a fifth as wide as it begins, so that percentiles need no list of all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import gevent
import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.models.db import Database
from omniroute.models.logs import LogRow

MINUTE = 60  # seconds
LOOKED_AT = 2  # minutes before this one that each look compares: most requests are over by then
LATE = 16  # minutes that are compared once a minute: a request that takes longer is not noticed
COUNTED_AT_ONCE = 4  # minutes whose rows are counted in one statement
ROWS_AT_ONCE = 6000  # rows that one statement reads, or a whole minute: some milliseconds, in which nothing else goes on
NOT_FAILED = ("ok", "client_gone")  # who leaves before the end has not met an error

# Of times in ms: (up to, width of a class, number that is added). Above the last there is one class, which has no end.
WIDTHS = ((100, 5, 0), (1000, 20, 15), (10_000, 200, 60), (100_000, 2000, 105))
EDGES: tuple[int, ...] = (*range(0, 100, 5), *range(100, 1000, 20), *range(1000, 10_000, 200), *range(10_000, 100_001, 2000))
LAST_CLASS = len(EDGES) - 1


@dataclass(slots=True)
class Sums:
    """Of one minute and provider, or of several added up. `cost` is in micro-dollars of what has a known price; `unpriced` are
    answered requests without one. `times` counts times to first content of answered requests by class; an answer that comes
    whole counts by the moment it came.
    """

    requests: int = 0
    failed: int = 0
    tokens: int = 0
    cost: int = 0
    unpriced: int = 0
    times: Counter[int] = field(default_factory=Counter)

    def add(self, other: Sums) -> None:
        self.requests += other.requests
        self.failed += other.failed
        self.tokens += other.tokens
        self.cost += other.cost
        self.unpriced += other.unpriced
        self.times.update(other.times)

    @property
    def error_rate(self) -> float | None:
        """Failed of all; None of nothing."""
        return self.failed / self.requests if self.requests else None


ByProvider = dict[str, Sums]  # by provider id, "" for what was not sent to any


def added(parts: Iterable[Sums]) -> Sums:
    whole = Sums()
    for part in parts:
        whole.add(part)
    return whole


def percentile(times: Mapping[int, int], percent: int) -> int | None:
    """The time in ms that `percent` of all stay within, None of nothing. Within a class times are taken to be spread evenly; in
    the last one, which has no end, it is where that begins.
    """
    classes = sorted(times)
    reached = list(accumulate(times[each] for each in classes))
    if not reached or reached[-1] <= 0:
        return None
    wanted = reached[-1] * percent / 100
    place = next(n for n, upto in enumerate(reached) if upto >= wanted)
    number, count = classes[place], times[classes[place]]
    if number >= LAST_CLASS:
        return EDGES[LAST_CLASS]
    low, high = EDGES[number], EDGES[number + 1]
    return round(low + (high - low) * (wanted - reached[place] + count) / count)


class Minutes:
    """`refresh`, then look into `known`: sums by minute (epoch seconds // 60) and provider."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.known: dict[int, ByProvider] = {}
        self._looked: int | None = None  # the minute of the last look

    def refresh(self, this: int, wanted: Collection[int]) -> bool:
        """Bring these minutes up to date and forget the others; whether this is the first look within the minute `this`.

        Others get to run between its statements. Raises DatabaseAway; what was read by then is kept.
        """
        rolled = self._looked != this
        since = this - LOOKED_AT if not rolled or self._looked is None else min(this, self._looked) - LATE
        unsure = sorted(minute for minute in wanted if minute >= since or minute not in self.known)
        changed = self._changed(unsure)
        for span in _spans(changed, ROWS_AT_ONCE):
            gevent.sleep(0)
            with self._database.unit_of_work() as session:
                found = _read(session, span[0], span[-1] + 1)
            self.known |= {minute: found.get(minute, {}) for minute in span}
        self.known = {minute: self.known[minute] for minute in wanted}
        self._looked = this
        return rolled

    def _changed(self, unsure: list[int]) -> dict[int, int]:
        """Those with another number of rows than is known, with that number."""
        counts: dict[int, int] = {}
        for span in _spans(dict.fromkeys(unsure, 1), COUNTED_AT_ONCE):
            gevent.sleep(0)
            with self._database.unit_of_work() as session:
                counts |= dict.fromkeys(span, 0) | _count(session, span[0], span[-1] + 1)
        for minute in unsure:
            if not counts[minute]:
                self.known[minute] = {}
        return {
            minute: counts[minute] for minute in unsure if counts[minute] != added(self.known.get(minute, {}).values()).requests
        }


def _spans(weights: Mapping[int, int], most: int) -> Iterator[list[int]]:
    """Minutes that follow each other, as many as weigh `most` together, or one that weighs more."""
    span: list[int] = []
    weight = 0
    for minute in sorted(weights):
        if span and (span[-1] != minute - 1 or weight + weights[minute] > most):
            yield span
            span, weight = [], 0
        span.append(minute)
        weight += weights[minute]
    if span:
        yield span


def _count(session: Session, first: int, end: int) -> dict[int, int]:
    minute = _minute(session)
    counted = sa.select(minute, sa.func.count()).where(*_within(first, end)).group_by(minute)
    return {int(at): int(count) for at, count in session.execute(counted)}


def _read(session: Session, first: int, end: int) -> dict[int, ByProvider]:
    provider = sa.func.coalesce(LogRow.provider_id, "")
    groups = (_minute(session), provider, _outcome(), _time_class())
    sums = (
        sa.func.count(),
        sa.func.sum(sa.func.coalesce(LogRow.input_tokens, 0) + sa.func.coalesce(LogRow.output_tokens, 0)),
        sa.func.sum(sa.func.coalesce(LogRow.cost, 0)),
        sa.func.sum(sa.case((sa.and_(LogRow.kind == "ok", LogRow.cost.is_(None)), 1), else_=0)),
    )
    # By number: an expression with parameters is another one to Postgres each time it stands there.
    by: list[sa.ColumnElement[int]] = [sa.literal_column(str(number)) for number in range(1, len(groups) + 1)]
    found: dict[int, ByProvider] = {}
    for minute, provider_id, failed, time, count, tokens, cost, unpriced in session.execute(
        sa.select(*groups, *sums).where(*_within(first, end)).group_by(*by)
    ):
        times = Counter() if time is None else Counter({time: count})
        part = Sums(count, count * failed, int(tokens), int(cost), int(unpriced), times)
        found.setdefault(minute, {}).setdefault(provider_id, Sums()).add(part)
    return found


def _within(first: int, end: int) -> list[sa.ColumnElement[bool]]:
    return [LogRow.at >= float(first * MINUTE), LogRow.at < float(end * MINUTE)]


def _minute(session: Session) -> Any:
    """SQLite cuts off where Postgres rounds, and has floor() only if it was built with it."""
    minutes = LogRow.at / sa.literal_column(f"{MINUTE}.0")
    return sa.cast(minutes if session.get_bind().dialect.name == "sqlite" else sa.func.floor(minutes), sa.BigInteger)


def _outcome() -> Any:
    return sa.case((LogRow.kind.in_(NOT_FAILED), 0), else_=1)


def _time_class() -> Any:
    """The number of the class; NULL where nothing was answered or nobody took the time."""
    time = LogRow.first_ms
    steps = [(time < top, time // sa.literal_column(str(width), sa.Integer) + number) for top, width, number in WIDTHS]
    return sa.case((sa.or_(LogRow.kind != "ok", time.is_(None)), sa.null()), *steps, else_=LAST_CLASS)
