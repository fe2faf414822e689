"""How limits stand: what is spent and reserved of each key's limits and each connection's quota, and when they are renewed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from itertools import islice
from typing import Literal

from omniroute.clock import AHEAD, Clock
from omniroute.errors import DatabaseAway
from omniroute.limits.limit import Limit, Unit, key_limits, quota_limit
from omniroute.limits.upstream import Learned
from omniroute.limits.windows import Calendar, Fixed
from omniroute.routing.configuration import ClientKey, Configuration, Connection
from omniroute.state.shared import SharedState

State = Literal["fine", "warn", "out", "unknown"]
Warned = tuple[Limit, float]  # with the share from which on it is worth a warning
QUOTA_LOW = 0.9  # share of a quota from which on it is low
CENT = 10_000  # micro-dollars


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit. Amounts are in its unit, micro-dollars for "usd"; `spent` and `reserved` are None while the counters can't be
    reached. `resets_at` is None for what is never renewed at once: rolling windows, and requests that are going on.
    """

    name: str
    unit: Unit | Literal["concurrent"]
    limit: int
    spent: int | None
    reserved: int | None
    resets_at: float | None
    warn_at: float = 1.0  # share from which on it is worth a warning

    @property
    def left(self) -> int | None:
        return None if self.spent is None or self.reserved is None else max(0, self.limit - self.spent - self.reserved)

    @property
    def share(self) -> float | None:
        """What is used of it for good, or now where nothing is for good; 1 is all."""
        used = self.reserved if self.unit == "concurrent" else self.spent
        return None if used is None else used / self.limit

    @property
    def state(self) -> State:
        if self.share is None:
            return "unknown"
        return "out" if self.share >= 1 else "warn" if self.share >= self.warn_at else "fine"


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """A key that has limits. `limits` are those by the minute first, then its budgets."""

    id: str
    name: str
    is_active: bool
    limits: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class ConnectionStanding:
    """A connection with a quota of the operator's, or whose upstream tells what is left."""

    id: str
    name: str
    provider_id: str
    provider_name: str
    is_active: bool
    quota: Standing | None
    learned: tuple[Learned, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """By name. `away`: the counters can't be reached, so that what is used is not known."""

    keys: tuple[KeyStanding, ...]
    connections: tuple[ConnectionStanding, ...]
    away: bool = False


class Standings:
    """`learned` are the windows that a connection's upstream told of."""

    def __init__(
        self,
        look: Callable[[], Configuration],
        shared: SharedState,
        learned: Callable[[str], Iterable[Learned]],
        clock: Clock,
    ) -> None:
        self._look, self._shared, self._learned, self._clock = look, shared, learned, clock

    def overview(self) -> Overview:
        """Of all keys and connections; the counters are asked once."""
        configuration = self._look()
        keys = sorted((key for key in configuration.keys.values() if key.limits), key=lambda key: (key.name.casefold(), key.id))
        rows = sorted((row for rows in configuration.connections.values() for row in rows), key=lambda row: row.name.casefold())
        own = {key.id: _of_key(key) for key in keys} | {row.id: _of_connection(row) for row in rows}
        standings = iter(self.of([limit for limits in own.values() for limit in limits]))
        found = {id: tuple(islice(standings, len(limits))) for id, limits in own.items()}
        connections = [self._connection(row, configuration, found[row.id]) for row in rows]
        return Overview(
            tuple(KeyStanding(key.id, key.name, key.is_active, found[key.id]) for key in keys),
            tuple(row for row in connections if row.quota is not None or row.learned),
            away=any(limit.state == "unknown" for limits in found.values() for limit in limits),
        )

    def of(self, limits: Sequence[Warned]) -> tuple[Standing, ...]:
        """In the same order."""
        now = self._clock.now()
        wanted = [(limit.counter, limit.window.span(now).since) for limit, _ in limits]
        counted: Mapping[str, tuple[int | None, int | None]] = {}
        try:
            counted = self._shared.counted(wanted, int(now + AHEAD)) if wanted else {}
        except DatabaseAway:
            counted = {counter: (None, None) for counter, _ in wanted}
        return tuple(_standing(limit, warn_at, *counted[limit.counter], now) for limit, warn_at in limits)

    def _connection(self, row: Connection, configuration: Configuration, limits: Sequence[Standing]) -> ConnectionStanding:
        provider = configuration.providers.get(row.provider_id)
        return ConnectionStanding(
            id=row.id,
            name=row.name,
            provider_id=row.provider_id,
            provider_name=provider.name if provider else row.provider_id,
            is_active=row.is_active,
            quota=limits[0] if limits else None,
            learned=tuple(self._learned(row.id)),
        )


def _of_key(key: ClientKey) -> tuple[Warned, ...]:
    if key.limits is None:
        return ()
    limits = key_limits(key.id, key.limits)
    rates = len(limits) - len(key.limits.budgets)
    warnings = [*(1.0 for _ in limits[:rates]), *(budget.warn_at for budget in key.limits.budgets)]
    return tuple(zip(limits, warnings, strict=True))


def _of_connection(row: Connection) -> tuple[Warned, ...]:
    return ((quota_limit(row.id, row.quota), QUOTA_LOW),) if row.quota is not None else ()


def _standing(limit: Limit, warn_at: float, spent: int | None, reserved: int | None, now: float) -> Standing:
    renewed = isinstance(limit.window, Calendar | Fixed)
    return Standing(
        limit.name, limit.unit, limit.limit, spent, reserved, limit.window.span(now).ends if renewed else None, warn_at
    )


def amount(unit: str, count: int | None) -> str:
    """In words: "$3.20", "1,500 tokens", "1 request". What is not known is a dash."""
    if count is None:
        return "–"
    if unit == "usd":
        return dollars(count)
    word = {"tokens": "token", "requests": "request", "concurrent": "request"}[unit]
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def dollars(amount: int) -> str:
    """Micro-dollars as money, cut off at cents; less than a cent as exactly as it is known."""
    whole = Decimal(amount) / (100 * CENT)
    if amount == 0 or abs(amount) >= CENT:
        return f"${whole.quantize(Decimal('0.01'), ROUND_DOWN):,}"
    return f"${whole:f}"
