from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from omniroute.models.logs import LogRow
from omniroute.models.usage import DayRow, HourRow
from omniroute.usage.bodies import Bodies, BodyStore
from omniroute.usage.logs import insert_rows
from omniroute.usage.retention import BATCH, LONGEST, REST, Retention
from tests.parts import ADMIN, START, HandClock, Parts
from tests.usage.test_logs import FULL

HOUR, DAY = 3600, 86_400


@pytest.fixture
def bodies(parts: Parts) -> BodyStore:
    return BodyStore(parts.database, parts.vault)


@pytest.fixture
def retention(parts: Parts, bodies: BodyStore) -> Retention:
    return Retention(parts.database, bodies, parts.preferences.all, parts.clock)


def write(parts: Parts, bodies: BodyStore, *days_ago: float) -> None:
    rows = [FULL | {"id": f"{days:g}", "at": START - days * DAY} for days in days_ago]

    def work(session: Any) -> None:
        insert_rows(session, rows)
        bodies.sealed([Bodies(row["id"], row["at"], b"x", 1, None, 0) for row in rows])(session)

    parts.database.write(work)


def left(parts: Parts, bodies: BodyStore) -> tuple[list[str], list[str]]:
    ids = [row.id for row in parts.logs.page().rows]
    return ids, [id for id in ids if bodies.has(id)]


def test_rows_and_bodies_go_at_their_age(parts: Parts, bodies: BodyStore, retention: Retention) -> None:
    write(parts, bodies, 0, 6.9, 7.1, 29.9, 30.1, 400)
    assert retention.run() is True
    assert left(parts, bodies) == (["0", "6.9", "7.1", "29.9"], ["0", "6.9"])


def test_the_ages_are_preferences_and_no_body_outlives_its_row(parts: Parts, bodies: BodyStore, retention: Retention) -> None:
    write(parts, bodies, 0, 1.5, 2.5, 8)
    parts.preferences.update({"log_days": 2, "body_days": 100}, ADMIN)
    retention.run()
    assert left(parts, bodies) == (["0", "1.5"], ["0", "1.5"])
    assert not bodies.has("8")


def test_hours_go_by_whole_days_and_days_stay(parts: Parts, bodies: BodyStore, retention: Retention) -> None:
    write(parts, bodies, *range(0, 130, 10))
    retention.run()
    with parts.database.unit_of_work() as session:
        hours = session.scalars(sa.select(HourRow.__table__.c.at)).all()
        days = session.scalars(sa.select(DayRow.__table__.c.at)).all()
    assert len(hours) == 10 and len(days) == 13
    assert min(hours) >= START // DAY * DAY - 90 * DAY


def test_no_day_is_left_with_some_of_its_hours(parts: Parts, bodies: BodyStore, retention: Retention) -> None:
    write(parts, bodies, *(90 + hour / 24 for hour in range(-24, 24)))
    retention.run()
    with parts.database.unit_of_work() as session:
        hours = session.scalars(sa.select(HourRow.__table__.c.at)).all()
    assert min(hours) == START // DAY * DAY - 90 * DAY


def test_as_long_as_there_are_rows_there_are_the_hours_to_find_them_by(
    parts: Parts, bodies: BodyStore, retention: Retention
) -> None:
    parts.preferences.update({"log_days": 200, "rollup_days": 10}, ADMIN)
    write(parts, bodies, 0, 199.9)
    retention.run()
    assert [row.id for row in parts.logs.page(limit=1, before=f"{START!r}_!").rows] == ["199.9"]
    with parts.database.unit_of_work() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(HourRow.__table__)) == 2


class Busy(HandClock):
    """Every look at it takes a while; it notes the rests."""

    def __init__(self) -> None:
        super().__init__()
        self.rests: list[float] = []

    def tick(self) -> float:
        self.move(LONGEST / 4)
        return self.at

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)


def test_a_run_is_short_and_rests_between_batches(parts: Parts, bodies: BodyStore) -> None:
    old = [FULL | {"id": f"r-{n}", "at": START - 40 * DAY + n} for n in range(4 * BATCH + 1)]
    parts.database.write(lambda session: insert_rows(session, old))
    clock = Busy()
    retention = Retention(parts.database, bodies, parts.preferences.all, clock)
    assert retention.run() is False
    with parts.database.unit_of_work() as session:
        count = session.scalar(sa.select(sa.func.count()).select_from(LogRow)) or 0
    assert 1 < count < 4 * BATCH + 1 and count % BATCH == 1
    assert set(clock.rests) == {REST * LONGEST / 4}
    while not retention.run():
        pass
    assert parts.logs.page().rows == ()
    assert parts.usage.summary(START - 60 * DAY, START).totals.requests == 4 * BATCH + 1  # the sums stay
