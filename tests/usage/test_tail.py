"""What is new in the log, for somebody who watches: every row once, slow requests and filters included."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.usage.logs import LogFilters, insert_rows
from omniroute.usage.tail import AT_ONCE, BACK, LATE, Tail
from tests.parts import START, Parts
from tests.usage.test_logs import FULL


def write(parts: Parts, *rows: dict[str, Any]) -> None:
    parts.database.write(lambda session: insert_rows(session, [FULL | {"total_ms": 100, **row} for row in rows]))


def watch(parts: Parts, **filters: Any) -> Tail:
    return Tail(parts.logs, LogFilters(**filters), START)


def fresh(tail: Tail, now: float) -> list[str]:
    return [row.id for row in tail.fresh(now)]


def test_each_row_comes_once_newest_first(parts: Parts) -> None:
    tail = watch(parts)
    assert fresh(tail, START) == []
    write(parts, {"id": "a", "at": START + 1}, {"id": "b", "at": START + 2})
    assert fresh(tail, START + 3) == ["b", "a"]
    assert fresh(tail, START + 4) == []
    write(parts, {"id": "c", "at": START + 4})
    assert fresh(tail, START + 5) == ["c"]


def test_what_ended_before_is_not_new(parts: Parts) -> None:
    write(
        parts,
        {"id": "old", "at": START - 60},
        {"id": "just", "at": START - 1},
        {"id": "slow", "at": START - 60, "total_ms": 61_000},
    )
    tail = watch(parts)
    assert fresh(tail, START + 1) == ["just", "slow"]
    assert fresh(tail, START + 2) == []


def test_a_slow_request_is_new_although_it_stands_among_older_ones(parts: Parts) -> None:
    tail = watch(parts)
    write(parts, {"id": "quick", "at": START + 10})
    assert fresh(tail, START + 11) == ["quick"]
    write(parts, {"id": "slow", "at": START - 300, "total_ms": 320_000})
    assert fresh(tail, START + 21) == ["slow"]


def test_a_row_that_is_written_late_is_not_lost(parts: Parts) -> None:
    tail = watch(parts)
    fresh(tail, START)
    write(parts, {"id": "late", "at": START - LATE - 100})
    assert fresh(tail, START + 60) == ["late"]


def test_what_came_in_long_ago_is_not_looked_for(parts: Parts) -> None:
    tail = watch(parts)
    fresh(tail, START)
    write(parts, {"id": "ages", "at": START - BACK, "total_ms": 1_000_000})
    assert fresh(tail, START + 60) == []


@pytest.mark.parametrize(
    "filters",
    [
        {"key_id": "k-9"},
        {"model": "NINE"},
        {"provider": "p-9"},
        {"combo": "c-9"},
        {"endpoint": "/v9"},
        {"outcome": "failed"},
        {"status": 599},
        {"kind": "nine"},
        {"request_id": "b"},
        {"since": START + 2},
        {"connection_id": "con-9"},
    ],
)
def test_the_filters_are_those_of_the_page(parts: Parts, filters: dict[str, Any]) -> None:
    tail = watch(parts, **filters)
    other = {
        "requested_model": "x/nine",
        "key_id": "k-9",
        "provider_id": "p-9",
        "combo": "c-9",
        "endpoint": "/v9",
        "status": 599,
        "kind": "nine",
        "connection_id": "con-9",
    }
    write(parts, {"id": "a", "at": START + 1}, {"id": "b", "at": START + 2, **other})
    assert fresh(tail, START + 3) == ["b"] == [row.id for row in parts.logs.page(LogFilters(**filters)).rows]


def test_one_look_gives_so_many(parts: Parts) -> None:
    tail = watch(parts)
    write(parts, *({"id": f"r-{number:03}", "at": START + number / 1000} for number in range(AT_ONCE + 5)))
    assert fresh(tail, START + 1) == [f"r-{number:03}" for number in range(AT_ONCE + 4, 4, -1)]
    assert fresh(tail, START + 2) == []


def test_another_worker_s_rows_come_too(parts: Parts) -> None:
    tail = watch(parts)
    other = parts.another()
    write(other, {"id": "there", "at": START + 1})
    other.database.close()
    assert fresh(tail, START + 2) == ["there"]
