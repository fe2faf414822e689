"""What all workers share: health, turns, holds, counters, reservations and reports, behind one interface.

`state/sql.py` keeps it in the database (SQLite or Postgres), `state/redis.py` in Redis. The same tests run on all three.
Times are epoch seconds and always an argument, so that a store has no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from omniroute.routing.health import Condition, Health, Place

Change = Callable[[Condition], Condition]  # pure: it may run more than once


class SharedState(Protocol):
    """Every method raises DatabaseAway when the store can't be reached; nothing was changed then."""

    # Health -------------------------------------------------------------------------------------

    def read_health(self) -> Health:
        """Every place that something is known of."""

    def change_health(self, changes: Mapping[Place, Change]) -> Health:
        """Apply each change to what is known of its place, atomically by place; what is fine afterwards is forgotten.

        Returns the new conditions of these places, FINE ones included.
        """

    def forget_health(self, places: Iterable[Place] | None = None) -> None:
        """Forget these places, or everything."""

    def health_mark(self) -> tuple[str, int]:
        """(life, number): the number moves on with every change of anything's health; another life means that the store has
        lost what it held.
        """

    # Turns --------------------------------------------------------------------------------------

    def turn(self, name: str) -> int:
        """The next number of this name: 0, 1, 2 ..., each given out once."""

    def next_turn(self, name: str) -> int:
        """The number that `turn` would give out now."""

    # Holds: at most so many at once, each with a lease ------------------------------------------

    def hold(self, name: str, most: int, now: float, until: float) -> str | None:
        """Take one of `most` places under this name; the hold's id, or None while all are taken. It ends by itself at `until`."""

    def prolong(self, holds: Iterable[str], until: float) -> None:
        """Move the end of leases on, by less than a day. One that has lapsed stays gone once another has taken its place."""

    def let_go(self, holds: Iterable[str]) -> None:
        """Give these back. Those that are gone already are passed over."""

    def held(self, names: Iterable[str], now: float) -> dict[str, int]:
        """How many are taken under each name now."""

    # Counters with reservations -----------------------------------------------------------------

    def reserve(self, name: str, amount: int, limit: int, now: float, until: float) -> str | None:
        """Reserve `amount` if spent + reserved is below `limit`; the reservation's id, or None. It lapses at `until`."""

    def settle(self, reservation: str, spent: int) -> bool:
        """Turn the reservation into what was spent in the end. False when it is not there: lapsed, or settled before."""

    def release(self, reservation: str) -> bool:
        """Give the reservation back. False when it is not there."""

    def spend(self, name: str, amount: int) -> int:
        """Count `amount` as spent without a reservation; returns what is spent now."""

    def counted(self, names: Iterable[str], now: float) -> dict[str, tuple[int, int]]:
        """(spent, reserved) under each name, lapsed reservations left out."""

    def forget_counters(self, names: Iterable[str]) -> None:
        """Start these again from 0; their reservations are gone."""

    # Reports ------------------------------------------------------------------------------------

    def report(self, worker: str, document: Mapping[str, Any], until: float) -> None:
        """What this worker wants the others to know, until then. The last one counts."""

    def reports(self, now: float) -> dict[str, dict[str, Any]]:
        """The reports of all workers, this one's included, that have not lapsed."""

    def forget_report(self, worker: str) -> None:
        """This worker has nothing to say any more."""

    # Housekeeping -------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Delete what has lapsed, and conditions that nobody asks for any more (state/conditions.py). Any worker may, at any
        time. A reservation that has lapsed can be settled until then.
        """

    def close(self) -> None:
        """Close connections. The next use opens new ones."""
