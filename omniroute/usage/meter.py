"""Limits, held while requests run: what a request may need is reserved before anything is sent, and settled when it is over.

A request is let in while what is spent and reserved is below the limit. So a budget can be overshot by what is in flight
at that moment, as far as it costs more than was reserved, and by no more. Requests per minute and concurrent requests are
exact. The reservation is a lease of the worker's, moved on while the request runs; what lapses is settled by
usage/recovery.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omniroute.clock import Clock
from omniroute.errors import CountersLost, DatabaseAway, LimitReached, LimitsAway, PriceUnknown
from omniroute.limits.limit import HOUR, KeyLimits, Limit, Line, key_limits, quota_limit
from omniroute.limits.told import limit_headers
from omniroute.prices.price import Price, cost
from omniroute.routing.candidates import Candidate, LeftOut
from omniroute.routing.configuration import ClientKey
from omniroute.state.shared import Reserved, Settlement, SharedState
from omniroute.usage.tickets import HABIT_HOURS, HABITS, Ticket, habit

LEASE = 60.0  # seconds
KEEP_EVERY = 10.0  # seconds: an outage of the store of half a minute loses no lease
USUAL_OUTPUT = 1024  # tokens, of a key that nothing is known of
MOST_INPUT = 10**9  # tokens: whatever an upstream has told of itself
HABIT_FRESH = 1.0  # seconds that a worker goes by what it read of a key's habits
NEAR = 4  # a limit is near when more than one part in so many is used up
PATIENCE = (0.05, 0.05, 0.1, 0.15)  # seconds between looks for a place: one that was just left may not be told yet
REFILLING = (0.1,) * 30  # the same while another worker counts what an empty store has lost


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request will need as far as it can be told. `input` is estimated tokens, `most_output` the limit that it names for
    the answer. `price` is that of the target that is asked first. `counting`: only the number of tokens is asked for.
    """

    id: str
    at: float
    input: int
    most_output: int | None
    price: Price | None
    counting: bool = False
    anthropic: bool = False


@dataclass(frozen=True, slots=True)
class Habits:
    """`output` is the mean of the key's recent answers, `ratio` how many tokens the input had for each that was estimated."""

    output: int | None = None
    ratio: tuple[int, int] = (1, 1)


class Meter:
    """One a worker. `refill` gives a store that has lost its counters what the log has, and says whether it has it now."""

    keep_every = KEEP_EVERY

    def __init__(self, shared: SharedState, clock: Clock, refill: Callable[[], bool]) -> None:
        self._shared, self._clock, self._refill = shared, clock, refill
        self._limits: dict[str, tuple[KeyLimits, tuple[Limit, ...]]] = {}
        self._habits: dict[str, tuple[float, Habits]] = {}
        self._open: set[str] = set()
        self._abandoned: set[str] = set()  # may have been reserved for a request that nobody waits for

    # A client key's limits ----------------------------------------------------------------------------

    def admit(self, key: ClientKey, claim: Claim, sketch: Mapping[str, Any]) -> Ticket:
        """Reserve what the request may need of the key's limits. Raises LimitReached, PriceUnknown, LimitsAway."""
        limits = [limit for limit in self._limits_of(key) if not claim.counting or limit.unit in ("concurrent", "requests")]
        ticket = Ticket(claim.id, claim.at, key.id)
        ticket.counted = [(limit, limit.line(0, claim.at)) for limit in limits]
        try:
            if ticket.learns:
                self._size(ticket, claim)
            ticket.counted = [(limit, limit.line(_amount(limit, ticket), claim.at)) for limit in limits]
            self._reserve(ticket, ticket.document(sketch), claim)
        except DatabaseAway as exc:
            raise LimitsAway("The limits of this API key can't be checked right now, so it is not served.") from exc
        return ticket

    def _size(self, ticket: Ticket, claim: Claim) -> None:
        habits = self._habits_of(ticket.key_id or "")
        actual, estimated = habits.ratio
        ticket.estimated = claim.input
        ticket.input = min(MOST_INPUT, max(1, (claim.input * actual + estimated - 1) // estimated))
        usual = habits.output if habits.output is not None else USUAL_OUTPUT
        ticket.output = usual if claim.most_output is None else min(usual, claim.most_output)
        if any(limit.unit == "usd" for limit, _ in ticket.counted):
            ticket.cost = None if claim.price is None else cost(claim.price, ticket.input, ticket.output)
            if ticket.cost is None:
                raise PriceUnknown("This API key has a budget in USD, and what this model costs is not known here.")

    def _reserve(self, ticket: Ticket, document: Mapping[str, Any], claim: Claim) -> None:
        lines = [line for _, line in ticket.counted]
        pauses = iter(PATIENCE)
        while True:
            now = self._clock.now()
            told = self._asked(ticket.id, lines, document, now)
            if told.refused is None:
                after = [used + line.amount for used, line in zip(told.used, lines, strict=True)]
                ticket.headers = _told(ticket, after, now, claim)
                ticket.pressing = any(map(_near, lines, after))
                return
            limit, line = ticket.counted[told.refused]
            pause = next(pauses, None) if limit.unit == "concurrent" else None
            if pause is None:
                bucket = line.bucket if told.blocking is None else told.blocking
                raise LimitReached(
                    limit.name, limit.unit, limit.window.room_at(bucket, now) - now, _told(ticket, told.used, now, claim)
                )
            self._clock.sleep(pause)

    def _limits_of(self, key: ClientKey) -> tuple[Limit, ...]:
        assert key.limits is not None  # whoever asks has looked
        known = self._limits.get(key.id)
        if known is None or known[0] is not key.limits:
            known = self._limits[key.id] = key.limits, key_limits(key.id, key.limits)
        return known[1]

    def _habits_of(self, key_id: str) -> Habits:
        now = self._clock.now()
        known = self._habits.get(key_id)
        if known is not None and 0 <= now - known[0] < HABIT_FRESH and known[1].output is not None:
            return known[1]
        since = int(now // HOUR - HABIT_HOURS + 1) * HOUR
        sums = self._shared.counted([(habit(key_id, name), since) for name in HABITS])
        answers, output, input, estimated = (sums[habit(key_id, name)][0] for name in HABITS)
        found = Habits()
        if answers:
            ratio = (input, estimated) if input and estimated else (1, 1)
            found = Habits((output + answers - 1) // answers, ratio)
        self._habits[key_id] = now, found
        return found

    def _asked(self, ticket: str, lines: Sequence[Line], document: Mapping[str, Any], now: float) -> Reserved:
        try:
            told = self._reserved(ticket, lines, document, now)
        except BaseException:  # the client left meanwhile, or the store went away: it may be done all the same
            if ticket not in self._open:
                self._abandoned.add(ticket)
            raise
        if told.refused is None:
            self._open.add(ticket)
        return told

    def _reserved(self, ticket: str, lines: Sequence[Line], document: Mapping[str, Any], now: float) -> Reserved:
        pauses = iter(REFILLING)
        while True:
            try:
                return self._shared.reserve(ticket, lines, document, now, now + LEASE)
            except CountersLost:
                pause = next(pauses, None)
                if pause is None:
                    raise
                if not self._refill():
                    self._clock.sleep(pause)

    # A connection's quota -----------------------------------------------------------------------------

    def enter(self, ticket: Ticket | None, candidate: Candidate, claim: Claim, sketch: Mapping[str, Any]) -> Ticket | LeftOut:
        """Reserve an attempt's part of the connection's quota, on the request's ticket or a new one. Or why not."""
        quota = candidate.connection.quota
        assert quota is not None  # whoever asks has looked
        limit = quota_limit(candidate.connection.id, quota)
        ticket = ticket or Ticket(claim.id, claim.at)
        if not ticket.estimated:
            most = USUAL_OUTPUT if claim.most_output is None else claim.most_output
            ticket.input, ticket.output = claim.input, min(USUAL_OUTPUT, most)
        priced = None if claim.price is None else cost(claim.price, ticket.input, ticket.output)
        if limit.unit == "usd" and priced is None:
            return candidate.left_out("its price is not known, and its quota is in USD", "price_unknown")
        ticket.cost = priced if ticket.cost is None else ticket.cost
        amounts = {"requests": 1, "tokens": ticket.input + ticket.output, "usd": priced or 0}
        line = limit.line(amounts[limit.unit], claim.at)
        others = [(each, its) for each, its in ticket.counted if its.counter != line.counter]  # it may be asked a second time
        ticket.counted = [*others, (limit, line)]
        now = self._clock.now()
        try:
            told = self._asked(ticket.id, [line], ticket.document(sketch), now)
        except DatabaseAway:
            ticket.counted = others
            return candidate.left_out("its quota can't be checked right now", "limits_unavailable", now + 1)
        if told.refused is not None:
            ticket.counted = others
            bucket = told.blocking if told.blocking is not None else line.bucket
            return candidate.left_out("over quota", "over_quota", limit.window.room_at(bucket, now))
        ticket.pressing |= _near(line, told.used[0] + line.amount)
        return ticket

    def leave(self, ticket: Ticket, candidate: Candidate) -> None:
        """The attempt has failed: its part of the quota is given back, or ends with the ticket while the store is away."""
        with contextlib.suppress(DatabaseAway):
            self._shared.release(ticket.id, [f"connection:{candidate.connection.id}"])

    # Beside the requests ------------------------------------------------------------------------------

    def over(self, tickets: Iterable[str]) -> None:
        """These are settled."""
        self._open.difference_update(tickets)

    def keep(self) -> None:
        """Move the leases of what is open on, and give back what nobody waits for. To be called every KEEP_EVERY seconds."""
        abandoned = tuple(self._abandoned)
        with contextlib.suppress(DatabaseAway):  # the next time
            if self._open:
                self._shared.keep(tuple(self._open), self._clock.now() + LEASE)
            if abandoned:
                self._shared.settle([Settlement(ticket, ()) for ticket in abandoned])
                self._abandoned.difference_update(abandoned)


def _amount(limit: Limit, ticket: Ticket) -> int:
    if limit.unit == "tokens":
        return ticket.input + ticket.output
    return (ticket.cost or 0) if limit.unit == "usd" else 1


def _near(line: Line, used: int) -> bool:
    return used * NEAR > line.limit


def _told(ticket: Ticket, used: Iterable[int], now: float, claim: Claim) -> dict[str, str]:
    """`used` of the limits in order, as far as they were looked at."""
    standings = [(limit, line, n) for (limit, line), n in zip(ticket.counted, used, strict=False)]
    return limit_headers(standings, now, claim.anthropic)
