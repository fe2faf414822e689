from __future__ import annotations

import json
from typing import Any

import pytest

from omniroute.formats import ir, sse
from omniroute.formats.openai_chat import TELLTALES, inspect, sight
from tests.formats.samples import CHAT_USAGE, chunk, fragment


def see(raw: bytes) -> ir.Sighting | None:
    return sight(sse.Decoder().feed(raw)[0])


@pytest.mark.parametrize(
    ("delta", "content"),
    [
        ({"role": "assistant", "content": ""}, False),
        ({"role": "assistant", "content": None, "refusal": None}, False),
        ({}, False),
        ({"content": "a"}, True),
        ({"reasoning_content": "a"}, True),
        ({"reasoning": "a"}, True),
        ({"refusal": "a"}, True),
        (fragment(0, "", "x", "f"), True),
    ],
)
def test_content(delta: dict[str, Any], content: bool) -> None:
    sighting = see(chunk(delta))
    assert sighting == ir.Sighting(content=content, model="gpt-x", id="chatcmpl-1")


def test_the_end() -> None:
    finished = see(chunk({}, "length", usage=CHAT_USAGE))
    assert finished is not None
    assert (finished.stop_reason, finished.last, finished.content) == ("max_tokens", True, True)
    assert finished.usage == ir.Usage(120, 30, 100, None, 8)
    assert see(b"data: [DONE]\n\n") == ir.Sighting(last=True, done=True)


def test_an_error_is_handed_on_whole() -> None:
    sighting = see(b'data: {"error":{"message":"no"},"x":1}\n\n')
    assert sighting is not None and sighting.error == {"error": {"message": "no"}, "x": 1}


@pytest.mark.parametrize("raw", [b": hello\n\n", b"data: null\n\n", b'data: {"half\n\n', b"data: 5\n\n"])
def test_what_says_nothing(raw: bytes) -> None:
    assert see(raw) is None


def test_a_text_about_usage_is_no_telltale() -> None:
    raw = chunk({"content": json.dumps({"usage": {"a": 1}, "finish_reason": "x", "error": 1})})
    assert not any(mark in raw for mark in TELLTALES)


def test_a_legacy_completion() -> None:
    assert inspect({"object": "text_completion", "choices": [{"index": 0, "text": "a", "finish_reason": None}]}).content
