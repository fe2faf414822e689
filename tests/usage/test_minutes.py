"""Times in classes, and what a percentile of them is worth."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest

from omniroute.usage.logs import insert_rows
from omniroute.usage.minutes import EDGES, LAST_CLASS, Minutes, percentile
from tests.parts import START, Parts

THIS = int(START // 60)


def test_a_class_is_at_most_a_fifth_as_wide_as_it_begins() -> None:
    for low, high in pairwise(EDGES):
        assert high - low <= max(5, low / 5)


def test_every_time_is_counted_in_its_class(parts: Parts) -> None:
    """The database makes the classes, so it is asked about each edge and what lies right below it."""
    times = sorted({0, *EDGES, *(edge - 1 for edge in EDGES[1:]), 250_000, 2**31 - 1})
    rows = [{"id": f"r-{ms}", "at": START, "kind": "ok", "first_ms": ms} for ms in times]
    parts.database.write(lambda session: insert_rows(session, rows))
    minutes = Minutes(parts.database)
    minutes.refresh(THIS, {THIS})
    expected = Counter(max(n for n, edge in enumerate(EDGES) if edge <= ms) for ms in times)
    assert minutes.known[THIS][""].times == expected and expected[LAST_CLASS] == 3


@pytest.mark.parametrize("percent", [50, 95])
def test_a_percentile_is_near_the_true_one(percent: int) -> None:
    chance = random.Random(7)
    times = sorted(int(chance.lognormvariate(7, 1)) for _ in range(2000))
    classes = Counter(max(n for n, edge in enumerate(EDGES) if edge <= ms) for ms in times)
    assert percentile(classes, percent) == pytest.approx(times[len(times) * percent // 100], rel=0.05)


def test_percentiles_of_little() -> None:
    assert percentile({}, 50) is None
    assert percentile({3: 1}, 50) == 18  # the middle of its class
    assert percentile({LAST_CLASS: 4, 0: 1}, 50) == 100_000


def test_minutes_apart_and_minutes_that_are_forgotten(parts: Parts) -> None:
    rows = [{"id": f"r-{n}", "at": START - 60 * n, "kind": "ok"} for n in range(10)]
    parts.database.write(lambda session: insert_rows(session, rows))
    minutes = Minutes(parts.database)
    assert minutes.refresh(THIS, {THIS, THIS - 3, THIS - 4, THIS - 9, THIS - 30}) is True
    assert {minute - THIS: sum(each.requests for each in found.values()) for minute, found in minutes.known.items()} == {
        0: 1,
        -3: 1,
        -4: 1,
        -9: 1,
        -30: 0,
    }
    assert minutes.refresh(THIS, {THIS}) is False
    assert set(minutes.known) == {THIS}
