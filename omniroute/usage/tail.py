"""New log rows as they come, of all workers, for somebody who watches.

A row is written when its request is over, and stands where that came in: a slow one appears among older ones. So what is new
is what was not there at the look before, among the newest; their ids are one read of an index.
"""

from __future__ import annotations

from omniroute.usage.logs import LogReports, LogView
from omniroute.usage.search import LogFilters

BACK = 900.0  # seconds: the row of a request that takes longer is not noticed
MOST = 5000  # rows that are compared: with more in that time, the slowest of them are not noticed
AT_ONCE = 200  # rows that one look gives
LATE = 5.0  # seconds between the end of a request and its row, other machines' clocks included


class Tail:
    """What one who watches has seen. `since` is when he last looked, epoch seconds: what ended before is not new to him."""

    def __init__(self, logs: LogReports, filters: LogFilters, since: float) -> None:
        self._logs, self._filters = logs, filters
        self._since: float | None = since - LATE
        self._seen: frozenset[str] = frozenset()

    def fresh(self, now: float) -> tuple[LogView, ...]:
        """Rows that came since the last call, newest first. What ended shortly before `since` may be among the first.

        Raises DatabaseAway; then nothing is lost to the next call.
        """
        ids = self._logs.newest(now - BACK, MOST)
        new = [id for id in ids if id not in self._seen]
        rows = self._logs.among(new, self._filters, self._since) if new else ()
        self._seen, self._since = frozenset(ids), None
        return rows[:AT_ONCE]
