"""What a worker holds of the shared state: places on connections that take only so many requests at once, and the right to
find out whether a half-open breaker may close. Each ends by itself when its worker is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway
from omniroute.routing.configuration import Connection
from omniroute.routing.health import Place
from omniroute.state.link import Link
from omniroute.state.shared import SharedState

PLACE = 30.0  # seconds; prolonged while the request runs
PROBE = 90.0  # seconds; not prolonged: whoever takes longer may be overtaken


class Leases:
    """`wake` is called when there is something to give back. While the store is away this worker counts by itself."""

    def __init__(self, link: Link, clock: Clock, wake: Callable[[], None]) -> None:
        self._link, self._clock, self._wake = link, clock, wake
        # Ends of leases are on the clock of tick(): whatever is done to the other, what is held here is prolonged in time.
        self._held: dict[str, dict[str, float]] = {}  # connection -> hold -> the end of its lease
        self._spare: dict[str, dict[str, float]] = {}  # the same for those that are over, and not yet given back
        self._probing: dict[Place, tuple[str | None, float]] = {}  # None: without a hold, the store is away
        self._over: list[str] = []

    # Places on connections --------------------------------------------------------------------------

    def enter(self, connection: Connection, own: Callable[[], int]) -> bool:
        """Whether there is a place. `own()` is how many requests this worker has on it."""
        most, id = connection.max_concurrent, connection.id
        if most is None:
            return True
        if own() >= most:
            return False
        now, tick = self._clock.now(), self._clock.tick()
        if self._from_spare(id, tick):
            return True
        try:
            hold = self._link.use(lambda shared: shared.hold(f"connection:{id}", most, now, now + PLACE))
        except DatabaseAway:
            return own() < most
        if hold is not None:
            self._held.setdefault(id, {})[hold] = tick + PLACE
        return hold is not None

    def left(self, connection_id: str, own: int) -> None:
        """A request is over; `own` are left."""
        held = self._held.get(connection_id)
        if held is not None and len(held) > own:
            hold, until = held.popitem()
            self._spare.setdefault(connection_id, {})[hold] = until
            self._wake()

    def _from_spare(self, connection_id: str, tick: float) -> bool:
        """A place that was just left here, and that nobody else knows to be free yet."""
        spare = self._spare.get(connection_id)
        if not spare:
            return False
        hold, until = spare.popitem()
        if until - tick < PLACE / 4:
            self._over.append(hold)
            return False
        self._held.setdefault(connection_id, {})[hold] = until
        return True

    # Probes -----------------------------------------------------------------------------------------

    def claim(self, places: Iterable[Place]) -> bool:
        """All of them or none. In order, so that of two who want the same places one gets them."""
        wanted, now, tick = sorted(places), self._clock.now(), self._clock.tick()
        if self._busy(wanted, tick):
            return False
        taken: list[str] = []
        try:
            for place in wanted:
                hold = self._link.use(_taking(place, now))
                if hold is None:
                    return False
                taken.append(hold)
        except DatabaseAway:
            if self._busy(wanted, tick):
                return False
            self._probing |= dict.fromkeys(wanted, (None, tick + PROBE))
            return True
        else:
            self._probing |= {place: (hold, tick + PROBE) for place, hold in zip(wanted, taken, strict=True)}
            taken = []
            return True
        finally:
            self._give_up(taken)

    def unclaim(self, places: Iterable[Place]) -> None:
        claimed = [self._probing.pop(place, (None, 0.0))[0] for place in places]
        self._give_up([hold for hold in claimed if hold is not None])

    def _busy(self, places: Iterable[Place], tick: float) -> bool:
        return any(place in self._probing and self._probing[place][1] > tick for place in places)

    def _give_up(self, holds: list[str]) -> None:
        if holds:
            self._over.extend(holds)
            self._wake()

    # Beside the requests ----------------------------------------------------------------------------

    def give_back(self) -> None:
        """Tell the store what is over. Raises DatabaseAway; then it is told the next time."""
        over = [*self._over, *(hold for spare in self._spare.values() for hold in spare)]
        if not over:
            return
        self._over, self._spare = [], {}
        try:
            self._link.attempt(lambda shared: shared.let_go(over))
        except DatabaseAway:
            self._over.extend(over[-1000:])  # the rest has lapsed by the time the store is back
            raise

    def prolong(self) -> None:
        """Move on the leases of requests that are still running. Raises DatabaseAway."""
        now, tick = self._clock.now(), self._clock.tick()
        ending = [(held, hold) for held in self._held.values() for hold, until in held.items() if until - tick < PLACE / 2]
        if ending:
            self._link.attempt(lambda shared: shared.prolong([hold for _, hold in ending], now + PLACE))
            for held, hold in ending:
                if hold in held:
                    held[hold] = tick + PLACE
        self._held = {id: held for id, held in self._held.items() if held}

    def give_back_all(self) -> None:
        """This worker ends. Raises DatabaseAway."""
        self._over.extend(hold for held in self._held.values() for hold in held)
        self._over.extend(hold for hold, _ in self._probing.values() if hold is not None)
        self._held, self._probing = {}, {}
        self.give_back()


def _taking(place: Place, now: float) -> Callable[[SharedState], str | None]:
    name = f"probe:{place.kind}:{place.id}:{place.model}"
    return lambda shared: shared.hold(name, 1, now, now + PROBE)
