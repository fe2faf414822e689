from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniroute.errors import Invalid
from omniroute.models.logs import LogRow
from omniroute.models.usage import BOUNDS, HourRow
from omniroute.usage.logs import insert_rows
from omniroute.usage.reports import GROUPS, WITH_SERIES, Figures, UsageFilters, UsageReports, UsageSummary
from tests.parts import ADMIN, START, Parts
from tests.usage.test_logs import FULL

HOUR, DAY = 3600, 86_400
MIDNIGHT = 1_800_000_000 // DAY * DAY


@pytest.fixture
def reports(parts: Parts) -> UsageReports:
    return parts.usage


def write(parts: Parts, *rows: dict[str, Any]) -> None:
    whole = [FULL | {"id": f"r-{n}", "at": MIDNIGHT} | row for n, row in enumerate(rows)]
    parts.database.write(lambda session: insert_rows(session, whole))


def requests(summary: UsageSummary) -> list[int]:
    return [bucket.figures.requests for bucket in summary.series]


def test_nothing_yet(reports: UsageReports) -> None:
    told = reports.summary(group="key")
    assert (told.totals, told.groups, told.totals.error_rate) == (Figures(), (), None)
    assert (len(told.series), told.bucket_seconds, told.ends_at) == (24, HOUR, START // HOUR * HOUR + HOUR)


def test_the_totals(parts: Parts, reports: UsageReports) -> None:
    write(
        parts,
        {"input_tokens": 10, "output_tokens": 5, "cached_tokens": 4, "cost": 700},
        {"input_tokens": 1, "output_tokens": None, "cost": None, "usage_source": "partial", "kind": "timeout", "status": 504},
        {"cost": None, "usage_source": "absent", "input_tokens": None, "attempts": [{}, {}]},
    )
    told = reports.summary(MIDNIGHT, MIDNIGHT + HOUR).totals
    assert (told.requests, told.failed, told.attempts) == (3, 1, 4)
    assert told.error_rate == pytest.approx(1 / 3)
    assert (told.input_tokens, told.output_tokens, told.tokens, told.cached_tokens) == (11, 5, 16, 4)
    assert (told.cost, told.unpriced, told.guessed, told.untold) == (700, 1, 1, 1)


def test_hours_for_three_days_then_days(parts: Parts, reports: UsageReports) -> None:
    write(parts, {"at": MIDNIGHT - 1}, {"at": MIDNIGHT}, {"at": MIDNIGHT + 2 * DAY + HOUR})
    hours = reports.summary(MIDNIGHT, MIDNIGHT + 3 * DAY)
    assert (hours.bucket_seconds, len(hours.series), hours.totals.requests) == (HOUR, 72, 2)
    assert [n for n, count in enumerate(requests(hours)) if count] == [0, 49]
    days = reports.summary(MIDNIGHT, MIDNIGHT + 3 * DAY + 1)
    assert (days.bucket_seconds, requests(days)) == (DAY, [1, 0, 1, 0])
    assert [bucket.at for bucket in days.series] == [MIDNIGHT + n * DAY for n in range(4)]


def test_the_edges_of_a_long_range_are_hours(parts: Parts, reports: UsageReports) -> None:
    write(parts, *({"at": MIDNIGHT + n * HOUR} for n in range(5 * 24)))
    told = reports.summary(MIDNIGHT + 20.5 * HOUR, MIDNIGHT + (4 * 24 + 2.5) * HOUR)
    assert (told.begins_at, told.ends_at) == (MIDNIGHT + 20 * HOUR, MIDNIGHT + (4 * 24 + 3) * HOUR)
    assert requests(told) == [4, 24, 24, 24, 3] and told.totals.requests == 79


def test_where_hours_are_gone_a_range_is_of_whole_days(parts: Parts, reports: UsageReports) -> None:
    write(parts, *({"at": MIDNIGHT + n * HOUR} for n in range(5 * 24)))
    gone = sa.delete(HourRow).where(HourRow.__table__.c.at < MIDNIGHT + 2 * DAY + 5 * HOUR)
    parts.database.write(lambda session: session.execute(gone) and None)
    told = reports.summary(MIDNIGHT + 20.5 * HOUR, MIDNIGHT + 4.5 * DAY)
    assert requests(told) == [24, 24, 24, 24, 12] and told.begins_at == MIDNIGHT
    partly = reports.summary(MIDNIGHT + 2 * DAY + 3 * HOUR, MIDNIGHT + 5 * DAY + 4 * HOUR)
    assert requests(partly) == [24, 24, 24, 0]  # the first day has some of its hours
    short = reports.summary(MIDNIGHT + 20 * HOUR, MIDNIGHT + 22 * HOUR)
    assert (short.bucket_seconds, requests(short), short.ends_at) == (DAY, [24], MIDNIGHT + DAY)


def test_groups_by_cost_then_tokens_with_a_line_each(parts: Parts, reports: UsageReports) -> None:
    write(
        parts,
        {"upstream_model": "cheap", "cost": 1},
        {"upstream_model": "dear", "cost": 900, "at": MIDNIGHT + HOUR},
        {"upstream_model": "dear", "cost": 900, "kind": "timeout"},
        {"upstream_model": "free", "cost": 0, "input_tokens": 10_000},
        {"upstream_model": "also free", "cost": 0, "input_tokens": 9},
        {"upstream_model": None, "cost": None, "input_tokens": None},
    )
    told = reports.summary(MIDNIGHT, MIDNIGHT + 2 * HOUR, "model")
    assert [(group.id, group.name) for group in told.groups] == [
        ("dear", "dear"), ("cheap", "cheap"), ("free", "free"), ("also free", "also free"), ("", "Not sent"),
    ]  # fmt: skip
    dear = told.groups[0]
    assert (dear.figures.requests, dear.figures.failed, dear.figures.cost) == (2, 1, 1800)
    assert [bucket.figures.requests for bucket in dear.series] == [1, 1]
    assert told.totals.requests == 6 == sum(requests(told))


def test_only_the_first_groups_get_a_line(parts: Parts, reports: UsageReports) -> None:
    write(parts, *({"combo": f"c-{n:02}", "cost": n} for n in range(WITH_SERIES + 2)))
    told = reports.summary(MIDNIGHT, MIDNIGHT + HOUR, "combo")
    assert [bool(group.series) for group in told.groups] == [True] * WITH_SERIES + [False] * 2


def test_names_are_those_of_today_else_those_of_the_log_else_ids(parts: Parts, reports: UsageReports) -> None:
    view, _ = parts.keys.create({"name": "Laptop of today"}, ADMIN)
    connection = parts.connections.create({"provider": "openai", "api_key": "sk-test-0123456789"}, ADMIN)
    write(
        parts,
        {"key_id": view.id, "key_name": "Laptop", "connection_id": connection.id, "provider_id": "openai"},
        {"key_id": "gone", "key_name": "Phone", "provider_id": "node-1", "provider_prefix": "mine", "connection_id": "c-9"},
        {"key_id": "lost", "key_name": None, "connection_id": None},
    )

    def names(group: str) -> dict[str, str]:
        return {each.id: each.name for each in reports.summary(MIDNIGHT, MIDNIGHT + HOUR, group).groups}

    assert names("key") == {view.id: "Laptop of today", "gone": "Phone", "lost": "lost"}
    assert names("provider") == {"openai": "openai", "node-1": "mine", "agentrouter": "agentrouter"}
    assert names("connection") == {connection.id: f"openai · {connection.name}", "c-9": "AgentRouter", "": "Not sent"}


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"provider": "agentrouter"}, 1),
        ({"provider": "mine"}, 1),
        ({"provider": "node-1"}, 1),
        ({"model": "opus"}, 2),
        ({"model": "opu"}, 0),
        ({"key_id": "k-2"}, 1),
        ({"combo": "fast"}, 1),
        ({"connection_id": "c-2"}, 1),
        ({"kind": "timeout"}, 1),
        ({"endpoint": "/v1/messages"}, 1),
        ({"model": "opus", "kind": "ok"}, 1),
        ({"model": "", "key_id": ""}, 3),
    ],
)
def test_filters(parts: Parts, reports: UsageReports, filters: dict[str, str], count: int) -> None:
    node = {"name": "Mine", "prefix": "mine", "type": "openai-compatible", "api_type": "chat", "base_url": "https://x.example"}
    made = parts.nodes.create(node, ADMIN)
    write(
        parts,
        {"upstream_model": "opus", "key_id": "k-2", "endpoint": "/v1/messages"},
        {"upstream_model": "opus", "kind": "timeout", "combo": "fast", "provider_id": "node-1"},
        {"upstream_model": "glm", "connection_id": "c-2", "provider_id": made.id},
    )
    assert reports.summary(MIDNIGHT, MIDNIGHT + HOUR, None, UsageFilters(**filters)).totals.requests == count


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ((MIDNIGHT, MIDNIGHT, None), "until"),
        ((MIDNIGHT, MIDNIGHT - 1, None), "until"),
        ((0, MIDNIGHT, None), "since"),
        ((MIDNIGHT, MIDNIGHT + 1, "colour"), "group"),
    ],
)
def test_what_is_wrong_is_told_by_name(reports: UsageReports, asked: tuple[Any, ...], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        reports.summary(*asked)
    assert set(caught.value.fields) == {field}


@pytest.mark.parametrize("group", [None, *GROUPS])
def test_only_sums_are_read_and_those_by_few_statements(parts: Parts, reports: UsageReports, group: str | None) -> None:
    key = parts.keys.create({"name": "Laptop"}, ADMIN)[0]
    made = parts.connections.create({"provider": "openai", "api_key": "sk-test-0123456789"}, ADMIN)
    write(parts, {"provider_id": "openai", "key_id": key.id, "connection_id": made.id})
    parts.store.refresh()
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *others: Any) -> None:
        asked.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        told = reports.summary(MIDNIGHT - 10.5 * DAY, MIDNIGHT + HOUR, group)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert told.totals.requests == 1
    assert asked and not [statement for statement in asked if "log_rows" in statement]
    assert len([statement for statement in asked if statement.startswith("SELECT")]) <= 4


def test_times_are_read_off_their_classes(parts: Parts, reports: UsageReports) -> None:
    write(parts, *({"first_ms": ms, "total_ms": None} for ms in (60, 60, 60, 60)))
    told = reports.summary(MIDNIGHT, MIDNIGHT + HOUR).totals
    assert (told.first_p50_ms, told.first_p95_ms, told.total_p50_ms) == (75, 98, None)  # half way from 50 to 100, and 95 %


def test_beyond_the_last_class_it_is_where_that_begins(parts: Parts, reports: UsageReports) -> None:
    write(parts, {"first_ms": 10**7, "total_ms": 0})
    told = reports.summary(MIDNIGHT, MIDNIGHT + HOUR).totals
    assert (told.first_p50_ms, told.first_p95_ms, told.total_p95_ms) == (BOUNDS[-1], BOUNDS[-1], 48)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.floats(0, 6 * DAY), min_size=1, max_size=20),
    begin=st.integers(0, 6 * 24),
    length=st.integers(1, 6 * 24),
    group=st.sampled_from([None, *GROUPS]),
)
def test_a_report_counts_the_rows_of_its_range(
    parts: Parts, reports: UsageReports, times: list[float], begin: int, length: int, group: str | None
) -> None:
    def fill(session: Any) -> None:
        for table in ("log_rows", "usage_hours", "usage_days"):
            session.execute(sa.text(f"DELETE FROM {table}"))
        insert_rows(session, [FULL | {"id": f"r-{n}", "at": MIDNIGHT + at, "cost": n} for n, at in enumerate(times)])

    parts.database.write(fill)
    since, until = MIDNIGHT + begin * HOUR, MIDNIGHT + (begin + length) * HOUR
    told = reports.summary(since, until, group)
    with parts.database.unit_of_work() as session:
        within = sa.select(sa.func.count(), sa.func.sum(LogRow.cost)).where(LogRow.at >= since, LogRow.at < until)
        count, cost = session.execute(within).one()
    assert (told.totals.requests, told.totals.cost) == (count, int(cost or 0))
    assert sum(requests(told)) == count == (count if group is None else sum(each.figures.requests for each in told.groups))
