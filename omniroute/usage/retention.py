"""What is old goes: a little at a time, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.models.usage import HourRow
from omniroute.usage.bodies import BodyStore
from omniroute.usage.rollups import DAY

BATCH = 1000  # rows a transaction
LONGEST = 3.0  # seconds of one run; what is left goes in the next
REST = 4  # between transactions, times what the last one took: others get most of the database's time
LEAST_REST = 0.02  # seconds

Delete = Callable[[Session, float, int], int]  # (session, before that moment, at most so many) -> how many


class KeptFrom(NamedTuple):
    """From when on things are kept: what is older goes. Epoch seconds."""

    bodies: float
    rows: float
    hours: float


def kept_from(chosen: Mapping[str, Any], now: float) -> KeptFrom:
    """By the preferences log_days, body_days and rollup_days. Bodies never outlive their row, nor rows the hours by which they
    are found.
    """
    midnight = now // DAY * DAY
    return KeptFrom(
        now - min(chosen["body_days"], chosen["log_days"]) * DAY,
        now - chosen["log_days"] * DAY,
        midnight - max(chosen["rollup_days"], chosen["log_days"]) * DAY,
    )


class Retention:
    """`chosen` gives the preferences log_days, body_days and rollup_days."""

    def __init__(self, database: Database, bodies: BodyStore, chosen: Callable[[], Mapping[str, Any]], clock: Clock) -> None:
        self._database, self._bodies, self._chosen, self._clock = database, bodies, chosen, clock

    def run(self) -> bool:
        """Whether all is gone that should be. Raises DatabaseAway."""
        kept, began = kept_from(self._chosen(), self._clock.now()), self._clock.tick()
        due: tuple[tuple[Delete, float], ...] = (
            (self._bodies.delete_older, kept.bodies),
            (delete_rows, kept.rows),
            (delete_hours, kept.hours),
        )
        done = [self._delete(delete, before, began + LONGEST) for delete, before in due]  # each gets a turn
        return all(done)

    def _delete(self, delete: Delete, before: float, until: float) -> bool:
        while True:
            began = self._clock.tick()
            gone = self._database.write(lambda session: delete(session, before, BATCH))
            if gone < BATCH:
                return True
            if (now := self._clock.tick()) >= until:
                return False
            self._clock.sleep(max(LEAST_REST, REST * (now - began)))


def delete_rows(session: Session, before: float, most: int) -> int:
    """Up to `most` of the oldest log rows; what they are counted in stays."""
    old = sa.select(LogRow.id).where(LogRow.at < before).order_by(LogRow.at, LogRow.id).limit(most)
    return len(session.execute(sa.delete(LogRow).where(LogRow.id.in_(old)).returning(LogRow.id)).all())


def delete_hours(session: Session, before: float, most: int) -> int:
    """Up to `most` of the oldest hourly sums; those by day stay for good."""
    table = HourRow.__table__
    old = sa.select(table.c.at, table.c.digest).where(table.c.at < before).order_by(table.c.at, table.c.digest).limit(most)
    found = session.execute(old).all()
    if found:
        last = sa.tuple_(sa.literal(found[-1].at), sa.literal(found[-1].digest))
        session.execute(sa.delete(table).where(sa.tuple_(table.c.at, table.c.digest) <= last))
    return len(found)
