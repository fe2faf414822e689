"""What the log already has of a limit's window, brought into the limit's counter: a limit that is new, or that counts
otherwise than before, does not begin at nothing.

Requests go on meanwhile, so no order is exact. This one never counts too little for longer than a moment:
`at_least` before the limit is saved, which only ever adds, and refuses the change while the store is away; `exactly` after.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway
from omniroute.limits.limit import DAY, HOUR, Limit
from omniroute.limits.windows import Rolling
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.models.usage import HourRow
from omniroute.state.shared import Part, SharedState

MINUTE = 60
HOURS = HourRow.__table__.c


class Recount:
    def __init__(self, database: Database, shared: SharedState, clock: Clock) -> None:
        self._database, self._shared, self._clock = database, shared, clock

    def at_least(self, limit: Limit) -> None:
        """Add what the log has and the counter has not. Raises DatabaseAway when nothing was changed."""
        line = limit.line(0, self._clock.now())
        counted, _ = self._shared.counted([(limit.counter, line.since)])[limit.counter]  # first: what comes between is in the log
        missing = sum(self.logged(limit).values()) - counted
        if missing > 0:
            self._shared.spend([Part(limit.counter, line.bucket, missing, line.expires)])

    def exactly(self, limit: Limit) -> None:
        """What the log has in place of what the counter had. Raises DatabaseAway."""
        self._shared.recount(limit.counter, self.logged(limit), limit.line(0, self._clock.now()).expires)
        self.at_least(limit)  # of what was settled just now

    def forget(self, counters: str) -> None:
        """Those whose names begin so. While the store is away they are left to expire; they do no harm until then."""
        with contextlib.suppress(DatabaseAway):
            self._shared.forget_counters(counters)

    def owners(self) -> set[str]:
        """The ids of all keys and connections that the log has anything of. Of others there is nothing to count."""
        with self._database.unit_of_work() as session:
            found = session.execute(sa.select(HOURS.key_id, HOURS.connection_id).distinct())
            return {each for pair in found for each in pair}

    def logged(self, limit: Limit) -> dict[int, int]:
        """What the log has in the limit's window, by bucket. The counter's name says whose requests count."""
        now = self._clock.now()
        since = limit.line(0, now).since
        found: Counter[int] = Counter()
        with self._database.unit_of_work() as session:
            for at, amount in _amounts(session, limit, since, now):
                found[limit.line(0, max(at, since)).bucket] += amount
        return dict(found)


def _amounts(session: Session, limit: Limit, since: int, now: float) -> Iterator[tuple[float, int]]:
    """(moment, amount): rows by the minute where the window moves on in small parts, else whole hours, which outlive the rows.
    An hour counts as if all had been at its end, so that it does not leave a window too early.
    """
    window = limit.window
    if isinstance(window, Rolling) and window.seconds <= DAY:
        yield from _by_minute(session, limit, since, now + MINUTE)
        return
    whole = -(-since // HOUR) * HOUR
    yield from _by_minute(session, limit, since, whole)
    kind, id = _whose(limit)
    amount = {
        "requests": HOURS.requests,
        "tokens": HOURS.input_tokens + HOURS.output_tokens,
        "usd": HOURS.cost,
    }[limit.unit]
    sums = sa.select(HOURS.at, sa.func.sum(amount)).where(HOURS[kind] == id, HOURS.at >= whole).group_by(HOURS.at)
    for at, total in session.execute(sums):
        yield min(at + HOUR - 1, now), int(total)


def _by_minute(session: Session, limit: Limit, since: float, until: float) -> Iterator[tuple[float, int]]:
    kind, id = _whose(limit)
    amount = {
        "requests": sa.func.count(),
        "tokens": sa.func.sum(sa.func.coalesce(LogRow.input_tokens, 0) + sa.func.coalesce(LogRow.output_tokens, 0)),
        "usd": sa.func.sum(sa.func.coalesce(LogRow.cost, 0)),
    }[limit.unit]
    minutes = LogRow.at / MINUTE
    # SQLite's cast cuts off, and FLOOR is not in every build of it; Postgres's cast rounds.
    minute = sa.cast(minutes, sa.BigInteger) if session.get_bind().dialect.name == "sqlite" else sa.func.floor(minutes)
    wanted = getattr(LogRow, kind) == id, LogRow.at >= since, LogRow.at < until
    for number, total in session.execute(sa.select(minute, amount).where(*wanted).group_by(minute)):
        yield float(number * MINUTE), int(total)


def _whose(limit: Limit) -> tuple[str, str]:
    """The column and id: counters are named "key:<id>:..." and "connection:<id>"."""
    kind, _, rest = limit.counter.partition(":")
    return f"{kind}_id", rest.partition(":")[0]
