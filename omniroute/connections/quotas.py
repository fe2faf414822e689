"""What a connection may use in a window of time: checked, shown, and counted from what the log already has."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from omniroute.errors import DatabaseAway
from omniroute.given import MILLION, Given
from omniroute.limits.limit import WINDOW_SECONDS, ConnectionQuota, Limit, QuotaWindow, Unit, quota_limit, quota_of
from omniroute.state.recount import Recount

LABELS = {
    "unit": "What the quota counts",
    "limit": "The quota's limit",
    "window": "The quota's window",
    "mode": "How the quota is renewed",
    "timezone": "The quota's time zone",
    "resets_at": "The quota's reset",
}
UNITS = ("requests", "tokens", "usd")
MODES = ("fixed", "rolling")
MOST: dict[str, int] = {"requests": 1_000_000_000, "tokens": 1_000_000_000_000, "usd": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class QuotaView:
    """`limit` is in dollars for "usd". `resets_at` is any one of a fixed window's resets, None where it goes by the calendar."""

    unit: Unit
    limit: int | Decimal
    window: QuotaWindow
    mode: str
    timezone: str
    resets_at: float | None


def read_quota(read: Given) -> ConnectionQuota | None:
    """The member `quota`: null or {} is none, and so is one that is refused in `read`."""
    if not read["quota"]:
        return None
    inner = read.within("quota", LABELS)
    unit: Any = inner.choice("unit", UNITS, "")
    window: Any = inner.choice("window", tuple(WINDOW_SECONDS), "")
    mode: Any = inner.choice("mode", MODES, "fixed")
    most = MOST.get(unit, MOST["tokens"])
    limit = inner.usd("limit", 0, most) if unit == "usd" else inner.whole("limit", 0, 1, most)
    if "limit" not in inner:
        inner.refuse("limit", "is needed")
    resets_at = inner.moment("resets_at", None)
    if resets_at is not None and mode == "rolling":
        inner.refuse("resets_at", "goes with a fixed window only: a rolling one is never renewed at once")
    quota = ConnectionQuota(unit, limit, window, mode, inner.timezone("timezone", "UTC"), resets_at)
    return quota if inner.fine else None


def as_stored(quota: ConnectionQuota | None) -> dict[str, Any] | None:
    return None if quota is None else asdict(quota)


def quota_view(stored: Mapping[str, Any] | None) -> QuotaView | None:
    quota = quota_of(stored)
    if quota is None:
        return None
    limit = Decimal(quota.limit) / MILLION if quota.unit == "usd" else quota.limit
    return QuotaView(quota.unit, limit, quota.window, quota.mode, quota.timezone, quota.resets_at)


class QuotaChange:
    """One connection's quota going from `before` to `after`: `prepare` before it is saved, `finish` after."""

    def __init__(
        self, recount: Recount, connection_id: str, before: ConnectionQuota | None, after: ConnectionQuota | None
    ) -> None:
        self._recount, self._removed = recount, before is not None and after is None
        anew = after is not None and (before is None or replace(before, limit=after.limit) != after)
        self._limit: Limit | None = quota_limit(connection_id, after) if after is not None and anew else None
        self._counter = f"connection:{connection_id}"

    def prepare(self) -> None:
        """Raises DatabaseAway while the counters can't be reached."""
        if self._limit is not None:
            self._recount.at_least(self._limit)

    def finish(self) -> None:
        if self._limit is not None:
            with contextlib.suppress(DatabaseAway):  # then it counts too much rather than too little
                self._recount.exactly(self._limit)
        elif self._removed:
            self._recount.forget(self._counter)
