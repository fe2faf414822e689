"""What this worker knows of how its connections are doing. Learned here at once, and shared with the other workers.

Nothing on the way of a request waits for the shared state, save a turn, a probe and a place of a connection with
`max_concurrent`: those must be exact. What a request learns is queued; `flush` writes it, and `tick` reads what others have
learned. gunicorn.conf.py calls both, from greenlets beside the requests. While the store is away the worker goes on with
what it knows, and writes later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway
from omniroute.limits.upstream import Learned
from omniroute.routing.candidates import Candidate, CandidateKey, Figures, Quota
from omniroute.routing.failures import Failure
from omniroute.routing.health import (
    FINE,
    Condition,
    Health,
    Place,
    ResilienceSettings,
    after_failure,
    after_success,
    harms,
    places,
)
from omniroute.state.leases import Leases
from omniroute.state.link import Link
from omniroute.state.quotas import Declared, Listed, Quotas, quota_of
from omniroute.state.shared import Change, SharedState
from omniroute.state.tally import Tally

QUEUED = 50  # changes of one place that wait for the store at most; a breaker looks at five failures
PLACES = 1000  # that something is held against at most: with made-up names of models anybody could add more
REPORT = 15.0  # seconds until a report lapses
SWEEP_EVERY = 60.0  # seconds

Queue = dict[Place, list[tuple[float, Change]]]  # when each was learned, oldest first


class HealthBoard:
    """One a worker; `worker` is its name among them. All times are epoch seconds. Without `shared` it is by itself.

    `settings` says when breakers open, `quotas` what the operator lets connections use.
    """

    def __init__(
        self,
        clock: Clock,
        shared: SharedState | None = None,
        worker: str = "",
        settings: Callable[[], ResilienceSettings] = ResilienceSettings,
        quotas: Listed = tuple,
    ) -> None:
        self._clock, self._worker, self._settings = clock, worker or clock.new_id(), settings
        self._link = Link(shared, clock)
        self._woken = threading.Event()
        self._tally = Tally()
        self._quotas = Quotas(quotas)
        self._leases = Leases(self._link, clock, self._woken.set)
        self._turn = threading.Lock()  # flush and tick, one after the other
        self._known: dict[Place, Condition] = {}
        self._queue: Queue = {}
        self._turns: dict[str, int] = {}
        self._mark: tuple[str, int] | None = None
        self._reported: dict[str, object] = {}
        self._reported_at = float("-inf")
        self._swept = clock.tick()
        self._ended = False

    # What is known ----------------------------------------------------------------------------------

    @property
    def health(self) -> Health:
        return self._known

    @property
    def last_good(self) -> Mapping[str, CandidateKey]:
        """By combo, the candidate that answered last, here or at another worker."""
        return self._tally.last_good

    @property
    def away_since(self) -> float | None:
        """Since when the shared state can't be reached; None while it can."""
        return self._link.away_since

    def figures(self, candidate: Candidate) -> Figures:
        """`in_flight` is of the whole connection, the rest of this model on it; of other workers as they last reported."""
        return self._tally.figures(candidate, self._clock.now())

    def in_flight(self) -> Mapping[str, int]:
        """Requests that are with upstreams now, by connection; of other workers as they last reported."""
        return self._tally.in_flight()

    def learned(self, connection_id: str) -> tuple[Learned, ...]:
        """The windows that its upstream told of, here or to another worker, and that were not renewed since."""
        return self._tally.learned(connection_id, self._clock.now())

    def declared(self, connection_id: str) -> Declared | None:
        """What is used of the quota that the operator has set for it, at most a second old; None without one."""
        return self._quotas.of(connection_id)

    def quota(self, connection_id: str) -> Quota | None:
        """What routing goes by: state/quotas.py says how."""
        own = self._quotas.of(connection_id)
        if own is None and not self._tally.has_learned_of(connection_id):  # asked for each candidate of each request
            return None
        return quota_of(self.learned(connection_id), own)

    # What a request learns --------------------------------------------------------------------------

    def failed(self, candidate: Candidate, failure: Failure) -> None:
        now, settings = self._clock.now(), self._settings()
        for harm in harms(failure, candidate):
            change = partial(after_failure, failure=failure, harm=harm, now=now, settings=settings)
            self._learn(harm.place, now, change)

    def succeeded(self, candidate: Candidate, began: float, combo: str = "") -> None:
        """An attempt that began at `began` was answered, for a combo of that name or none."""
        now = self._clock.now()
        if combo:
            self._tally.answered(combo, candidate.key, now)
        if not self._known:
            return
        for place in places(candidate):
            if place in self._known:
                self._queue[place] = [each for each in self._queue.get(place, ()) if each[0] > began]  # it undoes the others
                self._learn(place, now, partial(after_success, began=began, now=now))

    def told(self, connection_id: str, windows: Iterable[Learned]) -> None:
        """What the headers of an answer, also of one that is an error, tell of a connection's limits."""
        if windows:
            self._tally.told(connection_id, windows)

    def reset(self, connection_id: str | None = None, model: str | None = None, provider_id: str | None = None) -> int:
        """Forget what is held against these, or everything, here and for all workers; how many places that were."""
        with self._turn:
            try:
                if self.away_since is None:
                    self._look()
            except DatabaseAway:
                pass  # what is known here is forgotten now, and there as soon as it is back
            gone = [place for place in self._known if _named(place, connection_id, model, provider_id)]
            for place in gone:
                self._queue.pop(place, None)
                self._learn(place, self._clock.now(), _forgotten)
        self.flush()
        return len(gone)

    def _learn(self, place: Place, now: float, change: Change) -> None:
        """Here at once; for the others it is queued."""
        before = self._known.get(place, FINE)
        after = change(before)
        if after != before:
            _put(self._known, place, after)
            if not self._link.alone:
                self._queue.setdefault(place, []).append((now, change))
                del self._queue[place][:-QUEUED]
                self._woken.set()

    # What must be exact -----------------------------------------------------------------------------

    def turn(self, combo: str) -> int:
        """The next number of a round-robin combo, each given out once over all workers; by itself while the store is away."""
        try:
            number = self._link.use(lambda shared: shared.turn(_turn(combo)))
        except DatabaseAway:
            number = self._turns.get(combo, 0)
        self._turns[combo] = number + 1
        return number

    def peek(self, combo: str) -> int:
        """The number that the next request of a round-robin combo would get."""
        try:
            return self._link.use(lambda shared: shared.next_turn(_turn(combo)))
        except DatabaseAway:
            return self._turns.get(combo, 0)

    def enter(self, candidate: Candidate) -> bool:
        """Begin an attempt; False, and nothing begun, when the connection is at its `max_concurrent`."""
        connection = candidate.connection
        if not self._leases.enter(connection, lambda: self._tally.own(connection.id)):
            return False
        self._tally.begin(candidate.key, self._clock.now())
        return True

    def leave(self, candidate: Candidate, first_ms: float | None = None) -> None:
        """The attempt is over. `first_ms` is how long its first content took, None if there was none."""
        self._tally.end(candidate.key, first_ms, self._clock.now())
        self._leases.left(candidate.connection.id, self._tally.own(candidate.connection.id))

    def claim(self, found_out: Iterable[Place]) -> bool:
        """Whether this request may be the one that finds out about half-open breakers; another one may be doing so, here or
        at another worker. Give it back with `unclaim`; it ends by itself after 90 s.
        """
        return self._leases.claim(found_out)

    def unclaim(self, found_out: Iterable[Place]) -> None:
        """Give back what `claim` took."""
        self._leases.unclaim(found_out)

    # Beside the requests ----------------------------------------------------------------------------

    def wait(self) -> None:
        """Until there is something to flush."""
        self._woken.wait()
        self._woken.clear()

    def flush(self) -> None:
        """Write what is queued. What can't be written now stays queued."""
        with self._turn:
            try:
                self._send()
            except DatabaseAway:
                return  # Link has told; the next tick tries again

    def tick(self) -> None:
        """Exchange with the other workers: to be called four times a second."""
        if self._link.alone:
            return
        with self._turn:
            if self._ended:
                return
            try:
                self._send()
                self._look()
                self._exchange_reports()
                self._leases.prolong()
                self._sweep()
                self._quotas.read(self._link, self._clock.now())
            except DatabaseAway:
                return
            self._link.back()

    def reachable(self) -> bool:
        """Whether the store answers now."""
        try:
            self._link.attempt(lambda shared: shared.health_mark())
        except DatabaseAway:
            return False
        return True

    def close(self) -> None:
        """This worker ends: write what is left, and hold nothing any more. A later tick does nothing."""
        with self._turn:
            self._ended = True
            try:
                self._send()
                self._leases.give_back_all()
                self._link.attempt(lambda shared: shared.forget_report(self._worker))
            except DatabaseAway:
                pass  # leases and the report end by themselves
        self._link.close()

    def _send(self) -> None:
        sent, self._queue = {place: changes for place, changes in self._queue.items() if changes}, {}
        if sent:
            done = False
            try:
                changes = {place: _in_turn(queued) for place, queued in sent.items()}
                self._take(self._link.attempt(lambda shared: shared.change_health(changes)))
                done = True
            finally:  # also when the greenlet is killed
                if not done:
                    self._queue = _joined(sent, self._queue)
        self._leases.give_back()

    def _look(self) -> None:
        """Read the health of all, if it has changed since."""
        mark = self._link.attempt(lambda shared: shared.health_mark())
        if mark == self._mark:
            return
        read = dict(self._link.attempt(lambda shared: shared.read_health()))
        if self._mark is not None and self._mark[0] and self._mark[0] != mark[0]:
            lost = {place: condition for place, condition in self._known.items() if place not in read}
            told = {place: partial(_unless_known, ours=condition) for place, condition in lost.items()}
            read |= self._link.attempt(lambda shared: shared.change_health(told))
        known: dict[Place, Condition] = {}
        self._known, self._mark = known, mark
        self._take({**read, **dict.fromkeys(self._queue.keys() - read.keys(), FINE)})

    def _take(self, conditions: Health) -> None:
        """As the store has them, with what was learned here since."""
        for place, condition in conditions.items():
            _put(self._known, place, _in_turn(self._queue.get(place, ()))(condition))

    def _exchange_reports(self) -> None:
        now, tick = self._clock.now(), self._clock.tick()
        document = self._tally.document(now)
        lapsing = bool(document) and tick - self._reported_at > REPORT / 2
        if (
            document != self._reported or lapsing or self.away_since is not None
        ):  # after an outage also to see whether it takes it
            self._link.attempt(lambda shared: shared.report(self._worker, document, now + REPORT))
            self._reported, self._reported_at = document, tick
        reports = self._link.attempt(lambda shared: shared.reports(now))
        self._tally.take([report for worker, report in reports.items() if worker != self._worker], now)

    def _sweep(self) -> None:
        now, tick = self._clock.now(), self._clock.tick()
        if tick - self._swept < SWEEP_EVERY:
            return
        self._swept = tick
        self._tally.tidy(now)
        if len(self._known) > PLACES:
            oldest = sorted(self._known, key=lambda place: _last(self._known[place]))[:-PLACES]
            self._link.attempt(lambda shared: shared.forget_health(oldest))


def _named(place: Place, connection_id: str | None, model: str | None, provider_id: str | None) -> bool:
    if connection_id is not None and not (place.kind != "node" and place.id == connection_id):
        return False
    if model is not None and not (place.kind == "model" and place.model == model):
        return False
    return provider_id is None or (place.kind == "node" and place.id == provider_id)


def _turn(combo: str) -> str:
    return f"combo:{combo}"


def _put(known: dict[Place, Condition], place: Place, condition: Condition) -> None:
    if condition.fine:
        known.pop(place, None)
    else:
        known[place] = condition


def _in_turn(queued: Iterable[tuple[float, Change]]) -> Change:
    """All of them as one."""
    changes = tuple(change for _, change in queued)

    def change(condition: Condition) -> Condition:
        for each in changes:
            condition = each(condition)
        return condition

    return change


def _joined(first: Queue, then: Queue) -> Queue:
    return {place: [*first.get(place, ()), *then.get(place, ())][-QUEUED:] for place in first.keys() | then.keys()}


def _forgotten(condition: Condition) -> Condition:
    return FINE


def _unless_known(condition: Condition, ours: Condition) -> Condition:
    """For a store that came back empty: what somebody has learned since is newer than what we knew."""
    return ours if condition.fine else condition


def _last(condition: Condition) -> float:
    """When what is known of a place begins to be of no more use."""
    mark, breaker = condition.mark, condition.breaker
    ends = [mark.until] if mark is not None else []
    if breaker is not None:
        ends += [breaker.until, *breaker.failures]
    return max(ends, default=0.0)
