"""What all workers share: health, turns, holds, tickets with counters, and reports, behind one interface.

`state/sql.py` keeps it in the database (SQLite or Postgres), `state/redis.py` in Redis. The same tests run on all three.
Times are epoch seconds and always an argument, so that a store has no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from omniroute.limits.limit import NEVER, Line
from omniroute.routing.health import Condition, Health, Place

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FILLED = "counters are kept"  # a counter that is there as long as the store has lost nothing
Change = Callable[[Condition], Condition]  # pure: it may run more than once


class Reserved(NamedTuple):
    """`refused` is the index of the first line without room, None when all were reserved. `used` is what was spent and reserved
    in the window of each line before, as far as they were looked at. `blocking` is the bucket of the refusing line whose end
    makes room: the first one without which it would be below its limit.
    """

    refused: int | None
    used: tuple[int, ...]
    blocking: int | None = None


class Part(NamedTuple):
    """What is spent in the end, or reserved, in one bucket of a counter. `expires` as in Line."""

    counter: str
    bucket: int
    amount: int
    expires: float


class Settlement(NamedTuple):
    """`parts` are spent where the ticket is there, `otherwise` where it is not."""

    ticket: str
    parts: tuple[Part, ...]
    otherwise: tuple[Part, ...] = ()


class Lapsed(NamedTuple):
    """A ticket whose worker is gone: what it had reserved, and what its log row would have said."""

    ticket: str
    lines: tuple[Part, ...]
    document: Mapping[str, Any]


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

    # Tickets: what one request has reserved of its limits ---------------------------------------

    in_database: bool  # tickets and counters can take part in a transaction of the database

    def reserve(self, ticket: str, lines: Sequence[Line], document: Mapping[str, Any], now: float, until: float) -> Reserved:
        """Reserve all lines, if each has room, or none. Room is there while spent + reserved in its window are below its limit.

        The ticket's lease ends at `until`, but what lapses stays reserved until somebody settles it (see `lapsed`). A ticket
        that is there already gets the lines added, and the members of `document` over those that it has. A store that may lose
        what it holds raises CountersLost until something is spent in FILLED.
        """

    def release(self, ticket: str, counters: Iterable[str]) -> None:
        """Give back what the ticket has reserved in these counters; the ticket stays for the others."""

    def settle(self, settlements: Sequence[Settlement], session: Session | None = None) -> frozenset[str]:
        """End tickets: what each has reserved is gone, and its parts are spent. Returns the tickets that were there; for one that
        was not, nothing is spent but what it has for that case. `session` is the transaction to take part in, where
        `in_database`: only one `settle` or `spend` in each, lest two transactions wait for each other.
        """

    def spend(self, parts: Sequence[Part], session: Session | None = None) -> None:
        """Add to what is spent, without a ticket. Amounts may be negative."""

    def keep(self, tickets: Iterable[str], until: float) -> None:
        """Move the end of these leases on, or back where a clock was set back. Those that are gone are passed over."""

    def lapsed(self, before: float, most: int, beyond: float = math.inf) -> list[Lapsed]:
        """Tickets whose lease ended before that, the oldest first, and those whose lease ends beyond what anybody takes now:
        their clock was set back since. They are left as they are.
        """

    def counted(self, wanted: Iterable[tuple[str, int]], upto: int = NEVER) -> dict[str, tuple[int, int]]:
        """(spent, reserved) by counter, for (counter, since): all buckets from there on, up to that one."""

    def recount(self, counter: str, spent: Mapping[int, int], expires: float) -> None:
        """Put these buckets in place of what the counter has spent; what is reserved stays."""

    def forget_counters(self, prefix: str) -> None:
        """Forget every counter whose name begins so, with what is reserved in it."""

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
        time. Tickets that lapsed are left to `lapsed`, buckets that expired go.
        """

    def close(self) -> None:
        """Close connections. The next use opens new ones."""
