from __future__ import annotations

from typing import Any

import pytest

from omniroute.formats import ir, sse
from omniroute.formats.anthropic_messages import TELLTALES, sight
from tests.formats.samples import event, message_start


def see(raw: bytes) -> ir.Sighting | None:
    return sight(sse.Decoder().feed(raw)[0])


@pytest.mark.parametrize(
    ("kind", "members", "content"),
    [
        ("content_block_start", {"content_block": {"type": "text", "text": ""}}, False),
        ("content_block_start", {"content_block": {"type": "thinking", "thinking": "", "signature": ""}}, False),
        ("content_block_start", {"content_block": {"type": "tool_use", "id": "a", "name": "f", "input": {}}}, True),
        ("content_block_start", {"content_block": {"type": "redacted_thinking", "data": "x"}}, True),
        ("content_block_delta", {"delta": {"type": "text_delta", "text": ""}}, False),
        ("content_block_delta", {"delta": {"type": "text_delta", "text": "a"}}, True),
        ("content_block_delta", {"delta": {"type": "thinking_delta", "thinking": "a"}}, True),
        ("content_block_stop", {"index": 0}, False),
        ("ping", {}, False),
        ("message_delta", {"delta": {"stop_reason": None}}, False),
        ("news", {}, False),
    ],
)
def test_content(kind: str, members: dict[str, Any], content: bool) -> None:
    assert see(event(kind, **members)) == ir.Sighting(content=content)


def test_the_start_and_the_end() -> None:
    started = see(message_start({"input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}))
    assert started == ir.Sighting(usage=ir.Usage(12, 1, 7), model="claude-x", id="msg_1")
    ended = see(event("message_delta", delta={"stop_reason": "max_tokens"}, usage={"output_tokens": 9}))
    assert ended == ir.Sighting(content=True, usage=ir.Usage(None, 9), stop_reason="max_tokens", last=True)
    assert see(event("message_stop")) == ir.Sighting(last=True, done=True)


@pytest.mark.parametrize(
    "raw",
    [
        event("error", error={"type": "overloaded_error", "message": "no"}),
        b'event: error\ndata: {"error":{"type":"overloaded_error","message":"no"}}\n\n',
        b'event: error\ndata: {"message":"no"}\n\n',
    ],
)
def test_an_error_is_seen_in_every_form(raw: bytes) -> None:
    sighting = see(raw)
    assert sighting is not None and sighting.error is not None
    assert any(mark in raw for mark in TELLTALES)


def test_a_text_about_errors_is_no_telltale() -> None:
    raw = event("content_block_delta", index=0, delta={"type": "text_delta", "text": '{"error": "x"}'})
    assert not any(mark in raw for mark in TELLTALES)
