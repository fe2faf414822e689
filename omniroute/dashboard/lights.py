"""The lights beside a combo's steps: how each target stands now, from the configuration and what is held against anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from omniroute.combos.operations import ComboView, StepView
from omniroute.connections.resilience import HeldView
from omniroute.routing.configuration import DEEPEST_COMBO, Configuration, Connection

# What is held, in words that go before "for 12 s more". A breaker that only counts as yet holds up nothing.
WORDS: dict[str, str] = {
    "cooling": "cooling",
    "locked": "model locked",
    "open": "breaker open",
    "half-open": "breaker half-open",
    "error": "error",
    "banned": "banned",
}


@dataclass(frozen=True, slots=True)
class Light:
    """`tone` is good, warn, bad or off; `word` says why; `until` is when time heals it (epoch seconds), None if it does not."""

    tone: str
    word: str
    until: float | None = None
    reason: str = ""

    @property
    def rank(self) -> tuple[int, float]:
        """The better, the lower."""
        return ("good", "warn", "bad", "off").index(self.tone), self.until or 0.0


FINE = Light("good", "fine")


def lights(
    combo: ComboView, combos: Mapping[str, ComboView], configuration: Configuration, held: Sequence[HeldView], deep: int = 1
) -> tuple[Light, ...]:
    """One a step, in their order. `combos` is by name, for steps that are combos themselves."""
    return tuple(_light(step, combos, configuration, held, deep) for step in combo.steps)


def _light(
    step: StepView, combos: Mapping[str, ComboView], configuration: Configuration, held: Sequence[HeldView], deep: int
) -> Light:
    if not step.enabled:
        return Light("off", "off")
    if step.trouble:
        return Light("bad", step.trouble)
    if step.combo:
        inner = combos.get(step.combo)
        if inner is None or deep >= DEEPEST_COMBO:
            return Light("bad", "gone" if inner is None else "nested too deep")
        if not inner.enabled:
            return Light("off", "switched off")
        return _best(lights(inner, combos, configuration, held, deep + 1))
    provider_id, _, model = step.canonical.partition("/")
    rows = configuration.connections.get(provider_id, ())
    asked = [row for row in rows if step.connection_id in (None, row.id)]
    if not asked:
        return Light("bad", "its connection is gone" if rows else "no connection")
    return _best(_through(row, provider_id, model, held) for row in asked)


def _best(found: Iterable[Light]) -> Light:
    """One that works is enough."""
    return min(found, key=lambda each: each.rank, default=Light("off", "no step"))


def _through(row: Connection, provider_id: str, model: str, held: Sequence[HeldView]) -> Light:
    if not row.is_active:
        return Light("off", "connection off")
    if row.terminal:
        return Light("bad", WORDS.get(row.test_status, row.test_status), None, row.status_reason or "")
    against = [_as_light(each) for each in held if _concerns(each, row, provider_id, model)]
    return max(against, key=lambda each: each.rank, default=FINE)


def _concerns(each: HeldView, row: Connection, provider_id: str, model: str) -> bool:
    if each.state not in WORDS:
        return False
    if each.connection_id:
        return each.connection_id == row.id and each.model in ("", model)
    return each.provider_id == provider_id


def _as_light(each: HeldView) -> Light:
    return Light("warn", WORDS[each.state], None if each.state == "half-open" else each.until_at, each.reason)
