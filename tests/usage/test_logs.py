from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from omniroute.errors import Invalid, Missing
from omniroute.models.logs import LogRow
from omniroute.usage.logs import LogFilters, LogView, insert_rows
from tests.parts import START, Parts

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
        ({"model": "", "provider": "", "kind": "", "request_id": ""}, ["c", "b", "a"]),
        ({"outcome": "failed", "status": 502}, ["c"]),
    ],
)
def test_filters(parts: Parts, filters: dict[str, Any], found: list[str]) -> None:
    other = {"provider_id": "node-1", "provider_prefix": "mine", "requested_model": "mine/glm-5.1", "upstream_model": "glm-5.1"}
    write(
        parts,
        FULL | {"id": "a"},
        FULL | {"id": "b", "at": START + 1, "key_id": "k-2", "status": 429, "kind": "rate_limited"},
        FULL | {"id": "c", "at": START + 2, "connection_id": "c-2", "status": 502, "kind": "network_error"} | other,
    )
    assert ids(parts, **filters) == found


def test_an_outcome_that_is_none(parts: Parts) -> None:
    with pytest.raises(Invalid):
        parts.logs.page(LogFilters(outcome="maybe"))
