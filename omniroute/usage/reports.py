"""What was used, by whom, and when: sums of the rollups, never of log rows, so they take as long for ten million requests."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.errors import Invalid
from omniroute.models.db import Database
from omniroute.models.usage import BOUNDS, SUMS, DayRow, HourRow
from omniroute.routing.configuration import Configuration
from omniroute.usage.logs import LogReports
from omniroute.usage.rollups import DAY, HOUR
from omniroute.usage.search import LogFilters

HOURS, DAYS = HourRow.__table__.c, DayRow.__table__.c
USUAL = 24 * HOUR  # seconds, where nothing is said
LONGEST_BY_HOUR = 72 * HOUR
LONGEST = 3660 * DAY
COUNTED = ("failed", *SUMS)  # what is asked for, in this order

Sums = list[int]  # in the order of COUNTED
Found = list[tuple[int, str, Sums]]  # beginning of the bucket, id of the group

WITH_SERIES = 12  # groups that get a line of their own
LOOKED_UP = 8  # names of what is gone since that are looked for in the log

# What groups are by: name -> column of the rollups.
GROUPS = {
    "provider": "provider_id",
    "model": "model",
    "key": "key_id",
    "combo": "combo",
    "connection": "connection_id",
    "class": "kind",
    "endpoint": "endpoint",
}
# Those that have a name beside their id: group -> the filter of the log, and the column that has the name.
NAMED = {
    "provider": ("provider", "provider_prefix"),
    "key": ("key_id", "key_name"),
    "connection": ("connection_id", "connection_name"),
}
UNNAMED = {"provider": "Not sent", "model": "Not sent", "key": "No key", "combo": "No combo", "connection": "Not sent"}


@dataclass(frozen=True, slots=True)
class UsageFilters:
    """All that are given must hold, as whole values; `provider` is an id or today's prefix. "" is no filter."""

    provider: str | None = None
    model: str | None = None
    key_id: str | None = None
    combo: str | None = None
    connection_id: str | None = None
    kind: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """`cost` is in micro-dollars, of the requests whose price was known; `unpriced` answered ones are not in it.

    `tokens` are input and output; cached, cache-write and reasoning tokens are parts of these. `guessed` requests have usage
    that is partial or estimated, `untold` ones were answered without any, so that their cost is not known. `error_rate` is
    failed / requests. Times are in ms, read off the classes of models/usage.py: within a class they are taken to be spread
    evenly. What has no requests, or no times, has None.
    """

    requests: int = 0
    failed: int = 0
    error_rate: float | None = None
    attempts: int = 0
    tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int = 0
    unpriced: int = 0
    guessed: int = 0
    untold: int = 0
    first_p50_ms: int | None = None
    first_p95_ms: int | None = None
    total_p50_ms: int | None = None
    total_p95_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """One hour, or one day in UTC, from `at` on."""

    at: float
    figures: Figures


@dataclass(frozen=True, slots=True)
class Group:
    """`id` is the value of the dimension, "" for requests that have none. `series` is as long as the summary's for the first
    WITH_SERIES groups, and empty for those after.
    """

    id: str
    name: str
    figures: Figures
    series: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """From `begins_at` until before `ends_at`, which are the given moments moved outwards to whole hours or days. `series` has
    every bucket of `bucket_seconds`, those without requests too. `groups` are those of the highest cost first, then of the most
    tokens.
    """

    begins_at: float
    ends_at: float
    bucket_seconds: int
    totals: Figures
    groups: tuple[Group, ...]
    series: tuple[Bucket, ...]


class UsageReports:
    """`look` gives the configuration, for names; `logs` knows the names of what is gone since."""

    def __init__(self, database: Database, look: Callable[[], Configuration], logs: LogReports, clock: Clock) -> None:
        self._database, self._look, self._logs, self._clock = database, look, logs, clock

    def summary(
        self,
        since: float | None = None,
        until: float | None = None,
        group: str | None = None,
        filters: UsageFilters | None = None,
    ) -> UsageSummary:
        """By hours for up to three days, else by days. `until` is by default the end of this hour, `since` a day before.

        Raises Invalid for an unknown group and a range that ends before it begins or is too long; DatabaseAway.
        """
        until = (self._clock.now() // HOUR + 1) * HOUR if until is None else until
        since = until - USUAL if since is None else since
        _check(since, until, group)
        filters = filters or UsageFilters()
        step = HOUR if until - since <= LONGEST_BY_HOUR else DAY
        with self._database.unit_of_work() as session:
            begin, end, step = _outwards(session, since, until, step)
            found = _sums(session, begin, end, step, group, _wanted(filters, self._look()))
        moments = range(begin // step * step, end, step)
        groups = [] if group is None else _groups(found, moments)
        names = self._names(group, [id for id, _, _ in groups])
        return UsageSummary(
            begins_at=float(begin),
            ends_at=float(end),
            bucket_seconds=step,
            totals=_figures(_added(sums for _, _, sums in found)),
            groups=tuple(Group(id, names[id], figures, series) for id, figures, series in groups),
            series=_series(found, moments),
        )

    def _names(self, group: str | None, ids: Sequence[str]) -> dict[str, str]:
        """What people call these; the id itself where nobody knows any more."""
        names = {"": UNNAMED.get(group or "", "None"), **{id: id for id in ids if id}}
        if group not in NAMED:
            return names
        known = _known(group, self._look())
        gone = [id for id in ids if id and id not in known]
        return names | known | {id: self._last_name(group, id) for id in gone[:LOOKED_UP]}

    def _last_name(self, group: str, id: str) -> str:
        name, column = NAMED[group]
        wanted: dict[str, Any] = {name: id}
        rows = self._logs.page(LogFilters(**wanted), limit=1).rows
        return (getattr(rows[0], column) if rows else None) or id


def _check(since: float, until: float, group: str | None) -> None:
    wrong: dict[str, str] = {}
    if group is not None and group not in GROUPS:
        wrong["group"] = f"must be one of {', '.join(GROUPS)}"
    if until <= since:
        wrong["until"] = "must be after since"
    elif until - since > LONGEST:
        wrong["since"] = f"must be at most {LONGEST // DAY} days before until"
    if wrong:
        raise Invalid("; ".join(f"{name} {why}" for name, why in wrong.items()), wrong)


def _known(group: str, configuration: Configuration) -> dict[str, str]:
    prefixes = {provider.id: provider.prefix for provider in configuration.providers.values()}
    if group == "provider":
        return prefixes
    if group == "key":
        return {key.id: key.name for key in configuration.keys.values()}
    rows = [row for rows in configuration.connections.values() for row in rows]
    return {row.id: f"{prefixes.get(row.provider_id, row.provider_id)} · {row.name}" for row in rows}


# Reading ----------------------------------------------------------------------------------------


def _wanted(filters: UsageFilters, configuration: Configuration) -> list[tuple[str, tuple[str, ...]]]:
    """(column, the values that it may have)"""
    given = [(name, (getattr(filters, name),)) for name in UsageFilters.__slots__ if getattr(filters, name)]
    owner = configuration.prefixes.get((filters.provider or "").lower(), "")
    return [("provider_id", (*values, owner)) if name == "provider" else (name, values) for name, values in given]


def _outwards(session: Session, since: float, until: float, step: int) -> tuple[int, int, int]:
    """(begin, end, step): whole hours; or whole days where hours are not kept any more."""
    begin, end = math.floor(since / HOUR) * HOUR, math.ceil(until / HOUR) * HOUR
    kept = _hours_from(session)
    if begin < kept:
        return begin // DAY * DAY, -(-end // DAY) * DAY if end // DAY * DAY < kept else end, DAY
    return begin, end, step


def _hours_from(session: Session) -> float:
    """From when on the hours are whole: they go earlier than the days."""
    hour, day = (session.scalar(sa.select(sa.func.min(table.at))) for table in (HOURS, DAYS))
    if day is None or (hour is not None and hour // DAY * DAY <= day):
        return -math.inf
    return math.inf if hour is None else -(-hour // DAY) * DAY


def _sums(
    session: Session, begin: int, end: int, step: int, group: str | None, wanted: list[tuple[str, tuple[str, ...]]]
) -> Found:
    """Whole days come from the table of days, the rest from that of hours."""
    if step == HOUR:
        return _read(session, HOURS, HOURS.at, group, [HOURS.at >= begin, HOURS.at < end], wanted)
    first, last = -(-begin // DAY) * DAY, end // DAY * DAY
    found = _read(session, DAYS, DAYS.at, group, [DAYS.at >= first, DAYS.at < last], wanted)
    if begin < first or last < end:
        edges = sa.or_(sa.and_(HOURS.at >= begin, HOURS.at < first), sa.and_(HOURS.at >= last, HOURS.at < end))
        found += _read(session, HOURS, HOURS.at - HOURS.at % sa.literal_column(str(DAY)), group, [edges], wanted)
    return found


def _read(
    session: Session, table: Any, at: Any, group: str | None, within: list[Any], wanted: list[tuple[str, tuple[str, ...]]]
) -> Found:
    groups = [at] if group is None else [at, table[GROUPS[group]]]
    failed = sa.func.sum(sa.case((table.kind != "ok", table.requests), else_=0))
    sums = [failed, *(sa.func.sum(table[name]) for name in SUMS)]
    chosen = [table[column].in_(values) for column, values in wanted]
    rows = session.execute(sa.select(*groups, *sums).where(*within, *chosen).group_by(*groups))
    width = len(groups)
    return [(row[0], row[1] if group else "", [int(amount) for amount in row[width:]]) for row in rows]


# Adding up --------------------------------------------------------------------------------------


def _added(sums: Iterable[Sums]) -> Sums:
    return [sum(column) for column in zip([0] * len(COUNTED), *sums, strict=True)]


def _groups(found: Found, moments: Iterable[int]) -> list[tuple[str, Figures, tuple[Bucket, ...]]]:
    parts: dict[str, Found] = {}
    for row in found:
        parts.setdefault(row[1], []).append(row)
    figures = {id: _figures(_added(sums for _, _, sums in rows)) for id, rows in parts.items()}
    order = sorted(figures, key=lambda id: (-figures[id].cost, -figures[id].tokens, -figures[id].requests, id))
    return [(id, figures[id], _series(parts[id], moments) if place < WITH_SERIES else ()) for place, id in enumerate(order)]


def _series(found: Found, moments: Iterable[int]) -> tuple[Bucket, ...]:
    parts: dict[int, list[Sums]] = {}
    for at, _, sums in found:
        parts.setdefault(at, []).append(sums)
    return tuple(Bucket(float(at), _figures(_added(parts[at])) if at in parts else Figures()) for at in moments)


def _figures(sums: Sums) -> Figures:
    counted = dict(zip(COUNTED, sums, strict=True))
    told = {name: counted[name] for name in Figures.__slots__ if name in counted}
    times: dict[str, Any] = {f"{time}_p{q}_ms": _time(counted, time, q) for time in ("first", "total") for q in (50, 95)}
    return Figures(
        **told,
        **times,
        tokens=counted["input_tokens"] + counted["output_tokens"],
        error_rate=counted["failed"] / counted["requests"] if counted["requests"] else None,
    )


def _time(counted: dict[str, int], time: str, percent: int) -> int | None:
    """The time that `percent` of all stay within. In the last class, which has no end, it is where that begins."""
    counts = [counted[f"{time}_{n}"] for n in range(len(BOUNDS) + 1)]
    reached = list(accumulate(counts))
    if reached[-1] <= 0:
        return None
    wanted = reached[-1] * percent / 100
    n = next(n for n, upto in enumerate(reached) if upto >= wanted)
    low = BOUNDS[n - 1] if n else 0
    if n == len(BOUNDS):
        return low
    return round(low + (BOUNDS[n] - low) * (wanted - reached[n] + counts[n]) / counts[n])
