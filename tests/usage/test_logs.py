from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from omniroute.errors import Invalid, Missing
from omniroute.models.logs import LogRow
from omniroute.usage.logs import LogFilters, LogReports, LogView, insert_rows
from omniroute.usage.rollups import digest, dimensions
from omniroute.usage.search import FEW_GROUPS, FEW_IDS
from tests.parts import ADMIN, START, Parts

FULL: dict[str, Any] = {
    "id": "r-1",
    "at": START,
    "method": "POST",
    "path": "/v1/chat/completions",
    "endpoint": "chat",
    "format": "openai_chat",
    "streamed": True,
    "requested_model": "agentrouter/claude-opus-4-6",
    "provider_id": "agentrouter",
    "provider_prefix": "agentrouter",
    "upstream_model": "claude-opus-4-6",
    "canonical_model": "agentrouter/claude-opus-4-6",
    "connection_id": "c-1",
    "connection_name": "AgentRouter",
    "key_id": "k-1",
    "key_name": "Laptop",
    "status": 200,
    "kind": "ok",
    "message": None,
    "remedy": None,
    "input_tokens": 12,
    "output_tokens": 0,
    "cached_tokens": None,
    "cache_write_tokens": None,
    "reasoning_tokens": None,
    "usage_source": "reported",
    "cost": 1_234,
    "price_source": "catalog",
    "combo": "smart",
    "step_id": "s-1",
    "first_ms": 31,
    "total_ms": 44,
    "attempts": [{"target": "agentrouter/claude-opus-4-6", "connection": "AgentRouter", "status": 200, "class": "ok", "ms": 44}],
    "decision": "strategy=single",
    "client": "curl/8",
    "finish": "end_turn",
    "upstream_request_id": "req_1",
    "dropped": ["logit_bias"],
}


def write(parts: Parts, *rows: dict[str, Any]) -> None:
    parts.database.write(lambda session: insert_rows(session, rows))


def ids(parts: Parts, limit: int = 50, before: str | None = None, **filters: Any) -> list[str]:
    return [row.id for row in parts.logs.page(LogFilters(**filters), before, limit).rows]


def test_the_view_has_all_columns() -> None:
    assert {field.name for field in fields(LogView)} == set(LogRow.__table__.columns.keys()) == set(FULL)


def test_a_row_comes_back_as_it_was(parts: Parts) -> None:
    write(parts, FULL)
    view = parts.logs.get("r-1")
    assert view == LogView(**FULL | {"attempts": tuple(FULL["attempts"]), "dropped": ("logit_bias",)})
    assert (view.output_tokens, view.cached_tokens) == (0, None)  # told zero, and not told
    with pytest.raises(Missing):
        parts.logs.get("r-2")


def test_a_row_needs_little(parts: Parts) -> None:
    write(parts, {"id": "r-1", "at": START, "attempts": None, "dropped": None})
    view = parts.logs.get("r-1")
    assert (view.usage_source, view.attempts, view.dropped, view.input_tokens) == ("absent", (), (), None)
    with pytest.raises(KeyError, match="colour"):
        write(parts, {"id": "r-2", "at": START, "colour": "red"})


def test_a_batch_that_is_written_twice_counts_once(parts: Parts) -> None:
    write(parts, FULL, FULL | {"id": "r-2"})
    write(parts, FULL | {"status": 500}, FULL | {"id": "r-3"})
    write(parts)
    assert sorted(ids(parts)) == ["r-1", "r-2", "r-3"] and parts.logs.get("r-1").status == 200


def test_no_text_can_spoil_a_batch(parts: Parts) -> None:
    nasty = "a\0b\ud800" + "é" * 10_000
    attempt = {"target": nasty, "status": 200, "class": "ok", "message": nasty, "detail": nasty, "ms": 1}
    write(
        parts,
        FULL
        | {name: nasty for name in FULL if isinstance(FULL[name], str) and name != "id"}
        | {"attempts": [attempt] * 99, "dropped": [nasty]},
    )
    view = parts.logs.get("r-1")
    assert view.requested_model is not None and view.requested_model.startswith("ab?é") and len(view.requested_model) <= 256
    assert len(view.attempts) == 64


def test_secrets_in_messages_are_masked_once_more(parts: Parts) -> None:
    said = "Incorrect API key provided: sk-test-0123456789abcdef"
    attempt = {
        "target": "t",
        "status": 401,
        "class": "x",
        "message": said,
        "detail": f"https://u:hunter2@h/?key=zzzz {said}",
        "ms": 1,
    }
    write(parts, FULL | {"message": said, "attempts": [attempt]})
    dump = parts.dump()
    assert "0123456789abcdef" not in dump and "hunter2" not in dump and "zzzz" not in dump
    assert "Incorrect API key provided: sk-***" in dump


def test_pages_follow_each_other_without_gap_or_repeat(parts: Parts) -> None:
    write(parts, *(FULL | {"id": f"r-{n:03}", "at": START + n // 3 * 0.1} for n in range(25)))
    seen: list[str] = []
    before: str | None = None
    pages = 0
    while True:
        page = parts.logs.page(before=before, limit=7)
        seen += [row.id for row in page.rows]
        pages += 1
        if pages == 1:
            write(parts, FULL | {"id": "r-new", "at": START + 100})  # shifts nothing
        if page.next is None:
            break
        before = page.next
    assert pages == 4 and seen == [f"r-{n:03}" for n in reversed(range(25))]
    assert parts.logs.page(limit=26).next is None


@pytest.mark.parametrize("before", ["", "x", "1", "_", "1_", "1e400_r", "-1_r", "1.5_r r", "1_" + "r" * 65, "1;DROP_x'"])
def test_a_cursor_of_ones_own(parts: Parts, before: str) -> None:
    with pytest.raises(Invalid) as caught:
        parts.logs.page(before=before)
    assert set(caught.value.fields) == {"before"}


@pytest.mark.parametrize("limit", [0, -1, 501])
def test_limits(parts: Parts, limit: int) -> None:
    with pytest.raises(Invalid):
        parts.logs.page(limit=limit)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["c", "b", "a"]),
        ({"since": START + 1}, ["c", "b"]),
        ({"until": START + 1}, ["a"]),
        ({"since": START + 1, "until": START + 2}, ["b"]),
        ({"key_id": "k-2"}, ["b"]),
        ({"connection_id": "c-2"}, ["c"]),
        ({"model": "OPUS"}, ["b", "a"]),
        ({"model": "o_us"}, []),
        ({"model": "glm"}, ["c"]),
        ({"provider": "agentrouter"}, ["b", "a"]),
        ({"provider": "node-1"}, ["c"]),
        ({"provider": "mine"}, ["c"]),
        ({"outcome": "ok"}, ["a"]),
        ({"outcome": "failed"}, ["c", "b"]),
        ({"status": 429}, ["b"]),
        ({"kind": "network_error"}, ["c"]),
        ({"request_id": "b"}, ["b"]),
        ({"request_id": "%"}, []),
        ({"combo": "fast"}, ["c"]),
        ({"combo": "fas"}, []),
        ({"endpoint": "messages", "combo": "smart"}, ["b"]),
        ({"request_id": "b", "key_id": "k-1"}, []),
        ({"model": "", "provider": "", "kind": "", "request_id": ""}, ["c", "b", "a"]),
        ({"outcome": "failed", "status": 502}, ["c"]),
    ],
)
def test_filters(parts: Parts, filters: dict[str, Any], found: list[str]) -> None:
    other = {"provider_id": "node-1", "provider_prefix": "mine", "requested_model": "mine/glm-5.1", "upstream_model": "glm-5.1"}
    other |= {"combo": "fast"}
    write(
        parts,
        FULL | {"id": "a"},
        FULL | {"id": "b", "at": START + 1, "key_id": "k-2", "status": 429, "kind": "rate_limited", "endpoint": "messages"},
        FULL | {"id": "c", "at": START + 2, "connection_id": "c-2", "status": 502, "kind": "network_error"} | other,
    )
    assert ids(parts, **filters) == found


def test_an_outcome_that_is_none(parts: Parts) -> None:
    with pytest.raises(Invalid):
        parts.logs.page(LogFilters(outcome="maybe"))


# Finding by the rollups: the same rows as by looking at each -------------------------------------

DAY = 86_400
NOWHERE = {"provider_id": None, "provider_prefix": None, "upstream_model": None, "connection_id": None}

some_rows = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.floats(START - 3 * DAY, START + 3 * DAY).map(lambda at: round(at, 3)) | st.sampled_from([START, START + 1]),
            "key_id": st.sampled_from([None, "k-1", "k-2"]),
            "combo": st.sampled_from([None, "fast"]),
            "kind": st.sampled_from(["ok", "timeout"]),
            "where": st.sampled_from([{}, {}, NOWHERE, {"provider_id": "openai", "provider_prefix": "old"}]),
            "requested_model": st.sampled_from(["a/opus", "glm"]),
        }
    ),
    max_size=25,
)
some_filters = st.fixed_dictionaries(
    {},
    optional={
        "since": st.floats(START - 3 * DAY, START + 3 * DAY),
        "until": st.floats(START - 3 * DAY, START + 3 * DAY),
        "key_id": st.sampled_from(["k-1", "k-2", "k-3"]),
        "combo": st.just("fast"),
        "outcome": st.sampled_from(["ok", "failed"]),
        "model": st.sampled_from(["OPUS", "glm", "nothing"]),
        "provider": st.sampled_from(["agentrouter", "openai", "nobody"]),
        "request_id": st.sampled_from(["r-", "r-1"]),
    },
)


def holds(row: dict[str, Any], name: str, value: Any) -> bool:
    """What the filter of that name means."""
    if name == "since":
        return bool(row["at"] >= value)
    if name == "until":
        return bool(row["at"] < value)
    if name == "outcome":
        return (row["kind"] == "ok") is (value == "ok")
    if name == "model":
        return any(value.lower() in model for model in (row["requested_model"], row["upstream_model"] or ""))
    if name == "request_id":
        return bool(row["id"].startswith(value))
    return bool(row["provider_id" if name == "provider" else name] == value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=some_rows, wanted=some_filters, limit=st.integers(1, 4), scan=st.sampled_from([1, 3, 1000]))
def test_pages_hold_what_is_looked_for(
    parts: Parts, made: list[dict[str, Any]], wanted: dict[str, Any], limit: int, scan: int
) -> None:
    rows = [FULL | row | row["where"] | {"id": f"r-{n}"} for n, row in enumerate(made)]
    for row in rows:
        del row["where"]

    def fill(session: Session) -> None:
        for table in ("log_rows", "usage_hours", "usage_days"):
            session.execute(sa.text(f"DELETE FROM {table}"))
        insert_rows(session, rows)

    parts.database.write(fill)
    logs = LogReports(parts.database, parts.store.current, scan)
    seen: list[str] = []
    cursors: list[str | None] = [None]
    while len(cursors) == 1 or cursors[-1] is not None:
        page = logs.page(LogFilters(**wanted), cursors[-1], limit)
        seen += [row.id for row in page.rows]
        assert len(page.rows) <= limit and page.next not in cursors[1:]
        cursors.append(page.next)
    right = [row for row in rows if all(holds(row, name, value) for name, value in wanted.items())]
    assert seen == [row["id"] for row in sorted(right, key=lambda row: (row["at"], row["id"]), reverse=True)]


def test_a_search_in_vain_ends_early_and_can_go_on(parts: Parts) -> None:
    write(parts, *(FULL | {"id": f"r-{n}", "at": START + n, "kind": "ok" if n else "timeout"} for n in range(10)))
    logs = LogReports(parts.database, parts.store.current, scan=4)
    pages = [logs.page(LogFilters(kind="timeout"))]
    while pages[-1].next:
        pages.append(logs.page(LogFilters(kind="timeout"), pages[-1].next))
    assert [[row.id for row in page.rows] for page in pages] == [[], [], ["r-0"]]


def test_a_search_over_many_hours_ends_early_as_well(parts: Parts) -> None:
    """What nobody served is not counted by its name, so each of these hours may hold what is looked for."""
    write(parts, *(FULL | NOWHERE | {"id": f"r-{n}", "at": START + n * 7200, "requested_model": "glm"} for n in range(10)))
    logs = LogReports(parts.database, parts.store.current, scan=4)
    first = logs.page(LogFilters(model="opus"))
    second = logs.page(LogFilters(model="opus"), first.next)
    third = logs.page(LogFilters(model="opus"), second.next)
    assert [bool(page.next) for page in (first, second, third)] == [True, True, False]


def test_a_model_that_nobody_serves_is_found(parts: Parts) -> None:
    write(parts, FULL | NOWHERE | {"id": "a", "requested_model": "misspelt"}, FULL | {"id": "b", "at": START + 2 * DAY})
    assert ids(parts, model="misspe") == ["a"]
    assert ids(parts, model="opus") == ["b"]


def test_a_day_of_many_groups(parts: Parts) -> None:
    many = FEW_GROUPS + 5
    rows = [FULL | {"id": f"r-{n:02}", "upstream_model": f"m-{n}"} for n in range(many)]
    last = max(rows, key=lambda row: digest(dimensions(row)))
    last["at"] = START + 3600  # alone in its hour
    write(parts, *rows, FULL | {"id": "other", "kind": "timeout"})
    assert sorted(ids(parts, limit=200, outcome="ok")) == [f"r-{n:02}" for n in range(many)]


def test_a_provider_is_found_by_its_prefix_of_today_and_of_then(parts: Parts) -> None:
    node = {"name": "Mine", "prefix": "mine", "type": "openai-compatible", "api_type": "chat", "base_url": "https://x.example"}
    made = parts.nodes.create(node, ADMIN)
    write(
        parts,
        FULL | {"id": "a", "provider_id": made.id, "provider_prefix": "mine"},
        FULL | {"id": "b", "provider_id": "gone", "provider_prefix": "mine"},
        FULL | {"id": "c", "provider_id": made.id, "provider_prefix": "before"},
        FULL | {"id": "d"},
    )
    assert ids(parts, provider="mine") == ["c", "b", "a"]
    assert ids(parts, provider="MINE") == ["c", "a"]
    assert ids(parts, provider=made.id) == ["c", "a"]
    assert ids(parts, provider="gone") == ["b"]
    assert ids(parts, provider="before") == ["c"]


def test_many_ids_that_begin_alike(parts: Parts) -> None:
    write(
        parts, *(FULL | {"id": f"a{n:04}", "at": START + n % 7} for n in range(FEW_IDS + 1)), FULL | {"id": "b", "at": START + 9}
    )
    newest = [f"a{n:04}" for n in range(FEW_IDS + 1) if n % 7 == 6]
    assert ids(parts, request_id="a", limit=3) == newest[:-4:-1]
    assert ids(parts, request_id="a00", limit=2) == ["a0097", "a0090"]
