from __future__ import annotations

from typing import Any

import pytest

from omniroute.routing.health import Breaker, Condition, Health, Mark, Place
from omniroute.routing.provider_state import provider_state
from tests.routing.conftest import connection

NOW = 1_800_000_000.0
COOLING = Condition(Mark("rate_limited", "Enough.", NOW - 5, NOW + 30))
OPEN = Condition(breaker=Breaker((), "network_error", "", NOW - 5, NOW + 60, 1))
HALF_OPEN = Condition(breaker=Breaker((), "network_error", "", NOW - 90, NOW - 1, 1))


def row(id: str, **more: Any) -> Any:
    return connection(id, "alpha", **more)


@pytest.mark.parametrize(
    ("rows", "health", "state"),
    [
        ([], {}, ("empty", None)),
        ([row("a", is_active=False)], {}, ("off", None)),
        ([row("a")], {}, ("untested", None)),
        ([row("a"), row("b", test_status="active")], {}, ("active", None)),
        ([row("a", succeeded=True)], {}, ("active", None)),
        ([row("a", succeeded=True, test_status="error")], {}, ("error", None)),
        ([row("a", test_status="banned"), row("b", test_status="error")], {}, ("error", None)),
        ([row("a")], {Place("connection", "a"): COOLING}, ("cooling", NOW + 30)),
        ([row("a"), row("b")], {Place("connection", "a"): COOLING}, ("untested", None)),
        ([row("a"), row("b", is_active=False)], {Place("connection", "a"): COOLING}, ("cooling", NOW + 30)),
        ([row("a")], {Place("node", "alpha"): OPEN, Place("connection", "a"): COOLING}, ("open", NOW + 60)),
        ([row("a", base_url="https://own.example")], {Place("node", "alpha"): OPEN}, ("untested", None)),
        ([row("a", test_status="active")], {Place("node", "alpha"): HALF_OPEN}, ("half-open", None)),
        ([row("a")], {Place("model", "a", "m"): COOLING}, ("untested", None)),
        ([row("a")], {Place("connection", "a"): Condition(Mark("rate_limited", "", NOW - 9, NOW - 1))}, ("untested", None)),
    ],
)
def test_the_best_of_its_connections(rows: list[Any], health: Health, state: tuple[str, float | None]) -> None:
    assert provider_state("alpha", rows, health, NOW) == state
