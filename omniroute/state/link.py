"""A worker's way to the shared state, which may be away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway
from omniroute.state.shared import SharedState

T = TypeVar("T")

log = logging.getLogger(__name__)


class Link:
    """`away_since` is when the store was first found to be away, None while it is there. Without a store it always is."""

    def __init__(self, shared: SharedState | None, clock: Clock) -> None:
        self._shared, self._clock = shared, clock
        self.away_since: float | None = None

    @property
    def alone(self) -> bool:
        """There is no store, and never will be."""
        return self._shared is None

    def use(self, work: Callable[[SharedState], T]) -> T:
        """For what a request waits for: raises DatabaseAway at once while the store is known to be away."""
        if self.away_since is not None:
            raise DatabaseAway("The shared state is away.")
        return self.attempt(work)

    def attempt(self, work: Callable[[SharedState], T]) -> T:
        """Ask the store in any case. Raises DatabaseAway; the first of an outage is logged."""
        if self._shared is None:
            raise DatabaseAway("There is no shared state.")
        try:
            return work(self._shared)
        except DatabaseAway as exc:
            if self.away_since is None:
                self.away_since = self._clock.now()
                log.warning("health is not shared with other workers for now: %s", exc)
            raise

    def back(self) -> None:
        """Reading and writing went well."""
        if self.away_since is not None:
            log.warning("health is shared with other workers again, after %.0f s", self._clock.now() - self.away_since)
            self.away_since = None

    def close(self) -> None:
        if self._shared is not None:
            self._shared.close()
