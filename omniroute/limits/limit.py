"""What a client key may use, what a connection has left, and how one request counts against each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from omniroute.clock import AHEAD
from omniroute.limits.windows import Calendar, Fixed, Level, Period, Rolling, Window

Unit = Literal["requests", "tokens", "usd"]  # usd: micro-dollars
MINUTE = Rolling(60)
HOUR = 3600
DAY = 24 * HOUR

QuotaWindow = Literal["5h", "day", "week", "month"]
WINDOW_SECONDS: dict[QuotaWindow, int] = {"5h": 5 * HOUR, "day": DAY, "week": 7 * DAY, "month": 30 * DAY}
NEVER = 2**53  # a bucket that no clock ever comes to
KEPT_AFTER = 2 * HOUR  # seconds that a window's count is kept after its end, for requests that began in it
MINUTE_KEPT_AFTER = 300  # the same for a minute, which is in sixty parts


@dataclass(frozen=True, slots=True)
class Budget:
    """What a key may spend in a period of the calendar. `limit` is in micro-dollars for "usd", in tokens for "tokens"."""

    period: Period
    unit: Literal["usd", "tokens"]
    limit: int
    warn_at: float = 0.8  # share of the limit at which an alert is shown
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """Of one client key; None is no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_concurrent: int | None = None
    budgets: tuple[Budget, ...] = ()

    @property
    def counts_money(self) -> bool:
        return any(budget.unit == "usd" for budget in self.budgets)


@dataclass(frozen=True, slots=True)
class ConnectionQuota:
    """What a connection may use in a window. A fixed "5h" window, and a fixed "month" of 30 days, have `resets_at`, any one
    of its resets in epoch seconds; fixed windows without go by the calendar in `timezone` ("5h": by the epoch).
    """

    unit: Unit
    limit: int
    window: QuotaWindow
    mode: Literal["rolling", "fixed"] = "fixed"
    timezone: str = "UTC"
    resets_at: float | None = None

    def as_window(self) -> Window:
        seconds = WINDOW_SECONDS[self.window]
        if self.mode == "rolling":
            return Rolling(seconds)
        if self.resets_at is not None or self.window == "5h":
            return Fixed(seconds, self.resets_at or 0.0)
        return Calendar(self.window, self.timezone)


class Line(NamedTuple):
    """How one request counts against one limit: `amount` goes into `bucket` of `counter`, if all that is there from `since` on
    is below `limit`. What is there may be forgotten at `expires`. What lies in buckets after `upto` was counted before a clock
    was set back, and does not count now.
    """

    counter: str
    bucket: int
    since: int
    amount: int
    limit: int
    expires: float
    upto: int = NEVER


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `name` is how people know it, `counter` where it is counted."""

    name: str
    counter: str
    unit: Unit | Literal["concurrent"]
    limit: int
    window: Window

    def line(self, amount: int, at: float) -> Line:
        span = self.window.span(at)
        kept = MINUTE_KEPT_AFTER if self.window is MINUTE else KEPT_AFTER
        return Line(self.counter, span.bucket, span.since, amount, self.limit, span.ends + kept, span.bucket + int(AHEAD))


def key_limits(key_id: str, limits: KeyLimits) -> tuple[Limit, ...]:
    """All limits of a key, those that are cheapest to be refused by first."""
    found: list[Limit] = []
    for unit, limit, name, window in (
        ("concurrent", limits.max_concurrent, "concurrent requests", Level()),
        ("requests", limits.requests_per_minute, "requests per minute", MINUTE),
        ("tokens", limits.tokens_per_minute, "tokens per minute", MINUTE),
    ):
        if limit is not None:
            found.append(Limit(name, f"key:{key_id}:{name}", unit, limit, window))  # type: ignore[arg-type]  # of the three
    found.extend(budget_limit(key_id, budget) for budget in limits.budgets)
    return tuple(found)


def budget_limit(key_id: str, budget: Budget) -> Limit:
    unit = "USD" if budget.unit == "usd" else "tokens"
    name = f"{unit} per {budget.period}"
    return Limit(name, f"key:{key_id}:{name}", budget.unit, budget.limit, Calendar(budget.period, budget.timezone))


def quota_limit(connection_id: str, quota: ConnectionQuota) -> Limit:
    """A connection has one quota at most."""
    unit = "USD" if quota.unit == "usd" else quota.unit
    return Limit(f"{unit} per {quota.window}", f"connection:{connection_id}", quota.unit, quota.limit, quota.as_window())


def quota_of(document: Mapping[str, Any] | None) -> ConnectionQuota | None:
    """As it stands in a connection's row."""
    return None if document is None else ConnectionQuota(**document)
