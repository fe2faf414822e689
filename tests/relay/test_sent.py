"""A guess at the tokens of a stream whose upstream tells none."""

from __future__ import annotations

import json

import pytest

from omniroute.relay.sent import Sent

EVENTS = {
    "openai_chat": lambda text: {"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": {"content": text}}]},
    "anthropic_messages": lambda text: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
    "openai_responses": lambda text: {"type": "response.output_text.delta", "item_id": "msg_1", "delta": text},
    "gemini": lambda text: {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}]},
}


@pytest.mark.parametrize("format", EVENTS)
@pytest.mark.parametrize(("piece", "times"), [("word", 500), ("some longer piece of text, a whole line of it", 80)])
def test_it_goes_by_the_text_and_not_by_its_frame(format: str, piece: str, times: int) -> None:
    sent, tokens = Sent(), len(piece) * times / 4
    for _ in range(times):
        sent.add(b"data: " + json.dumps(EVENTS[format](piece)).encode() + b"\n\n")
    sent.add(b"data: [DONE]\n\n")
    assert 0.8 * tokens <= sent.tokens() <= 1.2 * tokens


def test_nothing_is_nothing_and_anything_is_something() -> None:
    sent = Sent()
    assert sent.tokens() == 0
    sent.add(b'data: {"choices": []}\n\n')
    assert sent.tokens() == 1
