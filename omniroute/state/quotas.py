"""What is left to connections: of the quotas that the operator has set, and of what the upstreams tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from omniroute.clock import AHEAD
from omniroute.errors import DatabaseAway, VaultError
from omniroute.limits.limit import ConnectionQuota, Limit, quota_limit
from omniroute.limits.upstream import Learned
from omniroute.limits.windows import Rolling, Span
from omniroute.routing.candidates import Quota
from omniroute.state.link import Link

Listed = Callable[[], Iterable[tuple[str, ConnectionQuota]]]  # of the current configuration, by connection id

READ_EVERY = 1.0  # seconds
SOON = 1.0  # seconds until what is only reserved may have come back


@dataclass(frozen=True, slots=True)
class Declared:
    """A connection's own quota, as it was read: in the unit of its limit. Times are epoch seconds, `resets_at` None for a
    rolling window: it is never full at once, and nothing of it is ever lost.
    """

    limit: int
    spent: int
    reserved: int
    resets_at: float | None
    over_until: float | None

    @property
    def left(self) -> float:
        return min(1.0, max(0.0, 1 - (self.spent + self.reserved) / self.limit)) if self.limit > 0 else 0.0


class Quotas:
    """Those of a worker's configuration, as the shared state counts them over all workers."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed
        self._known: dict[str, Declared] = {}
        self._read = float("-inf")

    def of(self, connection_id: str) -> Declared | None:
        return self._known.get(connection_id)

    def read(self, link: Link, now: float) -> None:
        """Look, if the last look is a second ago. Raises DatabaseAway; then what was known stays."""
        if 0 <= now - self._read < READ_EVERY:
            return
        try:
            limits = {id: quota_limit(id, quota) for id, quota in self._listed()}
        except (DatabaseAway, VaultError):
            return  # there never was a configuration; requests say so
        spans = {id: limit.window.span(now) for id, limit in limits.items()}
        known: dict[str, Declared] = {}
        if limits:
            wanted = [(limit.counter, spans[id].since) for id, limit in limits.items()]
            counted = link.attempt(lambda shared: shared.counted(wanted, int(now + AHEAD)))
            for id, limit in limits.items():
                known[id] = _declared(limit, spans[id], counted.get(limit.counter, (0, 0)), now)
        self._known, self._read = known, now


def quota_of(windows: tuple[Learned, ...], declared: Declared | None) -> Quota | None:
    """What routing goes by: the windows that an upstream told and the operator's own quota as one; None of nothing.

    The share that is left is the smallest of all of them, since each can refuse the next request. Its reset is that of the
    scarcest one that lasts: only of a quota for hours or days something is lost when it is renewed. A rate by the minute is
    full again at once, so it may hold a connection back while it is scarce but never draws requests to it.
    """
    if not windows and declared is None:
        return None
    left = [window.left for window in windows]
    resets = [(window.left, window.resets_at) for window in windows if window.lasts and window.resets_at is not None]
    if declared is not None:
        left.append(declared.left)
        if declared.resets_at is not None:
            resets.append((declared.left, declared.resets_at))
    return Quota(min(left), min(resets)[1] if resets else None, declared.over_until if declared is not None else None)


def _declared(limit: Limit, span: Span, counted: tuple[int, int], now: float) -> Declared:
    """It is over until its window ends, or until the oldest part of a rolling one goes, which may make room or not."""
    spent, reserved = counted
    ends = limit.window.room_at(span.since, now)
    over_until = None
    if spent + reserved >= limit.limit:
        over_until = ends if spent >= limit.limit else min(ends, now + SOON)
    return Declared(limit.limit, spent, reserved, None if isinstance(limit.window, Rolling) else ends, over_until)
