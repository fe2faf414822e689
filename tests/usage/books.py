"""A meter, a journal and what recovers them, on a real database and store, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet

from omniroute.limits.limit import Budget, KeyLimits, key_limits
from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.prices.price import Price, Rates
from omniroute.routing.configuration import ClientKey, Configuration
from omniroute.security.vault import Vault
from omniroute.state.shared import SharedState
from omniroute.usage.bodies import BodyStore
from omniroute.usage.journal import Journal, Record
from omniroute.usage.meter import Claim, Meter
from omniroute.usage.reconcile import Reconcile
from omniroute.usage.recovery import Recovery
from omniroute.usage.refill import Refill
from omniroute.usage.tickets import Ticket
from tests.parts import HandClock

PRICE = Price(Rates(1_000_000, 2_000_000))  # a micro-dollar a token in, two out
LIMITS = KeyLimits(
    requests_per_minute=100,
    tokens_per_minute=100_000,
    max_concurrent=5,
    budgets=(Budget("day", "usd", 10_000), Budget("month", "tokens", 50_000)),
)
KEY = ClientKey("k", "a key", "digest", limits=LIMITS)


@dataclass
class Books:
    database: Database
    shared: SharedState
    clock: HandClock = field(default_factory=HandClock)
    key: ClientKey = KEY

    def __post_init__(self) -> None:
        self.configuration = Configuration(1, {}, {}, {}, {self.key.digest: self.key}, {})
        self.refill = Refill(self.database, self.shared, lambda: self.configuration, self.clock)
        self.meter = Meter(self.shared, self.clock, self.refill.run)
        self.bodies = BodyStore(self.database, Vault([Fernet.generate_key().decode()]))
        self.journal = Journal(self.database, self.shared, self.meter.over, self.bodies.sealed)
        self.recovery = Recovery(self.database, self.shared, self.journal, self.clock)
        self.reconcile = Reconcile(self.database, self.shared, self.clock)

    def admit(self, id: str, input: int = 100, most_output: int | None = 50, **more: Any) -> Ticket:
        claim = Claim(id, self.clock.now(), input, most_output, more.pop("price", PRICE), **more)
        return self.meter.admit(self.key, claim, self.sketch(id))

    def sketch(self, id: str) -> dict[str, Any]:
        return self.row(id) | {"kind": "interrupted", "status": 0, "usage_source": "estimated", "cost": None}

    def row(self, id: str, input: int = 90, output: int = 30, **more: Any) -> dict[str, Any]:
        row = {"id": id, "at": self.clock.now(), "endpoint": "/v1/chat/completions", "key_id": self.key.id, "status": 200}
        told = {"input_tokens": input, "output_tokens": output, "cost": input + 2 * output, "usage_source": "reported"}
        return {**row, **told, "kind": "ok", "provider_id": "p", "upstream_model": "m", **more}

    def settle(self, ticket: Ticket, row: Mapping[str, Any]) -> None:
        self.journal.write([Record(row, ticket.id, ticket.settlement)])

    def standing(self) -> dict[str, tuple[int, int]]:
        """(spent, reserved) by the name of each limit."""
        limits = key_limits(self.key.id, self.key.limits or KeyLimits())
        now = self.clock.now()
        counted = self.shared.counted([(limit.counter, limit.window.span(now).since) for limit in limits])
        return {limit.name: counted[limit.counter] for limit in limits}

    def rows(self) -> dict[str, dict[str, Any]]:
        with self.database.unit_of_work() as session:
            found = session.execute(sa.select(*LogRow.__table__.columns)).mappings()
            return {row["id"]: dict(row) for row in found}
