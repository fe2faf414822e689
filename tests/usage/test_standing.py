"""How limits stand, from real counters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from omniroute.limits.limit import Line
from omniroute.limits.upstream import Learned
from omniroute.state.redis import RedisState
from omniroute.state.shared import Part
from omniroute.usage.standing import Overview, Standing, Standings, amount, dollars
from tests.parts import ADMIN, START, Parts
from tests.state.test_recount import logged

DAY = 86_400


def standings(parts: Parts, learned: Callable[[str], tuple[Learned, ...]] = lambda _: (), shared: Any = None) -> Standings:
    return Standings(parts.store.current, shared or parts.shared, learned, parts.clock)


def key(parts: Parts, name: str = "CI", **limits: Any) -> str:
    return parts.keys.create({"name": name} | limits, ADMIN)[0].id


def test_nothing_is_limited(parts: Parts) -> None:
    key(parts)
    parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-0123456789"}, ADMIN)
    assert standings(parts).overview() == Overview((), ())


def test_each_limit_of_a_key(parts: Parts) -> None:
    mine = key(parts, requests_per_minute=60, tokens_per_minute=1000, max_concurrent=4)
    logged(parts, START - 60, key=mine)
    parts.budgets.put({"api_key_id": mine, "period": "day", "limit_usd": "0.000004", "warn_at": 0.5}, ADMIN)
    parts.budgets.put({"api_key_id": mine, "period": "month", "limit_tokens": 100, "timezone": "Europe/Berlin"}, ADMIN)
    found = standings(parts).overview()
    (shown,) = found.keys
    assert (shown.id, shown.name, shown.is_active, found.away) == (mine, "CI", True, False)
    assert shown.limits == (
        Standing("concurrent requests", "concurrent", 4, 0, 0, None),
        Standing("requests per minute", "requests", 60, 0, 0, None),
        Standing("tokens per minute", "tokens", 1000, 0, 0, None),
        Standing("USD per day", "usd", 4, 3, 0, START - START % DAY + DAY, 0.5),
        Standing("tokens per month", "tokens", 100, 15, 0, 1801436400.0, 0.8),  # the first of February in Berlin
    )
    day = shown.limits[3]
    assert (day.left, day.share, day.state) == (1, 0.75, "warn")


def test_what_is_reserved_takes_room_and_is_not_yet_spent(parts: Parts) -> None:
    mine = key(parts, max_concurrent=2)
    line = Line(f"key:{mine}:concurrent requests", 0, 0, 2, 2, START + DAY)
    parts.shared.reserve("t", [line], {}, START, START + 60)
    (limit,) = standings(parts).overview().keys[0].limits
    assert (limit.spent, limit.reserved, limit.left, limit.share, limit.state) == (0, 2, 0, 1.0, "out")
    money = Standing("USD per day", "usd", 10, 5, 6, None, 0.8)
    assert (money.left, money.share, money.state) == (0, 0.5, "fine")


@pytest.mark.parametrize(
    ("spent", "state"), [(0, "fine"), (79, "fine"), (80, "warn"), (99, "warn"), (100, "out"), (250, "out"), (None, "unknown")]
)
def test_states(spent: int | None, state: str) -> None:
    assert Standing("x", "tokens", 100, spent, None if spent is None else 0, None, 0.8).state == state


def test_connections_with_a_quota_or_one_that_was_told(parts: Parts) -> None:
    made = [
        parts.connections.create({"provider": "agentrouter", "name": name, "api_key": f"sk-test-{name}-012345"}, ADMIN).id
        for name in ("c", "b", "a")
    ]
    parts.connections.update(made[0], {"quota": {"unit": "requests", "limit": 10, "window": "5h", "mode": "rolling"}}, ADMIN)
    parts.shared.spend([Part(f"connection:{made[0]}", int(START // 300) * 300, 9, START + DAY)])
    told = Learned("5h", None, None, 0.25, START + 60, START, 18_000)
    found = standings(parts, lambda row: (told,) if row == made[1] else ())
    b, c = found.overview().connections
    assert (b.name, b.provider_name, b.quota, b.learned) == ("b", "AgentRouter", None, (told,))
    assert (c.name, c.learned) == ("c", ())
    assert c.quota == Standing("requests per 5h", "requests", 10, 9, 0, None, 0.9)
    assert c.quota.state == "warn"


def test_limits_are_told_while_the_counters_are_away(parts: Parts) -> None:
    key(parts, max_concurrent=2)
    found = standings(parts, shared=RedisState("redis://127.0.0.1:1/0")).overview()
    (limit,) = found.keys[0].limits
    assert found.away
    assert (limit.limit, limit.spent, limit.reserved, limit.left, limit.share) == (2, None, None, None, None)


@pytest.mark.parametrize(
    ("unit", "count", "words"),
    [
        ("usd", 12_345_678_901, "$12,345.67"),
        ("usd", 9_999_999, "$9.99"),
        ("usd", 3200, "$0.0032"),
        ("usd", 0, "$0.00"),
        ("tokens", 1500, "1,500 tokens"),
        ("requests", 1, "1 request"),
        ("concurrent", 2, "2 requests"),
        ("usd", None, "–"),
    ],
)
def test_amounts_in_words(unit: str, count: int | None, words: str) -> None:
    assert amount(unit, count) == words
    assert dollars(1) == "$0.000001"
