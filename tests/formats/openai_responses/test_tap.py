from __future__ import annotations

from typing import Any

import pytest

from omniroute.formats import ir, sse
from omniroute.formats.openai_responses import TELLTALES, inspect, sight
from tests.formats.samples_responses import BLOB, event, message, response, text


def see(raw: bytes) -> ir.Sighting | None:
    return sight(sse.Decoder().feed(raw)[0])


@pytest.mark.parametrize(
    ("kind", "members", "content"),
    [
        ("response.output_item.added", {"item": {"type": "message", "content": []}}, False),
        ("response.output_item.added", {"item": {"type": "reasoning", "summary": []}}, False),
        ("response.output_item.added", {"item": {"type": "function_call", "name": "f"}}, True),
        ("response.output_item.added", {"item": {"type": "web_search_call"}}, True),
        ("response.output_item.done", {"item": {"type": "reasoning", "summary": [], "encrypted_content": BLOB}}, True),
        ("response.output_item.done", {"item": {"type": "message", "content": [{"type": "refusal", "refusal": "No"}]}}, True),
        ("response.content_part.added", {"part": {"type": "output_text", "text": ""}}, False),
        ("response.output_text.delta", {"delta": ""}, False),
        ("response.output_text.delta", {"delta": "a"}, True),
        ("response.reasoning_summary_text.delta", {"delta": "a"}, True),
        ("response.function_call_arguments.delta", {"delta": "{"}, True),
        ("response.web_search_call.searching", {"item_id": "ws"}, False),
        ("news", {"text": "a"}, False),
    ],
)
def test_what_counts_as_content(kind: str, members: dict[str, Any], content: bool) -> None:
    raw = event(kind, **members)
    assert see(raw) == ir.Sighting(content=content)
    assert not any(mark in raw for mark in TELLTALES)


def test_a_response_that_begins_tells_its_id_and_no_content() -> None:
    raw = event("response.created", response=response([], "in_progress", usage=None))
    assert see(raw) == ir.Sighting(model="gpt-x", id="resp_1")


def test_the_last_event_has_it_all() -> None:
    whole = response([message(text("Hi"))])
    expected = ir.Sighting(
        content=True,
        usage=ir.Usage(120, 30, 100, 0, 8),
        stop_reason="end_turn",
        last=True,
        done=True,
        model="gpt-x",
        id="resp_1",
    )
    assert see(event("response.completed", response=whole)) == inspect(whole) == expected


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'data: {"type":"error","code":"c","message":"no","param":null}\n\n', "no"),
        (b'event: error\ndata: {"message":"no"}\n\n', "no"),
        (b'data: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n', "no"),
        (b'data: {"error":{"message":"no"}}\n\n', "no"),
        (b'data: {"type":"response.failed","response":{"status":"failed","error":{"code":"c","message":"no"}}}\n\n', "no"),
        (b'data: {"type":"response.failed","response":{"status":"failed","error":null}}\n\n', "the response failed"),
        (b'data: {"type":"response.failed"}\n\n', "the response failed"),
    ],
)
def test_errors_have_one_shape(raw: bytes, message: str) -> None:
    seen = see(raw)
    assert seen is not None and seen.error is not None
    assert (seen.error["error"]["message"], seen.last, seen.content) == (message, True, False)


def test_what_says_nothing() -> None:
    assert see(b": hello\n\n") is None
    assert see(b"data: null\n\n") is None
    assert see(b"data: [DONE]\n\n") is None
