"""What a death leaves behind. Of a worker: tickets, which are settled by the log row, if that was written, else by what was
reserved, under a row that says `interrupted`. Of a Redis: empty counters, which get what the log has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from omniroute.clock import Clock
from omniroute.limits.limit import Limit, budget_limit, quota_limit
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.routing.configuration import Configuration
from omniroute.state.recount import Recount
from omniroute.state.shared import Lapsed, Part, SharedState
from omniroute.usage.journal import INTERRUPTED, Journal, Record
from omniroute.usage.tickets import settlement_of

GRACE = 15.0  # seconds after the lease: a worker that could not reach the store for a while moves its leases on first
AT_ONCE = 200
KEPT = "counters are kept"  # a counter that is there as long as the store has lost nothing
WHO = ("provider_id", "provider_prefix", "upstream_model", "canonical_model", "connection_id", "connection_name", "step_id")
FOR_EVER = 100 * 366 * 86_400.0  # seconds
MESSAGE = "The gateway's worker ended in the middle of this request; what it used is estimated."
REMEDY = "Nothing is to be done. If it happens again, look for what ended the worker in the program's log."


class Recovery:
    """For the leader (usage/jobs.py). `look` gives the configuration, whose limits are counted."""

    def __init__(
        self, database: Database, shared: SharedState, journal: Journal, look: Callable[[], Configuration], clock: Clock
    ) -> None:
        self._database, self._shared, self._journal, self._look, self._clock = database, shared, journal, look, clock
        self._recount = Recount(database, shared, clock)

    def refill(self) -> None:
        """Give budgets and quotas what the log has of them, if the store has lost its counters. Raises DatabaseAway."""
        if self._shared.counted([(KEPT, 0)])[KEPT][0]:
            return
        for limit in kept_limits(self._look()):
            self._recount.at_least(limit)
        self._shared.spend([Part(KEPT, 0, 1, self._clock.now() + FOR_EVER)])

    def recover(self) -> None:
        """Settle what has lapsed. Raises DatabaseAway. Two may do it at once: each counts once."""
        while lapsed := self._shared.lapsed(self._clock.now() - GRACE, AT_ONCE):
            written = self._written([each.ticket for each in lapsed])
            self._journal.write([_record(each, written.get(each.ticket)) for each in lapsed])
            if self._journal.unsettled:
                return  # Redis went away: they are still there

    def _written(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        rows = sa.select(*LogRow.__table__.columns).where(LogRow.id.in_(ids))
        with self._database.unit_of_work() as session:
            return {row["id"]: dict(row) for row in session.execute(rows).mappings()}


def _record(lapsed: Lapsed, written: Mapping[str, Any] | None) -> Record:
    row = written if written is not None else _interrupted(lapsed)
    return Record(row, lapsed.ticket, partial(settlement_of, lapsed), lapsed=True)


def _interrupted(lapsed: Lapsed) -> dict[str, Any]:
    """A connection that has given back its part of the quota was not the last to be asked, and who was is not known."""
    row = {name: value for name, value in lapsed.document.items() if name != "units"}
    held = {line.counter for line in lapsed.lines}
    if row.get("connection_id") and f"connection:{row['connection_id']}" not in held:
        row |= dict.fromkeys(WHO)
    return row | {"kind": INTERRUPTED, "message": MESSAGE, "remedy": REMEDY}


def kept_limits(configuration: Configuration) -> Iterator[Limit]:
    """Budgets and quotas. What counts by the minute is over before anybody could compare it."""
    for key in configuration.keys.values():
        for budget in key.limits.budgets if key.limits is not None else ():
            yield budget_limit(key.id, budget)
    for connections in configuration.connections.values():
        for connection in connections:
            if connection.quota is not None:
                yield quota_limit(connection.id, connection.quota)
