"""How a provider stands as a whole, in one word. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from omniroute.routing.configuration import Connection
from omniroute.routing.health import FINE, Health, Place

# The better first: of several connections one that works is enough to be answered.
STATES = ("active", "untested", "half-open", "cooling", "open", "error", "banned")


class ProviderState(NamedTuple):
    """`word` is one of STATES, "off" when no connection is in use, or "empty" when there is none. `until` is when time heals
    it, epoch seconds; None where it does not, or need not.
    """

    word: str
    until: float | None = None


def provider_state(provider_id: str, connections: Sequence[Connection], health: Health, now: float) -> ProviderState:
    """The best of its connections; one that has answered works, tested or not. A model that is locked says nothing of the others,
    so it does not count here.
    """
    states = [_state(provider_id, row, health, now) for row in connections if row.is_active]
    if not states:
        return ProviderState("off" if connections else "empty")
    return min(states, key=lambda each: (STATES.index(each.word), each.until or 0.0))


def _state(provider_id: str, row: Connection, health: Health, now: float) -> ProviderState:
    if row.terminal:
        return ProviderState(row.test_status)
    breaker = health.get(Place("node", provider_id, row.base_url), FINE).breaker
    state = "closed" if breaker is None else breaker.state(now)
    if breaker is not None and state == "open":
        return ProviderState("open", breaker.until)
    mark = health.get(Place("connection", row.id), FINE).mark
    if mark is not None and mark.active(now):
        return ProviderState("cooling", mark.until)
    if state == "half-open":
        return ProviderState(state)
    return ProviderState("active" if row.succeeded else row.test_status)
