"""What one request has reserved, and what of it is spent in the end: that is read off its log row, so counters and rows agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from omniroute.limits.limit import HOUR, Limit, Line
from omniroute.state.shared import Lapsed, Part, Settlement

HABIT_HOURS = 24  # that a key's habits are taken from
HABITS = ("answers", "output", "input", "estimated")  # what is counted for them


@dataclass(slots=True)
class Ticket:
    """`input`, `output` (tokens) and `cost` (micro-dollars) are what was reserved; `estimated` is the input as it was guessed
    from the body. `counted` has each limit with its line. `headers` tell the client how its limits stand. `pressing`: a limit
    is near, and what this one gives back may be what the next one waits for.
    """

    id: str
    at: float
    key_id: str | None = None
    input: int = 0
    output: int = 0
    cost: int | None = None
    estimated: int = 0
    counted: list[tuple[Limit, Line]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    pressing: bool = False

    @property
    def learns(self) -> bool:
        """Whether what the key usually asks for is worth knowing: only limits in tokens and money are reserved by it."""
        return self.key_id is not None and any(limit.unit in ("tokens", "usd") for limit, _ in self.counted)

    def document(self, sketch: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept beside the reservation: the log row as it would be if the worker died now."""
        return {
            **sketch,
            "input_tokens": self.input,
            "output_tokens": self.output,
            "cost": self.cost,
            "units": {limit.counter: limit.unit for limit, _ in self.counted},
        }

    def settlement(self, row: Mapping[str, Any]) -> Settlement:
        amounts = [_spent(limit.unit, line.counter, row) for limit, line in self.counted]
        lines = zip(self.counted, amounts, strict=True)
        parts = [Part(line.counter, line.bucket, amount, line.expires) for (_, line), amount in lines if amount]
        if self.learns and row["usage_source"] == "reported" and row["kind"] == "ok":
            parts.extend(part for part in self._habits(row) if part.amount)
        return Settlement(self.id, tuple(parts))

    def _habits(self, row: Mapping[str, Any]) -> Iterable[Part]:
        hour = int(self.at // HOUR) * HOUR
        amounts = (1, row["output_tokens"] or 0, row["input_tokens"] or 0, self.estimated)
        for name, amount in zip(HABITS, amounts, strict=True):
            yield Part(habit(self.key_id or "", name), hour, amount, hour + (HABIT_HOURS + 1) * HOUR)


def habit(key_id: str, name: str) -> str:
    """The counter of one of HABITS."""
    return f"key:{key_id}:habit {name}"


def settlement_of(lapsed: Lapsed, row: Mapping[str, Any]) -> Settlement:
    """What a ticket comes to whose worker is gone."""
    units = lapsed.document.get("units", {})
    parts = (line._replace(amount=_spent(units.get(line.counter, "concurrent"), line.counter, row)) for line in lapsed.lines)
    return Settlement(lapsed.ticket, tuple(part for part in parts if part.amount))


def spent(unit: str, row: Mapping[str, Any]) -> int:
    """What a row counts for: tokens are input and output, usd micro-dollars. What is not known counts nothing, and is told as
    unknown where sums are shown.
    """
    if unit == "tokens":
        return (row["input_tokens"] or 0) + (row["output_tokens"] or 0)
    if unit == "usd":
        return row["cost"] or 0
    return 1 if unit == "requests" else 0


def _spent(unit: str, counter: str, row: Mapping[str, Any]) -> int:
    """A request counts against the quota of the connection that was asked last; its row names that one."""
    kind, _, connection_id = counter.partition(":")
    return 0 if kind == "connection" and row["connection_id"] != connection_id else spent(unit, row)
