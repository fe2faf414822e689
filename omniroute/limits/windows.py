"""Stretches of time that a limit counts in. All times are epoch seconds, and a window is kept in parts, its buckets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

Period = Literal["day", "week", "month"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")

PARTS = 60  # of a rolling window


class Span(NamedTuple):
    """Where a moment stands in a window: what is counted now goes into `bucket`, all from `since` on counts, until `ends`."""

    bucket: int
    since: int
    ends: float


class Window(Protocol):
    def span(self, at: float) -> Span: ...

    def room_at(self, bucket: int, at: float) -> float:
        """When what `bucket` holds no longer counts."""


@dataclass(frozen=True, slots=True)
class Rolling:
    """The last so many seconds. The oldest part counts whole, so no stretch of that length ever holds more than the limit."""

    seconds: int

    @property
    def part(self) -> int:
        return max(1, self.seconds // PARTS)

    def span(self, at: float) -> Span:
        bucket = int(at // self.part) * self.part
        return Span(bucket, bucket - self.seconds, bucket + self.seconds + self.part)

    def room_at(self, bucket: int, at: float) -> float:
        return bucket + self.seconds + self.part


@dataclass(frozen=True, slots=True)
class Fixed:
    """Windows of so many seconds, one after the other, one of which begins at `anchor`."""

    seconds: int
    anchor: float = 0.0

    def span(self, at: float) -> Span:
        begins = self.anchor + (at - self.anchor) // self.seconds * self.seconds
        return Span(int(begins), int(begins), begins + self.seconds)

    def room_at(self, bucket: int, at: float) -> float:
        return self.span(at).ends


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days, weeks (from Monday) or months as they begin in a time zone. Raises KeyError for a zone that is not known."""

    period: Period
    timezone: str = "UTC"

    def span(self, at: float) -> Span:
        begins, ends = _calendar(self.period, self.timezone, int(at // 60))
        return Span(begins, begins, ends)

    def room_at(self, bucket: int, at: float) -> float:
        return self.span(at).ends


@dataclass(frozen=True, slots=True)
class Level:
    """No stretch of time: what is going on now. Nothing is ever spent in it, only reserved."""

    def span(self, at: float) -> Span:
        return Span(0, 0, at + 366 * 86_400)

    def room_at(self, bucket: int, at: float) -> float:
        return at + 1


@lru_cache(maxsize=512)
def _calendar(period: Period, timezone: str, minute: int) -> tuple[int, float]:
    """The beginnings of this and the next one. Zones are whole minutes off UTC, so a minute is in one of them."""
    zone = ZoneInfo(timezone)
    midnight = datetime.fromtimestamp(minute * 60, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "day":
        begins, after = midnight, midnight + timedelta(days=1)
    elif period == "week":
        begins = midnight - timedelta(days=midnight.weekday())
        after = begins + timedelta(days=7)
    else:
        begins = midnight.replace(day=1)
        after = (begins + timedelta(days=32)).replace(day=1)
    return int(begins.timestamp()), after.timestamp()
