from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from omniroute.models.db import Database
from omniroute.models.logs import LogRow
from omniroute.models.usage import BOUNDS, DIMENSIONS, SUMS, DayRow, HourRow
from omniroute.usage.logs import insert, insert_rows, storable
from omniroute.usage.rollups import add_rows, digest
from tests.parts import Parts
from tests.usage.test_logs import FULL

HOUR, DAY = 3600, 86_400
MIDNIGHT = 1_800_000_000 // DAY * DAY


def row(id: str, at: float = MIDNIGHT, **columns: Any) -> dict[str, Any]:
    return storable(FULL | {"id": id, "at": at} | columns)


def rollups(parts: Parts, table: Any = HourRow) -> list[dict[str, Any]]:
    with parts.database.unit_of_work() as session:
        return [dict(found) for found in session.execute(sa.select(table.__table__).order_by("at", "digest")).mappings()]


def add(parts: Parts, *rows: dict[str, Any], times: int = 1) -> None:
    parts.database.write(lambda session: add_rows(session, rows, times))


def summed(found: dict[str, Any]) -> dict[str, int]:
    return {name: found[name] for name in SUMS if found[name]}


def test_one_request(parts: Parts) -> None:
    add(parts, row("a", MIDNIGHT + HOUR + 0.5))
    (hour,), (day,) = rollups(parts), rollups(parts, DayRow)
    assert (hour["at"], day["at"]) == (MIDNIGHT + HOUR, MIDNIGHT)
    assert [hour[name] for name in DIMENSIONS] == [
        "k-1", "agentrouter", "c-1", "claude-opus-4-6", "agentrouter/claude-opus-4-6", "smart", "chat", "ok", 200,
    ]  # fmt: skip
    told = {"requests": 1, "attempts": 1, "input_tokens": 12, "cost": 1_234, "total_ms": 44, "first_0": 1, "total_0": 1}
    assert summed(hour) == summed(day) == told


@pytest.mark.parametrize(
    ("columns", "counted"),
    [
        ({"cost": None}, {"unpriced"}),
        ({"cost": None, "kind": "timeout"}, set()),
        ({"cost": 0}, set()),
        ({"usage_source": "partial"}, {"guessed"}),
        ({"usage_source": "estimated", "kind": "timeout"}, {"guessed"}),
        ({"usage_source": "absent", "cost": None}, {"unpriced", "untold"}),
        ({"usage_source": "absent", "cost": None, "kind": "timeout"}, set()),
        ({"usage_source": "absent", "cost": 0}, set()),  # a count of tokens, or a response that was kept
        ({"usage_source": "absent", "cost": 40_000}, set()),  # paid by the request
    ],
)
def test_what_is_called_out(parts: Parts, columns: dict[str, Any], counted: set[str]) -> None:
    add(parts, row("a", **columns))
    (found,) = rollups(parts)
    assert {name for name in ("unpriced", "guessed", "untold") if found[name]} == counted


def test_times_are_counted_in_classes(parts: Parts) -> None:
    times = (0, BOUNDS[0], BOUNDS[0] + 1, BOUNDS[-1], BOUNDS[-1] + 1, 10**9, None)
    add(parts, *(row(str(n), first_ms=ms, total_ms=None) for n, ms in enumerate(times)))
    (found,) = rollups(parts)
    assert [found[f"first_{n}"] for n in range(len(BOUNDS) + 1)] == [2, 1, *[0] * (len(BOUNDS) - 3), 1, 2]
    assert not any(found[f"total_{n}"] for n in range(len(BOUNDS) + 1)) and found["requests"] == 7


def test_a_name_that_nobody_serves_is_not_counted_by(parts: Parts) -> None:
    nowhere = {"provider_id": None, "provider_prefix": None, "upstream_model": None, "connection_id": None, "attempts": []}
    add(parts, *(row(str(n), requested_model=f"made-up-{n}", status=404, kind="unknown_model", **nowhere) for n in range(9)))
    (found,) = rollups(parts)
    assert (found["requested_model"], found["model"], found["requests"], found["attempts"]) == ("", "", 9, 0)


def test_only_rows_that_are_new_are_counted(parts: Parts) -> None:
    batches = ([row("a"), row("b"), row("b", output_tokens=99)], [row("b", output_tokens=7), row("c", output_tokens=5)], [])
    for batch in batches:
        parts.database.write(lambda session, batch=batch: insert_rows(session, batch))
    (found,) = rollups(parts)
    assert (found["requests"], found["output_tokens"]) == (3, 5)


def test_a_full_batch_with_a_group_for_each_row(parts: Parts) -> None:
    batch = [row(f"r-{n}", MIDNIGHT + n % 3 * HOUR, upstream_model=f"m-{n}") for n in range(500)]
    assert parts.database.write(lambda session: insert(session, batch)) != []
    add(parts, *batch)
    assert len(rollups(parts)) == len(rollups(parts, DayRow)) == 500


made_up = st.fixed_dictionaries(
    {
        "at": st.floats(MIDNIGHT - 2 * HOUR, MIDNIGHT + 2 * HOUR),
        "key_id": st.sampled_from([None, "k-1", "k-2"]),
        "provider_id": st.sampled_from([None, "", "p-1"]),
        "requested_model": st.sampled_from([None, "x", "p/x"]),
        "upstream_model": st.sampled_from([None, "x"]),
        "combo": st.sampled_from([None, "smart"]),
        "kind": st.sampled_from(["ok", "timeout"]),
        "status": st.sampled_from([200, 504]),
        "usage_source": st.sampled_from(["reported", "partial", "estimated", "absent"]),
        "cost": st.none() | st.integers(0, 10**12),
        "first_ms": st.none() | st.integers(0, 400_000),
        "total_ms": st.none() | st.integers(0, 400_000),
        "input_tokens": st.none() | st.integers(0, 10**9),
        "attempts": st.lists(st.just({"target": "t", "ms": 1}), max_size=3),
    }
)


class Undo(Exception):
    """Rolls a transaction back, so that the next example finds an empty database."""


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(made_up, min_size=1, max_size=12))
def test_rollups_are_the_groups_of_the_rows_and_taking_them_out_leaves_nothing(
    database: Database, batch: list[dict[str, Any]]
) -> None:
    rows = [row(f"r-{n}", **columns) for n, columns in enumerate(batch)]

    def work(session: Session) -> None:
        half = len(rows) // 2
        insert_rows(session, rows[:half])
        insert_rows(session, rows[half:])
        for table, width in ((HourRow.__table__, HOUR), (DayRow.__table__, DAY)):
            counted = session.execute(sa.select(table)).mappings().all()
            named = [tuple(found[name] for name in DIMENSIONS) for found in counted]
            assert [found["digest"] for found in counted] == [digest(one) for one in named]
            keys = [(found["at"], *one) for found, one in zip(counted, named, strict=True)]
            sums = [[found[name] for name in SUMS] for found in counted]
            assert dict(zip(keys, sums, strict=True)) == dict(grouped(session, width))
        add_rows(session, rows, -1)
        for model in (HourRow, DayRow):
            assert session.scalar(sa.select(sa.func.count()).select_from(model.__table__)) == 0
        raise Undo

    with pytest.raises(Undo):
        database.write(work)


def grouped(session: Session, width: int) -> Iterator[tuple[tuple[Any, ...], list[int]]]:
    """What the database itself makes of the log rows, by the words of models/usage.py."""
    texts = [sa.func.coalesce(getattr(LogRow, "upstream_model" if name == "model" else name), "") for name in DIMENSIONS[:-1]]
    texts[4] = sa.case((sa.func.coalesce(LogRow.provider_id, "") == "", ""), else_=texts[4])
    groups = [sa.cast(sa.func.floor(LogRow.at / width), sa.BigInteger) * width, *texts, LogRow.status]

    def count(condition: Any) -> Any:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    answered = LogRow.kind == "ok"
    special = {
        "requests": sa.func.count(),
        "attempts": sa.func.sum(sa.func.json_array_length(LogRow.attempts)),
        "unpriced": count(answered & LogRow.cost.is_(None)),
        "guessed": count(LogRow.usage_source.in_(["partial", "estimated"])),
        "untold": count(answered & LogRow.cost.is_(None) & (LogRow.usage_source == "absent")),
    }
    edges = (-1, *BOUNDS, 2**31 - 1)
    for time in ("first", "total"):
        column = getattr(LogRow, f"{time}_ms")
        for n in range(len(BOUNDS) + 1):
            special[f"{time}_{n}"] = count((column > edges[n]) & (column <= edges[n + 1]))
    sums = [special[name] if name in special else sa.func.coalesce(sa.func.sum(getattr(LogRow, name)), 0) for name in SUMS]
    for found in session.execute(sa.select(*groups, *sums).group_by(*groups)):
        yield tuple(found[: len(groups)]), list(found[len(groups) :])


def test_several_that_count_the_same_at_once_wait_for_each_other(database: Database) -> None:
    """Each writes the same groups, in an order of its own."""
    writers, batches = 4, 10
    failed: list[Exception] = []

    def count(writer: int) -> None:
        chance = random.Random(writer)
        for batch in range(batches):
            rows = [row(f"{writer}-{batch}-{n}", MIDNIGHT + n % 3 * HOUR, upstream_model=f"m-{n}") for n in range(40)]
            chance.shuffle(rows)
            try:
                database.write(lambda session, rows=rows: insert_rows(session, rows))
            except Exception as exc:  # told by the test's own thread
                failed.append(exc)

    threads = [threading.Thread(target=count, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with database.unit_of_work() as session:
        for table in (HourRow.__table__, DayRow.__table__):
            sums = session.execute(sa.select(sa.func.sum(table.c.requests), sa.func.min(table.c.requests))).one()
            assert sums == (writers * batches * 40, writers * batches)
