"""Tickets whose worker is gone. What it had reserved is settled: by the log row, if that was written, else by what was reserved,
under a row that says `interrupted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from omniroute.clock import Clock
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.state.shared import Lapsed, SharedState
from omniroute.usage.journal import INTERRUPTED, Journal, Record
from omniroute.usage.tickets import settlement_of

GRACE = 15.0  # seconds after the lease: a worker that could not reach the store for a while moves its leases on first
AT_ONCE = 200
MESSAGE = "The gateway's worker ended in the middle of this request; what it used is estimated."
REMEDY = "Nothing is to be done. If it happens again, look for what ended the worker in the program's log."


class Recovery:
    def __init__(self, database: Database, shared: SharedState, journal: Journal, clock: Clock) -> None:
        self._database, self._shared, self._journal, self._clock = database, shared, journal, clock

    def recover(self) -> int:
        """Settle what has lapsed; how many tickets that were. Raises DatabaseAway. Two may do it at once: each counts once."""
        done = 0
        while lapsed := self._shared.lapsed(self._clock.now() - GRACE, AT_ONCE):
            written = self._written([each.ticket for each in lapsed])
            self._journal.write([_record(each, written.get(each.ticket)) for each in lapsed])
            done += len(lapsed)
            if self._journal.unsettled:
                break  # Redis went away: they are still there
        return done

    def _written(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        rows = sa.select(*LogRow.__table__.columns).where(LogRow.id.in_(ids))
        with self._database.unit_of_work() as session:
            return {row["id"]: dict(row) for row in session.execute(rows).mappings()}


def _record(lapsed: Lapsed, written: Mapping[str, Any] | None) -> Record:
    row = written if written is not None else _interrupted(lapsed.document)
    return Record(row, lapsed.ticket, partial(settlement_of, lapsed))


def _interrupted(document: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: value for name, value in document.items() if name != "units"}
    return row | {"kind": INTERRUPTED, "message": MESSAGE, "remedy": REMEDY}
