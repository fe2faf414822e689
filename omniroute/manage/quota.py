"""How the limits of keys and the quotas of connections stand, and what the operator should know of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from omniroute.given import MILLION
from omniroute.limits.upstream import Learned
from omniroute.manage.endpoint import Endpoint
from omniroute.services import Services
from omniroute.usage.alerts import Alert
from omniroute.usage.standing import ConnectionStanding, KeyStanding, Standing

Amount = int | Decimal  # in dollars for "usd", else a count


@dataclass(frozen=True, slots=True)
class LimitTold:
    """What is used is null while the counters can't be reached. `share` is what is used of the limit, 1 is all of it."""

    name: str
    unit: str
    limit: Amount
    spent: Amount | None
    reserved: Amount | None
    left: Amount | None
    share: float | None
    state: str  # fine | warn | out | unknown
    resets_at: float | None


@dataclass(frozen=True, slots=True)
class KeyTold:
    id: str
    name: str
    is_active: bool
    limits: tuple[LimitTold, ...]


@dataclass(frozen=True, slots=True)
class WindowTold:
    """As the connection's upstream said at `at`. `limit` and `remaining` are null where it tells only the share."""

    name: str
    limit: int | None
    remaining: int | None
    share: float
    resets_at: float | None
    at: float


@dataclass(frozen=True, slots=True)
class ConnectionTold:
    """`quota` is the operator's own, `learned` what the upstream tells."""

    id: str
    name: str
    provider: str
    is_active: bool
    quota: LimitTold | None
    learned: tuple[WindowTold, ...]


def quota(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    overview = services.standings.overview()
    return {
        "keys": tuple(_key(key) for key in overview.keys),
        "connections": tuple(_connection(row) for row in overview.connections),
        "away": overview.away,
    }


def alerts(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    return {"alerts": services.alerts.current(), "next": None}


def told(limit: Standing) -> LimitTold:
    return LimitTold(
        name=limit.name,
        unit=limit.unit,
        limit=_amount(limit.unit, limit.limit),
        spent=None if limit.spent is None else _amount(limit.unit, limit.spent),
        reserved=None if limit.reserved is None else _amount(limit.unit, limit.reserved),
        left=None if limit.left is None else _amount(limit.unit, limit.left),
        share=None if limit.share is None else round(limit.share, 4),
        state=limit.state,
        resets_at=limit.resets_at,
    )


def _amount(unit: str, count: int) -> Amount:
    return Decimal(count) / MILLION if unit == "usd" else count


def _key(key: KeyStanding) -> KeyTold:
    return KeyTold(key.id, key.name, key.is_active, tuple(told(limit) for limit in key.limits))


def _connection(row: ConnectionStanding) -> ConnectionTold:
    learned = tuple(_window(window) for window in row.learned)
    own = told(row.quota) if row.quota is not None else None
    return ConnectionTold(row.id, row.name, row.provider_id, row.is_active, own, learned)


def _window(window: Learned) -> WindowTold:
    share = round(1 - window.left, 4)
    return WindowTold(window.name, window.limit, window.remaining, share, window.resets_at, window.at)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/quota",
        "How the limits of keys and the quotas of connections stand",
        quota,
        {"keys": tuple[KeyTold, ...], "connections": tuple[ConnectionTold, ...], "away": bool},
    ),
    Endpoint(
        "GET",
        "/api/alerts",
        "What the operator should know now, the worse first",
        alerts,
        {"alerts": tuple[Alert, ...], "next": str | None},
    ),
)
