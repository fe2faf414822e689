from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UpstreamEmpty, UpstreamError, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import FORMATS, ir
from omniroute.formats.answer import Answer, gather, unfold
from omniroute.formats.anthropic_messages import parse_response, render_response
from tests.formats.samples import CHAT, message


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, UpstreamErrorEvent),
        ({"error": {"message": "no", "type": "new_api_error"}}, UpstreamErrorEvent),
        ({"type": "message", "content": [], "stop_reason": None}, UpstreamEmpty),
        ({}, UpstreamNotJson),
        ({"content": "Hi"}, UpstreamNotJson),
        ({"choices": []}, UpstreamNotJson),
    ],
)
def test_what_is_no_answer(document: dict[str, Any], error: type[UpstreamError]) -> None:
    with pytest.raises(error):
        parse_response(document)


def test_a_finished_answer_without_content_is_an_answer() -> None:
    """Claude may have nothing to add after a tool's result."""
    assert gather(parse_response(message([], "end_turn"))).stop_reason == "end_turn"


def test_a_chat_answer_as_a_messages_client_sees_it() -> None:
    sample = next(sample for sample in CHAT if sample.name.startswith("parallel tools, one"))
    document = render_response(FORMATS["openai_chat"].parse_response(sample.whole), model="mine")
    assert document == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "mine",
        "content": [
            {"type": "tool_use", "id": "call_a", "name": "weather", "input": {"city": "Paris"}},
            {"type": "tool_use", "id": "call_b", "name": "weather", "input": {"city": "Rome"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 20,
            "output_tokens": 30,
            "cache_read_input_tokens": 100,
            "output_tokens_details": {"thinking_tokens": 8},
        },
    }


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (ir.ToolCall("a", "f", '{"x"'), {"type": "tool_use", "id": "a", "name": "f", "input": {"arguments": '{"x"'}}),
        (ir.ToolCall("a", "f", "[1]"), {"type": "tool_use", "id": "a", "name": "f", "input": {"arguments": [1]}}),
        (ir.ToolCall("a", "f", "raw", custom=True), {"type": "tool_use", "id": "a", "name": "f", "input": {"input": "raw"}}),
        (ir.Reasoning("Hm."), {"type": "thinking", "thinking": "Hm.", "signature": ""}),
        (
            ir.Reasoning("", data="RU5D", origin="openai_responses"),
            {"type": "thinking", "thinking": "", "signature": "omniroute:data:openai_responses:RU5D"},
        ),
        (ir.Refusal("No."), {"type": "text", "text": "No."}),
    ],
)
def test_parts_that_have_no_form_of_their_own_in_messages(part: ir.AnyPart, block: dict[str, Any]) -> None:
    assert render_response(unfold(Answer(parts=(part,), stop_reason="end_turn")))["content"] == [block]


def test_another_formats_blob_comes_back_from_a_messages_client_as_what_it_was() -> None:
    """A Chat upstream seals its reasoning, a Messages client replays it, the same upstream gets it again."""
    sample = next(sample for sample in CHAT if sample.name.startswith("reasoning with details"))
    shown = render_response(FORMATS["openai_chat"].parse_response(sample.whole))
    turn = {"role": "assistant", "content": shown["content"]}
    history = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}, turn]}
    (reasoning, sealed, _) = FORMATS["anthropic_messages"].parse_request(history).messages[1].parts
    assert reasoning == ir.Reasoning("Let", signature="U0lH+/=", origin="anthropic_messages")
    assert sealed == ir.Reasoning("", data="RU5D", origin="openai_responses")
