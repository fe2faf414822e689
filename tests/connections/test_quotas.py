"""Quotas of connections: what is taken, what is refused, and that they count from what the log has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from omniroute.connections.operations import Connections
from omniroute.connections.quotas import QuotaView
from omniroute.errors import DatabaseAway, Invalid
from omniroute.limits.limit import ConnectionQuota
from omniroute.state.recount import Recount
from omniroute.state.redis import RedisState
from tests.parts import ADMIN, START, Parts
from tests.state.test_recount import logged

QUOTA: dict[str, Any] = {"unit": "requests", "limit": 100, "window": "day"}


@pytest.fixture
def row(parts: Parts) -> str:
    return parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-0123456789"}, ADMIN).id


def counted(parts: Parts, row: str) -> int:
    return parts.shared.counted([(f"connection:{row}", 0)])[f"connection:{row}"][0]


def known(parts: Parts, row: str) -> ConnectionQuota | None:
    found = parts.store.current().connection(row)
    assert found is not None
    return found.quota


@pytest.mark.parametrize(
    ("given", "shown", "kept"),
    [
        (
            QUOTA,
            QuotaView("requests", 100, "day", "fixed", "UTC", None),
            ConnectionQuota("requests", 100, "day"),
        ),
        (
            {"unit": "usd", "limit": "12.5", "window": "month", "timezone": "Europe/Berlin"},
            QuotaView("usd", Decimal("12.5"), "month", "fixed", "Europe/Berlin", None),
            ConnectionQuota("usd", 12_500_000, "month", "fixed", "Europe/Berlin"),
        ),
        (
            {"unit": "tokens", "limit": 1_000_000, "window": "5h", "mode": "fixed", "resets_at": START + 60},
            QuotaView("tokens", 1_000_000, "5h", "fixed", "UTC", START + 60),
            ConnectionQuota("tokens", 1_000_000, "5h", "fixed", "UTC", START + 60),
        ),
        (
            {"unit": "tokens", "limit": 5, "window": "week", "mode": "rolling"},
            QuotaView("tokens", 5, "week", "rolling", "UTC", None),
            ConnectionQuota("tokens", 5, "week", "rolling"),
        ),
    ],
)
def test_what_is_taken(parts: Parts, given: dict[str, Any], shown: QuotaView, kept: ConnectionQuota) -> None:
    made = parts.connections.create({"provider": "agentrouter", "api_key": "sk-test-0123456789", "quota": given}, ADMIN)
    assert made.quota == shown and parts.connections.get(made.id) == made
    assert known(parts, made.id) == kept
    assert parts.connections.update(made.id, {"name": "other"}, ADMIN).quota == shown
    for none in (None, {}):
        assert parts.connections.update(made.id, {"quota": given}, ADMIN).quota == shown
        assert parts.connections.update(made.id, {"quota": none}, ADMIN).quota is None
        assert known(parts, made.id) is None


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"unit": "cents"}, "quota.unit"),
        ({"unit": None}, "quota.unit"),
        ({"limit": 0}, "quota.limit"),
        ({"limit": None}, "quota.limit"),
        ({"limit": "100"}, "quota.limit"),
        ({"unit": "usd", "limit": "ten"}, "quota.limit"),
        ({"window": "year"}, "quota.window"),
        ({"mode": "sliding"}, "quota.mode"),
        ({"timezone": "Mars/Base"}, "quota.timezone"),
        ({"resets_at": "soon"}, "quota.resets_at"),
        ({"mode": "rolling", "resets_at": START}, "quota.resets_at"),
        ({"cap": 3}, "quota.cap"),
    ],
)
def test_what_is_refused_is_told_by_member(parts: Parts, row: str, more: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parts.connections.update(row, {"quota": QUOTA | more}, ADMIN)
    assert set(caught.value.fields) == {field}
    with pytest.raises(Invalid):
        parts.connections.create({"provider": "agentrouter", "api_key": "sk-new-0123456789", "quota": QUOTA | more}, ADMIN)
    assert known(parts, row) is None
    with pytest.raises(Invalid) as caught:
        parts.connections.update(row, {"quota": [1]}, ADMIN)
    assert set(caught.value.fields) == {"quota"}


def test_a_limit_alone_is_missing(parts: Parts, row: str) -> None:
    with pytest.raises(Invalid) as caught:
        parts.connections.update(row, {"quota": {"unit": "usd", "window": "day"}}, ADMIN)
    assert caught.value.fields == {"quota.limit": "The quota's limit is needed."}


def test_it_counts_what_the_log_has_and_forgets_with_the_quota(parts: Parts, row: str) -> None:
    logged(parts, START - 60, START, connection=row)
    parts.connections.update(row, {"quota": QUOTA}, ADMIN)
    assert counted(parts, row) == 2
    parts.connections.update(row, {"quota": QUOTA | {"unit": "tokens"}}, ADMIN)
    assert counted(parts, row) == 30
    logged(parts, START - 30, connection=row)
    parts.connections.update(row, {"quota": QUOTA | {"unit": "tokens", "limit": 200}}, ADMIN)
    assert counted(parts, row) == 30  # counts as before
    parts.connections.update(row, {"quota": QUOTA | {"unit": "usd", "window": "week", "mode": "rolling"}}, ADMIN)
    assert counted(parts, row) == 9
    parts.connections.update(row, {"quota": None}, ADMIN)
    assert counted(parts, row) == 0
    parts.connections.update(row, {"quota": QUOTA}, ADMIN)
    parts.connections.delete(row, ADMIN)
    assert counted(parts, row) == 0


def test_while_the_counters_are_away_no_quota_is_set(parts: Parts, row: str) -> None:
    recount = Recount(parts.database, RedisState("redis://127.0.0.1:1/0"), parts.clock)
    away = Connections(parts.database, parts.store, parts.catalog, parts.vault, parts.settings, recount, parts.clock)
    with pytest.raises(DatabaseAway):
        away.update(row, {"quota": QUOTA, "name": "changed"}, ADMIN)
    assert known(parts, row) is None and away.get(row).name != "changed"
    assert away.update(row, {"name": "changed", "quota": None}, ADMIN).name == "changed"
    away.delete(row, ADMIN)
    assert away.list() == ()


def test_a_change_is_audited(parts: Parts, row: str) -> None:
    parts.connections.update(row, {"quota": QUOTA}, ADMIN)
    (entry,) = parts.audited("connection.update")
    assert entry.before == {"quota": None}
    assert entry.after is not None and entry.after["quota"]["limit"] == 100
