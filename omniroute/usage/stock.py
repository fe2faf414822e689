"""How much of the log there is, and what would go if it were kept for a shorter time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.models.db import Database
from omniroute.models.logs import BodyRow, LogRow
from omniroute.models.usage import DayRow, HourRow
from omniroute.usage.retention import kept_from
from omniroute.usage.rollups import DAY

FOR_EVER = math.inf


@dataclass(frozen=True, slots=True)
class Stock:
    """Log rows, requests with stored bodies, hours and days that have sums; the time of the oldest of each, None without any."""

    rows: int
    rows_since: float | None
    bodies: int
    bodies_since: float | None
    hours: int
    hours_since: float | None
    days: int
    days_since: float | None


@dataclass(frozen=True, slots=True)
class Losses:
    """How many of each are older than they would be kept."""

    rows: int
    bodies: int
    hours: int

    @property
    def any(self) -> bool:
        return bool(self.rows or self.bodies or self.hours)


def stock(database: Database) -> Stock:
    """All that there is. Raises DatabaseAway."""
    hours, days = HourRow.__table__.c.at, DayRow.__table__.c.at
    with database.unit_of_work() as session:
        return Stock(
            _rows(session, FOR_EVER),
            _oldest(session, LogRow.at),
            session.scalar(sa.select(sa.func.count(BodyRow.at))) or 0,
            _oldest(session, BodyRow.at),
            session.scalar(sa.select(sa.func.count(hours.distinct()))) or 0,
            _oldest(session, hours),
            session.scalar(sa.select(sa.func.count(days.distinct()))) or 0,
            _oldest(session, days),
        )


def losses(database: Database, chosen: Mapping[str, Any], now: float) -> Losses:
    """What these preferences (log_days, body_days, rollup_days) delete of it now. Raises DatabaseAway."""
    kept, hours = kept_from(chosen, now), HourRow.__table__.c.at
    with database.unit_of_work() as session:
        return Losses(
            _rows(session, kept.rows),
            session.scalar(sa.select(sa.func.count(BodyRow.at)).where(BodyRow.at < kept.bodies)) or 0,
            session.scalar(sa.select(sa.func.count(hours.distinct())).where(hours < kept.hours)) or 0,
        )


def _rows(session: Session, before: float) -> int:
    """Log rows from before that moment. Whole days are taken from their sums: a million rows are not counted one by one."""
    oldest, days = _oldest(session, LogRow.at), DayRow.__table__.c
    if oldest is None or before <= oldest:
        return 0
    first = math.ceil(oldest / DAY) * DAY
    newest = session.scalar(sa.select(sa.func.max(LogRow.at))) or oldest
    end = min(before, newest + 1)
    last = end // DAY * DAY
    if last <= first:
        return _counted(session, oldest, end)
    summed = session.scalar(sa.select(sa.func.sum(days.requests)).where(days.at >= first, days.at < last)) or 0
    return _counted(session, oldest, first) + int(summed) + _counted(session, last, end)


def _counted(session: Session, since: float, before: float) -> int:
    return session.scalar(sa.select(sa.func.count(LogRow.at)).where(LogRow.at >= since, LogRow.at < before)) or 0


def _oldest(session: Session, column: Any) -> float | None:
    found = session.scalar(sa.select(sa.func.min(column)))
    return None if found is None else float(found)
