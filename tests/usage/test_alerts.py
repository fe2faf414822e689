"""Alerts: what is told, when, and that it is told once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omniroute.errors import DatabaseAway
from omniroute.limits.upstream import Learned
from omniroute.models.db import Database
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.health import HealthBoard
from omniroute.state.redis import RedisState
from omniroute.state.shared import Part
from omniroute.usage.alerts import Alert, Alerts, of_limits
from omniroute.usage.standing import ConnectionStanding, KeyStanding, Overview, Standing, Standings
from tests.parts import ADMIN, START, Parts
from tests.state.test_recount import logged

BUDGET = Standing("USD per day", "usd", 10_000_000, 0, 0, START + 60, 0.8)
KEY = KeyStanding("k", "CI", True, (BUDGET,))
QUOTA = Standing("tokens per 5h", "tokens", 1000, 0, 0, None, 0.9)
CONNECTION = ConnectionStanding("c", "company", "openai", "OpenAI", True, QUOTA, ())
WINDOW = Learned("5h", None, None, 0.5, START + 60, START, 18_000)


def alerts(parts: Parts, board: HealthBoard | None = None, dropped: int = 0, shared: Any = None) -> Alerts:
    standings = Standings(parts.store.current, shared or parts.shared, lambda _: (), parts.clock)
    return Alerts(standings, parts.store, board or parts.board, lambda: dropped, parts.clock)


def of_key(**changes: Any) -> list[Alert]:
    return list(of_limits(Overview((replace(KEY, limits=(replace(BUDGET, **changes),)),), ())))


def of_row(row: ConnectionStanding) -> list[Alert]:
    return list(of_limits(Overview((), (row,))))


def test_a_budget_is_told_from_its_share_on() -> None:
    assert of_key(spent=7_999_999) == []
    (low,) = of_key(spent=8_000_000)
    assert (low.severity, low.kind, low.until_at, low.link) == ("warn", "budget_warning", START + 60, "/dashboard/limits")
    assert low.title == "The key CI has used 80 % of its budget of $10.00 a day."
    (almost,) = of_key(spent=9_999_999)
    assert "used 99 %" in almost.title
    (gone,) = of_key(spent=10_000_000)
    assert (gone.severity, gone.kind) == ("bad", "budget_used_up")
    assert gone.title == "The key CI has used up its budget of $10.00 a day."
    assert "429 until the day is over" in gone.meaning
    assert of_key(spent=0, reserved=10_000_000) == []  # on its way, not spent
    assert of_key(spent=None, reserved=None) == []


def test_rates_and_keys_that_are_off_are_no_alerts() -> None:
    rate = Standing("tokens per minute", "tokens", 10, 10, 0, None)
    assert list(of_limits(Overview((replace(KEY, limits=(rate,)),), ()))) == []
    used_up = (replace(BUDGET, spent=10_000_000),)
    assert list(of_limits(Overview((replace(KEY, is_active=False, limits=used_up),), ()))) == []


def test_quotas_that_the_operator_set() -> None:
    assert of_row(CONNECTION) == of_row(replace(CONNECTION, quota=None)) == []
    (low,) = of_row(replace(CONNECTION, quota=replace(QUOTA, spent=900)))
    assert (low.severity, low.kind) == ("warn", "quota_low")
    assert low.title == "company of OpenAI has used 90 % of its quota of 1,000 tokens per 5h."
    (gone,) = of_row(replace(CONNECTION, quota=replace(QUOTA, spent=1000)))
    assert (gone.severity, gone.kind) == ("bad", "quota_used_up")
    assert of_row(replace(CONNECTION, is_active=False, quota=replace(QUOTA, spent=1000))) == []


def test_quotas_that_an_upstream_tells_but_not_its_rates() -> None:
    def told(**changes: Any) -> list[Alert]:
        return of_row(replace(CONNECTION, quota=None, learned=(WINDOW._replace(**changes),)))

    assert told() == told(left=0.11) == []
    (low,) = told(left=0.05)
    assert (low.kind, low.title, low.until_at) == ("quota_low", "5 % is left of 5h of company, OpenAI.", START + 60)
    (gone,) = told(left=0.0)
    assert gone.kind == "quota_used_up"
    assert told(left=0.0, seconds=60) == []


def test_a_connection_that_is_out(parts: Parts) -> None:
    row = parts.connections.create({"provider": "agentrouter", "name": "relay", "api_key": "sk-test-0123456789"}, ADMIN).id
    found = alerts(parts)
    assert found.current() == ()
    parts.connections.mark(row, "banned", "The account is closed.", ADMIN)
    (alert,) = found.current()  # at once, though it was looked at a moment ago
    assert (alert.severity, alert.kind) == ("bad", "connection_out")
    assert alert.title == "The connection relay of AgentRouter is banned."
    assert (alert.meaning, alert.link) == ("The account is closed.", "/dashboard/providers/agentrouter")
    parts.connections.update(row, {"is_active": False}, ADMIN)
    assert found.current() == ()


def test_the_worse_first_and_kept_for_three_seconds(parts: Parts) -> None:
    key = parts.keys.create({"name": "CI"}, ADMIN)[0].id
    parts.budgets.put({"api_key_id": key, "period": "day", "limit_tokens": 100, "warn_at": 0.1}, ADMIN)
    parts.budgets.put({"api_key_id": key, "period": "month", "limit_tokens": 15}, ADMIN)
    logged(parts, START, key=key)
    found = alerts(parts)
    assert found.current() == ()
    counter = f"key:{key}:tokens per "
    parts.shared.spend([Part(counter + "day", int(START), 15, 3e9), Part(counter + "month", int(START), 15, 3e9)])
    parts.clock.move(2.9)
    assert found.current() == ()
    parts.clock.move(0.1)
    assert [alert.kind for alert in found.current()] == ["budget_used_up", "budget_warning"]


def test_stores_that_are_away(parts: Parts) -> None:
    away = RedisState("redis://127.0.0.1:1/0")
    board = HealthBoard(parts.clock, away)
    parts.keys.create({"name": "CI", "max_concurrent": 1}, ADMIN)
    assert board.reachable() is False
    (alert,) = alerts(parts, board, shared=away).current()
    assert (alert.kind, alert.severity) == ("redis_away", "bad")
    parts.store.stale_since = START
    (alert,) = alerts(parts, board, shared=away).current()
    assert alert.kind == "database_away"


def test_a_worker_that_never_saw_its_database_says_so(parts: Parts, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/nowhere/omniroute.db")
    store = ConfigurationStore(database, parts.catalog, parts.vault, parts.settings, parts.clock)
    found = Alerts(Standings(store.current, parts.shared, lambda _: (), parts.clock), store, parts.board, lambda: 0, parts.clock)
    with pytest.raises(DatabaseAway):
        store.current()
    assert [alert.kind for alert in found.current()] == ["database_away"]
    database.close()


@pytest.mark.parametrize(("dropped", "title"), [(1, "1 log row is lost."), (1200, "1,200 log rows are lost.")])
def test_rows_that_were_lost(parts: Parts, dropped: int, title: str) -> None:
    (alert,) = alerts(parts, dropped=dropped).current()
    assert (alert.kind, alert.title, alert.link) == ("log_rows_dropped", title, "/dashboard/logs")


def test_a_database_that_takes_no_writes(parts: Parts) -> None:
    parts.database.not_written = True
    (alert,) = alerts(parts).current()
    assert (alert.kind, alert.severity) == ("database_not_written", "bad")
    parts.store.stale_since = START
    (alert,) = alerts(parts).current()
    assert alert.kind == "database_away"
    parts.store.stale_since = None
    parts.database.write(lambda session: None)
    assert alerts(parts).current() == ()
