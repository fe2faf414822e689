"""The books as one: what holds limits, what writes requests down, and what mends them after a death."""

from __future__ import annotations

from collections.abc import Callable

from omniroute.clock import Clock
from omniroute.models.db import Database
from omniroute.routing.configuration import Configuration
from omniroute.security.vault import Vault
from omniroute.state.shared import SharedState
from omniroute.usage.bodies import BodyStore
from omniroute.usage.journal import Journal
from omniroute.usage.meter import Meter
from omniroute.usage.recovery import Recovery
from omniroute.usage.refill import Refill


class Books:
    """One a worker. `look` gives the configuration."""

    def __init__(
        self, database: Database, shared: SharedState, vault: Vault, look: Callable[[], Configuration], clock: Clock
    ) -> None:
        self.refill = Refill(database, shared, look, clock)
        self.meter = Meter(shared, clock, self.refill.run)
        self.bodies = BodyStore(database, vault)
        self.journal = Journal(database, shared, self.meter.over, self.bodies.sealed)
        self.recovery = Recovery(database, shared, self.journal, clock)
