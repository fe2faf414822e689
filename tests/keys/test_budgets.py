"""Budgets: one a key and period, in USD or tokens, counting from what the log has."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from omniroute.errors import DatabaseAway, Invalid, Missing, NotAllowed
from omniroute.keys.budgets import Budgets
from omniroute.limits.limit import Budget
from omniroute.security.audit import Actor
from omniroute.state.recount import Recount
from omniroute.state.redis import RedisState
from tests.parts import ADMIN, START, Parts
from tests.state.test_recount import logged

Making = Callable[..., str]


@pytest.fixture
def key(parts: Parts) -> str:
    return parts.keys.create({"name": "CI"}, ADMIN)[0].id


def counted(parts: Parts, key: str, name: str) -> int:
    return parts.shared.counted([(f"key:{key}:{name}", 0)])[f"key:{key}:{name}"][0]


def given(key: str, **more: Any) -> dict[str, Any]:
    return {"api_key_id": key, "period": "month", "limit_usd": 10} | more


def test_a_new_budget_is_known_at_once_and_counts_what_the_log_has(parts: Parts, key: str) -> None:
    logged(parts, START - 60, START, key=key)
    view = parts.budgets.put(given(key, limit_usd="12.5", warn_at=0.5, timezone="Europe/Berlin"), ADMIN)
    assert (view.key_name, view.unit, view.limit_usd, view.limit_tokens) == ("CI", "usd", Decimal("12.5"), None)
    assert (view.period, view.warn_at, view.timezone, view.name) == ("month", 0.5, "Europe/Berlin", "USD per month")
    (known,) = parts.store.current().keys.values()
    assert known.limits is not None
    assert known.limits.budgets == (Budget("month", "usd", 12_500_000, 0.5, "Europe/Berlin"),) == (view.value,)
    assert counted(parts, key, "USD per month") == 6
    assert parts.budgets.list(key) == parts.budgets.list() == (view,) == (parts.budgets.get(view.id),)
    assert parts.budgets.list("another") == ()
    assert parts.budgets.find(key, "month") == view


@pytest.mark.parametrize(
    ("value", "micro"),
    [(10, 10_000_000), ("0.000001", 1), (0.1, 100_000), (1_000_000_000, 10**15), ("2.50", 2_500_000), (Decimal("3"), 3_000_000)],
)
def test_dollars_are_kept_exactly(parts: Parts, key: str, value: Any, micro: int) -> None:
    assert parts.budgets.put(given(key, limit_usd=value), ADMIN).value.limit == micro


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"api_key_id": ""}, "api_key_id"),
        ({"period": "year"}, "period"),
        ({"period": None}, "period"),
        ({"limit_usd": None}, "limit_usd"),
        ({"limit_usd": 0}, "limit_usd"),
        ({"limit_usd": -1}, "limit_usd"),
        ({"limit_usd": True}, "limit_usd"),
        ({"limit_usd": "ten"}, "limit_usd"),
        ({"limit_usd": "1e3"}, "limit_usd"),
        ({"limit_usd": float("nan")}, "limit_usd"),
        ({"limit_usd": float("inf")}, "limit_usd"),
        ({"limit_usd": 2_000_000_000}, "limit_usd"),
        ({"limit_usd": "0.0000001"}, "limit_usd"),
        ({"limit_usd": [1]}, "limit_usd"),
        ({"limit_tokens": 5}, "limit_tokens"),
        ({"limit_usd": None, "limit_tokens": 0}, "limit_tokens"),
        ({"limit_usd": None, "limit_tokens": 1.5}, "limit_tokens"),
        ({"warn_at": 0}, "warn_at"),
        ({"warn_at": 1.1}, "warn_at"),
        ({"warn_at": True}, "warn_at"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": "right/UTC"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"limit": 3}, "limit"),
    ],
)
def test_what_is_wrong_is_told_by_field(parts: Parts, key: str, more: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parts.budgets.put(given(key, **more), ADMIN)
    assert set(caught.value.fields) == {field}
    assert parts.budgets.list() == ()


def test_another_of_that_period_takes_its_place(parts: Parts, key: str) -> None:
    logged(parts, START, key=key)
    first = parts.budgets.put(given(key), ADMIN)
    parts.budgets.put(given(key, period="day", limit_usd=1), ADMIN)
    parts.clock.move(1)
    second = parts.budgets.put(given(key, limit_usd=None, limit_tokens=1000), ADMIN)
    assert (second.id, second.created_at, second.updated_at) == (first.id, START, START + 1)
    assert [(view.period, view.unit) for view in parts.budgets.list()] == [("day", "usd"), ("month", "tokens")]
    assert counted(parts, key, "tokens per month") == 15
    assert counted(parts, key, "USD per month") == 0  # nobody counts there any more
    assert counted(parts, key, "USD per day") == 3


def test_a_limit_that_is_raised_goes_on_counting(parts: Parts, key: str) -> None:
    """The rows may be gone by then, or never have been written: only what changes the window is counted anew."""
    parts.budgets.put(given(key), ADMIN)
    logged(parts, START, key=key)
    parts.budgets.put(given(key, limit_usd=20, warn_at=0.9), ADMIN)
    assert counted(parts, key, "USD per month") == 0
    parts.budgets.put(given(key, limit_usd=20, timezone="Asia/Tokyo"), ADMIN)
    assert counted(parts, key, "USD per month") == 3


def test_a_budget_that_is_deleted_leaves_nothing(parts: Parts, key: str) -> None:
    logged(parts, START, key=key)
    view = parts.budgets.put(given(key), ADMIN)
    kept = parts.budgets.put(given(key, period="day"), ADMIN)
    parts.budgets.delete(view.id, ADMIN)
    assert parts.budgets.list() == (kept,)
    assert (counted(parts, key, "USD per month"), counted(parts, key, "USD per day")) == (0, 3)
    for verb in (
        lambda: parts.budgets.delete(view.id, ADMIN),
        lambda: parts.budgets.get(view.id),
        lambda: parts.budgets.find(key, "month"),
        lambda: parts.budgets.put(given("nobody"), ADMIN),
    ):
        with pytest.raises(Missing):
            verb()


def test_a_key_takes_its_budgets_and_counters_with_it(parts: Parts, key: str) -> None:
    logged(parts, START, key=key)
    parts.budgets.put(given(key), ADMIN)
    parts.keys.delete(key, ADMIN)
    assert parts.budgets.list() == () and parts.store.current().keys == {}
    assert counted(parts, key, "USD per month") == 0


def test_while_the_counters_are_away_nothing_is_changed(parts: Parts, key: str) -> None:
    away = RedisState("redis://127.0.0.1:1/0")
    budgets = Budgets(parts.database, parts.store, Recount(parts.database, away, parts.clock), parts.clock)
    with pytest.raises(DatabaseAway):
        budgets.put(given(key), ADMIN)
    assert budgets.list() == () and "budget.create" not in parts.actions()
    view = parts.budgets.put(given(key), ADMIN)
    assert budgets.put(given(key, limit_usd=99), ADMIN).limit_usd == 99  # counts as before: nothing to ask for
    budgets.delete(view.id, ADMIN)
    assert budgets.list() == ()


def test_nobody_changes_the_budget_of_a_key_that_may_more(parts: Parts, key: str) -> None:
    manager = Actor("key", "manager", scopes=frozenset({"manage"}))
    view = parts.budgets.put(given(key), ADMIN)
    for verb in (lambda: parts.budgets.put(given(key, limit_usd=99), manager), lambda: parts.budgets.delete(view.id, manager)):
        with pytest.raises(NotAllowed):
            verb()
    assert parts.budgets.list() == (view,)


def test_each_change_is_audited(parts: Parts, key: str) -> None:
    view = parts.budgets.put(given(key), ADMIN)
    parts.clock.move(1)
    parts.budgets.put(given(key, limit_usd=20), ADMIN)
    parts.clock.move(1)
    parts.budgets.delete(view.id, ADMIN)
    told = [(row.action, row.subject, row.before, row.after) for row in reversed(parts.audited("budget"))]
    whole = {"limit_usd": "20", "warn_at": 0.8, "timezone": "UTC"}
    subject = f"budget:{key}:month"
    assert told == [
        ("budget.create", subject, None, whole | {"limit_usd": "10"}),
        ("budget.update", subject, {"limit_usd": "10"}, {"limit_usd": "20"}),
        ("budget.delete", subject, whole, None),
    ]
