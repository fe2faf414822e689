from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UpstreamEmpty, UpstreamError, UpstreamErrorEvent, UpstreamNotJson
from omniroute.formats import ir
from omniroute.formats.answer import Answer, gather, unfold
from omniroute.formats.openai_chat import parse_response, render_response
from tests.formats.samples import completion


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"error": {"message": "no"}}, UpstreamErrorEvent),
        ({"error": "no", "choices": []}, UpstreamErrorEvent),
        (completion({"content": ""}, "error"), UpstreamErrorEvent),
        ({"choices": []}, UpstreamEmpty),
        ({"choices": [{"index": 0}]}, UpstreamEmpty),
        ({"choices": [None]}, UpstreamEmpty),
        ({}, UpstreamNotJson),
        ({"success": False, "message": "?"}, UpstreamNotJson),
    ],
)
def test_what_is_no_answer(document: dict[str, Any], error: type[UpstreamError]) -> None:
    with pytest.raises(error):
        parse_response(document)


def test_mistrals_list_of_thinking_and_text() -> None:
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "42"}]
    assert gather(parse_response(completion({"content": content}))).parts == (ir.Reasoning("Hm."), ir.Text("42"))


def test_a_call_whose_arguments_are_an_object() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}
    answer = gather(parse_response(completion({"content": None, "tool_calls": [call]}, "stop")))
    (part,) = answer.parts
    assert isinstance(part, ir.ToolCall) and (part.arguments, bool(part.id), answer.stop_reason) == ('{"x":1}', True, "tool_use")


def test_an_answer_with_everything() -> None:
    url = ir.Citation("anthropic_messages", {"type": "web_search_result_location"}, "https://a.test", "A")
    parts = (
        ir.Reasoning("Hm.", signature="U0lH", origin="anthropic_messages"),
        ir.Reasoning("", data="RU5D", origin="anthropic_messages"),
        ir.Text("One. "),
        ir.Text("Two.", citations=(url,)),
        ir.ToolCall("call_a", "f", '{"x":1}'),
    )
    usage = ir.Usage(120, 30, 100, 5, 8)
    document = render_response(unfold(Answer("msg_1", "claude-x", 1700000000, parts, usage, "tool_use")), model="mine")
    assert document == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "mine",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "One. Two.",
                    "reasoning_content": "Hm.",
                    "reasoning_details": [
                        {
                            "type": "reasoning.text",
                            "text": "Hm.",
                            "signature": "U0lH",
                            "format": "anthropic-claude-v1",
                            "index": 0,
                        },
                        {"type": "reasoning.encrypted", "data": "RU5D", "format": "anthropic-claude-v1", "index": 1},
                    ],
                    "refusal": None,
                    "annotations": [
                        {
                            "type": "url_citation",
                            "url_citation": {"start_index": 5, "end_index": 9, "url": "https://a.test", "title": "A"},
                        }
                    ],
                    "tool_calls": [{"id": "call_a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 120,
            "completion_tokens": 30,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 8},
        },
    }


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
    ],
)
def test_stop_reasons(reason: ir.StopReason, finish: str) -> None:
    document = render_response(unfold(Answer(parts=(ir.Text("a"),), stop_reason=reason)))
    assert document["choices"][0]["finish_reason"] == finish
    assert "usage" not in document  # what was not told is not invented
    assert document["id"].startswith("chatcmpl-")
