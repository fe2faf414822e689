"""Budgets of client keys: what each may spend in a day, a week or a month, in USD or in tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from omniroute.clock import Clock
from omniroute.errors import DatabaseAway, Missing
from omniroute.given import MILLION, Given
from omniroute.keys.operations import found_key
from omniroute.keys.rights import must_hold
from omniroute.limits.limit import Budget, Limit, budget_limit
from omniroute.limits.windows import PERIODS, Period
from omniroute.models.db import Database
from omniroute.models.keys import BudgetRow, KeyRow
from omniroute.security.audit import Actor, record
from omniroute.state.configuration import ConfigurationStore
from omniroute.state.recount import Recount
from omniroute.state.rows import budget_value

LABELS = {
    "api_key_id": "Key",
    "period": "Period",
    "limit_usd": "Limit in USD",
    "limit_tokens": "Limit in tokens",
    "warn_at": "Warning",
    "timezone": "Time zone",
}
MOST_USD = 1_000_000_000
MOST_TOKENS = 1_000_000_000_000
WARN_AT = 0.8


@dataclass(frozen=True, slots=True)
class BudgetView:
    """One of the limits is set, the other None. `warn_at` is the share of it from which on an alert is shown."""

    id: str
    api_key_id: str
    key_name: str
    period: Period
    unit: Literal["usd", "tokens"]
    limit_usd: Decimal | None
    limit_tokens: int | None
    warn_at: float
    timezone: str
    created_at: float
    updated_at: float

    @property
    def name(self) -> str:
        """As people know the limit: "USD per month"."""
        return budget_limit(self.api_key_id, self.value).name

    @property
    def value(self) -> Budget:
        limit = self.limit_tokens if self.limit_usd is None else int(self.limit_usd * MILLION)
        return Budget(self.period, self.unit, limit or 0, self.warn_at, self.timezone)


class Budgets:
    def __init__(self, database: Database, store: ConfigurationStore, recount: Recount, clock: Clock) -> None:
        self._database, self._store, self._recount, self._clock = database, store, recount, clock

    def list(self, key_id: str | None = None) -> tuple[BudgetView, ...]:
        """Of one key, or all; by the key's name, the shortest period first."""
        query = sa.select(BudgetRow, KeyRow.name).join(KeyRow, KeyRow.id == BudgetRow.key_id)
        if key_id is not None:
            query = query.where(BudgetRow.key_id == key_id)
        with self._database.unit_of_work() as session:
            views = [_view(row, name) for row, name in session.execute(query)]
        return tuple(sorted(views, key=lambda view: (view.key_name.casefold(), view.api_key_id, PERIODS.index(view.period))))

    def get(self, budget_id: str) -> BudgetView:
        """Raises Missing."""
        with self._database.unit_of_work() as session:
            row = _found(session, budget_id)
            return _view(row, found_key(session, row.key_id).name)

    def find(self, key_id: str, period: str) -> BudgetView:
        """Raises Missing."""
        found = next((view for view in self.list(key_id) if view.period == period), None)
        if found is None:
            raise Missing(f"The key {key_id[:80]!r} has no budget for a {period[:20]}.")
        return found

    def put(self, given: Mapping[str, Any], by: Actor) -> BudgetView:
        """This one in place of the key's of that period. It counts what the log has since its window began: while the counters
        can't be reached nothing is changed. Raises Invalid, Missing, NotAllowed, DatabaseAway.
        """
        key_id, budget = read_budget(given)
        with self._database.unit_of_work() as session:
            must_hold(by, found_key(session, key_id))
            before = _of(session, key_id, budget.period)
            old = None if before is None else budget_limit(key_id, budget_value(before))
        new = budget_limit(key_id, budget)
        counts_anew = old is None or (old.counter, old.window) != (new.counter, new.window)
        if counts_anew:
            self._recount.at_least(new)
        view = self._store.change(lambda session: self._put(session, key_id, budget, by))
        if counts_anew:
            with contextlib.suppress(DatabaseAway):  # then it counts too much rather than too little
                self._recount.exactly(new)
        if old is not None and old.counter != new.counter:
            self._recount.forget(old.counter)
        return view

    def delete(self, budget_id: str, by: Actor) -> None:
        """Raises Missing, NotAllowed."""

        def work(session: Session) -> Limit:
            row = _found(session, budget_id)
            must_hold(by, found_key(session, row.key_id))
            record(session, self._clock.now(), by, "budget.delete", _subject(row), before=_audited(row))
            session.delete(row)
            return budget_limit(row.key_id, budget_value(row))

        self._recount.forget(self._store.change(work).counter)

    def _put(self, session: Session, key_id: str, budget: Budget, by: Actor) -> BudgetView:
        key, row, now = found_key(session, key_id), _of(session, key_id, budget.period), self._clock.now()
        must_hold(by, key)
        before = None if row is None else _audited(row)
        if row is None:
            row = BudgetRow(id=self._clock.new_id(), key_id=key_id, period=budget.period, created_at=now)
            session.add(row)
        row.unit, row.limit, row.warn_at, row.timezone = budget.unit, budget.limit, budget.warn_at, budget.timezone
        row.updated_at = now
        action = "budget.create" if before is None else "budget.update"
        record(session, now, by, action, _subject(row), before, _audited(row))
        return _view(row, key.name)


def read_budget(given: Mapping[str, Any]) -> tuple[str, Budget]:
    """The key's id and its budget. Raises Invalid."""
    read = Given(given, LABELS)
    key_id = read.text("api_key_id", needed=True)
    period: Any = read.choice("period", PERIODS, "")
    in_usd, in_tokens = (read[name] is not None for name in ("limit_usd", "limit_tokens"))
    unit: Literal["usd", "tokens"] = "usd" if in_usd else "tokens"
    limit = 0
    if in_usd and in_tokens:
        read.refuse("limit_tokens", "can't stand beside a limit in USD: give one of the two")
    elif in_usd:
        limit = read.usd("limit_usd", 0, MOST_USD)
    elif in_tokens:
        limit = read.whole("limit_tokens", 0, 1, MOST_TOKENS)
    else:
        read.refuse("limit_usd", "is needed, or one in tokens")
    warn_at = WARN_AT if read["warn_at"] is None else read["warn_at"]
    if isinstance(warn_at, bool) or not isinstance(warn_at, int | float) or not 0 < warn_at <= 1:
        read.refuse("warn_at", "must be a share above 0 and at most 1, such as 0.8")
        warn_at = WARN_AT
    timezone = read.timezone("timezone", "UTC")
    read.check()
    return key_id, Budget(period, unit, limit, float(warn_at), timezone)


def _of(session: Session, key_id: str, period: str) -> BudgetRow | None:
    return session.scalars(sa.select(BudgetRow).where(BudgetRow.key_id == key_id, BudgetRow.period == period)).first()


def _found(session: Session, budget_id: str) -> BudgetRow:
    row = session.get(BudgetRow, budget_id)
    if row is None:
        raise Missing(f"There is no budget {budget_id[:80]!r}.")
    return row


def _view(row: BudgetRow, key_name: str) -> BudgetView:
    budget = budget_value(row)
    return BudgetView(
        id=row.id,
        api_key_id=row.key_id,
        key_name=key_name,
        period=budget.period,
        unit=budget.unit,
        limit_usd=Decimal(row.limit) / MILLION if budget.unit == "usd" else None,
        limit_tokens=row.limit if budget.unit == "tokens" else None,
        warn_at=row.warn_at,
        timezone=row.timezone,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _subject(row: BudgetRow) -> str:
    return f"budget:{row.key_id}:{row.period}"


def _audited(row: BudgetRow) -> dict[str, Any]:
    """As it is given."""
    limit = {"limit_usd": f"{Decimal(row.limit) / MILLION:f}"} if row.unit == "usd" else {"limit_tokens": row.limit}
    return {**limit, "warn_at": row.warn_at, "timezone": row.timezone}
