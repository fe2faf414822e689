"""A limit that is new counts what the log already has; none ever counts too little."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.limits.limit import Budget, ConnectionQuota, Limit, budget_limit, quota_limit
from omniroute.state.recount import Recount
from omniroute.state.redis import RedisState
from omniroute.state.shared import Part
from omniroute.usage.logs import insert_rows
from tests.parts import START, Parts
from tests.redis_server import RedisServer

HOUR, DAY = 3600, 86_400
MIDNIGHT = START - START % DAY  # in UTC
DAILY = Budget("day", "usd", 10_000_000)


def logged(parts: Parts, *ats: float, key: str = "k", connection: str = "c", **columns: Any) -> None:
    """A row at each moment, of 3 micro-dollars and 10 + 5 tokens."""
    usual = {"key_id": key, "connection_id": connection, "cost": 3, "input_tokens": 10, "output_tokens": 5}
    rows = [{"id": f"{key}-{connection}-{at}", "at": at, **usual, **columns} for at in ats]
    parts.database.write(lambda session: insert_rows(session, rows))


def spent(parts: Parts, limit: Limit) -> int:
    return parts.shared.counted([(limit.counter, limit.window.span(parts.clock.now()).since)])[limit.counter][0]


def test_only_its_own_rows_since_the_window_began(parts: Parts) -> None:
    logged(parts, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1, START)
    logged(parts, START, key="other")
    for budget, wanted in (
        (DAILY, 9),
        (Budget("day", "tokens", 10), 45),
        (Budget("month", "usd", 10), 12),
        (Budget("day", "usd", 10, timezone="Asia/Kathmandu"), 12),  # UTC+5:45: its day began at 18:15
    ):
        limit = budget_limit("k", budget)
        parts.recount.exactly(limit)
        assert spent(parts, limit) == wanted, budget


def test_a_window_that_begins_within_an_hour(parts: Parts) -> None:
    """18:15 UTC: the rest of that hour by its rows, the others by their sums."""
    begins = MIDNIGHT - 5.75 * HOUR
    logged(parts, begins - 1, begins, begins + 44 * 60, begins + 45 * 60, begins + 46 * 60)
    limit = budget_limit("k", Budget("day", "usd", 10, timezone="Asia/Kathmandu"))
    parts.recount.exactly(limit)
    assert spent(parts, limit) == 12


def test_what_is_not_known_counts_nothing(parts: Parts) -> None:
    logged(parts, START, cost=None, input_tokens=None, output_tokens=7)
    in_usd, in_tokens = budget_limit("k", DAILY), budget_limit("k", Budget("week", "tokens", 10))
    assert sum(parts.recount.logged(in_usd).values()) == 0
    assert sum(parts.recount.logged(in_tokens).values()) == 7


@pytest.mark.parametrize(("unit", "wanted"), [("requests", 2), ("tokens", 30), ("usd", 6)])
def test_the_quota_of_a_connection_in_each_unit(parts: Parts, unit: Any, wanted: int) -> None:
    logged(parts, START - 60, START)
    logged(parts, START, connection="other")
    limit = quota_limit("c", ConnectionQuota(unit, 100, "5h", "rolling"))
    parts.recount.exactly(limit)
    assert spent(parts, limit) == wanted


def test_a_rolling_window_forgets_bit_by_bit(parts: Parts) -> None:
    """Of the minute that a row stands in, not of the whole at once."""
    logged(parts, START - 4 * HOUR, START - HOUR, START - 6 * HOUR)
    limit = quota_limit("c", ConnectionQuota("requests", 100, "5h", "rolling"))
    parts.recount.exactly(limit)
    assert spent(parts, limit) == 2
    parts.clock.move(1.5 * HOUR)
    assert spent(parts, limit) == 1
    parts.clock.move(3 * HOUR)
    assert spent(parts, limit) == 0


def test_a_long_rolling_window_goes_by_hours_and_leaves_none_too_early(parts: Parts) -> None:
    logged(parts, START - 6.5 * DAY, START - 8 * DAY, START)
    limit = quota_limit("c", ConnectionQuota("requests", 100, "week", "rolling"))
    parts.recount.exactly(limit)
    assert spent(parts, limit) == 2
    parts.clock.move(0.5 * DAY)  # now the first is a week old, and its part may count a little longer
    parts.clock.move(4 * HOUR)
    assert spent(parts, limit) == 1


def test_windows_from_a_known_reset(parts: Parts) -> None:
    reset = START + 600
    logged(parts, reset - 5 * HOUR - 1, reset - 5 * HOUR + 1, START)
    limit = quota_limit("c", ConnectionQuota("requests", 100, "5h", "fixed", resets_at=reset))
    parts.recount.exactly(limit)
    assert spent(parts, limit) == 2


def test_at_least_adds_and_never_takes_away(parts: Parts) -> None:
    limit = budget_limit("k", DAILY)
    logged(parts, START)
    line = limit.line(0, START)
    parts.shared.spend([Part(limit.counter, line.bucket, 1, line.expires)])
    parts.recount.at_least(limit)
    assert spent(parts, limit) == 3
    parts.shared.spend([Part(limit.counter, line.bucket, 10, line.expires)])
    parts.recount.at_least(limit)
    assert spent(parts, limit) == 13
    parts.recount.exactly(limit)
    assert spent(parts, limit) == 3


def test_what_is_reserved_stays(parts: Parts) -> None:
    limit = budget_limit("k", DAILY)
    parts.shared.reserve("t", [limit.line(50, START)], {}, START, START + 60)
    logged(parts, START)
    parts.recount.exactly(limit)
    assert parts.shared.counted([(limit.counter, 0)])[limit.counter] == (3, 50)
    parts.recount.forget(limit.counter)
    assert parts.shared.counted([(limit.counter, 0)])[limit.counter] == (0, 0)


def test_with_redis(parts: Parts, redis_server: RedisServer) -> None:
    shared, limit = RedisState(redis_server.url), budget_limit("k", DAILY)
    recount = Recount(parts.database, shared, parts.clock)
    logged(parts, MIDNIGHT - 1, MIDNIGHT, START)
    for _ in range(2):
        recount.at_least(limit)
        assert shared.counted([(limit.counter, 0)])[limit.counter] == (6, 0)
    recount.exactly(limit)
    assert shared.counted([(limit.counter, 0)])[limit.counter] == (6, 0)
    recount.forget("key:k:")
    assert shared.counted([(limit.counter, 0)])[limit.counter] == (0, 0)
    shared.close()
