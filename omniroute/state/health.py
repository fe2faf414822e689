"""What this worker knows of how its connections are doing. Learned here at once, and shared with the other workers.

Nothing on the way of a request waits for the shared state, save a turn, a probe and a place of a connection with
`max_concurrent`: those must be exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from omniroute.clock import Clock
from omniroute.routing.candidates import Candidate, CandidateKey, Figures
from omniroute.routing.failures import Failure
from omniroute.routing.health import FINE, Condition, Health, Place, after_failure, after_success, harms, places


class HealthBoard:
    """One a worker. All times are epoch seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Place, Condition] = {}
        self._in_flight: Counter[CandidateKey] = Counter()
        self._turns: Counter[str] = Counter()
        self._last_good: dict[str, CandidateKey] = {}

    @property
    def health(self) -> Health:
        return self._known

    @property
    def last_good(self) -> Mapping[str, CandidateKey]:
        """By combo, the candidate that answered last."""
        return self._last_good

    def figures(self, candidate: Candidate) -> Figures:
        """`in_flight` is of the whole connection, the rest of this model on it."""
        connection_id = candidate.connection.id
        return Figures(in_flight=sum(count for (id, _), count in self._in_flight.items() if id == connection_id))

    def turn(self, combo: str) -> int:
        """The next number of a round-robin combo, each given out once over all workers."""
        self._turns[combo] += 1
        return self._turns[combo] - 1

    def enter(self, candidate: Candidate) -> bool:
        """Begin an attempt; False, and nothing begun, when the connection is at its `max_concurrent`."""
        self._in_flight[candidate.key] += 1
        return True

    def leave(self, candidate: Candidate, first_ms: float | None = None) -> None:
        """The attempt is over. `first_ms` is how long its first content took, None if there was none."""
        self._in_flight[candidate.key] -= 1

    def claim(self, found_out: Iterable[Place]) -> bool:
        """Whether this request may be the one that finds out about half-open breakers; another one may be doing so."""
        return True

    def unclaim(self, found_out: Iterable[Place]) -> None:
        """Give back what `claim` took."""

    def failed(self, candidate: Candidate, failure: Failure) -> None:
        now = self._clock.now()
        for harm in harms(failure, candidate):
            self._known[harm.place] = after_failure(self._known.get(harm.place, FINE), failure, harm, now)

    def succeeded(self, candidate: Candidate, began: float, combo: str = "") -> None:
        """An attempt that began at `began` was answered, for a combo of that name or none."""
        if combo:
            self._last_good[combo] = candidate.key
        if not self._known:
            return
        for place in places(candidate):
            condition = after_success(self._known.get(place, FINE), began)
            if condition.fine:
                self._known.pop(place, None)
            else:
                self._known[place] = condition

    def reset(self, connection_id: str | None = None, model: str | None = None, provider_id: str | None = None) -> int:
        """Forget what is held against these, or everything; how many places that were."""
        gone = [place for place in self._known if _named(place, connection_id, model, provider_id)]
        for place in gone:
            del self._known[place]
        return len(gone)


def _named(place: Place, connection_id: str | None, model: str | None, provider_id: str | None) -> bool:
    if connection_id is not None and not (place.kind != "node" and place.id == connection_id):
        return False
    if model is not None and not (place.kind == "model" and place.model == model):
        return False
    return provider_id is None or (place.kind == "node" and place.id == provider_id)
