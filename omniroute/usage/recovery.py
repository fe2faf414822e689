"""What a worker's death leaves behind: tickets, which are settled by the log row, if that was written, else by what was
reserved, under a row that says `interrupted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from omniroute.clock import LONGEST_LEASE, Clock
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.state.shared import Lapsed, SharedState
from omniroute.usage.journal import INTERRUPTED, Journal, Record
from omniroute.usage.tickets import settlement_of

GRACE = 15.0  # seconds after the lease: a worker that could not reach the store for a while moves its leases on first
SET_PAUSE = 30.0  # seconds after the clock was set: every worker has moved its leases by then
AT_ONCE = 200
WHO = ("provider_id", "provider_prefix", "upstream_model", "canonical_model", "connection_id", "connection_name", "step_id")
MESSAGE = "The gateway's worker ended in the middle of this request; what it used is estimated."
REMEDY = "Nothing is to be done. If it happens again, look for what ended the worker in the program's log."


class Recovery:
    """For the leader (usage/jobs.py)."""

    def __init__(self, database: Database, shared: SharedState, journal: Journal, clock: Clock) -> None:
        self._database, self._shared, self._journal, self._clock = database, shared, journal, clock
        self._offset, self._from = clock.now() - clock.tick(), float("-inf")

    def recover(self) -> None:
        """Settle what has lapsed. Raises DatabaseAway. Two may do it at once: each counts once."""
        if self._clock_was_set():
            return
        while lapsed := self._shared.lapsed((now := self._clock.now()) - GRACE, AT_ONCE, now + LONGEST_LEASE):
            written = self._written([each.ticket for each in lapsed])
            self._journal.write([_record(each, written.get(each.ticket)) for each in lapsed])
            if self._journal.unsettled:
                return  # Redis went away: they are still there

    def _clock_was_set(self) -> bool:
        """A while ago at the most: by the new time the leases of the living may have lapsed, and are moved first."""
        tick, offset = self._clock.tick(), self._clock.now() - self._clock.tick()
        if abs(offset - self._offset) > GRACE:
            self._offset, self._from = offset, tick + SET_PAUSE
        return tick < self._from

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
