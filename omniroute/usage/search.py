"""Finding log rows of a kind. Their only index is by time, so the rollups say which hours hold any, and only those are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.errors import Invalid
from omniroute.models.logs import LogRow
from omniroute.models.paging import Page, check_limit, cursor, older, read_cursor
from omniroute.models.usage import DayRow, HourRow
from omniroute.routing.configuration import Configuration
from omniroute.usage.rollups import DAY, HOUR

OUTCOMES = ("ok", "failed")
SCAN = 40_000  # rows that one page looks at, at the most: a rare kind among many may take more than one page
FEW_IDS = 1000  # up to so many rows are found by the beginning of their id
FEW_GROUPS = 50  # up to so many groups of a day are looked for in its hours by their digests
DAYS_AT_ONCE = (1, 4, 16, 64, 256)  # days that are asked for at a time: often the first one fills the page
FIRST_ID = "!"  # comes before every id

HOURS, DAYS = HourRow.__table__.c, DayRow.__table__.c

Condition = sa.ColumnElement[bool]
Place = tuple[float, str]  # of a row: at and id


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` on until before `high`, and beyond `last`, the end of the page before."""

    low: float
    high: float
    last: Place | None

    @property
    def condition(self) -> list[Condition]:
        return [LogRow.at >= self.low, LogRow.at < self.high, *([] if self.last is None else [older(LogRow, *self.last)])]


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What must hold of a log row; of an hour, and of a day, that such a row is counted in."""

    rows: list[Condition]
    hours: list[Condition]
    days: list[Condition]


@dataclass(frozen=True, slots=True)
class LogFilters:
    """All that are given must hold. `since` and `until` are seconds since 1970 (`until` is not included).

    `model` is a part of the requested or upstream name, `provider` an id or prefix, `outcome` "ok" or "failed",
    `kind` a failure class, `request_id` the beginning of an id; the others are whole values. "" is no filter.
    """

    since: float | None = None
    until: float | None = None
    key_id: str | None = None
    model: str | None = None
    provider: str | None = None
    connection_id: str | None = None
    combo: str | None = None
    endpoint: str | None = None
    outcome: str | None = None
    status: int | None = None
    kind: str | None = None
    request_id: str | None = None


SAME = ("key_id", "connection_id", "combo", "endpoint", "status", "kind")  # columns that have the filter's name and value


def find(
    session: Session, configuration: Configuration, filters: LogFilters, before: str | None, limit: int, scan: int = SCAN
) -> Page[LogRow]:
    """Up to `limit` rows, newest first. After looking at `scan` rows in vain a page ends with fewer, even with none, and the
    next one goes on from there. Raises Invalid.
    """
    check_limit(limit)
    if filters.outcome not in (None, "", *OUTCOMES):
        raise Invalid("outcome must be ok or failed", {"outcome": "must be ok or failed"})
    last = None if before is None else read_cursor(before)
    kinds = _Kinds(*(_kinds(table, configuration, filters) for table in (LogRow, HOURS, DAYS)))
    wanted = [*_within(filters, last), *kinds.rows]
    if filters.request_id:
        few = _few_ids(session, filters.request_id)
        if few is not None:
            return _page(_rows(session, [LogRow.id.in_(few), *wanted], limit + 1), limit)
        wanted.append(sa.func.substr(LogRow.id, 1, len(filters.request_id)) == filters.request_id)
    elif not kinds.rows:
        return _page(_rows(session, wanted, limit + 1), limit)
    return _walk(session, _spans(session, filters, kinds, last), wanted, limit, scan)


def among(
    session: Session, configuration: Configuration, filters: LogFilters, ids: Sequence[str], ended_since: float | None = None
) -> list[LogRow]:
    """Those of these rows that the filters let through, newest first; with `ended_since` only what ended since."""
    wanted = [LogRow.id.in_(ids), *_within(filters, None), *_kinds(LogRow, configuration, filters)]
    if filters.request_id:
        wanted.append(sa.func.substr(LogRow.id, 1, len(filters.request_id)) == filters.request_id)
    if ended_since is not None:
        wanted.append(LogRow.at + sa.func.coalesce(LogRow.total_ms, 0) / 1000.0 >= ended_since)
    return _rows(session, wanted, len(ids))


def _walk(session: Session, spans: Iterator[Span], wanted: list[Condition], limit: int, left: int) -> Page[LogRow]:
    found: list[LogRow] = []
    for span in spans:
        end = _end(session, span.condition, left)
        near = [] if end is None else [sa.not_(older(LogRow, *end))]
        found += _rows(session, [*span.condition, *near, *wanted], limit + 1 - len(found))
        if len(found) > limit:
            break
        if end is not None:
            return Page(tuple(found), cursor(*end))
        left -= _count(session, span.condition)
        if left <= 0:
            return Page(tuple(found), cursor(span.low, FIRST_ID))
    return _page(found, limit)


def _page(found: list[LogRow], limit: int) -> Page[LogRow]:
    more = cursor(found[limit - 1].at, found[limit - 1].id) if len(found) > limit else None
    return Page(tuple(found[:limit]), more)


def _rows(session: Session, wanted: list[Condition], most: int) -> list[LogRow]:
    return list(session.scalars(sa.select(LogRow).where(*wanted).order_by(LogRow.at.desc(), LogRow.id.desc()).limit(most)))


def _few_ids(session: Session, beginning: str) -> list[str] | None:
    """The ids that begin so, unless they are many. z is the last of the letters that ids are made of, in every collation."""
    near = sa.select(LogRow.id).where(LogRow.id >= beginning, LogRow.id <= beginning + "z" * 64).limit(FEW_IDS + 1)
    ids = session.scalars(near).all()
    return None if len(ids) > FEW_IDS else [id for id in ids if id.startswith(beginning)]


def _end(session: Session, span: list[Condition], left: int) -> Place | None:
    """The last row of the span that may still be looked at; None when all may."""
    newest_first = sa.select(LogRow.at, LogRow.id).where(*span).order_by(LogRow.at.desc(), LogRow.id.desc())
    beyond = session.execute(newest_first.offset(left - 1).limit(2)).all()
    return (beyond[0].at, beyond[0].id) if len(beyond) > 1 else None


def _count(session: Session, span: list[Condition]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(LogRow).where(*span)) or 0


# Where to look ----------------------------------------------------------------------------------


def _spans(session: Session, filters: LogFilters, kinds: _Kinds, last: Place | None) -> Iterator[Span]:
    """Stretches of time that may hold rows of this kind, newest first."""
    oldest = session.scalar(sa.select(sa.func.min(LogRow.at)))
    newest = session.scalar(sa.select(sa.func.max(LogRow.at)))
    if oldest is None or newest is None:
        return
    low = max(oldest, filters.since or oldest)
    high = min(newest if last is None else last[0], newest if filters.until is None else filters.until)
    if not kinds.hours:
        yield Span(low, high + 1, last)
        return
    for day in _days(session, kinds, low, high):
        hours = [at for at in range(day, day + DAY, HOUR) if low - HOUR < at <= high]
        for begin, end in _joined(_hours(session, kinds, day, hours)):
            yield Span(begin, end, last)


def _days(session: Session, kinds: _Kinds, low: float, high: float) -> Iterator[int]:
    sizes = iter(DAYS_AT_ONCE)
    size = 0
    while True:
        size = next(sizes, size)
        days = sa.select(DAYS.at).where(*kinds.days, DAYS.at > low - DAY, DAYS.at <= high)
        found = session.scalars(days.group_by(DAYS.at).order_by(DAYS.at.desc()).limit(size)).all()
        yield from found
        if len(found) < size:
            return
        high = found[-1] - 1


def _hours(session: Session, kinds: _Kinds, day: int, hours: list[int]) -> Sequence[int]:
    """Those of the hours that hold such rows, newest first."""
    counted = sa.select(DAYS.digest).where(DAYS.at == day, *kinds.days).limit(FEW_GROUPS + 1)
    digests = session.scalars(counted).all()
    same = [HOURS.digest.in_(digests)] if len(digests) <= FEW_GROUPS else kinds.hours
    found = sa.select(HOURS.at).where(HOURS.at.in_(hours), *same)
    return session.scalars(found.group_by(HOURS.at).order_by(HOURS.at.desc())).all()


def _joined(hours: Sequence[int]) -> list[tuple[int, int]]:
    """Hours that follow each other as one span."""
    spans: list[tuple[int, int]] = []
    for hour in hours:
        if spans and spans[-1][0] == hour + HOUR:
            spans[-1] = (hour, spans[-1][1])
        else:
            spans.append((hour, hour + HOUR))
    return spans


# What is looked for -----------------------------------------------------------------------------


def _within(filters: LogFilters, last: Place | None) -> list[Condition]:
    since = [] if filters.since is None else [LogRow.at >= filters.since]
    until = [] if filters.until is None else [LogRow.at < filters.until]
    return [*since, *until, *([] if last is None else [older(LogRow, *last)])]


def _kinds(table: Any, configuration: Configuration, filters: LogFilters) -> list[Condition]:
    """What must hold of a row of LogRow; or of DAYS and HOURS, where some such row is counted."""
    wanted = [getattr(table, name) == getattr(filters, name) for name in SAME if getattr(filters, name) not in (None, "")]
    if filters.outcome:
        wanted.append(table.kind == "ok" if filters.outcome == "ok" else table.kind != "ok")
    if filters.model:
        wanted.append(_model(table, filters.model))
    if filters.provider:
        wanted.append(_provider(table, configuration, filters.provider))
    return wanted


def _model(table: Any, part: str) -> Condition:
    upstream = LogRow.upstream_model if table is LogRow else table.model
    named = [column.icontains(part, autoescape=True) for column in (table.requested_model, upstream)]
    if table is not LogRow:  # what nobody serves is not counted by its name
        named.append(sa.and_(table.requested_model == "", table.provider_id == ""))
    return sa.or_(*named)


def _provider(table: Any, configuration: Configuration, named: str) -> Condition:
    """By its id; by the prefix that it has now; or by the one that it had when a row was written, where it is gone since."""
    owner = configuration.prefixes.get(named.lower(), named)
    prefixed = table.provider_prefix == named if table is LogRow else table.provider_id != ""
    if owner in configuration.providers:
        prefixed = sa.and_(table.provider_id.not_in(sorted(configuration.providers)), prefixed)
    return sa.or_(table.provider_id.in_(sorted({named, owner})), prefixed)
