"""How much of the log there is, and what a shorter time would take, held against what retention then deletes."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniroute.models.logs import BodyRow, LogRow
from omniroute.models.usage import DayRow, HourRow
from omniroute.usage.bodies import BodyStore
from omniroute.usage.logs import insert_rows
from omniroute.usage.retention import Retention
from omniroute.usage.stock import FOR_EVER, Losses, Stock, _rows, losses, stock
from tests.parts import START, Parts
from tests.usage.test_logs import FULL
from tests.usage.test_retention import DAY, HOUR, bodies, write

__all__ = ["bodies"]

USUAL = {"log_days": 30, "body_days": 7, "rollup_days": 90}


def counted(parts: Parts) -> tuple[int, int, int]:
    with parts.database.unit_of_work() as session:
        hours = session.scalar(sa.select(sa.func.count(HourRow.__table__.c.at.distinct())))
        rows, kept = (session.scalar(sa.select(sa.func.count()).select_from(each)) for each in (LogRow, BodyRow))
        return rows or 0, kept or 0, hours or 0


def test_nothing_yet(parts: Parts) -> None:
    assert stock(parts.database) == Stock(0, None, 0, None, 0, None, 0, None)
    assert losses(parts.database, USUAL, START) == Losses(0, 0, 0)
    assert not losses(parts.database, USUAL, START).any


def test_what_there_is(parts: Parts, bodies: BodyStore) -> None:
    write(parts, bodies, 0, 0.001, 5, 40)
    told = stock(parts.database)
    assert (told.rows, told.bodies, told.hours, told.days) == (4, 4, 4, 3)
    assert told.rows_since == told.bodies_since == START - 40 * DAY
    assert told.hours_since == (START - 40 * DAY) // HOUR * HOUR and told.days_since == (START - 40 * DAY) // DAY * DAY


@pytest.mark.parametrize("chosen", [USUAL, {**USUAL, "log_days": 3}, {"log_days": 9, "body_days": 1, "rollup_days": 4}])
def test_what_is_told_to_go_goes_and_no_more(parts: Parts, bodies: BodyStore, chosen: dict[str, int]) -> None:
    write(parts, bodies, 0, 0.5, 1.5, 2.99, 3.01, 5, 8, 12.3, 29, 31, 91, 120)
    before, told = counted(parts), losses(parts.database, chosen, parts.clock.now())
    Retention(parts.database, bodies, lambda: chosen, parts.clock).run()
    gone = tuple(had - has for had, has in zip(before, counted(parts), strict=True))
    assert gone == (told.rows, told.bodies, told.hours) and told.any
    assert losses(parts.database, chosen, parts.clock.now()) == Losses(0, 0, 0)
    assert stock(parts.database).rows == counted(parts)[0]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 12), min_size=1, max_size=12, unique=True), st.floats(0, 13))
def test_rows_are_counted_right_by_days_and_their_edges(parts: Parts, days_ago: list[float], before: float) -> None:
    moments, cut = [START - days * DAY for days in days_ago], START - before * DAY

    def only_these(session: Any) -> None:
        for table in (LogRow, HourRow, DayRow):
            session.execute(sa.delete(table))
        insert_rows(session, [FULL | {"id": f"row-{n}", "at": at} for n, at in enumerate(moments)])

    parts.database.write(only_these)
    with parts.database.unit_of_work() as session:
        assert _rows(session, cut) == sum(at < cut for at in moments)
        assert _rows(session, FOR_EVER) == len(moments)
