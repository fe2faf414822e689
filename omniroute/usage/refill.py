"""A Redis that comes back empty, or is new, gets what the log has of budgets and quotas before anything is reserved in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway
from omniroute.limits.limit import Limit, budget_limit, quota_limit
from omniroute.models.db import Database
from omniroute.routing.configuration import Configuration
from omniroute.state.recount import Recount
from omniroute.state.shared import FILLED, Part, SharedState

FOR_EVER = 100 * 366 * 86_400.0  # seconds
LEASE = 30.0  # seconds that one limit may take to be counted
HOUR = 3600.0


class Refill:
    """`look` gives the configuration, whose limits are counted."""

    def __init__(self, database: Database, shared: SharedState, look: Callable[[], Configuration], clock: Clock) -> None:
        self._shared, self._look, self._clock = shared, look, clock
        self._recount = Recount(database, shared, clock)

    def run(self) -> bool:
        """Whether the store has its counters now. What it has lost is counted from the log here, unless somebody else is at that.
        Raises DatabaseAway.
        """
        if self._filled():
            return True
        now = self._clock.now()
        hold = self._shared.hold("refill", 1, now, now + LEASE)  # what two add at once would count twice
        if hold is None:
            return self._filled()
        try:
            if not self._filled():
                self._fill(hold)
        finally:
            with contextlib.suppress(DatabaseAway):
                self._shared.let_go([hold])
        return True

    def _fill(self, hold: str) -> None:
        mark = f"refill {hold}"
        self._shared.spend([Part(mark, 0, 1, self._clock.now() + HOUR)])
        for limit in kept_limits(self._look()):
            self._shared.prolong([hold], self._clock.now() + LEASE)
            self._recount.exactly(limit)
        if not self._shared.counted([(mark, 0)])[mark][0]:
            raise DatabaseAway("The store of limits was emptied while it was refilled. Try again in a moment.")
        self._shared.spend([Part(FILLED, 0, 1, self._clock.now() + FOR_EVER)])

    def _filled(self) -> bool:
        return self._shared.counted([(FILLED, 0)])[FILLED][0] > 0


def kept_limits(configuration: Configuration) -> Iterator[Limit]:
    """Budgets and quotas. What counts by the minute is over before anybody could compare it."""
    for key in configuration.keys.values():
        for budget in key.limits.budgets if key.limits is not None else ():
            yield budget_limit(key.id, budget)
    for connections in configuration.connections.values():
        for connection in connections:
            if connection.quota is not None:
                yield quota_limit(connection.id, connection.quota)
