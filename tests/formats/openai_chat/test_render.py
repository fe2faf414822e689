from __future__ import annotations

from typing import Any

import pytest

from omniroute.errors import UnsupportedField
from omniroute.formats import FORMATS, ir
from omniroute.formats.openai_chat import render_request
from tests.formats.full_requests import MESSAGES, PDF, PNG

USER = ir.Message("user", (ir.Text("Hi"),))


def render(**more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body, dropped = render_request(ir.Request("m", (USER,), **{"origin": "anthropic_messages", **more}))
    del body["model"], body["messages"]
    return body, dropped


def test_a_full_messages_request() -> None:
    body, dropped = render_request(FORMATS["anthropic_messages"].parse_request(MESSAGES))
    assert body == {
        "model": "claude-x",
        "messages": [
            {"role": "system", "content": "Be brief.\n\nUse tools."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is on it?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
                    {"type": "text", "text": "mine\n\nnotes"},
                ],
            },
            {"role": "system", "content": "The user is in a hurry."},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {"id": "toolu_a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}},
                    {"id": "toolu_b", "type": "function", "function": {"name": "chart", "arguments": "{}"}},
                ],
            },
            {
                "role": "tool",
                "tool_call_id": "toolu_b",
                "content": "a chart\n(What this tool returned follows in the next user message.)",
            },
            {"role": "tool", "tool_call_id": "toolu_a", "content": "Error: no such city"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Returned by the tool call toolu_b:"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "The weather.",
                    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
                    "strict": True,
                },
            },
            {"type": "function", "function": {"name": "chart", "parameters": {"type": "object"}}},
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "max_tokens": 4096,
        "stop": ["END"],
        "temperature": 0.5,
        "top_p": 0.9,
        "reasoning_effort": "high",
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        "user": "user-1",
        "service_tier": "default",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert set(dropped) == {
        "system.0.cache_control",
        "messages.0.content.0.cache_control",
        "messages.0.content.4 (as text)",
        "messages.2.content.0",
        "messages.2.content.1",
        "messages.3.content.0.content.1 (moved to a user message)",
        "messages.3.content.1.is_error (said in the text)",
        "messages.3.content.2.cache_control",
        "tools.1.cache_control",
        "tools.1.defer_loading",
        "tools.2",
        "top_k",
        "thinking.display",
        "output_config.task_budget",
        "context_management",
    }


def test_a_stream_always_asks_for_its_usage() -> None:
    assert render(stream=True, include_usage=False)[0] == {"stream": True, "stream_options": {"include_usage": True}}
    assert render() == ({}, ())


def test_the_name_of_the_token_limit_is_the_targets() -> None:
    assert render(max_tokens=5)[0] == {"max_tokens": 5}
    assert render(max_tokens=5, target=ir.Target(max_tokens_name="max_completion_tokens"))[0] == {"max_completion_tokens": 5}


@pytest.mark.parametrize(
    ("ask", "effort", "dropped"),
    [
        (ir.ReasoningAsk(effort="low"), "low", ()),
        (ir.ReasoningAsk("adaptive", "max"), "max", ()),
        (ir.ReasoningAsk("enabled", None, 31999), "high", ("thinking (as effort high)",)),
        (ir.ReasoningAsk("adaptive"), None, ("thinking (left to the model)",)),
        (ir.ReasoningAsk("disabled"), None, ("thinking (left to the model)",)),
    ],
)
def test_reasoning_is_an_effort(ask: ir.ReasoningAsk, effort: str | None, dropped: tuple[str, ...]) -> None:
    body, names = render(reasoning=ask, called={"reasoning": "thinking"})
    assert (body.get("reasoning_effort"), names) == (effort, dropped)


def test_a_target_without_reasoning_is_asked_for_none() -> None:
    target = ir.Target(reasoning=False)
    assert render(reasoning=ir.ReasoningAsk(effort="high"), target=target) == ({}, ("reasoning",))


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}, True),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}, None),
        ({"type": "object", "properties": {}, "required": []}, None),
        ({"anyOf": [{"type": "object", "properties": {"a": {}}}]}, None),
    ],
)
def test_a_schema_is_strict_where_openai_can_hold_to_it(schema: dict[str, Any], strict: bool | None) -> None:
    body, _ = render(response_format=ir.ResponseFormat("json_schema", schema))
    assert body["response_format"]["json_schema"].get("strict") == strict


def test_a_user_that_is_too_long_for_openai_is_left_out() -> None:
    """Claude Code sends a JSON text of about 200 characters."""
    assert render(user="x" * 65, called={"user": "metadata.user_id"}) == ({}, ("metadata.user_id",))
    assert render(user="x" * 64)[0] == {"user": "x" * 64}


def test_more_stop_sequences_than_four() -> None:
    body, dropped = render(stop=("a", "b", "c", "d", "e"), called={"stop": "stop_sequences"})
    assert (body["stop"], dropped) == (["a", "b", "c", "d"], ("stop_sequences (the first 4)",))


@pytest.mark.parametrize("choice", [ir.ToolChoice("required"), ir.ToolChoice("named", "web_search")])
def test_a_tool_that_must_be_used_and_can_not_is_refused(choice: ir.ToolChoice) -> None:
    native = ir.NativeTool("anthropic_messages", {"type": "web_search_20250305", "name": "web_search"}, "web_search")
    with pytest.raises(UnsupportedField) as caught:
        render(tools=(native,), tool_choice=choice)
    assert caught.value.param == "tool_choice"


def test_tool_choice_forms() -> None:
    tools = (ir.Tool("f"), ir.NativeTool("openai_chat", {"type": "custom", "custom": {"name": "g"}}, "g"))
    forms = {
        ir.ToolChoice("required"): "required",
        ir.ToolChoice("named", "f"): {"type": "function", "function": {"name": "f"}},
        ir.ToolChoice("named", "g"): {"type": "custom", "custom": {"name": "g"}},
        ir.ToolChoice("auto", allowed=("f",)): {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
    }
    for choice, written in forms.items():
        assert render(tools=tools, tool_choice=choice)[0]["tool_choice"] == written


@pytest.mark.parametrize(
    "given",
    [
        {"reasoning_effort": "none"},
        {"reasoning": {"effort": "high", "max_tokens": 2000, "exclude": True}},
        {"reasoning": {"enabled": True}},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"safety_identifier": "u" * 100},
        {"top_k": 5},
        {"max_tokens": 5},
        {"tools": [{"type": "custom", "custom": {"name": "g"}}], "tool_choice": {"type": "custom", "custom": {"name": "g"}}},
    ],
)
def test_a_chat_callers_own_spelling_stays(given: dict[str, Any]) -> None:
    request = FORMATS["openai_chat"].parse_request({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **given})
    body, dropped = render_request(request)
    assert ({name: body[name] for name in given}, dropped) == (given, ())
