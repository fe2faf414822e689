"""What is going on now, over all workers and machines: so it is read from the log, and kept for everybody who watches.

A look costs one read of the index and of the minutes in which something was added (usage/minutes.py), so it is as cheap with a
million rows as with none. A worker looks again after two seconds at the earliest, and later where looking takes long.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.limits.windows import Calendar
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.models.usage import HourRow
from omniroute.routing.configuration import Configuration
from omniroute.routing.provider_state import provider_state
from omniroute.state.health import HealthBoard
from omniroute.usage.logs import LogFilters, LogReports, LogView
from omniroute.usage.minutes import MINUTE, NOT_FAILED, Minutes, Sums, added, percentile
from omniroute.usage.rollups import HOUR

FRESH = 2.0  # seconds that a look is kept
REST, LONGEST_REST = 10, 5.0  # it is kept so many times as long as it took; seconds
SHOWN = 60  # minutes, this one included
RECENT = 15  # of these, that the error rate and the times are of
FAILURES = 5

HOURS = HourRow.__table__.c


@dataclass(frozen=True, slots=True)
class Minute:
    """`at` is when it begins. A request counts in the minute in which it came, once it is over."""

    at: float
    requests: int
    failed: int


@dataclass(frozen=True, slots=True)
class Recent:
    """The last `minutes`, the one that is going on included. A client that leaves before the end is no failure. Times are to
    the first content, of a whole answer to its coming, within a fifth (usage/minutes.py); None where nothing was answered.
    """

    minutes: int
    requests: int
    failed: int
    error_rate: float | None
    first_p50_ms: int | None
    first_p95_ms: int | None


@dataclass(frozen=True, slots=True)
class Today:
    """Since midnight in the operator's time zone. `cost` is in micro-dollars; `unpriced` answered requests are not in it."""

    begins_at: float
    time_zone: str
    requests: int
    tokens: int
    cost: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class ProviderPulse:
    """The last hour of a provider with connections or requests; `provider_id` is "" for requests that were sent to none.

    `state` is as in routing/provider_state.py, "gone" for one that was deleted since, "" for none; it holds until `until_at`
    where time heals it. `series` has the requests of each minute of `PulseView.minutes`.
    """

    provider_id: str
    name: str
    prefix: str
    connections: int
    state: str
    until_at: float | None
    in_flight: int
    requests: int
    failed: int
    error_rate: float | None
    first_p50_ms: int | None
    first_p95_ms: int | None
    series: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PulseView:
    """As of `at`. `last_minute` are requests that came within 60 s and are over, `in_flight` those that are with upstreams now.

    `minutes` are the last sixty, oldest first, the one that is going on included. `providers` are in the order of their names,
    what was not sent to any last. `failures` are the newest of these minutes.
    """

    at: float
    last_minute: int
    in_flight: int
    minutes: tuple[Minute, ...]
    recent: Recent
    today: Today
    providers: tuple[ProviderPulse, ...]
    failures: tuple[LogView, ...]


class Pulse:
    """One a worker. `zone` reads the operator's time zone from the settings of the configuration."""

    def __init__(
        self,
        database: Database,
        look: Callable[[], Configuration],
        logs: LogReports,
        board: HealthBoard,
        zone: Callable[[Mapping[str, object]], str],
        clock: Clock,
    ) -> None:
        self._database, self._look, self._logs, self._board, self._zone = database, look, logs, board, zone
        self._clock = clock
        self._minutes, self._hours = Minutes(database), _Hours(database)
        self._failures: tuple[object, tuple[LogView, ...]] = ((), ())
        self._turn = threading.Lock()  # one looks, the others wait for what it has seen
        self._known: PulseView | None = None
        self._until = 0.0  # epoch seconds

    def current(self) -> PulseView:
        """At most two seconds old, five where looking takes long. Raises DatabaseAway."""
        known = self._fresh()
        if known is None:
            with self._turn:
                known = self._fresh() or self._look_again()
        return known

    def _fresh(self) -> PulseView | None:
        known = self._known
        return known if known is not None and known.at <= self._clock.now() < self._until else None

    def _look_again(self) -> PulseView:
        now, began = self._clock.now(), self._clock.tick()
        this, configuration = int(now // MINUTE), self._look()
        shown = range(this - SHOWN + 1, this + 1)
        zone = self._zone(configuration.settings)
        midnight = Calendar("day", zone).span(now).since
        first_hour = -(-midnight // HOUR) * HOUR
        edge = range(midnight // MINUTE, min(first_hour // MINUTE, this + 1))  # where midnight is within an hour of UTC
        rolled = self._minutes.refresh(this, {*shown, *edge})
        today = self._hours.since(first_hour, now, rolled)
        today.add(added(sums for minute in edge for sums in self._minutes.known[minute].values()))
        in_flight = self._board.in_flight()
        self._known = known = PulseView(
            at=now,
            last_minute=self._last_minute(now),
            in_flight=sum(in_flight.values()),
            minutes=tuple(self._minute(minute) for minute in shown),
            recent=self._recent(shown[-RECENT:]),
            today=Today(float(midnight), zone, today.requests, today.tokens, today.cost, today.unpriced),
            providers=self._providers(configuration, shown, in_flight, now),
            failures=self._newest_failures(shown),
        )
        self._until = now + min(max(FRESH, REST * (self._clock.tick() - began)), LONGEST_REST)
        return known

    def _last_minute(self, now: float) -> int:
        with self._database.unit_of_work() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(LogRow).where(LogRow.at > now - MINUTE)) or 0

    def _minute(self, minute: int) -> Minute:
        sums = added(self._minutes.known[minute].values())
        return Minute(float(minute * MINUTE), sums.requests, sums.failed)

    def _recent(self, minutes: range) -> Recent:
        sums = added(sums for minute in minutes for sums in self._minutes.known[minute].values())
        first = (percentile(sums.times, percent) for percent in (50, 95))
        return Recent(len(minutes), sums.requests, sums.failed, sums.error_rate, *first)

    def _providers(
        self, configuration: Configuration, shown: range, in_flight: Mapping[str, int], now: float
    ) -> tuple[ProviderPulse, ...]:
        known = self._minutes.known
        asked = {id for minute in shown for id in known[minute]}
        ids = asked | {id for id, rows in configuration.connections.items() if rows and id in configuration.providers}
        found = []
        for id in ids:
            series = [known[minute].get(id, NOTHING) for minute in shown]
            found.append(self._provider(id, configuration, series, in_flight, now))
        return tuple(sorted(found, key=lambda each: (not each.provider_id, each.name.casefold(), each.provider_id)))

    def _provider(
        self, id: str, configuration: Configuration, series: list[Sums], in_flight: Mapping[str, int], now: float
    ) -> ProviderPulse:
        provider, rows = configuration.providers.get(id), configuration.connections.get(id, ())
        state = provider_state(id, rows, self._board.health, now)
        sums = added(series)
        return ProviderPulse(
            provider_id=id,
            name=provider.name if provider is not None else "A deleted provider" if id else "Not sent",
            prefix=(provider.prefix or id) if provider is not None else "",
            connections=len(rows),
            state=state.word if provider is not None else "gone" if id else "",
            until_at=state.until,
            in_flight=sum(in_flight.get(row.id, 0) for row in rows),
            requests=sums.requests,
            failed=sums.failed,
            error_rate=sums.error_rate,
            first_p50_ms=percentile(sums.times, 50),
            first_p95_ms=percentile(sums.times, 95),
            series=tuple(each.requests for each in series),
        )

    def _newest_failures(self, shown: range) -> tuple[LogView, ...]:
        """Looked for only in minutes that have any, and only when these have others than before."""
        counts = {minute: added(self._minutes.known[minute].values()).failed for minute in reversed(shown)}
        within, most = [], 0
        for minute in (minute for minute, failed in counts.items() if failed):
            within.append(minute)
            most += counts[minute]
            if most >= FAILURES:
                break
        key = tuple((minute, counts[minute]) for minute in within)
        if key != self._failures[0]:
            with self._database.unit_of_work() as session:
                ids = [id for minute in within for id in _failed(session, minute)][:FAILURES]
            self._failures = key, self._logs.among(ids, LogFilters())
        return self._failures[1]


NOTHING = Sums()


def _failed(session: Session, minute: int) -> list[str]:
    wanted = (LogRow.at >= minute * MINUTE, LogRow.at < (minute + 1) * MINUTE, LogRow.kind.not_in(NOT_FAILED))
    newest = sa.select(LogRow.id).where(*wanted).order_by(LogRow.at.desc(), LogRow.id.desc())
    return list(session.scalars(newest.limit(FAILURES)))


class _Hours:
    """Sums from the beginning of an hour on. Those of hours that are long over are read once a minute, the others each time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._over: tuple[int, int, Sums] | None = None  # from, until before, what they add up to

    def since(self, first: int, now: float, anew: bool) -> Sums:
        last = max(first, int(now // HOUR) * HOUR - HOUR)  # late rows still come into the hour before this one
        with self._database.unit_of_work() as session:
            if anew or self._over is None or self._over[:2] != (first, last):
                self._over = (first, last, _of_hours(session, HOURS.at >= first, HOURS.at < last))
            return added((self._over[2], _of_hours(session, HOURS.at >= last)))


def _of_hours(session: Session, *within: sa.ColumnElement[bool]) -> Sums:
    tokens = sa.func.sum(HOURS.input_tokens + HOURS.output_tokens)
    sums = (sa.func.sum(HOURS.requests), tokens, sa.func.sum(HOURS.cost), sa.func.sum(HOURS.unpriced))
    requests, tokens_in_all, cost, unpriced = (int(each or 0) for each in session.execute(sa.select(*sums).where(*within)).one())
    return Sums(requests=requests, tokens=tokens_in_all, cost=cost, unpriced=unpriced, times=Counter())
