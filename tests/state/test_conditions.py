from __future__ import annotations

import pytest

from omniroute.routing.health import FINE, Breaker, Condition, Mark, Place
from omniroute.state.conditions import (
    OLD,
    VERY_OLD,
    condition_document,
    condition_of,
    condition_text,
    outdated,
    place_of,
    place_text,
)

NOW = 1_800_000_000.5
MARK = Mark("rate_limited", "Slow down \u00e9", NOW, NOW + 60, stated=True, count=3)
CLOSED = Breaker((NOW - 2, NOW), "server_error", "Bad gateway")
OPEN = Breaker((), "server_error", "Bad gateway", NOW, NOW + 30, 2)


@pytest.mark.parametrize("condition", [FINE, Condition(MARK), Condition(breaker=OPEN), Condition(MARK, CLOSED)])
def test_there_and_back(condition: Condition) -> None:
    assert condition_of(condition_text(condition)) == condition
    assert condition_of(condition_document(condition)) == condition


@pytest.mark.parametrize(
    "place", [Place("connection", "c"), Place("model", "c", 'a"b\\c, d:e'), Place("node", "n", "https://x/v1")]
)
def test_places_there_and_back(place: Place) -> None:
    assert place_of(place_text(place)) == place


def test_what_another_version_wrote_is_read_as_far_as_it_is_known() -> None:
    newer = {"mark": {"kind": "k", "reason": "r", "since": 1.0, "until": 2.0, "colour": "red"}, "weather": {}, "breaker": [1]}
    assert condition_of(newer) == Condition(Mark("k", "r", 1.0, 2.0))
    assert condition_of({"mark": {"kind": "k"}, "breaker": {"failures": [1.0, 2.0]}}) == Condition(None, Breaker((1.0, 2.0)))


@pytest.mark.parametrize(
    ("condition", "after"),
    [
        (Condition(MARK), 60 + OLD),
        (Condition(breaker=CLOSED), OLD),
        (Condition(MARK, CLOSED), 60 + OLD),
        (Condition(breaker=OPEN), 30 + VERY_OLD),
        (Condition(MARK, OPEN), 30 + VERY_OLD),
    ],
)
def test_when_it_is_too_old_to_keep(condition: Condition, after: float) -> None:
    assert not outdated(condition, NOW + after - 0.1)
    assert outdated(condition, NOW + after)
